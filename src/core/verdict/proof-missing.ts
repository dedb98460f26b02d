// What is missing to the proof that a candidate is harmless, in one sentence with a number and a
// time: how many clean requests more, and how long they take at the rate at which they come now.
// Nothing is decided by these numbers; a raise asks only whether something is missing at all.

import type { Facts } from '../facts.ts'
import type { Strategy } from '../strategy.ts'
import { FULL_WEIGHT } from '../weight.ts'
import type { Evidence } from './evidence.ts'
import {
  cleanRequestsMissing,
  type Demand,
  errorsProof,
  relativeProof,
  tailProof,
  tailRequestsMissing,
  WIDE_TAIL_RATIO,
} from './proof.ts'
import { amount, count, percent, seconds } from './words.ts'

export interface Proving {
  readonly evidence: Evidence
  readonly strategy: Strategy
  readonly facts: Facts
  readonly demand: Demand
}

/** Whether the candidate is proven to be harmless enough for what comes next. */
export function isProven(on: Proving): boolean {
  return isErrorsProven(on) && isTailProven(on)
}

/** What is missing to the proof, as a sentence; asked only while something is. */
export function proofMissing(on: Proving): string {
  return isErrorsProven(on) ? tailMissing(on) : errorsMissing(on)
}

/** The bake is judged by its own requests: at 100 % there is a load that no step has seen. */
function seenOf({ demand, evidence }: Proving): { requests: number; errors: number } {
  return demand.tailRatio === null ? evidence.step : evidence.proof
}

function isErrorsProven(on: Proving): boolean {
  const bar = errorsBar(on.strategy)
  if (errorsProof(seenOf(on), on.demand.bound) >= bar) return true
  return on.demand.tailRatio !== null && relativeProof(on.evidence.proof) >= bar
}

function isTailProven({ demand, evidence, strategy }: Proving): boolean {
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

/** `, about 12 s at today's rate`; empty when nothing comes. */
function atRate(requests: number, perSecond: number): string {
  if (!(perSecond > 0) || !Number.isFinite(requests)) return ''
  return `, about ${seconds((requests / perSecond) * 1000)} at today's rate`
}

function errorsMissing(on: Proving): string {
  const { demand, evidence, facts, strategy } = on
  const seen = seenOf(on)
  const bar = errorsBar(strategy)
  const missing = cleanRequestsMissing(seen, { bound: demand.bound, bar })
  const perSecond = (facts.ratePerSecond * evidence.weights.current) / FULL_WEIGHT
  const goal = `to show that fewer than ${percent(demand.bound)} fail`
  if (!Number.isFinite(missing)) return `holds as no number of clean requests suffices ${goal}`
  return `needs ${count(missing, 'more clean request')}${atRate(missing, perSecond)}, ${goal}`
}

function tailMissing({ demand, evidence, facts, strategy }: Proving): string {
  const { anchor, candidate, noTail, proof, weights } = evidence
  const tailRatio = demand.tailRatio ?? WIDE_TAIL_RATIO
  const bar = tailBar(strategy)
  const goal =
    'to show that the candidate has fewer than ' +
    `${amount(tailRatio)} times as many slow requests as stable`
  if (anchor === null) {
    return `holds as latency cannot be judged: ${noTail === '' ? 'nothing was measured' : noTail}`
  }
  const missing = tailRequestsMissing(
    proof,
    { ratio: tailRatio, bar },
    {
      w: weights.current / FULL_WEIGHT,
      stableShare: anchor.requests === 0 ? 0 : anchor.over / anchor.requests,
      candidateShare: candidate.measured === 0 ? 0 : candidate.exceeded / candidate.measured,
    },
  )
  if (!Number.isFinite(missing)) {
    return `holds as slow requests of the candidate are too many ${goal}`
  }
  const more = Math.max(1, missing)
  return `needs about ${count(more, 'more request')}${atRate(more, facts.ratePerSecond)}, ${goal}`
}
