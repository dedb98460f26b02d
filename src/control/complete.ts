// A document that an older release has saved knows nothing of what has been added since. It is
// completed with what would hold for a rollout that begins now, so that an upgrade in the middle of
// a rollout freezes no service. What is there stays as it is.

import type { ServiceDocument } from '../core/events.ts'
import { NO_FACTS } from '../core/rollout/transition.ts'
import type { Rollout } from '../core/service.ts'
import type { Strategy } from '../core/strategy.ts'
import { type Evidence, noEvidence } from '../core/verdict/evidence.ts'

function completedStrategy(saved: Strategy, base: Strategy): Strategy {
  return { ...base, ...saved, trigger: { ...base.trigger, ...saved.trigger } }
}

function completedEvidence(saved: Evidence, { strategy }: Rollout): Evidence {
  const theta = strategy.trigger.errorRateThreshold
  const blank = noEvidence(saved.rollout, { nowMs: saved.seenMs, theta })
  return { ...blank, ...saved, proof: { ...blank.proof, ...saved.proof } }
}

/**
 * The document with all that this release expects in it.
 *
 * @param base the service's configured strategy
 */
export function completed(document: ServiceDocument, base: Strategy): ServiceDocument {
  const { evidence, facts, state } = document
  const known = { ...document, facts: { ...NO_FACTS, ...facts } }
  if (state.rollout === null) return known
  const rollout = { ...state.rollout, strategy: completedStrategy(state.rollout.strategy, base) }
  return {
    ...known,
    state: { ...state, rollout },
    evidence: evidence === null ? null : completedEvidence(evidence, rollout),
  }
}
