// How fast the evidence about latency may grow. The proxy's coin decides which version a request
// goes to, and that alone makes the tests sound; but it does not decide which process stands still.
// A pause of one process (garbage collection, a busy machine) makes every request slow that is with
// it: many events at once, and one cause, which a harmless version has as often as any other. So
// within a short time the evidence grows by a limited factor, however many slow requests there are:
// a pause of less than a second condemns nobody by itself, and a candidate that stays slow is taken
// out in little more than that. To leave out winnings keeps a bet sound.

import { meanScore, type Scores } from './engine.ts'

/** The evidence grows by this factor at most … */
export const GROWTH = 6
/** … in this time of the rollout's own clock. */
export const PACE_MS = 400
/** A long good life builds no debt: growth is measured from here at least. */
const FLOOR = 1

export interface Pace {
  /** The number of the present stretch of PACE_MS. */
  readonly stretch: number
  /** The evidence at its beginning, as the slow request before it had left it. */
  readonly began: number
  /** The evidence after the slow request that was counted last. */
  readonly last: number
}

/**
 * Holds scores to the pace, after a slow request was counted. Ticks without any do not come here:
 * what they are does not depend on how often somebody has looked.
 *
 * @param now the rollout's own clock, and the scores after what was counted
 */
export function keepPace(
  pace: Pace | null,
  now: { elapsedMs: number; after: Scores },
): { pace: Pace; scores: Scores } {
  const stretch = Math.floor(now.elapsedMs / PACE_MS)
  const began = pace?.stretch === stretch ? pace.began : (pace?.last ?? 0)
  const most = GROWTH * Math.max(FLOOR, began)
  const value = meanScore(now.after)
  if (value <= most) return { pace: { stretch, began, last: value }, scores: now.after }
  const scores = now.after.map((score) => (score * most) / value)
  return { pace: { stretch, began, last: most }, scores }
}
