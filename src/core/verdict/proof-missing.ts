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
} from './proof.ts'
import { amount, count, percent, seconds } from './words.ts'

export interface Proving {
  readonly evidence: Evidence
  readonly strategy: Strategy
  readonly facts: Facts
  readonly demand: Demand
}

/** What is missing, as a sentence; null when harmlessness is proven. */
export function proofMissing(on: Proving): string | null {
  return errorsMissing(on) ?? tailMissing(on)
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

function errorsMissing({ demand, evidence, facts, strategy }: Proving): string | null {
  const bar = errorsBar(strategy)
  // The bake is judged by its own requests: at 100 % there is a load that no step has seen.
  const isBake = demand.tailRatio === null
  const seen = isBake ? evidence.step : evidence.proof
  if (errorsProof(seen, demand.bound) >= bar) return null
  if (!isBake && relativeProof(evidence.proof) >= bar) return null
  const missing = cleanRequestsMissing(seen, { bound: demand.bound, bar })
  const perSecond = (facts.ratePerSecond * evidence.weights.current) / FULL_WEIGHT
  const goal = `to show that fewer than ${percent(demand.bound)} fail`
  if (!Number.isFinite(missing)) return `holds as no number of clean requests suffices ${goal}`
  return `needs ${count(missing, 'more clean request')}${atRate(missing, perSecond)}, ${goal}`
}

function tailMissing({ demand, evidence, facts, strategy }: Proving): string | null {
  const { anchor, candidate, noTail, proof, weights } = evidence
  const { tailRatio } = demand
  if (tailRatio === null) return null
  const bar = tailBar(strategy)
  if (tailProof(proof, tailRatio) >= bar) return null
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
