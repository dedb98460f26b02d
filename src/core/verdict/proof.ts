// Proof that a candidate is harmless, which a raise waits for: the passing of time proves nothing.
// It is the verdict's bet turned around. There a score grows with failures, under the assumption
// that the candidate is harmless; here it grows with clean requests, under the assumption that the
// candidate is harmful. When it reaches c that assumption has been wrong with probability of at
// least 1 − 1/c, however often one looks (Ville's inequality).
//
// Errors are proven against a bound, or, where stable fails too, against stable; slow requests are
// proven against stable. How much harm must be excluded depends on the raise: little is at stake at
// 25 %, more above a half.
//
// A comparison needs to know the weight that has drawn what it counts. So after each change of the
// weight it leaves out what may have been drawn before: for errors that is as long as a request may
// take to fail, for slow requests only as long as they take to be slow.

import { type ArmCounts, SENT_WITHIN_MS } from '../facts.ts'
import type { Strategy } from '../strategy.ts'
import { FULL_WEIGHT, type Weight } from '../weight.ts'
import { relativeFactors } from './engine.ts'
import { keepProofPace, type Pace } from './pace.ts'
import { remembered } from './remembered.ts'
import { witnesses } from './settle.ts'

/** The shares of the bound that the candidate is bet to have: from none of it to a half. */
export const BOUND_PARTS = [0, 0.1, 0.25, 0.5] as const
/** The same of the ratio to stable, for errors and for slow requests. */
export const ERROR_PARTS = [0.33, 0.66, 0.85] as const
export const TAIL_PARTS = [0.2, 0.4, 0.6, 0.8] as const

/** "As bad as stable" is proven when the candidate fails less than so many times as often. */
export const ERROR_RATIO = 1.5
/** Of slow requests: raises up to a half must exclude the first, larger ones the second. */
export const WIDE_TAIL_RATIO = 3
export const NARROW_TAIL_RATIO = 1.5
/** The tolerated error rate times these must be excluded; up to a half and above it. */
const WIDE_TIMES = 10
const NARROW_TIMES = 3
/** At the end of the bake. */
const BAKE_TIMES = 2
const HALF: Weight = FULL_WEIGHT / 2

/** A proof of errors against a larger share than this would prove nothing worth knowing. */
const LARGEST_BOUND = 0.2
/** How late an edge thread may notice that a request has become slow, on a busy machine. */
const NOTICED_MS = 1000
const LARGEST_LOG = 700

/** What has been gathered since the proof began; plain JSON. */
export interface Proof {
  /** The candidate's judged requests, and those of them that failed. */
  readonly requests: number
  readonly errors: number
  /** Logarithms of the products of factors, one for each of ERROR_PARTS or TAIL_PARTS. */
  readonly relative: readonly number[]
  readonly wideTail: readonly number[]
  readonly narrowTail: readonly number[]
  /** How far the proofs of latency have grown in the present stretch of time. */
  readonly widePace: Pace | null
  readonly narrowPace: Pace | null
  /** When the weight was changed last (the clock of `now`). */
  readonly weightSinceMs: number
}

export function noProof(nowMs: number): Proof {
  return {
    requests: 0,
    errors: 0,
    relative: ERROR_PARTS.map(() => 0),
    wideTail: TAIL_PARTS.map(() => 0),
    narrowTail: TAIL_PARTS.map(() => 0),
    widePace: null,
    narrowPace: null,
    weightSinceMs: nowMs,
  }
}

/**
 * Logarithms of the factors of an event on the candidate (`up`) and on stable (`down`), for the bet
 * that the ratio of the arms is `part` of `ratio`. With π(x) = xw / (xw + 1 − w), the probability
 * that an event falls on the candidate when it has x times as many, they are π(ratio·part) /
 * π(ratio) and (1 − π(ratio·part)) / (1 − π(ratio)): mean 1 when the ratio is `ratio`.
 */
export function proofFactors(ratio: number, part: number, w: number): { up: number; down: number } {
  const bet = relativeFactors(ratio * part, w)
  const feared = relativeFactors(ratio, w)
  return { up: bet.up - feared.up, down: bet.down - feared.down }
}

type Factors = readonly { readonly up: number; readonly down: number }[]

/** The factors of all bets against a ratio, by the weight. */
function factorsAgainst(ratio: number, parts: readonly number[]): (w: number) => Factors {
  return remembered((w) => parts.map((part) => proofFactors(ratio, part, w)))
}

