// How fast the evidence about latency may grow. The proxy's coin decides which version a request
// goes to, and that alone makes the tests sound; but it does not decide which process stands still.
// A pause of one process (garbage collection, a busy machine) makes every request slow that is with
// it: many events at once, and one cause, which a harmless version has as often as any other. So
// within a short time the evidence grows by a limited factor, however many slow requests there are:
// a pause of up to 0.8 s condemns nobody by itself, and a candidate that stays slow is taken out in
// little more than that. The same holds for the proof that a candidate is harmless, where a
// pause of stable would prove it. To leave out winnings keeps a bet sound.

import { meanScore, type Scores } from './engine.ts'

/** Evidence against a candidate grows by this factor at most in a stretch of time … */
export const GROWTH = 10
/** … and the proof that it is harmless by this one, as stable may stand still, too. */
export const PROOF_GROWTH = 3
/**
 * A stretch, of the rollout's own clock. It begins with a slow request, so a pause of up to two of
 * them is two stretches, wherever it falls.
 */
export const PACE_MS = 400
/** A long good life builds no debt: the growth of evidence is measured from here at least. */
const FLOOR = 1

export interface Pace {
  /** When the present stretch began. */
  readonly sinceMs: number
  /** The value at its beginning, as the slow request before it had left it. */
  readonly began: number
  /** The value after the slow request that was counted last. */
  readonly last: number
}

/**
 * How much of its value a bet may keep, after a slow request was counted. Ticks without any do not
 * come here: what they are does not depend on how often somebody has looked.
 *
 * @param now the rollout's own clock, the value before it is held to the pace, its largest growth,
 *   and the least value that growth is measured from
 * @returns the pace, and the factor from 0 to 1 to multiply the value by
 */
function paced(
  pace: Pace | null,
  now: { elapsedMs: number; value: number; growth: number; floor: number },
): { pace: Pace; factor: number } {
  const { elapsedMs, floor, growth, value } = now
  const goesOn = pace !== null && elapsedMs - pace.sinceMs < PACE_MS
  const sinceMs = goesOn ? pace.sinceMs : elapsedMs
  const began = goesOn ? pace.began : (pace?.last ?? floor)
  const most = growth * Math.max(floor, began)
  if (value <= most) return { pace: { sinceMs, began, last: value }, factor: 1 }
  return { pace: { sinceMs, began, last: most }, factor: most / value }
}

/** Holds the scores of the latency test to the pace. */
export function keepPace(
  pace: Pace | null,
  now: { elapsedMs: number; after: Scores },
): { pace: Pace; scores: Scores } {
  const { after, elapsedMs } = now
  const value = meanScore(after)
  const kept = paced(pace, { elapsedMs, value, growth: GROWTH, floor: FLOOR })
  const { factor } = kept
  const scores = factor === 1 ? after : after.map((score) => score * factor)
  return { pace: kept.pace, scores }
}

/**
 * Holds the proof of latency to the pace. It begins at 1, and what it has lost is to be won back
 * just as slowly.
 *
 * @param after the logarithms of the products
 * @param value their mean as it is, not as a logarithm
 */
export function keepProofPace(
  pace: Pace | null,
  now: { elapsedMs: number; after: readonly number[]; value: number },
): { pace: Pace; logs: readonly number[] } {
  const { after, elapsedMs, value } = now
  const from = pace ?? { sinceMs: Number.NEGATIVE_INFINITY, began: 1, last: 1 }
  const kept = paced(from, { elapsedMs, value, growth: PROOF_GROWTH, floor: 0 })
  if (kept.factor === 1) return { pace: kept.pace, logs: after }
  const less = Math.log(kept.factor)
  return { pace: kept.pace, logs: after.map((log) => log + less) }
}
