// A fault that both versions share, in which they fail at different speeds, while the weight is
// lowered: what was drawn at the larger weight arrives later, and what the slower version has drawn
// is not known yet. Neither may look as if the smaller weight had drawn it.

import t from 'tap'
import { memoryMs } from '../../src/control/facts.ts'
import {
  type Evidence,
  foldLowering,
  foldRaise,
  foldTick,
  noEvidence,
  noteWeightIn,
  readEvidence,
} from '../../src/core/verdict/evidence.ts'
import { configOf } from '../control/node.ts'
import { STRATEGY } from './rollout-play.ts'

const TICK_MS = 20
const LOWERED_MS = 40_000
/** Drawn in each tick; all of them fail. */
const PER_TICK = 20

interface Course {
  /** The candidate's share before and after the lowering. */
  readonly before: number
  readonly after: number
  /** How long after its draw a request of the version fails. */
  readonly candidateMs: number
  readonly stableMs: number
  readonly memoryMs: number
  /** Whether stable's requests in flight are told. */
  readonly blind?: boolean
  /** The latency limit, beyond which requests in flight are told; without one a second. */
  readonly limitMs?: number
  /** Only in every so many ticks requests fail. */
  readonly every?: number
}

/** Requests drawn in a tick, by arm. */
function drawnAt(course: Course, drawnMs: number): { candidate: number; stable: number } {
  const isFaulty = (drawnMs / TICK_MS) % (course.every ?? 1) === 0
  if (drawnMs < 0 || !isFaulty) return { candidate: 0, stable: 0 }
  const share = drawnMs < LOWERED_MS ? course.before : course.after
  const candidate = Math.round(PER_TICK * share)
  return { candidate, stable: PER_TICK - candidate }
}

function stableSlow(course: Course, nowMs: number): number {
  let sum = 0
  if (course.blind === true) return 0
  const lastMs = nowMs - (course.limitMs ?? 1000)
  for (let drawnMs = nowMs - course.stableMs + TICK_MS; drawnMs <= lastMs; drawnMs += TICK_MS) {
    sum += drawnAt(course, drawnMs).stable
  }
  return sum
}

function lower(evidence: Evidence, course: Course, nowMs: number): Evidence {
  const weight = course.after * 10_000
  const change = { weight, nowMs, memoryMs: course.memoryMs }
  if (course.before < 1) return noteWeightIn(evidence, change)
  return foldLowering(evidence, change)
}

/** The largest evidence of the errors, from the lowering on. */
function largestEvidence(course: Course): number {
  const { before, candidateMs, memoryMs: rememberedMs, stableMs } = course
  const base = { nowMs: 0, memoryMs: rememberedMs, stableWindow: { requests: 0, errors: 0 } }
  const limitUs = (course.limitMs ?? 0) * 1000
  const figures = { requests: 1000, p99Us: limitUs, overP99: 9, tenthUs: limitUs, overTenth: 9 }
  const tail = course.limitMs === undefined ? null : figures
  const raise = { ...base, weight: before * 10_000, number: 1, tail, given: {} }
  let evidence = foldRaise(
    noEvidence('shop-1', { nowMs: 0, theta: 0.001 }),
    { ...raise, provesAnew: false },
    { ...STRATEGY, warmUpMs: 0 },
  )
  let largest = 0
  const untilMs = LOWERED_MS + 3 * Math.max(candidateMs, stableMs) + 5000
  for (let nowMs = TICK_MS; nowMs < untilMs; nowMs += TICK_MS) {
    if (nowMs === LOWERED_MS) evidence = lower(evidence, course, nowMs)
    const drawnMs = nowMs - candidateMs
    const bad = drawnAt(course, drawnMs).candidate
    const earlierBad = nowMs > LOWERED_MS && drawnMs < LOWERED_MS ? bad : 0
    const tick = {
      candidate: { good: 0, bad, exceeded: 0, userErrors: 0, earlierBad },
      stable: {
        ...{ good: 0, exceeded: 0, userErrors: 0 },
        bad: drawnAt(course, nowMs - stableMs).stable,
      },
      stableSlow: stableSlow(course, nowMs),
      nowMs,
      memoryMs: rememberedMs,
    }
    evidence = foldTick(evidence, tick, STRATEGY.trigger)
    // At 100 % nothing is compared.
    if (nowMs >= LOWERED_MS) largest = Math.max(largest, readEvidence(evidence).relative)
  }
  return largest
}

const REMEMBERED_MS = memoryMs(configOf({ stateDir: 'unused' }))
const HANGING = { candidateMs: 30_000, stableMs: 30_000, memoryMs: REMEMBERED_MS }

await t.test('a lowered weight in a shared outage condemns nobody', async (t) => {
  const lowered = { ...HANGING, before: 0.5, after: 0.05 }
  const short = { ...lowered, memoryMs: 20_000, blind: true }
  t.ok(largestEvidence(short) > 200, 'too short a memory does')
  const { connectMs } = configOf({ stateDir: 'unused' }).timeouts
  for (const lateMs of [0, 40, 500, connectMs]) {
    const life = { candidateMs: 30_000 + lateMs, stableMs: 30_000 + lateMs }
    t.ok(largestEvidence({ ...lowered, ...life }) < 1, `${lateMs} ms after the time-out`)
  }
})

await t.test('nor from 100 %, however quickly either version fails', async (t) => {
  const lowered = { ...HANGING, before: 1, after: 0.5 }
  for (const candidateMs of [20, 5000, 30_000]) {
    for (const stableMs of [20, 100, 300, 5000, 30_000]) {
      const largest = largestEvidence({ ...lowered, candidateMs, stableMs })
      t.ok(largest < 1, `${candidateMs} and ${stableMs} ms: ${largest}`)
      const limited = largestEvidence({ ...lowered, candidateMs, stableMs, limitMs: 200 })
      t.ok(limited < 1, `${candidateMs} and ${stableMs} ms, the slow ones told: ${limited}`)
      const rare = { ...lowered, candidateMs, stableMs, limitMs: 200, every: 500 }
      const few = largestEvidence(rare)
      t.ok(few < 20, `${candidateMs} and ${stableMs} ms, twenty failures in 10 s: ${few}`)
    }
  }
  const blind = { ...lowered, candidateMs: 20, stableMs: 5000, limitMs: 200, blind: true }
  t.ok(largestEvidence(blind) > 200, 'it does when what is in flight does not count')
})
