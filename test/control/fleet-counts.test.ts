// What a node counts reaches the one that judges once, whatever becomes of the messages: nothing is
// judged twice, nothing of another rollout, and a failure at once.

import fc from 'fast-check'
import t from 'tap'
import { Counts, type Judged } from '../../src/control/fleet/counts.ts'
import {
  type Added,
  type FleetCounters,
  mergeCounters,
  type NodeCounters,
  noCounters,
} from '../../src/core/counters.ts'
import { type ArmCounts, NO_COUNTS } from '../../src/core/facts.ts'

const ROLLOUT = 'shop-1@1000'

function good(times: number, bad = 0): ArmCounts {
  return { ...NO_COUNTS, good: times, bad, userErrors: bad }
}

/** The one that judges: its counts, and what its evidence holds. */
class Judge {
  readonly counts = new Counts({ node: 'judge', run: 1 })
  counters: FleetCounters = noCounters(ROLLOUT)
  now = 0
  good = 0
  bad = 0

  constructor() {
    this.counts.add('shop', this.counted())
  }

  counted(candidate: ArmCounts = NO_COUNTS) {
    const arms = { candidate, stable: NO_COUNTS }
    return { rollout: ROLLOUT, arms, stableSlow: 0, now: this.now }
  }

  readonly merge = (message: NodeCounters): Added | null => {
    const { added, counters } = mergeCounters(this.counters, message)
    this.counters = counters
    return added
  }

  judge(at: { live?: readonly string[]; apart?: number | null } = {}): Judged | null {
    const { apart = null, live = [] } = at
    const judged = this.counts.judge('shop', this.merge, { now: this.now, live, apart })
    this.good += judged?.arms.candidate.good ?? 0
    this.bad += judged?.arms.candidate.bad ?? 0
    return judged
  }
}

/** One that tells: its counts, and its messages so far. */
class Teller {
  readonly counts: Counts
  readonly messages: NodeCounters[] = []

  constructor(node: string, run = 1) {
    this.counts = new Counts({ node, run })
  }

  count(candidate: ArmCounts, at: { stableSlow?: number; now?: number } = {}): NodeCounters {
    const { now = 0, stableSlow = 0 } = at
    const arms = { candidate, stable: NO_COUNTS }
    this.counts.add('shop', { rollout: ROLLOUT, arms, stableSlow, now })
    const message = this.counts.tell('shop', now)
    if (message === null) throw new Error('nothing is told')
    this.messages.push(message)
    return message
  }
}

await t.test('a failure is told and judged at once, clean requests ten times a second', (t) => {
  const teller = new Counts({ node: 'a', run: 1 })
  const add = (now: number, candidate: ArmCounts): boolean => {
    const arms = { candidate, stable: NO_COUNTS }
    return teller.add('shop', { rollout: ROLLOUT, arms, stableSlow: 0, now })
  }
  t.notOk(add(0, good(3)))
  t.notOk(add(99, good(3)))
  t.ok(add(100, good(3)))
  t.match(teller.tell('shop', 100), { number: 1, candidate: { good: 9 } })
  t.notOk(add(120, good(1)))
  t.ok(add(121, good(0, 1)))
  t.match(teller.tell('shop', 121), { number: 2, candidate: { good: 10, bad: 1 } })
  t.notOk(add(122, good(0)), 'once it is told there is no hurry any more')

  const judge = new Judge()
  const other = new Teller('a')
  t.notOk(judge.counts.hear('shop', other.count(good(5))), 'clean counts wake nobody')
  t.ok(judge.counts.hasHeard('shop'))
  judge.judge()
  t.ok(judge.counts.hear('shop', other.count(good(0, 1))))
  judge.judge()
  t.notOk(judge.counts.hear('shop', other.count(good(1))), 'a failure is news once')
  t.end()
})

await t.test('nothing is counted that is of another rollout, or unknown', (t) => {
  const judge = new Judge()
  const message = new Teller('a').count(good(5, 1))
  t.notOk(judge.counts.hear('shop', { ...message, rollout: 'shop-1@999' }))
  t.notOk(judge.counts.hear('cart', message))
  judge.judge()
  t.equal(judge.good, 0)
  const { counts } = judge
  t.equal(counts.tell('cart', 0), null)
  counts.add('shop', { rollout: 'shop-2@2000', arms: undefined, stableSlow: 0, now: 0 })
  t.match(counts.tell('shop', 0), { rollout: 'shop-2@2000', number: 1, candidate: { good: 0 } })
  t.end()
})

