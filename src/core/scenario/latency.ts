// The latencies of a scenario: log-normal, described by their median and p99, since that is what
// people know of an app. What is asked of them is the share above a limit, and where a percentile
// of so many measured requests lies, with the noise that a measurement has.

import type { TailFigures } from '../facts.ts'
import type { Random } from './random.ts'

export interface Latency {
  /** Microseconds. */
  readonly p50Us: number
  readonly p99Us: number
}

/** The 99th percentile of the standard normal distribution. */
const Z99 = 2.326_347_874
/** A p99 that is the median would have no spread. */
const LEAST_SIGMA = 1e-6

function sigmaOf({ p50Us, p99Us }: Latency): number {
  return Math.max(LEAST_SIGMA, Math.log(p99Us / p50Us) / Z99)
}

/**
 * The probability that a standard normal number is above `z`. Source: the complementary error
 * function of Press et al., Numerical Recipes, section 6.2, relative error below 1.2e-7.
 */
export function normalTail(z: number): number {
  const x = Math.abs(z) / Math.SQRT2
  const t = 1 / (1 + 0.5 * x)
  const series = [
    0.170_872_77, -0.822_152_23, 1.488_515_87, -1.135_203_98, 0.278_868_07, -0.186_288_06,
    0.096_784_18, 0.374_091_96, 1.000_023_68, -1.265_512_23,
  ]
  const exponent = series.reduce((sum, part) => sum * t + part, 0)
  const tail = 0.5 * t * Math.exp(-x * x + exponent)
  return z >= 0 ? tail : 1 - tail
}

/** The share of requests that take longer. */
export function shareOver(latency: Latency, limitUs: number): number {
  return normalTail(Math.log(limitUs / latency.p50Us) / sigmaOf(latency))
}

/** The latency that this share of requests exceeds. */
export function quantile(latency: Latency, share: number): number {
  let low = -8
  let high = 8
  for (let i = 0; i < 50; i++) {
    const middle = (low + high) / 2
    if (normalTail(middle) > share) low = middle
    else high = middle
  }
  return latency.p50Us * Math.exp(sigmaOf(latency) * low)
}

/** The latency of the `rank`-th slowest of `requests`, as one measurement would find it. */
function measured(
  latency: Latency,
  of: { rank: number; requests: number; random: Random },
): number {
  const share = of.random.gamma(of.rank) / of.requests
  return quantile(latency, Math.min(0.999, share))
}

/** A measured p99; null without requests. */
export function measuredP99(latency: Latency, requests: number, random: Random): number | null {
  if (requests === 0) return null
  return measured(latency, { rank: Math.max(1, Math.ceil(0.01 * requests)), requests, random })
}

/** Where the tail of so many measured requests lies. */
export function measuredTail(
  latency: Latency,
  requests: number,
  random: Random,
): TailFigures | null {
  if (requests === 0) return null
  const rank = Math.max(1, Math.ceil(0.01 * requests))
  const tenth = Math.min(10, requests)
  return {
    requests,
    p99Us: Math.round(measured(latency, { rank, requests, random })),
    overP99: rank - 1,
    tenthUs: Math.round(measured(latency, { rank: tenth, requests, random })),
    overTenth: tenth - 1,
  }
}
