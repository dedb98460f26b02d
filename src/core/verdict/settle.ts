// What to do about requests that were drawn before the weight was lowered. Their failures arrive
// later and look as if the lower weight had drawn them, which would be unjust to the candidate.
// Taking the largest weight of the last response-head time-out instead is just, but after 100 % it
// is also deaf: a weight of 1 explains every failure, for as long as a time-out lasts.
//
// So the failures are counted and the first of them are forgiven: none of the first tick counts,
// and of the later ones as many are left out as requests were in flight at that tick. At most so
// many can have been drawn before, so what remains is never more than what the new weight has
// drawn, and the test stays valid (its value only grows with the candidate's failures). After a
// response-head time-out nothing drawn before is left, and the forgiving ends.

import type { ArmCounts } from '../facts.ts'

export interface Settling {
  /** Failures still to forgive; null until the first tick has told how many are in flight. */
  readonly bad: number | null
  readonly exceeded: number | null
  readonly untilMs: number
}

export function settle(nowMs: number, memoryMs: number): Settling {
  return { bad: null, exceeded: null, untilMs: nowMs + memoryMs }
}

/**
 * The same at weight 0, where nothing more is drawn: of what is in flight, no more than this can
 * fail later, so nothing has to be found out by the first tick.
 */
export function settleKnown(inFlight: number, untilMs: number): Settling {
  return { bad: inFlight, exceeded: inFlight, untilMs }
}

export interface Forgiven {
  readonly settling: Settling | null
  /** What counts in the comparison with stable. */
  readonly bad: number
  readonly exceeded: number
}

/** The candidate's failures of a tick without those that are forgiven. */
export function forgive(
  settling: Settling | null,
  tick: { candidate: ArmCounts; inFlight: number; nowMs: number },
): Forgiven {
  const { bad, exceeded } = tick.candidate
  if (settling === null || tick.nowMs >= settling.untilMs) return { settling: null, bad, exceeded }
  if (settling.bad === null || settling.exceeded === null) {
    const { inFlight } = tick
    return { settling: { ...settling, bad: inFlight, exceeded: inFlight }, bad: 0, exceeded: 0 }
  }
  return {
    settling: {
      ...settling,
      bad: Math.max(0, settling.bad - bad),
      exceeded: Math.max(0, settling.exceeded - exceeded),
    },
    bad: Math.max(0, bad - settling.bad),
    exceeded: Math.max(0, exceeded - settling.exceeded),
  }
}
