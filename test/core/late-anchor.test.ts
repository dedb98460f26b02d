// A rollout that begins before stable has been measured gets its latency test later, not never.

import t from 'tap'
import type { RolloutEvent, ServiceDocument } from '../../src/core/events.ts'
import type { TailFigures } from '../../src/core/facts.ts'
import { step } from '../../src/core/rollout.ts'
import { blankDocument } from '../../src/core/rollout/transition.ts'
import { GOOD_FACTS, STRATEGY } from './rollout-play.ts'

const NOTHING = { good: 0, bad: 0, exceeded: 0, userErrors: 0 }
const TAIL: TailFigures = {
  requests: 1200,
  p99Us: 50_000,
  overP99: 12,
  tenthUs: 51_000,
  overTenth: 9,
}

function play(document: ServiceDocument, event: RolloutEvent, now: number) {
  const stepped = step(document, event, now)
  if ('refused' in stepped) throw new Error(stepped.refused.detail)
  return stepped
}

function begun(): ServiceDocument {
  const routing = {
    event: 'routing',
    versions: { v1: ['http://127.0.0.1:1'], v2: ['http://127.0.0.1:2'] },
    stable: 'v1',
    candidate: null,
    weight: 0,
    hash: 'a.b',
    strategy: STRATEGY,
  } as const
  const deploy = {
    event: 'deploy',
    version: 'v2',
    targets: [],
    replace: false,
    strategy: STRATEGY,
    ifMatch: null,
  } as const
  const facts = { ...GOOD_FACTS, tail: { ...TAIL, requests: 20 } }
  const known = play(blankDocument('shop'), routing, 0).document
  const proving = play(known, deploy, 0).document
  return play(proving, { event: 'survey', facts }, 0).document
}

await t.test(
  'no anchor at the raise: it is dropped when stable is known and the candidate warm',
  async (t) => {
    const early = begun()
    t.equal(early.evidence?.anchor, null)
    t.match(early.evidence?.noTail, /20 requests/)
    const given = Object.fromEntries(Object.keys(GOOD_FACTS.given).map((url) => [url, 1000]))
    const cold = play(early, { event: 'survey', facts: { ...GOOD_FACTS, tail: TAIL } }, 1000)
    t.equal(cold.document.evidence?.anchor, null, 'the candidate is not warm yet')
    const few = { ...GOOD_FACTS, given, tail: { ...TAIL, requests: 300 } }
    const waiting = play(cold.document, { event: 'survey', facts: few }, 11_000)
    t.equal(waiting.document.evidence?.anchor, null, 'a minute may still bring 1,000 requests')
    const enough = { ...GOOD_FACTS, given, tail: TAIL }
    const late = play(waiting.document, { event: 'survey', facts: enough }, 12_000)
    t.equal(late.document.evidence?.anchor?.stableUs, 50_000)
    t.equal(late.document.evidence?.noTail, '')
    t.ok(late.effects.some(({ effect }) => effect === 'limits'))
  },
)

await t.test('a minute without 1,000 requests: what there is must do', async (t) => {
  const given = Object.fromEntries(Object.keys(GOOD_FACTS.given).map((url) => [url, 1000]))
  const facts = { ...GOOD_FACTS, given, tail: { ...TAIL, requests: 300 } }
  const strategy = { ...STRATEGY, steps: STRATEGY.steps.map((s) => ({ ...s, observeMs: 600_000 })) }
  const early = begun()
  const { rollout } = early.state
  if (rollout === null) throw new Error('no rollout')
  const long = { ...early, state: { ...early.state, rollout: { ...rollout, strategy } } }
  const late = play(long, { event: 'survey', facts }, 60_000)
  t.equal(late.document.evidence?.anchor?.stableUs, TAIL.tenthUs)
  const limits = late.effects.find(({ effect }) => effect === 'limits')
  t.match(limits, { stableUs: TAIL.tenthUs })
})

await t.test('what was counted before the late anchor is no evidence', async (t) => {
  const early = begun()
  const slow = { ...NOTHING, good: 50, exceeded: 50 }
  const ticked = play(
    early,
    { event: 'tick', candidate: slow, stable: NOTHING, stableSlow: 0 },
    500,
  )
  t.same(
    ticked.document.evidence?.tail,
    early.evidence?.tail.map((score, j) => {
      const now = ticked.document.evidence?.tail[j] ?? 0
      return now >= score && now < score + 0.01 ? now : Number.NaN
    }),
  )
})

await t.test('a limit that stable hardly ever passes is fixed anew', async (t) => {
  // Before the raise stable had stalled: its p99 was ten times what it is now.
  const given = Object.fromEntries(Object.keys(GOOD_FACTS.given).map((url) => [url, 1000]))
  const stalled = { ...GOOD_FACTS, given, tail: { ...TAIL, p99Us: 500_000 } }
  let document = play(begun(), { event: 'survey', facts: stalled }, 11_000).document
  t.equal(document.evidence?.anchor?.stableUs, 500_000)
  const now = { ...GOOD_FACTS, given, tail: TAIL }
  document = play(document, { event: 'survey', facts: now }, 12_000).document
  t.equal(document.evidence?.anchor?.stableUs, 500_000, '12 of 1,200 passed it')
  const stable = { ...NOTHING, good: 1500 }
  const tick = { event: 'tick', candidate: NOTHING, stable, stableSlow: 0 } as const
  document = play(document, tick, 12_500).document
  const again = play(document, { event: 'survey', facts: now }, 13_000)
  t.equal(again.document.evidence?.anchor?.stableUs, 50_000, '12 of 2,700')
  t.match(
    again.effects.find(({ effect }) => effect === 'limits'),
    { stableUs: 50_000 },
  )
  t.same(again.document.evidence?.tail, document.evidence?.tail, 'what was known stays known')
})
