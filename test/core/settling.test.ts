// A shared outage in which both versions hang until the response-head time-out, while the weight is
// lowered: what was drawn at the larger weight arrives a connection's and a tick's time after the
// time-out, and must not look as if the smaller weight had drawn it.

import t from 'tap'
import { configOf } from '../control/node.ts'
import { memoryMs } from '../../src/control/facts.ts'
import {
  foldLowering,
  foldRaise,
  foldTick,
  noEvidence,
  readEvidence,
} from '../../src/core/verdict/evidence.ts'
import { STRATEGY } from './rollout-play.ts'

const TICK_MS = 20
const TIMEOUT_MS = 30_000
const LOWERED_MS = 40_000
const PER_TICK = 20

function failures(bad: number) {
  return { good: 0, bad, exceeded: 0, userErrors: 0 }
}

/** The largest evidence when failures arrive `lateMs` after the time-out. */
function largestEvidence(lateMs: number, rememberedMs: number): number {
  const base = { nowMs: 0, memoryMs: rememberedMs }
  const raise = { ...base, weight: 5000, number: 1, tail: null, given: {}, provesAnew: false }
  const stableWindow = { requests: 0, errors: 0 }
  let evidence = foldRaise(
    noEvidence('shop-1', { nowMs: 0, theta: 0.001 }),
    { ...raise, stableWindow },
    STRATEGY,
  )
  let largest = 0
  const life = TIMEOUT_MS + lateMs
  for (let nowMs = TICK_MS; nowMs < LOWERED_MS + life + 5000; nowMs += TICK_MS) {
    if (nowMs === LOWERED_MS) {
      evidence = foldLowering(evidence, { weight: 100, nowMs, memoryMs: rememberedMs })
    }
    const drawnMs = nowMs - life
    const before = drawnMs < LOWERED_MS
    const few = (nowMs / TICK_MS) % 5 === 0 ? 1 : 0
    const bad = drawnMs < 0 ? 0 : before ? PER_TICK / 2 : few
    const old = Math.ceil((LOWERED_MS + life - nowMs) / TICK_MS)
    const tick = {
      candidate: failures(bad),
      stable: failures(drawnMs < 0 ? 0 : PER_TICK - bad),
      inFlight: Math.max(0, old) * (PER_TICK / 2),
      nowMs,
      memoryMs: rememberedMs,
    }
    evidence = foldTick(evidence, tick, STRATEGY.trigger)
    largest = Math.max(largest, readEvidence(evidence).errors)
  }
  return largest
}

await t.test('a lowered weight in a shared outage condemns nobody', async (t) => {
  const config = configOf({ stateDir: 'unused' })
  t.ok(largestEvidence(30, TIMEOUT_MS) > 200, 'the time-out alone is too short a memory')
  for (const lateMs of [0, 30, 500, config.timeouts.connectMs]) {
    t.ok(largestEvidence(lateMs, memoryMs(config)) < 1, `${lateMs} ms after the time-out`)
  }
})
