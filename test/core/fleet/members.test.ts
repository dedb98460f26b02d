// Who is a member, from what stands in Redis.

import t from 'tap'
import {
  LIVE_MS,
  MEMBERS_MAX,
  membersAt,
  readBook,
  twinOf,
} from '../../../src/core/fleet/members.ts'

const REDIS_MS = 1_000_000
const ENTRY = { version: '0.1.0', format: 1, startedAt: 'then', listen: 'x:1', clock: -20 }

function text(ageMs: number, { id = 'id', entry = ENTRY as unknown } = {}): string {
  return `${REDIS_MS - ageMs}|${id}|run|${JSON.stringify(entry)}`
}

function book(...entries: readonly (readonly [string, string])[]) {
  return readBook(entries, { redisMs: REDIS_MS, madeMs: 5_000 })
}

await t.test('a member is live while its entry is young, by name', async (t) => {
  const found = book(['b', text(2_000)], ['a', text(0)])
  t.strictSame(membersAt(found, 5_000), [
    {
      node: 'a',
      version: '0.1.0',
      format: 1,
      startedAt: 'then',
      listen: 'x:1',
      silentMs: 0,
      isLive: true,
      clockAheadMs: -20,
    },
    {
      node: 'b',
      version: '0.1.0',
      format: 1,
      startedAt: 'then',
      listen: 'x:1',
      silentMs: 2_000,
      isLive: true,
      clockAheadMs: -20,
    },
  ])
  const live = (nowMs: number): readonly boolean[] =>
    membersAt(found, nowMs).map(({ isLive }) => isLive)
  t.strictSame(live(5_000 + LIVE_MS - 2_001), [true, true])
  t.strictSame(live(5_000 + LIVE_MS - 2_000), [true, false])
  t.strictSame(live(5_000 + LIVE_MS), [false, false], 'nothing is heard while Redis is away')
})

await t.test('an entry from the future was written before a clock was set back', async (t) => {
  const found = book(['near', text(-1_000)], ['far', text(-LIVE_MS)])
  const members = membersAt(found, 5_000)
  t.match(members, [
    { node: 'far', isLive: false, silentMs: 0 },
    { node: 'near', isLive: true, silentMs: 0 },
  ])
})

await t.test('what cannot be read is named and left alone', async (t) => {
  const found = book(
    ['none', 'whatever'],
    ['broken', `${REDIS_MS}|id|run|{`],
    ['other', text(0, { entry: { version: 2 } })],
    ['more', text(0, { entry: { ...ENTRY, news: true } })],
  )
  t.strictSame(found.unreadable, ['none', 'broken', 'other'])
  t.match(membersAt(found, 5_000), [{ node: 'more' }], 'what is unknown does no harm')
  const many = Array.from({ length: MEMBERS_MAX + 5 }, (_, index) => {
    return [`node-${index}`, text(0)] as const
  })
  t.equal(book(...many).seen.length, MEMBERS_MAX)
})

await t.test('a twin is another live node with the same id', async (t) => {
  const self = { node: 'a', id: 'one' }
  t.equal(twinOf(book(['a', text(0, { id: 'one' })], ['b', text(0)]), self), null)
  t.equal(twinOf(book(['b', text(10, { id: 'one' })]), self), 'b')
  t.equal(twinOf(book(['b', text(LIVE_MS, { id: 'one' })]), self), null, 'it is gone')
})
