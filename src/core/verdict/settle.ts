// What to do about requests that were drawn before the weight was lowered from 100 %. Their
// failures arrive later and look as if the lower weight had drawn them, which would be unjust to
// the candidate. Taking the largest weight of the last response-head time-out instead is just, but
// after 100 % it is deaf: a weight of 1 explains every failure, for as long as a time-out lasts.
//
// So failures are told apart by the draw. An edge thread counts a failure of a request that was
// drawn before the row in force apart from the others, and it does not take part in the comparison.
// In the first tick all of them may be older, as the row had just been switched.
//
// What remains is that the two versions may fail at different speeds: of what is drawn now, the
// candidate's quick failures are known, and stable's slow ones are not. So until a time-out has
// passed, a request of stable that is in flight and slower than its limit is taken for a failure
// that is not known yet; where there is no limit, every request in flight is. And the candidate's
// failures count only from when stable's first draws could be known to be slow. Then at each moment
// stable shows at least as many failures as its share of the draws will have had, however long they
// take.

import type { ArmCounts } from '../facts.ts'

export interface Settling {
  /** None of the first tick counts … */
  readonly first: boolean
  /** … and none before this time, on the clock of `now`. */
  readonly fromMs: number
  /**
   * Stable's requests in flight that do not belong to the comparison, such as tunnels; null: those
   * in flight are not asked for.
   */
  readonly stableBase: number | null
  readonly untilMs: number
}

/** How late an edge thread notices that a request has become slow. */
const NOTICED_MS = 100

/**
 * The weight was lowered from 100 %.
 *
 * @param at `limitUs`: beyond which a request of stable is slow; null where latency is not judged
 */
export function settle(at: {
  nowMs: number
  memoryMs: number
  stableInFlight: number
  limitUs: number | null
}): Settling {
  const { limitUs, memoryMs, nowMs, stableInFlight } = at
  const slowMs = limitUs === null ? 0 : limitUs / 1000 + NOTICED_MS
  const times = { fromMs: nowMs + slowMs, untilMs: nowMs + memoryMs }
  return { first: true, stableBase: stableInFlight, ...times }
}

/** Requests of an earlier rollout of the candidate are in flight at weight 0. */
export function settleEarlier(untilMs: number): Settling {
  return { first: false, fromMs: 0, stableBase: null, untilMs }
}

export interface Settled {
  readonly settling: Settling | null
  /** What counts in the comparison with stable. */
  readonly bad: number
  readonly exceeded: number
  /** Stable's requests that may still fail. */
  readonly unknown: number
}

/** The candidate's failures of a tick without those that were drawn earlier. */
export function settled(
  settling: Settling | null,
  tick: { candidate: ArmCounts; stableInFlight: number; nowMs: number },
): Settled {
  const { bad, earlierBad = 0, earlierExceeded = 0, exceeded } = tick.candidate
  if (settling === null || tick.nowMs >= settling.untilMs) {
    return { settling: null, bad, exceeded, unknown: 0 }
  }
  // A tunnel that has ended must not hide a request.
  const stableBase =
    settling.stableBase === null ? null : Math.min(settling.stableBase, tick.stableInFlight)
  const next = { ...settling, first: false, stableBase }
  const unknown = stableBase === null ? 0 : tick.stableInFlight - stableBase
  if (settling.first || tick.nowMs < settling.fromMs) {
    return { settling: next, bad: 0, exceeded: 0, unknown }
  }
  return {
    settling: next,
    bad: Math.max(0, bad - earlierBad),
    exceeded: Math.max(0, exceeded - earlierExceeded),
    unknown,
  }
}
