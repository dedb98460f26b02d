// How far the proof is that a candidate is harmless, in numbers and in a sentence: how many clean
// requests more it needs, and how long they take at the rate at which they come now. A raise asks
// only whether something is missing at all; nothing else is decided by these numbers. Beside it
// stands what is not known: how often the candidate may fail in spite of all that was seen.

import type { ProofView, RiskView } from '../explanation.ts'
import type { Facts } from '../facts.ts'
import type { Strategy } from '../strategy.ts'
import { FULL_WEIGHT } from '../weight.ts'
import type { ArmTotals, Evidence } from './evidence.ts'
import {
  cleanRequestsMissing,
  type Demand,
  ERROR_RATIO,
  errorsProof,
  relativeProof,
  tailProof,
  tailRequestsMissing,
  upperErrorRate,
} from './proof.ts'
import { amount, count, duration, percent } from './words.ts'

/** The residual risk is told with this probability of being wrong. */
export const RISK_MISS = 0.05

/** For estimates: so many slow requests are taken to have been seen already … */
const PRIOR_SLOW = 10
/** … at the share that stable had, which was at least this. */
const LEAST_SHARE = 1e-4
/** Of more requests than these nobody wants to know how many they are. */
const MOST_MISSING = 1e12

export interface Proving {
  readonly evidence: Evidence
  readonly strategy: Strategy
  readonly facts: Facts
  readonly demand: Demand
}

/** What is missing to the proof, as a sentence; asked only while something is. */
export function proofMissing(on: Proving): string {
  return proofsOf(on).find(({ proven }) => !proven)?.text ?? ''
}

/** How far each of the proofs is that the end of the step, or of the bake, waits for. */
export function proofsOf(on: Proving): readonly ProofView[] {
  const { tailRatio } = on.demand
  return tailRatio === null ? [errorsView(on)] : [errorsView(on), tailView(on, tailRatio)]
}

/** What is not known of the candidate's errors, by all of its requests that count as proof. */
export function riskOf({ proof }: Evidence): RiskView {
  const errorRate = upperErrorRate(proof, RISK_MISS)
  const confidence = 1 - RISK_MISS
  const text =
    `${percent(confidence)} upper bound on the candidate's error rate: ${percent(errorRate)} ` +
    `(${proof.errors} of ${count(proof.requests, 'request')} failed)`
  return { errorRate, confidence, text }
}

/** The bake is judged by its own requests: at 100 % there is a load that no step has seen. */
function seenOf({ demand, evidence }: Proving): { requests: number; errors: number } {
  return demand.tailRatio === null ? evidence.step : evidence.proof
}

/** Whether so few requests fail that the next step can be risked. */
export function isErrorsProven(on: Proving): boolean {
  const bar = errorsBar(on.strategy)
  if (errorsProof(seenOf(on), on.demand.bound) >= bar) return true
  return on.demand.tailRatio !== null && relativeProof(on.evidence.proof) >= bar
}

/** Whether so few requests are slow, where that is asked. */
export function isTailProven({ demand, evidence, strategy }: Proving): boolean {
  const { tailRatio } = demand
  return tailRatio === null || tailProof(evidence.proof, tailRatio) >= tailBar(strategy)
}

/** The bar of the proof of errors: its two ways share β. */
export function errorsBar({ beta }: Strategy): number {
  return 2 / beta
}

export function tailBar({ beta }: Strategy): number {
  return 1 / beta
}

/** How long requests take that come at this rate; null when none come or no number suffices. */
function secondsFor(requests: number, perSecond: number): number | null {
  return perSecond > 0 && Number.isFinite(requests) ? requests / perSecond : null
}

/** `, about 12 s at today's rate`; empty when nothing comes. */
function atRate(inSeconds: number | null): string {
  return inSeconds === null ? '' : `, about ${duration(inSeconds * 1000)} at today's rate`
}

