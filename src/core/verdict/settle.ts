// What to do about requests that were drawn before the weight was lowered from 100 %. Their
// failures arrive later and look as if the lower weight had drawn them, which would be unjust to
// the candidate. Taking the largest weight of the last response-head time-out instead is just, but
// after 100 % it is deaf: a weight of 1 explains every failure, for as long as a time-out lasts.
//
// So failures are told apart by the draw. An edge thread counts a failure of a request that was
// drawn before the row in force apart from the others, and it does not take part in the comparison.
// In the first tick all of them may be older, as the row had just been switched. And the
// candidate's failures count only from when stable's first draws could be known to be slow, as
// stable had none in flight: see `unknown` in evidence.ts.

import { type ArmCounts, SLOW_BY_DEFAULT_US } from '../facts.ts'
import { FULL_WEIGHT } from '../weight.ts'
import { betRelative, ERROR_TIMES, type Scores } from './engine.ts'
import type { WeightLog } from './weights.ts'

export interface Settling {
  /** None of the first tick counts … */
  readonly first: boolean
  /** … and none of either version before this time, on the clock of `now`. */
  readonly fromMs: number
  /** From when on nothing that was drawn earlier is left. */
  readonly untilMs: number
}

/** How late an edge thread notices that a request has become slow. */
const NOTICED_MS = 100

/**
 * The weight was lowered from 100 %.
 *
 * @param at `limitUs`: beyond which a request of stable is slow; null where latency is not judged
 */
export function settle(at: { nowMs: number; memoryMs: number; limitUs: number | null }): Settling {
  const { limitUs, memoryMs, nowMs } = at
  const waitMs = (limitUs ?? SLOW_BY_DEFAULT_US) / 1000 + NOTICED_MS
  return { first: true, fromMs: nowMs + waitMs, untilMs: nowMs + memoryMs }
}

/** Requests of an earlier rollout of the candidate are in flight at weight 0. */
export function settleEarlier(untilMs: number): Settling {
  return { first: false, fromMs: 0, untilMs }
}

/** What of a tick counts in the comparison with stable. */
export interface Settled {
  readonly settling: Settling | null
  readonly bad: number
  readonly exceeded: number
}

/** Errors that the comparison with stable takes for independent. */
export function witnesses({ bad, repeatedBad = 0 }: ArmCounts): number {
  return Math.max(0, bad - repeatedBad)
}

/** The candidate's failures of a tick without those that were drawn earlier. */
export function settled(
  settling: Settling | null,
  tick: { candidate: ArmCounts; nowMs: number },
): Settled {
  const { earlierBad = 0, earlierExceeded = 0, exceeded } = tick.candidate
  const bad = witnesses(tick.candidate)
  if (settling === null || tick.nowMs >= settling.untilMs) return { settling: null, bad, exceeded }
  const next = settling.first ? { ...settling, first: false } : settling
  if (settling.first || tick.nowMs < settling.fromMs) {
    return { settling: next, bad: 0, exceeded: 0 }
  }
  return {
    settling: next,
    bad: Math.max(0, bad - earlierBad),
    exceeded: Math.max(0, exceeded - earlierExceeded),
  }
}

/**
 * The scores against stable as they are if all of its slow requests fail of which nothing is known
 * yet, whichever weight has drawn them.
 */
export function withUnknown(on: {
  readonly relative: Scores
  readonly unknown: number
  readonly weights: WeightLog
}): Scores {
  const { relative, unknown, weights } = on
  if (unknown === 0) return relative
  let largest = weights.current
  for (const { weight } of weights.past) if (weight > largest) largest = weight
  const w = largest / FULL_WEIGHT
  const cap = Number.POSITIVE_INFINITY
  return betRelative(relative, { times: ERROR_TIMES, w, candidate: 0, stable: unknown, cap })
}
