// How latencies are spread in the simulated traffic, and what stable's last minute looks like in a
// histogram. A distribution is its tail: the probability that a request takes longer. From it
// follow the two things that the verdict sees: how many requests pass a limit, and where the limit
// is put, since the p99 of a minute is an order statistic and can be drawn without the requests.

import { highestUsOfCell } from '../../src/board/latency.ts'
import type { TailFigures } from '../../src/core/facts.ts'
import { REQUESTS_FOR_P99 } from '../../src/core/verdict/anchor.ts'
import type { Dice } from './calibrate-dice.ts'

export interface Latency {
  /** The probability that a request takes longer than this many microseconds. */
  tail(us: number): number
}

const CHEBYSHEV = Float64Array.of(
  -1.26551223,
  1.00002368,
  0.37409196,
  0.09678418,
  -0.18628806,
  0.27886807,
  -1.13520398,
  1.48851587,
  -0.82215223,
  0.17087277,
)

/**
 * The complementary error function, with a relative error below 1.2e−7.
 * Source: Press et al., Numerical Recipes, section 6.2 (a Chebyshev fit).
 */
export function erfc(x: number): number {
  const z = Math.abs(x)
  const t = 1 / (1 + 0.5 * z)
  let sum = 0
  for (let i = CHEBYSHEV.length - 1; i >= 0; i--) sum = sum * t + (CHEBYSHEV[i] ?? 0)
  const value = t * Math.exp(-z * z + sum)
  return x >= 0 ? value : 2 - value
}

export function lognormal(medianUs: number, sigma: number): Latency {
  return { tail: (us) => (us <= 0 ? 1 : erfc(Math.log(us / medianUs) / sigma / Math.SQRT2) / 2) }
}

export function exponential(meanUs: number): Latency {
  return { tail: (us) => (us <= 0 ? 1 : Math.exp(-us / meanUs)) }
}

export function pareto(leastUs: number, shape: number): Latency {
  return { tail: (us) => (us <= leastUs ? 1 : (leastUs / us) ** shape) }
}

/** Requests of two kinds; `share` of them are of the second. */
export function bimodal(usual: Latency, rare: Latency, share: number): Latency {
  return { tail: (us) => (1 - share) * usual.tail(us) + share * rare.tail(us) }
}

/** Requests that wait for the rest of a standstill which lasts so long. Microseconds. */
export function waiting(us: number): Latency {
  return { tail: (limitUs) => Math.max(0, 1 - limitUs / us) }
}

/** Every request takes `times` as long. */
export function slower(latency: Latency, times: number): Latency {
  return times === 1 ? latency : { tail: (us) => latency.tail(us / times) }
}

/** Down to a millionth of the latency; a histogram's cell is a hundredth. */
const HALVINGS = 24
/** The first of them always look at the same places: so many places of a latency are kept. */
const KEPT = 1024
const keptTails = new WeakMap<Latency, Float64Array>()

/**
 * The edge of the histogram's cell in which the latency lies that is exceeded with probability
 * `share`. Halves the range of latencies until both of its ends lie in one cell. Microseconds.
 */
export function edgeOfQuantile(latency: Latency, share: number): number {
  const kept = keptTails.get(latency) ?? new Float64Array(KEPT).fill(Number.NaN)
  keptTails.set(latency, kept)
  let low = 0 // logarithms of 1 µs and of 60 s, the ends of the histogram
  let high = Math.log(6e7)
  let [lowEdge, highEdge] = [edgeUs(low), edgeUs(high)]
  for (let i = 0, place = 1; i < HALVINGS && lowEdge < highEdge; i++) {
    const middle = (low + high) / 2
    let tail = kept[place] ?? Number.NaN
    if (Number.isNaN(tail)) {
      tail = latency.tail(Math.exp(middle))
      if (place < KEPT) kept[place] = tail
    }
    const isLonger = tail > share
    place = 2 * place + (isLonger ? 1 : 0)
    if (isLonger) [low, lowEdge] = [middle, edgeUs(middle)]
    else [high, highEdge] = [middle, edgeUs(middle)]
  }
  return highEdge
}

function edgeUs(logarithm: number): number {
  return highestUsOfCell(Math.floor(Math.exp(logarithm)))
}

/** The k-th largest of `n` latencies as a histogram tells it, and how many lie above. */
function largest(latency: Latency, rank: { k: number; n: number }, dice: Dice) {
  const { k, n } = rank
  // The k-th smallest of n uniform numbers is distributed Beta(k, n − k + 1).
  const above = dice.gamma(k)
  const share = above / (above + dice.gamma(n - k + 1))
  const us = edgeOfQuantile(latency, share)
  const over = dice.binomial(k - 1, Math.min(1, latency.tail(us) / share))
  return { us, over }
}

/**
 * What stable's rolling minute says of its tail when `n` requests were measured in it. Of the p99
 * and the tenth largest only the one that a limit is taken from is drawn, as the verdict never
 * looks at both.
 */
export function drawTail(latency: Latency, n: number, dice: Dice): TailFigures | null {
  if (n < 1) return null
  const k = n >= REQUESTS_FOR_P99 ? n - Math.ceil(0.99 * n) + 1 : Math.min(10, n)
  const { over, us } = largest(latency, { k, n }, dice)
  return { requests: n, p99Us: us, overP99: over, tenthUs: us, overTenth: over }
}
