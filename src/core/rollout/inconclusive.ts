// A step that is over its least time and proves nothing: neither that the candidate is bad nor that
// it is harmless. It is held for a while with the tests going on, and then a person is asked, or
// what the operator has decided beforehand is done. What remains unknown is said as a number.

import type { ServiceDocument } from '../events.ts'
import { riskOf } from '../verdict/proof-missing.ts'
import type { Hold } from '../verdict/readiness.ts'
import { seconds } from '../verdict/words.ts'
import { percentFromWeight } from '../weight.ts'
import { endedDocument } from './end.ts'
import { explanationOf, journalEffect } from './explanation.ts'
import { type Telling, tellOnCall } from './incident.ts'
import { pauseWith } from './raise.ts'
import { outOfTraffic, rolloutOf, type Stepped } from './transition.ts'

/**
 * Holds that end by nothing but more evidence. Without any request there is nothing to conclude.
 */
const UNDECIDED: ReadonlySet<Hold['word']> = new Set([
  'suspicion',
  'requests',
  'errors-proof',
  'latency-proof',
  'reopened',
  'no-refuge',
])

/** Whether the step has been held for as long as it may be. */
export function isInconclusive(
  document: ServiceDocument,
  at: { hold: Hold; leastMs: number; now: number },
): boolean {
  const rollout = rolloutOf(document)
  const dataMs = document.evidence?.stepDataMs ?? null
  if (!UNDECIDED.has(at.hold.word) || dataMs === null) return false
  // A night without traffic is no time in which anything could have been proven.
  const heldMs = Math.max(rollout.stepSinceMs + at.leastMs, dataMs)
  const reopenedMs = document.evidence?.proof.weightSinceMs ?? 0
  const sinceMs = at.hold.word === 'reopened' ? reopenedMs : heldMs
  return at.now - sinceMs >= rollout.strategy.maxHoldMs
}

/** What is known and not known, in one sentence. */
export function inconclusiveText(document: ServiceDocument, hold: Hold): string {
  const { strategy } = rolloutOf(document)
  const risk = document.evidence === null ? '' : `; ${riskOf(document.evidence).text}`
  return `inconclusive after ${seconds(strategy.maxHoldMs)} of holding: ${hold.text}${risk}`
}

/** Pauses the rollout, or takes the candidate out, and tells on-call. */
export function conclude(document: ServiceDocument, order: { hold: Hold; now: number }): Stepped {
  const { facts, state } = document
  const rollout = rolloutOf(document)
  const explanation = explanationOf(document)
  if (explanation === null) throw new Error('cannot conclude without evidence')
  const reason = inconclusiveText(document, order.hold)
  const page: Telling = {
    ...{ incident: rollout.id, version: state.candidate, severity: 'warning', now: order.now },
    text: `${state.service}: ${reason}`,
    evidence: explanation,
  }
  const canReturn = state.stable !== null && facts.stable.healthy > 0
  if (rollout.strategy.onInconclusive !== 'rollback' || !canReturn) {
    const paused = pauseWith(document, { reason, by: 'rollout', now: order.now })
    return tellOnCall(paused, page)
  }
  const text = `${state.candidate} was rolled back from ${percentFromWeight(state.weight)} %: ${reason}`
  const end = { ending: 'rolled-back', reason: text, explanation } as const
  const next = endedDocument(document, { ...end, by: 'rollout', now: order.now })
  const stepped = {
    document: next,
    note: text,
    effects: [
      ...outOfTraffic(next.state),
      // No quarantine: nothing speaks against the version, it was only not seen enough.
      journalEffect(document, { kind: 'rolled-back', text, by: 'rollout', weight: 0 }),
    ],
  }
  return tellOnCall(stepped, page)
}
