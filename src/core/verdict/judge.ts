// The judgement: one word about the candidate, from the evidence of this moment. It is asked after
// every tick; that it may be asked so often without condemning the innocent is the tests' merit.
//
//   fine       go on
//   suspect    go on, but no raise
//   reopen     at 100 % something looks bad and there is nothing to compare with: back to 50/50
//   restore    the comparison was reopened and the suspicion has gone: back to 100 %
//   roll-back  the bar is crossed
//
// It does not know whether there is anywhere to go: that is the rollout's business.

import type { WindowFigures } from '../facts.ts'
import type { Strategy } from '../strategy.ts'
import { FULL_WEIGHT } from '../weight.ts'
import { barOf, type Evidence, type EvidenceValues, readEvidence } from './evidence.ts'
import { thresholdCrossed } from './threshold.ts'

/**
 * Absolute evidence at 100 % above this reopens the comparison; below RESTORE it is closed again.
 */
export const REOPEN = 10
export const RESTORE = 1

export type Judgement = 'fine' | 'suspect' | 'reopen' | 'restore' | 'roll-back'

export interface Case {
  readonly evidence: Evidence
  readonly strategy: Strategy
  readonly reopened: boolean
  /** For mode `threshold`. */
  readonly windows: { readonly candidate: WindowFigures; readonly stable: WindowFigures }
}

/** Judges the candidate by what is known now. */
export function judge(on: Case): Judgement {
  const { trigger } = on.strategy
  if (trigger.mode === 'threshold') {
    return thresholdCrossed(on.windows, trigger) === null ? 'fine' : 'roll-back'
  }
  const values = readEvidence(on.evidence)
  const bar = barOf(trigger)
  if (values.errors >= bar || values.tail >= bar) return 'roll-back'
  const absolute = Math.max(values.absolute, values.tailAbsolute)
  if (on.reopened) return absolute < RESTORE ? 'restore' : 'suspect'
  if (on.evidence.weights.current === FULL_WEIGHT && absolute >= REOPEN) return 'reopen'
  return suspicionOf(values) > on.strategy.suspicion ? 'suspect' : 'fine'
}

/** What holds a raise back when it stands above the strategy's `suspicion`. */
export function suspicionOf(values: EvidenceValues): number {
  return Math.max(values.errors, values.tail, values.tailAbsolute)
}

/** The metric whose evidence is larger: what a rollback is ascribed to. */
export function causeOf(evidence: Evidence): 'errors' | 'p99' {
  const values = readEvidence(evidence)
  return values.errors >= values.tail ? 'errors' : 'p99'
}