function errorsView(on: Proving): ProofView {
  const { demand, evidence, facts, strategy } = on
  const seen = seenOf(on)
  const bar = errorsBar(strategy)
  const againstBound = errorsProof(seen, demand.bound)
  const againstStable = demand.tailRatio === null ? 0 : relativeProof(evidence.proof)
  const value = Math.max(againstBound, againstStable)
  const known = { proof: 'errors', excludes: demand.bound, value, bar } as const
  const goal = `that fewer than ${percent(demand.bound)} of its requests fail`
  if (isErrorsProven(on)) {
    const byStable = `that it fails less than ${ERROR_RATIO} times as often as stable`
    const text = `has shown ${againstBound >= bar ? goal : byStable}`
    return { ...known, proven: true, missingRequests: 0, aboutSeconds: 0, text }
  }
  const missing = cleanRequestsMissing(seen, { bound: demand.bound, bar })
  if (!Number.isFinite(missing)) {
    const text = `holds as no number of the candidate's clean requests suffices to show ${goal}`
    return { ...known, proven: false, missingRequests: null, aboutSeconds: null, text }
  }
  const perSecond = (facts.ratePerSecond * evidence.weights.current) / FULL_WEIGHT
  const aboutSeconds = secondsFor(missing, perSecond)
  const requests = `${count(missing, 'more clean request')} of the candidate`
  const text = `needs ${requests}${atRate(aboutSeconds)}, to show ${goal}`
  return { ...known, proven: false, missingRequests: missing, aboutSeconds, text }
}

function tailView(on: Proving, ratio: number): ProofView {
  const { anchor, noTail, proof } = on.evidence
  const bar = tailBar(on.strategy)
  const known = { proof: 'p99', excludes: ratio, bar } as const
  const goal = `that the candidate has fewer than ${amount(ratio)} times as many slow requests as stable`
  const unknown = { proven: false, missingRequests: null, aboutSeconds: null } as const
  const value = tailProof(proof, ratio)
  if (value >= bar) {
    const text = `has shown ${goal}`
    return { ...known, value, proven: true, missingRequests: 0, aboutSeconds: 0, text }
  }
  if (anchor === null) {
    const why = noTail === '' ? 'nothing was measured' : noTail
    const text = `holds as latency cannot be judged: ${why}`
    return { ...known, ...unknown, value: null, text }
  }
  const missing = tailMissing(on, ratio)
  if (!Number.isFinite(missing)) {
    const text = `holds as slow requests of the candidate are too many to show ${goal}`
    return { ...known, ...unknown, value, text }
  }
  const aboutSeconds = secondsFor(missing, on.facts.ratePerSecond)
  const requests = count(missing, 'more request')
  const text = `needs about ${requests} of the service${atRate(aboutSeconds)}, to show ${goal}`
  return { ...known, value, proven: false, missingRequests: missing, aboutSeconds, text }
}

/** Requests of both versions that the proof of latency lacks, about; Infinity when none suffice. */
function tailMissing({ evidence, strategy }: Proving, ratio: number): number {
  const { anchor, candidate, proof, stable, weights } = evidence
  // Until much has been seen, stable is taken to go on as before and the candidate to be like it:
  // a share of the first few requests would have the estimate jump between seconds and hours.
  const before = Math.max(LEAST_SHARE, shareOf(anchor?.over ?? 0, anchor?.requests ?? 0))
  const stableShare = shareWithPrior(stable, before)
  const seen = {
    w: weights.current / FULL_WEIGHT,
    stableShare,
    candidateShare: shareWithPrior(candidate, stableShare),
  }
  const missing = tailRequestsMissing(proof, { ratio, bar: tailBar(strategy) }, seen)
  return missing > MOST_MISSING ? Number.POSITIVE_INFINITY : Math.max(1, missing)
}

/** The share of slow requests, with ten slow ones of the share that is taken for granted. */
function shareWithPrior({ exceeded, measured }: ArmTotals, share: number): number {
  return (exceeded + PRIOR_SLOW) / (measured + PRIOR_SLOW / share)
}

function shareOf(bad: number, all: number): number {
  return all === 0 ? 0 : bad / all
}
