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
  if (isOverBudget(on)) return 'roll-back'
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

/** Whether as many failures have reached users as the operator is willing to pay. */
export function isOverBudget({ evidence, strategy }: Pick<Case, 'evidence' | 'strategy'>): boolean {
  const { maxUserErrors } = strategy.trigger
  return maxUserErrors !== null && evidence.candidate.userErrors >= maxUserErrors
}

/** What a rollback is ascribed to: the metric whose evidence is larger, or the blast budget. */
export function causeOf(on: Case): string {
  const { trigger } = on.strategy
  const values = readEvidence(on.evidence)
  const errors = `errors${isDeadOnArrival(on.evidence) ? ' (dead on arrival)' : ''}`
  if (trigger.mode === 'threshold') return isOverBudget(on) ? 'user errors' : 'thresholds'
  const bar = barOf(trigger)
  if (values.errors < bar && values.tail < bar) return 'user errors'
  return values.errors >= values.tail ? errors : 'p99'
}

/** A label, not a test: the candidate has never answered a single request well. */
export function isDeadOnArrival({ candidate }: Evidence): boolean {
  return candidate.errors > 0 && candidate.errors === candidate.requests
}