const ERRORS_AT = factorsAgainst(ERROR_RATIO, ERROR_PARTS)
const WIDE_TAIL_AT = factorsAgainst(WIDE_TAIL_RATIO, TAIL_PARTS)
const NARROW_TAIL_AT = factorsAgainst(NARROW_TAIL_RATIO, TAIL_PARTS)

/** The products after events of the two arms. */
function gathered(
  logs: readonly number[],
  { candidate, stable }: { candidate: number; stable: number },
  factors: Factors,
): readonly number[] {
  if (candidate === 0 && stable === 0) return logs
  const next = logs.slice()
  for (let k = 0; k < next.length; k++) {
    const { down, up } = factors[k] ?? { down: 0, up: 0 }
    next[k] = (next[k] ?? 0) + candidate * up + stable * down
  }
  return next
}

export interface ProofTick {
  readonly candidate: ArmCounts
  readonly stable: ArmCounts
  /** The weight in force, a fraction. */
  readonly w: number
  readonly nowMs: number
  /** The rollout's own clock. */
  readonly elapsedMs: number
  /** How long before its end a request may have been drawn. */
  readonly memoryMs: number
  /** The candidate's latency limit; null while latency is not judged. */
  readonly limitUs: number | null
}

/** How long before it counts as slow a request may have been drawn. */
export function tailMemoryMs(limitUs: number): number {
  return SENT_WITHIN_MS + limitUs / 1000 + NOTICED_MS
}

/** Takes in what was counted since the last tick. */
export function foldProof(proof: Proof, tick: ProofTick): Proof {
  const { candidate, limitUs, memoryMs, nowMs, stable, w } = tick
  const ageMs = nowMs - proof.weightSinceMs
  const compared = w > 0 && w < 1
  const comparesErrors = compared && ageMs >= memoryMs
  const slow = candidate.exceeded + stable.exceeded
  const comparesTail = slow > 0 && compared && limitUs !== null && ageMs >= tailMemoryMs(limitUs)
  let wide = { logs: proof.wideTail, pace: proof.widePace }
  let narrow = { logs: proof.narrowTail, pace: proof.narrowPace }
  if (comparesTail) {
    wide = pacedTail(wide, tick, WIDE_TAIL_AT(w))
    narrow = pacedTail(narrow, tick, NARROW_TAIL_AT(w))
  }
  return {
    requests: proof.requests + candidate.good + candidate.bad,
    errors: proof.errors + candidate.bad,
    relative: comparesErrors ? comparedErrors(proof.relative, tick) : proof.relative,
    wideTail: wide.logs,
    narrowTail: narrow.logs,
    widePace: wide.pace,
    narrowPace: narrow.pace,
    weightSinceMs: proof.weightSinceMs,
  }
}

function comparedErrors(logs: readonly number[], tick: ProofTick): readonly number[] {
  const errors = { candidate: witnesses(tick.candidate), stable: witnesses(tick.stable) }
  return gathered(logs, errors, ERRORS_AT(tick.w))
}

/** A proof of latency after the slow requests of a tick, held to its pace. */
function pacedTail(
  known: { readonly logs: readonly number[]; readonly pace: Pace | null },
  tick: ProofTick,
  factors: Factors,
): { logs: readonly number[]; pace: Pace | null } {
  const slow = { candidate: tick.candidate.exceeded, stable: tick.stable.exceeded }
  const after = gathered(known.logs, slow, factors)
  return keepProofPace(known.pace, { elapsedMs: tick.elapsedMs, after, value: meanOfLogs(after) })
}

function meanOfLogs(logs: readonly number[]): number {
  let sum = 0
  for (const log of logs) sum += Math.exp(Math.min(LARGEST_LOG, log))
  return logs.length === 0 ? 0 : sum / logs.length
}

/**
 * F: how strongly `requests` with `errors` among them speak against an error rate of `bound` or
 * more. The mean over the parts f of fʸ · ((1 − f·bound) / (1 − bound))ⁿ⁻ʸ.
 */
export function errorsProof(seen: { requests: number; errors: number }, bound: number): number {
  const { errors, requests } = seen
  let sum = 0
  for (const part of BOUND_PARTS) {
    if (part === 0 && errors > 0) continue // who bets on no failure at all has lost
    const clean = Math.log1p(-part * bound) - Math.log1p(-bound)
    const failed = errors === 0 ? 0 : errors * Math.log(part)
    sum += Math.exp(Math.min(LARGEST_LOG, failed + (requests - errors) * clean))
  }
  return sum / BOUND_PARTS.length
}

