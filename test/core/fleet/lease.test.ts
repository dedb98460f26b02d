// Who leads, step by step: what Redis answers, what other nodes say, and what time does.

import t from 'tap'
import {
  holdsLease,
  isSameStanding,
  LEASE_MARGIN_MS,
  LEASE_MS,
  type LeaseEvent,
  type LeaseState,
  leaseAfter,
  noLease,
  SILENCE_MS,
  standingAt,
} from '../../../src/core/fleet/lease.ts'
import { seededRandom } from '../random.ts'

const CONNECTED: LeaseEvent = { event: 'connected' }

function granted(number: number, sentMs: number): LeaseEvent {
  return { event: 'granted', node: 'a', number, sentMs }
}

function heard(node: string, { number, nowMs }: { number: number; nowMs: number }): LeaseEvent {
  return { event: 'leads', node, number, nowMs }
}

function after(...events: readonly LeaseEvent[]): LeaseState {
  return events.reduce(leaseAfter, noLease(0))
}

function standing(state: LeaseState, nowMs: number) {
  return standingAt(state, nowMs).standing
}

await t.test('before Redis was there, and while it is away, a node is cut off', async (t) => {
  t.strictSame(standing(noLease(0), 3_400), {
    standing: 'cut-off',
    leader: null,
    lease: null,
    mayNotRaise: 'Redis has not been reached for 3 s',
  })
  const state = after(CONNECTED, granted(1, 100), { event: 'away', nowMs: 1_000 })
  t.match(standing(state, 1_100), {
    standing: 'cut-off',
    lease: null,
    mayNotRaise: 'Redis is away',
  })
  const later = leaseAfter(state, { event: 'away', nowMs: 9_000 })
  t.match(standing(later, 13_000), { mayNotRaise: 'Redis has been away for 12 s' })
  t.match(standing(leaseAfter(state, CONNECTED), 1_200), { standing: 'leading', lease: 1 })
})

await t.test('the holder leads until its own deadline, reckoned from the sending', async (t) => {
  const state = after(CONNECTED, granted(4, 1_000))
  const deadline = 1_000 + LEASE_MS - LEASE_MARGIN_MS
  t.strictSame(standing(state, deadline - 1), {
    standing: 'leading',
    leader: 'a',
    lease: 4,
    mayNotRaise: null,
  })
  t.match(standing(state, deadline), {
    standing: 'cut-off',
    lease: null,
    mayNotRaise: 'no node is heard that leads the fleet',
  })
  const renewed = leaseAfter(state, granted(4, 1_500))
  t.match(standing(renewed, deadline), { standing: 'leading' })
  t.match(standing(leaseAfter(renewed, { event: 'released' }), 1_600), {
    standing: 'cut-off',
    leader: null,
  })
})

await t.test('whoever hears a holder follows it, until it falls silent', async (t) => {
  const refused = after(CONNECTED, { event: 'refused', node: 'b', number: 3 })
  t.match(standing(refused, 0), { standing: 'cut-off', leader: 'b' }, 'known and not heard')
  const state = leaseAfter(refused, heard('b', { number: 3, nowMs: 500 }))
  t.strictSame(standing(state, 500 + SILENCE_MS), {
    standing: 'following',
    leader: 'b',
    lease: null,
    mayNotRaise: 'node b leads the fleet',
  })
  t.match(standing(state, 501 + SILENCE_MS), { standing: 'cut-off', leader: null })
  const again = leaseAfter(state, { event: 'refused', node: 'b', number: 3 })
  t.match(standing(again, 600), { standing: 'following' }, 'a refusal makes nobody silent')
})

