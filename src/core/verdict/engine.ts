// Betting scores. A component j bets that the candidate is worse by a certain factor; its score
// R_j is multiplied by up when an observation supports the bet and by down when it does not. When
// the candidate is harmless each factor has mean 1 (or less), so the mean E of the scores exceeds
// c with probability at most 1/c, however often one looks (Ville's inequality). That is the whole
// theory.
//
// Two engines: `absolute` bets on the share of bad requests among the candidate's own, against a
// bound; `relative` bets on which version a bad event falls on, against the proxy's own coin flip.

import { remembered } from './remembered.ts'

/** One score per component, all at least 0. */
export type Scores = readonly number[]

/** Multiples of the tolerated share that the absolute test bets on. */
export const ABSOLUTE_TIMES = [2, 4, 10, 30, 100, 500] as const
/** How many times worse than stable the relative test of errors bets on. */
export const ERROR_TIMES = [2, 4, 10, 30, 100] as const
/** The same for requests over the latency limit. */
export const TAIL_TIMES = [1.5, 2.5, 5, 10, 30] as const

const LARGEST_SHARE = 0.9

export function noScores(times: readonly number[]): Scores {
  return times.map(() => 0)
}

/** Adds γ to every component: from here on a part of the bet begins now. */
export function grant(scores: Scores, gamma: number): Scores {
  if (!(gamma > 0)) return scores
  // A copy of just the right size and a plain loop, here and below: all services that roll out are
  // judged at every tick, and memory is what that costs.
  const next = scores.slice()
  for (let j = 0; j < next.length; j++) next[j] = (next[j] ?? 0) + gamma
  return next
}

/** The share that a component bets on, or null when it does not lie above the bound. */
export function shareOf(times: number, bound: number): number | null {
  const share = Math.min(LARGEST_SHARE, times * bound)
  return share > bound ? share : null
}

/** Logarithms of the two factors of an absolute component. Mean 1 when the share is the bound. */
export function absoluteFactors(share: number, bound: number): { up: number; down: number } {
  return { up: Math.log(share / bound), down: Math.log1p(-share) - Math.log1p(-bound) }
}

/**
 * Logarithms of the factors of an event on the candidate (`up`) and on stable (`down`), when it
 * falls on the candidate with probability at most `w` under the null hypothesis.
 */
export function relativeFactors(times: number, w: number): { up: number; down: number } {
  const down = -Math.log(times * w + 1 - w)
  return { up: Math.log(times) + down, down }
}

/** Logarithms of the factors of all components of a test; null for one that does not bet. */
type Factors = readonly ({ readonly up: number; readonly down: number } | null)[]

const absoluteFactorsAt = remembered(
  (bound): Factors =>
    ABSOLUTE_TIMES.map((times) => {
      const share = shareOf(times, bound)
      return share === null ? null : absoluteFactors(share, bound)
    }),
)

type Times = readonly number[]
const factorsByTimes = new WeakMap<Times, (w: number) => Factors>()

function relativeFactorsAt(times: Times, w: number): Factors {
  let factorsAt = factorsByTimes.get(times)
  if (factorsAt === undefined) {
    factorsAt = remembered((at) => times.map((one) => relativeFactors(one, at)))
    factorsByTimes.set(times, factorsAt)
  }
  return factorsAt(w)
}

/** Scores after γ was granted, `up` events spoke for the bet and `down` spoke against it. */
function bet(
  scores: Scores,
  seen: { gamma: number; up: number; down: number; cap: number },
  factors: Factors,
): Scores {
  const { cap, down, gamma, up } = seen
  const next = scores.slice()
  for (let j = 0; j < next.length; j++) {
    const factor = factors[j] ?? null
    if (factor === null) next[j] = 0
    else {
      const exponent = up * factor.up + down * factor.down
      next[j] = Math.min(cap, scaled((next[j] ?? 0) + gamma, exponent))
    }
  }
  return next
}

export interface AbsoluteBet {
  /** What is granted to every component before the requests are seen; nothing when absent. */
  readonly gamma?: number
  readonly bound: number
  readonly bad: number
  readonly good: number
  readonly cap: number
}

function scaled(score: number, exponent: number): number {
  // In logs, as the factors of a long tick overflow; a score of 0 stays 0 instead of becoming NaN.
  return score === 0 ? 0 : score * Math.exp(Math.min(exponent, 700))
}

/**
 * Scores after requests of the candidate were seen. Scores are capped, so that outages are
 * forgotten.
 */
export function betAbsolute(scores: Scores, on: AbsoluteBet): Scores {
  const { bad, bound, cap, gamma = 0, good } = on
  if (bad === 0 && good === 0) return grant(scores, gamma)
  return bet(scores, { gamma, up: bad, down: good, cap }, absoluteFactorsAt(bound))
}

export interface RelativeBet {
  /** What is granted to every component before the events are seen; nothing when absent. */
  readonly gamma?: number
  readonly times: readonly number[]
  /** The largest weight that may have drawn these events, a fraction. */
  readonly w: number
  readonly candidate: number
  readonly stable: number
  readonly cap: number
}

/** Scores after events on either version were seen. */
export function betRelative(scores: Scores, on: RelativeBet): Scores {
  const { candidate, cap, gamma = 0, stable, times, w } = on
  // Without a draw (weight 0) an event says nothing about the draw.
  if (w <= 0 || (candidate === 0 && stable === 0)) return grant(scores, gamma)
  return bet(scores, { gamma, up: candidate, down: stable, cap }, relativeFactorsAt(times, w))
}

/** E of a relative test. */
export function meanScore(scores: Scores): number {
  let sum = 0
  for (const score of scores) sum += score
  return scores.length === 0 ? 0 : sum / scores.length
}

/** E of an absolute test: the mean over the components that lie above the bound. */
export function meanAbsolute(scores: Scores, bound: number): number {
  const factors = absoluteFactorsAt(bound)
  let sum = 0
  let active = 0
  for (let j = 0; j < scores.length; j++) {
    if ((factors[j] ?? null) === null) continue
    sum += scores[j] ?? 0
    active++
  }
  return active === 0 ? 0 : sum / active
}

/** The multiple whose bet does best, for people; null while no bet has won anything. */
export function bestTimes(scores: Scores, times: readonly number[]): number | null {
  let best = 0
  for (let j = 1; j < scores.length; j++) {
    // Of several at the cap the largest is meant: the others were left behind long ago.
    if ((scores[j] ?? 0) >= (scores[best] ?? 0)) best = j
  }
  return (scores[best] ?? 0) > 1 ? (times[best] ?? 1) : null
}
