// What a rollout has to prove next: which step follows the weight in force, and how much harm must
// be excluded before it, or before the end of the bake. It decides nothing itself.

import type { ServiceDocument } from '../events.ts'
import type { Rollout, ServiceState } from '../service.ts'
import type { Evidence } from '../verdict/evidence.ts'
import { bakeDemand, type Demand, demandOf } from '../verdict/proof.ts'
import { FULL_WEIGHT } from '../weight.ts'

/** The index of the next step: the first one above the weight in force. */
export function nextStepOf(state: ServiceState, rollout: Rollout): number {
  const { steps } = rollout.strategy
  const above = steps.findIndex((step, i) => i > rollout.step && step.weight > state.weight)
  return above === -1 ? steps.length - 1 : above
}

/** What the end of the present step, or of the bake, has to exclude. */
export function demandNow({ facts, state }: ServiceDocument, evidence: Evidence): Demand | null {
  const { rollout } = state
  if (rollout === null || rollout.strategy.trigger.mode === 'threshold') return null
  const { strategy } = rollout
  const theta = strategy.trigger.errorRateThreshold
  if (rollout.phase === 'baking') {
    const { errors, requests } = evidence.stable
    // Where stable itself fails more often than is tolerated, no more can be asked.
    return bakeDemand(errors > theta * requests ? Math.max(theta, evidence.bound) : theta)
  }
  const next = strategy.steps[nextStepOf(state, rollout)]
  const weight = next?.weight ?? FULL_WEIGHT
  const perSecond = (facts.ratePerSecond * weight) / FULL_WEIGHT
  const windowRequests = (perSecond * (next?.observeMs ?? 0)) / 1000
  return demandOf({ weight, windowRequests }, strategy)
}