await t.test('a later holder ends an earlier one, not the other way round', async (t) => {
  const mine = after(CONNECTED, granted(4, 0))
  const overtaken = leaseAfter(mine, heard('b', { number: 5, nowMs: 100 }))
  t.match(standing(overtaken, 100), { standing: 'following', leader: 'b' })
  t.match(leaseAfter(overtaken, granted(4, 50)).held, null, 'an answer that comes too late')
  const straggler = leaseAfter(mine, heard('b', { number: 3, nowMs: 100 }))
  t.match(standing(straggler, 100), { standing: 'leading', leader: 'a' })
  const twin = leaseAfter(mine, heard('b', { number: 4, nowMs: 100 }))
  t.match(standing(twin, 100), { standing: 'leading', leader: 'a' })
  t.match(leaseAfter(mine, { event: 'refused', node: 'b', number: 4 }).held, null)
  const fenced = leaseAfter(mine, { event: 'fenced', number: 7 })
  t.match(fenced, { held: null, knownNumber: 7 })
  t.equal(leaseAfter(mine, { event: 'fenced', number: 4 }), mine)
})

await t.test('who may not lead may follow, who is no member may not', async (t) => {
  const blocked = after(CONNECTED, { event: 'blocked', reason: 'its clock is off' })
  t.match(standing(blocked, 0), { standing: 'cut-off', mayNotRaise: 'its clock is off' })
  const follows = leaseAfter(blocked, heard('b', { number: 1, nowMs: 0 }))
  t.match(standing(follows, 10), { standing: 'following' })
  const barred = leaseAfter(follows, { event: 'barred', reason: 'the name is taken' })
  t.match(standing(barred, 10), { standing: 'cut-off', mayNotRaise: 'the name is taken' })
})

await t.test('the length of a time is no change of the standing', async (t) => {
  const state = after(CONNECTED, { event: 'away', nowMs: 0 })
  t.ok(isSameStanding(standingAt(state, 1_000), standingAt(state, 9_000)))
  const connected = leaseAfter(state, CONNECTED)
  t.notOk(isSameStanding(standingAt(state, 9_000), standingAt(connected, 9_000)))
  const one = leaseAfter(connected, { event: 'blocked', reason: 'one' })
  const other = leaseAfter(connected, { event: 'blocked', reason: 'other' })
  t.notOk(isSameStanding(standingAt(one, 0), standingAt(other, 0)))
})

/** The lease in Redis, as the script keeps it. */
class Redis {
  owner = ''
  number = 0
  untilMs = 0

  ask(node: string, { nowMs, known }: { nowMs: number; known: number }): LeaseEvent {
    const isMine = this.owner === node && this.number >= known
    if (nowMs < this.untilMs && this.owner !== node) {
      return { event: 'refused', node: this.owner, number: this.number }
    }
    if (!isMine || nowMs >= this.untilMs) this.number = Math.max(this.number, known) + 1
    this.owner = node
    this.untilMs = nowMs + LEASE_MS
    return { event: 'granted', node, number: this.number, sentMs: 0 }
  }
}

/** When two nodes hold the lease at once in a run of half a minute; null: never. */
function twoHoldersAt(seed: number): number | null {
  const chance = seededRandom(seed)
  const redis = new Redis()
  const states = new Map(['a', 'b', 'c'].map((node) => [node, after(CONNECTED)]))
  const underWay: { node: string; arrivesMs: number; event: LeaseEvent }[] = []
  for (let nowMs = 0; nowMs < 30_000; nowMs += 50) {
    for (const [node, state] of states) {
      if (chance.next() >= 0.1) continue
      // The question takes its time to Redis, and so does the answer.
      const sentMs = nowMs - Math.floor(chance.next() * 1_000)
      const answer = redis.ask(node, { nowMs, known: state.knownNumber })
      const event = answer.event === 'granted' ? { ...answer, sentMs } : answer
      underWay.push({ node, arrivesMs: nowMs + chance.next() * 1_000, event })
    }
    for (const reply of underWay.filter(({ arrivesMs }) => arrivesMs <= nowMs)) {
      underWay.splice(underWay.indexOf(reply), 1)
      const state = states.get(reply.node)
      if (state !== undefined) states.set(reply.node, leaseAfter(state, reply.event))
    }
    if ([...states.values()].filter((state) => holdsLease(state, nowMs)).length > 1) return nowMs
  }
  return null
}

await t.test('no two nodes hold it at once, however slow the answers are', async (t) => {
  for (let seed = 1; seed <= 200; seed++) t.equal(twoHoldersAt(seed), null, `seed ${seed}`)
})
