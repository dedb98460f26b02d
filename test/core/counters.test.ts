// The counters of several nodes become one stream: whatever the network does to the messages, what
// is added is what the nodes have counted, each thing once.

import fc from 'fast-check'
import t from 'tap'
import { type ArmCounts, NO_COUNTS } from '../../src/core/facts.ts'
import {
  type FleetCounters,
  mergeCounters,
  NODES_MAX,
  noCounters,
  type NodeCounters,
} from '../../src/core/counters.ts'

const FIELDS = [
  'good',
  'bad',
  'exceeded',
  'userErrors',
  'earlierBad',
  'earlierExceeded',
  'repeatedBad',
] as const

function plus(some: ArmCounts, more: ArmCounts): ArmCounts {
  const sum: Record<string, number> = {}
  for (const field of FIELDS) sum[field] = (some[field] ?? 0) + (more[field] ?? 0)
  return { ...NO_COUNTS, ...sum }
}

const ZERO = plus(NO_COUNTS, NO_COUNTS)

const counts = fc
  .record({
    good: fc.nat(50),
    bad: fc.nat(5),
    exceeded: fc.nat(5),
    userErrors: fc.nat(5),
    earlierBad: fc.nat(2),
    earlierExceeded: fc.nat(2),
    repeatedBad: fc.nat(2),
  })
  .map((one): ArmCounts => one)

const action = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({ do: fc.constant('count' as const), node: fc.nat(2), counts }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const), node: fc.nat(2) }) },
)

type Action = typeof action extends fc.Arbitrary<infer T> ? T : never

/** All messages that the nodes send in a life, each behind every count. */
function messagesOf(actions: readonly Action[]): NodeCounters[] {
  const nodes = [0, 1, 2].map(() => ({ run: 1, number: 0, candidate: ZERO, stable: ZERO }))
  const messages: NodeCounters[] = []
  for (const one of actions) {
    const node = nodes[one.node]
    if (node === undefined) continue
    if (one.do === 'restart') {
      Object.assign(node, { run: node.run + 1, number: 0, candidate: ZERO, stable: ZERO })
      continue
    }
    node.number++
    node.candidate = plus(node.candidate, one.counts)
    node.stable = plus(node.stable, { ...one.counts, good: one.counts.good * 3 })
    messages.push({ node: `n${one.node}`, rollout: 's-1', stableSlow: node.number, ...node })
  }
  return messages
}

function merged(messages: readonly NodeCounters[], from = noCounters('s-1')) {
  let counters: FleetCounters = from
  let candidate = ZERO
  let stable = ZERO
  for (const message of messages) {
    const next = mergeCounters(counters, message)
    counters = next.counters
    if (next.added === null) continue
    for (const field of FIELDS) {
      if ((next.added.candidate[field] ?? 0) < 0) throw new Error('something was taken back')
    }
    candidate = plus(candidate, next.added.candidate)
    stable = plus(stable, next.added.stable)
  }
  return { counters, candidate, stable }
}

/** What the last messages of all runs say. */
function told(messages: readonly NodeCounters[]) {
  const last = new Map<string, NodeCounters>()
  for (const message of messages) {
    const key = `${message.node}/${message.run}`
    if ((last.get(key)?.number ?? 0) < message.number) last.set(key, message)
  }
  let candidate = ZERO
  let stable = ZERO
  for (const message of last.values()) {
    candidate = plus(candidate, message.candidate)
    stable = plus(stable, message.stable)
  }
  return { candidate, stable }
}

await t.test('messages in their order: everything is counted, once', async (t) => {
  fc.assert(
    fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
      const messages = messagesOf(actions)
      const { candidate, stable } = merged(messages)
      t.same({ candidate, stable }, told(messages), { diagnostic: false })
    }),
  )
})

await t.test('lost, repeated and reordered messages: what arrived is counted, once', async (t) => {
  const life = fc.array(action, { maxLength: 40 }).chain((actions) => {
    // Two runs of each node at most, so that none is forgotten.
    const seen = new Set<number>()
    const few = actions.filter(
      (one) => one.do === 'count' || (!seen.has(one.node) && seen.add(one.node).size > 0),
    )
    const messages = messagesOf(few)
    return fc
      .array(fc.nat(Math.max(0, messages.length - 1)), { maxLength: 120 })
      .map((order) => order.flatMap((i) => messages[i] ?? []))
  })
  fc.assert(
    fc.property(life, (arrived) => {
      const { candidate, stable } = merged(arrived)
      t.same({ candidate, stable }, told(arrived), { diagnostic: false })
    }),
  )
})

