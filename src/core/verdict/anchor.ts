// What "slow" means for the latency test: a limit t taken from stable before the raise. Any t that
// is fixed beforehand keeps the test sound; noise in it only costs power. So t is stable's p99
// when its last minute holds 1,000 requests, the tenth largest latency when it holds fewer, and
// below 100 requests there is no latency test, which is said instead of guessed.

import { bucketEdgeUs } from '../window.ts'
import type { ArmCounts, TailFigures } from '../facts.ts'

/** With fewer the limit lies lower than p99; a late anchor waits for so many. */
export const REQUESTS_FOR_P99 = 1000
const REQUESTS_FOR_TEST = 100
/** A limit that fewer of stable's requests pass is no p99: the test would wait for rare events. */
const TOO_RARE = 0.005

export interface Anchor {
  /** t: stable's requests above it are counted. Microseconds. */
  readonly stableUs: number
  /** λt, rounded up to the edge of a histogram's bucket: the candidate's limit. */
  readonly candidateUs: number
  /** Stable's requests since t was fixed, with those that t was fixed by. */
  readonly requests: number
  /** Those of them above t: over / requests is the tail level that t really is. */
  readonly over: number
}

/** The anchor for a raise now, or the sentence that says why there is none. */
export function dropAnchor(
  tail: TailFigures | null,
  p99LatencyIncrease: number,
): { anchor: Anchor } | { missing: string } {
  const requests = tail?.requests ?? 0
  if (tail === null || requests < REQUESTS_FOR_TEST) {
    return {
      missing:
        `no latency test: stable had ${requests} requests in the minute before the raise, ` +
        `at least ${REQUESTS_FOR_TEST} are needed`,
    }
  }
  const exact = requests >= REQUESTS_FOR_P99
  const stableUs = exact ? tail.p99Us : tail.tenthUs
  return {
    anchor: {
      stableUs,
      candidateUs: bucketEdgeUs(stableUs * (1 + p99LatencyIncrease)),
      requests,
      over: exact ? tail.overP99 : tail.overTenth,
    },
  }
}

/** The anchor after stable's requests of a tick. */
export function withCounts(anchor: Anchor, stable: ArmCounts): Anchor {
  return {
    stableUs: anchor.stableUs,
    candidateUs: anchor.candidateUs,
    requests: anchor.requests + stable.good + stable.bad,
    over: anchor.over + stable.exceeded,
  }
}

/**
 * Whether a limit has turned out to be far too high: stable's past held a stall that its present
 * does not, so that hardly anything passes the limit and the test has no power.
 */
export function isTooRare(anchor: Anchor, tail: TailFigures | null): boolean {
  if (tail === null || tail.requests < REQUESTS_FOR_P99) return false
  return anchor.over < TOO_RARE * anchor.requests && tail.p99Us < anchor.stableUs
}

/**
 * An upper bound of a share of which `bad` of `all` were seen, three standard deviations above:
 * what replaces the comparison at 100 %, where stable gets no requests.
 */
export function upperShare(bad: number, all: number): number {
  return all > 0 ? Math.min(0.49, (bad + 3 * Math.sqrt(bad + 1) + 3) / all) : 0.49
}
