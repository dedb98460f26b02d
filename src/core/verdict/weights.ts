// Which weight may have drawn a request that ends now. A request is judged when it ends or fails,
// up to a response-head time-out after it was drawn; if the weight was raised meanwhile, a failure
// of the candidate looks less surprising than it was. The tests take the largest weight of that
// time: with the weight of the moment, a stable that times out slowly beside a candidate that
// fails fast gives 82 % false rollbacks.
//
// Only weights that a later, larger one does not cover are kept, newest last, so they fall
// strictly.

import { FULL_WEIGHT, type Weight } from '../weight.ts'

const LONGEST_LOG = 64

export interface PastWeight {
  readonly weight: Weight
  /** When it was last in force. */
  readonly untilMs: number
}

export interface WeightLog {
  readonly current: Weight
  readonly past: readonly PastWeight[]
}

/** The log after the weight became `weight` at `nowMs`; forgets what is older than `memoryMs`. */
export function noteWeight(
  log: WeightLog,
  change: { weight: Weight; nowMs: number; memoryMs: number },
): WeightLog {
  const left: PastWeight = { weight: log.current, untilMs: change.nowMs }
  const kept = log.past.filter(
    (past) => past.weight > left.weight && past.untilMs >= change.nowMs - change.memoryMs,
  )
  const past = [...kept, left].filter((entry) => entry.weight > change.weight)
  while (past.length > LONGEST_LOG) {
    // The two oldest become one that covers both: w may come out too large, never too small.
    const [first, second, ...rest] = past
    if (first === undefined || second === undefined) break
    past.splice(0, past.length, { weight: first.weight, untilMs: second.untilMs }, ...rest)
  }
  return { current: change.weight, past }
}

/** w: the largest weight in force during the last `memoryMs`, as a fraction. */
export function largestShare(log: WeightLog, time: { nowMs: number; memoryMs: number }): number {
  let largest = log.current
  for (const past of log.past) {
    if (past.untilMs >= time.nowMs - time.memoryMs && past.weight > largest) largest = past.weight
  }
  return largest / FULL_WEIGHT
}