await t.test('lost, late, doubled and mixed up: all is judged once', (t) => {
  const acts = fc.array(fc.record({ node: fc.nat(2), good: fc.nat(9), bad: fc.nat(1) }), {
    minLength: 1,
    maxLength: 30,
  })
  fc.assert(
    fc.property(acts, fc.infiniteStream(fc.nat(999)), (acted, chance) => {
      const tellers = ['a', 'b', 'c'].map((node) => new Teller(node))
      for (const act of acted) tellers[act.node]?.count(good(act.good, act.bad))
      const sent = tellers.flatMap(({ messages }) => messages)
      const next = (): number => chance.next().value ?? 0
      // Some twice, some not at all, in any order; and in the end the last of each.
      const on = sent.flatMap((one) => (next() % 3 === 0 ? [] : next() % 2 ? [one] : [one, one]))
      const mixed = on.map((one) => [next(), one] as const).toSorted(([x], [y]) => x - y)
      const last = tellers.flatMap(({ messages }) => messages.at(-1) ?? [])
      const judge = new Judge()
      for (const one of [...mixed.map(([, message]) => message), ...last]) {
        judge.counts.hear('shop', one)
        if (next() % 2 === 0) judge.judge()
      }
      judge.judge()
      const sums = { good: 0, bad: 0 }
      for (const act of acted) {
        sums.good += act.good
        sums.bad += act.bad
      }
      return judge.good === sums.good && judge.bad === sums.bad
    }),
  )
  t.end()
})

await t.test('a node that starts again counts on, and its last words may be late', (t) => {
  const judge = new Judge()
  const before = new Teller('a', 1)
  const after = new Teller('a', 2)
  judge.counts.hear('shop', before.count(good(10)))
  judge.judge()
  const late = before.count(good(5))
  judge.counts.hear('shop', after.count(good(7)))
  judge.counts.hear('shop', late)
  judge.counts.hear('shop', late)
  judge.judge()
  t.equal(judge.good, 22)
  t.end()
})

await t.test('slow requests in flight are those of nodes that there are', (t) => {
  const judge = new Judge()
  judge.counts.hear('shop', new Teller('a').count(good(1), { stableSlow: 3 }))
  judge.counts.hear('shop', new Teller('b').count(good(1), { stableSlow: 5 }))
  t.equal(judge.judge({ live: ['a', 'b'] })?.stableSlow, 8)
  t.equal(judge.judge({ live: ['b'] })?.stableSlow, 5)
  t.end()
})

await t.test('what was counted at another weight while it was alone is not told', (t) => {
  const told = (weights: readonly number[], joined: number | null): number | undefined => {
    const alone = new Judge()
    alone.counts.add('shop', alone.counted(good(10)))
    t.match(alone.counts.tell('shop', 0), { candidate: { good: 10 } })
    for (const apart of weights) {
      alone.counts.add('shop', alone.counted(good(5)))
      alone.judge({ apart })
    }
    t.equal(alone.good, 10 + 5 * weights.length, 'it has judged by all of its own')
    t.equal(alone.counts.tell('shop', 0), null, 'nothing is told before it is known what holds')
    alone.counts.joined('shop', joined)
    alone.counts.add('shop', alone.counted(good(1)))
    return alone.counts.tell('shop', 0)?.candidate.good
  }
  t.equal(told([500, 500], 500), 21, 'at the same weight all counts')
  t.equal(told([500, 500], 2500), 11, 'at another one nothing does')
  t.equal(told([2500, 500], 500), 11, 'nor when it was another for a while')
  t.equal(told([2500, 500], null), 21, 'its own decision holds, with the evidence')
  t.end()
})

await t.test('who judges no longer forgets what others have told', (t) => {
  const judge = new Judge()
  judge.counts.hear('shop', new Teller('a').count(good(5)))
  judge.counts.forgetHeard()
  t.notOk(judge.counts.hasHeard('shop'))
  judge.counts.forget('shop')
  t.equal(judge.judge(), null)
  t.end()
})

await t.test('what the fleet may hold of a node is not taken back', (t) => {
  const teller = new Teller('a')
  const told: NodeCounters[] = []
  const merge = (message: NodeCounters): null => {
    told.push(message)
    return null
  }
  const judges = (weight: number): void => {
    teller.counts.judge('shop', merge, { now: 0, live: [], apart: weight })
  }
  const counts = (times: number): void => {
    const arms = { candidate: good(times), stable: NO_COUNTS }
    teller.counts.add('shop', { rollout: ROLLOUT, arms, stableSlow: 0, now: 0 })
  }
  counts(10)
  judges(2500)
  counts(20)
  judges(2500)
  teller.counts.joined('shop', null) // its own document was accepted, with these counts
  counts(5)
  judges(2000)
  teller.counts.joined('shop', 1000) // another node's is taken over, at another weight
  counts(1)
  judges(1000)
  t.strictSame(
    told.map(({ candidate }) => candidate.good),
    [10, 30, 35, 31],
  )
  t.end()
})