/** How strongly the errors of both arms speak against 1.5 times stable's error rate or more. */
export function relativeProof(proof: Proof): number {
  return meanOfLogs(proof.relative)
}

/** How strongly slow requests speak against so many times stable's share of them. */
export function tailProof(proof: Proof, ratio: number): number {
  return meanOfLogs(ratio === WIDE_TAIL_RATIO ? proof.wideTail : proof.narrowTail)
}

/** What a raise has to exclude. */
export interface Demand {
  /** The error rate, a fraction. */
  readonly bound: number
  /** The ratio of slow requests to stable's; null: nothing is asked of latency. */
  readonly tailRatio: number | null
}

/**
 * What a raise to `weight` has to exclude. A window with few requests cannot do much harm: an error
 * rate that costs at most `harmBudget` errors in it is let pass. A window of no length (`observe:
 * 0`) says nothing of the kind.
 *
 * @param next the weight after the raise, and the candidate's requests that its window will see
 */
export function demandOf(
  next: { weight: Weight; windowRequests: number },
  strategy: Strategy,
): Demand {
  const theta = strategy.trigger.errorRateThreshold
  const isWide = next.weight <= HALF
  const times = isWide ? WIDE_TIMES : NARROW_TIMES
  const harmless = next.windowRequests > 0 ? strategy.harmBudget / next.windowRequests : 0
  // For a tolerated rate near a half the bound must still lie above it.
  const largest = Math.max(LARGEST_BOUND, Math.min(0.9, 1.5 * theta))
  return {
    bound: Math.min(largest, Math.max(times * theta, harmless)),
    tailRatio: isWide ? WIDE_TAIL_RATIO : NARROW_TAIL_RATIO,
  }
}

/**
 * What the end of the bake has to exclude: twice what is tolerated.
 *
 * @param tolerated the tolerated error rate, or what stable had where that was more
 */
export function bakeDemand(tolerated: number): Demand {
  return { bound: Math.min(0.9, BAKE_TIMES * tolerated), tailRatio: null }
}

/** How many clean requests more would prove it; Infinity when that many cannot be told. */
export function cleanRequestsMissing(
  seen: { requests: number; errors: number },
  goal: { bound: number; bar: number },
): number {
  const proves = (more: number): boolean =>
    errorsProof({ requests: seen.requests + more, errors: seen.errors }, goal.bound) >= goal.bar
  return leastThat(proves)
}

/** The least whole number for which something holds that goes on holding for all larger ones. */
function leastThat(holds: (value: number) => boolean): number {
  if (holds(0)) return 0
  let high = 1
  while (!holds(high)) {
    high *= 2
    if (high > 1e12) return Number.POSITIVE_INFINITY
  }
  let low = high / 2
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    if (holds(middle)) high = middle
    else low = middle
  }
  return high
}

/**
 * About how many requests of the service more would prove the latency, when both arms go on as they
 * have until now: the expected growth of the best bet. Infinity when none of them grows.
 */
export function tailRequestsMissing(
  proof: Proof,
  goal: { ratio: number; bar: number },
  seen: { w: number; stableShare: number; candidateShare: number },
): number {
  const logs = goal.ratio === WIDE_TAIL_RATIO ? proof.wideTail : proof.narrowTail
  const needed = Math.log(goal.bar * TAIL_PARTS.length)
  let least = Number.POSITIVE_INFINITY
  TAIL_PARTS.forEach((part, k) => {
    const { up, down } = proofFactors(goal.ratio, part, seen.w)
    const growth = seen.w * seen.candidateShare * up + (1 - seen.w) * seen.stableShare * down
    if (growth > 0) least = Math.min(least, Math.max(0, needed - (logs[k] ?? 0)) / growth)
  })
  return Math.ceil(least)
}

/**
 * The upper bound of the candidate's error rate that holds with probability 1 − `miss`, however
 * often one has looked: the least rate that F speaks against strongly enough. 1 when nothing is
 * known.
 */
export function upperErrorRate(seen: { requests: number; errors: number }, miss: number): number {
  const bar = 1 / miss
  let low = 0
  let high = 1 - 1e-9
  if (errorsProof(seen, high) < bar) return 1
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2 // F grows with the rate that it speaks against
    if (errorsProof(seen, middle) >= bar) high = middle
    else low = middle
  }
  return high
}