await t.test('however often a node restarts, nothing is counted twice', async (t) => {
  const life = fc.array(action, { maxLength: 60 }).chain((actions) => {
    const messages = messagesOf(actions)
    return fc
      .array(fc.nat(Math.max(0, messages.length - 1)), { maxLength: 150 })
      .map((order) => order.flatMap((i) => messages[i] ?? []))
  })
  fc.assert(
    fc.property(life, (arrived) => {
      const { candidate } = merged(arrived)
      const most = told(arrived).candidate
      for (const field of FIELDS) {
        if ((candidate[field] ?? 0) > (most[field] ?? 0)) throw new Error(`${field} too often`)
      }
    }),
  )
  t.pass('what is forgotten is not believed again')
})

await t.test('whoever takes over the lease goes on from what was saved', async (t) => {
  fc.assert(
    fc.property(fc.array(action, { maxLength: 60 }), fc.nat(60), (actions, cut) => {
      const messages = messagesOf(actions)
      const before = merged(messages.slice(0, cut))
      const saved = JSON.parse(JSON.stringify(before.counters)) as FleetCounters
      // The new holder hears again what the old one has heard.
      const after = merged(messages, saved)
      const candidate = plus(before.candidate, after.candidate)
      t.same(candidate, told(messages).candidate, { diagnostic: false })
    }),
  )
})

const MESSAGE: NodeCounters = {
  node: 'n1',
  run: 5,
  number: 1,
  rollout: 's-1',
  candidate: { ...ZERO, good: 3 },
  stable: { ...ZERO, good: 9 },
  stableSlow: 4,
}

await t.test('what cannot be meant adds nothing', async (t) => {
  const { counters } = mergeCounters(noCounters('s-1'), MESSAGE)
  const refused = (changes: Partial<NodeCounters>): void => {
    const { added } = mergeCounters(counters, { ...MESSAGE, ...changes })
    t.equal(added, null, JSON.stringify(changes))
  }
  refused({ number: 2, rollout: 's-2' })
  refused({ number: 1 })
  refused({ number: 2, candidate: { ...ZERO, good: 2 } })
  const repeated = { ...MESSAGE, number: 2, stable: { ...ZERO, good: 9, repeatedBad: 5 } }
  const later = mergeCounters(counters, repeated)
  t.equal(later.added?.stable.repeatedBad, 5)
  const fewer = { ...repeated, number: 3, stable: { ...ZERO, good: 9, repeatedBad: 4 } }
  t.equal(mergeCounters(later.counters, fewer).added, null)
  t.same(mergeCounters(counters, { ...MESSAGE, node: '__proto__' }).added?.candidate.good, 3)
})

await t.test('runs that are older than two others are forgotten', async (t) => {
  let counters = noCounters('s-1')
  for (const run of [5, 6, 7]) counters = mergeCounters(counters, { ...MESSAGE, run }).counters
  t.same(
    counters.nodes.n1?.map(({ run }) => run),
    [7, 6],
  )
  t.equal(mergeCounters(counters, { ...MESSAGE, run: 5, number: 9 }).added, null)
  const late = mergeCounters(counters, {
    ...MESSAGE,
    run: 6,
    number: 2,
    candidate: { ...ZERO, good: 5 },
  })
  t.equal(late.added?.candidate.good, 2, 'a straggler of the run before adds what it brings')
})

await t.test('the number of nodes is bounded', async (t) => {
  const runs = [{ ...MESSAGE }]
  const nodes = Object.fromEntries(Array.from({ length: NODES_MAX }, (_, i) => [`m${i}`, runs]))
  const full: FleetCounters = { rollout: 's-1', nodes }
  t.equal(mergeCounters(full, MESSAGE).added, null)
  t.not(mergeCounters(full, { ...MESSAGE, node: 'm1', number: 2 }).added, null)
})
