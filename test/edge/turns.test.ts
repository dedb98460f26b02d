// What a turn of the thread's loop proves, and when it proves nothing. A wrong proof would take an
// answer for poison, and a good request would fail; a missing one lets poison through. The turns
// are those of this thread: nothing here looks at sockets, it is only told of them.

import t from 'tap'
import { Turns } from '../../src/edge/turns.ts'
import { nextTurn } from './harness.ts'

function withSockets(count: number): Turns {
  const turns = new Turns(() => undefined)
  for (let i = 0; i < count; i++) turns.socketOpened()
  return turns
}

await t.test(
  'what is written while sockets are served cannot be answered in that turn',
  async (t) => {
    const turns = withSockets(3)
    turns.serving()
    const turn = turns.ofWrite
    t.ok(turn >= 0)
    t.equal(turns.isLater(turn), false)
    turns.serving()
    t.equal(turns.ofWrite, turn, 'all of it is one turn')
    await nextTurn()
    t.equal(turns.isLater(turn), true)
    turns.serving()
    t.not(turns.ofWrite, turn)
    t.equal(turns.isLater(turn), true)
    t.equal(turns.isLater(turns.ofWrite), false)
  },
)

await t.test('what is written by a timer, before the loop looks, proves nothing', async (t) => {
  const turns = withSockets(3)
  t.equal(turns.ofWrite, -1, 'no socket is being served')
  turns.serving()
  await nextTurn()
  t.equal(turns.ofWrite, -1, 'nor is one any more')
})

await t.test('a turn in which timers have run proves nothing', async (t) => {
  const turns = withSockets(3)
  turns.timersRan()
  turns.serving()
  t.equal(turns.ofWrite, -1)
  await nextTurn()
  turns.serving()
  const turn = turns.ofWrite
  t.ok(turn >= 0, 'the next one does')
  turns.timersRan()
  t.equal(turns.isLater(turn), true)
})

await t.test(
  'a turn with as many sockets as libuv asks for at a time proves nothing',
  async (t) => {
    const few = withSockets(959)
    few.serving()
    t.ok(few.ofWrite >= 0)
    const turn = few.ofWrite
    few.socketOpened()
    t.equal(few.ofWrite, -1)
    t.equal(few.isLater(turn), true, 'also of what was written before the last one was opened')
    for (let i = 0; i < 500; i++) few.socketClosed()
    t.equal(few.ofWrite, -1, 'those that were closed since may have been ready, too')
    t.equal(few.isLater(turn), true)
    await nextTurn()
    few.serving()
    t.ok(few.ofWrite >= 0, 'in the next turn they are gone')
    t.equal(few.isLater(few.ofWrite), false)
  },
)

await t.test('sockets that stay count in each turn', async (t) => {
  const many = withSockets(960)
  for (let i = 0; i < 3; i++) {
    many.serving()
    t.equal(many.ofWrite, -1)
    await nextTurn()
  }
  many.socketClosed()
  many.serving()
  t.equal(many.ofWrite, -1, 'it was there in this turn')
  await nextTurn()
  many.serving()
  t.ok(many.ofWrite >= 0)
})

await t.test('at its end a turn works on answers, then on requests', async (t) => {
  const turns = withSockets(3)
  const called: string[] = []
  const calls = (name: string, onCall = (): void => undefined) => {
    return (): void => {
      called.push(name)
      onCall()
    }
  }
  const again = { workOnRequest: calls('again') }
  const behind = { workOnRequest: calls('behind') }
  turns.serving()
  const turn = turns.present
  turns.requestRead({ workOnRequest: calls('first', () => turns.requestRead(again)) })
  turns.requestRead({ workOnRequest: calls('second', () => t.equal(turns.ofWrite, -1)) })
  turns.answerRead({ workOnAnswer: calls('answer', () => turns.requestRead(behind)) })
  await Promise.resolve()
  t.same(called, [], 'not while sockets are read')
  await nextTurn()
  t.same(called, ['answer', 'first', 'second', 'behind'])
  t.equal(turns.present, turn + 1)
  await nextTurn()
  t.same(called.slice(4), ['again'], 'what a request asks for waits for the next end')
  t.equal(turns.present, turn + 2)
})

await t.test('what has become free joins its pool at the end of the next turn', async (t) => {
  const turns = withSockets(3)
  const called: string[] = []
  const free = (name: string) => ({ joinPool: () => void called.push(name) })
  const ask = (name: string) => ({ workOnRequest: () => void called.push(name) })
  turns.freed(free('in its middle'))
  turns.answerRead({ workOnAnswer: () => turns.freed(free('at its end')) })
  turns.requestRead(ask('request'))
  await nextTurn()
  await nextTurn()
  t.same(called, ['request'], 'a turn that nobody asks about has no end')
  turns.freed(free('later'))
  turns.requestRead(ask('next request'))
  await nextTurn()
  t.same(called, ['request', 'in its middle', 'at its end', 'next request'])
  turns.timersRan()
  await nextTurn()
  t.same(called.slice(4), ['later'])
})

await t.test('what was staged has been used when the turn has ended', async (t) => {
  const turns = withSockets(3)
  const bytes = Buffer.alloc(4096)
  for (let turn = 0; turn < 2; turn++) {
    t.equal(turns.staging.keep(bytes, 4096), 0)
    turns.answerRead({ workOnAnswer: () => undefined })
    await nextTurn()
  }
})
