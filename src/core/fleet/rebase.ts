// A node that was alone has lowered a weight, and the fleet has counted on meanwhile: same decision
// before it, newer evidence. Its own evidence knows only its own requests, so what it decided is
// done to the fleet's instead; else all that the others had counted would be counted again, as if
// drawn at the new weight.

import type { ServiceDocument } from '../events.ts'
import { type Evidence, foldLowering, noteWeightIn, withControl } from '../verdict/evidence.ts'
import { FULL_WEIGHT } from '../weight.ts'

/**
 * This node's document with the ledger's evidence; null where there is nothing to take: the rollout
 * has ended, or has not begun to be judged.
 *
 * @param now milliseconds of the node's clock
 */
export function rebased(
  ours: ServiceDocument,
  theirs: ServiceDocument,
  now: number,
): ServiceDocument | null {
  const { rollout } = ours.state
  if (ours.evidence === null || theirs.evidence === null || rollout === null) return null
  if (rollout.id !== theirs.state.rollout?.id) return null
  return { ...ours, evidence: lowered(theirs.evidence, { ours, theirs, now }) }
}

function lowered(
  evidence: Evidence,
  { now, ours, theirs }: { ours: ServiceDocument; theirs: ServiceDocument; now: number },
): Evidence {
  const { rollout, weight } = ours.state
  if (weight === theirs.state.weight || rollout === null) return evidence
  const change = { weight, nowMs: now, memoryMs: theirs.facts.memoryMs }
  const compared = withControl(evidence, rollout.strategy.trigger)
  const isFrom100 = theirs.state.weight === FULL_WEIGHT
  return isFrom100 ? foldLowering(compared, change) : noteWeightIn(compared, change)
}
