// What would change a decision, found by asking the tests themselves: how many failures of the
// candidate in a row, with stable flawless meanwhile, would bring a value to its bar, and how many
// clean requests would bring it down again. Nothing is decided by these numbers.

import { FULL_WEIGHT } from '../weight.ts'
import {
  betAbsolute,
  betRelative,
  ERROR_TIMES,
  grant,
  meanScore,
  type Scores,
  TAIL_TIMES,
} from './engine.ts'
import { barOf, type Evidence, type EvidenceValues, readEvidence } from './evidence.ts'
import type { Case } from './judge.ts'
import { keepPace, type Pace, PACE_MS } from './pace.ts'
import { timeShare } from './schedule.ts'
import { largestShare } from './weights.ts'

/** Nobody waits for more failures than this to see a decision change. */
export const FAILURES_TRIED = 60
/** Nor for more clean requests. */
const CLEAN_TRIED = 1e9
/** As evidence.ts caps scores. */
const CAP_BARS = 100

export interface Tried extends Case {
  /** How long before its end a request may have been drawn. */
  readonly memoryMs: number
}

interface More {
  readonly failed?: number
  /** Matters to the test against a bound only: see slowToRollBack for the other. */
  readonly slow?: number
  readonly clean?: number
}

/** The values after so many more requests of the candidate's, and none of stable's. */
function valuesAfter(on: Tried, { clean = 0, failed = 0, slow = 0 }: More): EvidenceValues {
  const { evidence, memoryMs } = on
  const { bound, tailBound } = evidence
  const w = largestShare(evidence.weights, { nowMs: evidence.seenMs, memoryMs })
  const cap = CAP_BARS * barOf(on.strategy.trigger)
  const errors = { times: ERROR_TIMES, w, candidate: failed, stable: 0, cap }
  return readEvidence({
    ...evidence,
    absolute: betAbsolute(evidence.absolute, { bound, bad: failed, good: clean, cap }),
    relative: betRelative(evidence.relative, errors),
    tailAbsolute:
      tailBound === null
        ? evidence.tailAbsolute
        : betAbsolute(evidence.tailAbsolute, { bound: tailBound, bad: slow, good: clean, cap }),
  })
}

function leastFailures(holds: (more: number) => boolean): number | null {
  for (let more = 1; more <= FAILURES_TRIED; more++) if (holds(more)) return more
  return null
}

/** Failed requests in a row that bring both tests of errors to the bar; null: more than 60. */
export function failuresToRollBack(on: Tried): number | null {
  const bar = barOf(on.strategy.trigger)
  return leastFailures((failed) => valuesAfter(on, { failed }).errors >= bar)
}

/** So many in a row, and the time over which they come at the soonest. */
export interface Row {
  readonly more: number
  readonly overMs: number
}

/** Slow requests in a row that bring the comparison of latency to the bar, at its pace. */
export function slowToRollBack(on: Tried): Row | null {
  const { evidence, memoryMs } = on
  const bar = barOf(on.strategy.trigger)
  const w = largestShare(evidence.weights, { nowMs: evidence.seenMs, memoryMs })
  const bet = { times: TAIL_TIMES, w, candidate: 1, stable: 0, cap: CAP_BARS * bar }
  let { pace, tail } = evidence
  let overMs = 0
  for (let more = 1; more <= FAILURES_TRIED; more++) {
    const slower = (): { pace: Pace; scores: Scores } =>
      keepPace(pace, {
        elapsedMs: evidence.elapsedMs + overMs,
        after: betRelative(tail, bet),
      })
    let kept = slower()
    if (meanScore(kept.scores) < meanScore(betRelative(tail, bet))) {
      // What would be lost now counts a little later.
      const passedMs = evidence.elapsedMs + overMs
      overMs += PACE_MS
      tail = grant(tail, timeShare(passedMs, passedMs + PACE_MS))
      kept = slower()
    }
    pace = kept.pace
    tail = kept.scores
    if (readEvidence({ ...evidence, tail }).tail >= bar) return { more, overMs }
  }
  return null
}

/** Failed requests in a row that bring the test against the bound, at 100 %, to `goal`. */
export function failuresTo(goal: number, on: Tried): number | null {
  return leastFailures((failed) => valuesAfter(on, { failed }).absolute >= goal)
}

/** The same of slow requests. */
export function slowTo(goal: number, on: Tried): number | null {
  return leastFailures((slow) => valuesAfter(on, { slow }).tailAbsolute >= goal)
}

/** Clean requests that bring what is tested against bounds below `goal`; null: none suffice. */
export function cleanToFallBelow(goal: number, on: Tried): number | null {
  const falls = (clean: number): boolean => {
    const { absolute, tailAbsolute } = valuesAfter(on, { clean })
    return Math.max(absolute, tailAbsolute) < goal
  }
  let high = 1
  while (!falls(high)) {
    high *= 2
    if (high > CLEAN_TRIED) return null
  }
  let low = Math.floor(high / 2)
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    if (falls(middle)) high = middle
    else low = middle
  }
  return high
}

/** Whether there is no request of stable's to compare with. */
export function isAlone({ weights }: Evidence): boolean {
  return weights.current === FULL_WEIGHT
}
