// Whose counts belong to a document: those of the rollout that it has, and of no other.

import { countedFor, type FleetCounters, type Merged, mergeCounters } from '../counters.ts'
import { noCounters, type NodeCounters } from '../counters.ts'
import type { ServiceDocument } from '../events.ts'

function keyOf({ state }: ServiceDocument): string | null {
  return state.rollout === null ? null : countedFor(state.rollout)
}

/** The counts without those of a rollout that is over. */
export function countersFor(
  document: ServiceDocument,
  counters: FleetCounters | null,
): FleetCounters | null {
  return counters?.rollout === keyOf(document) ? counters : null
}

/** Takes in what a node tells; null where it is about another rollout. */
export function countFor(
  document: ServiceDocument,
  counted: { counters: FleetCounters | null; message: NodeCounters },
): Merged | null {
  const { counters, message } = counted
  const key = keyOf(document)
  if (key === null || message.rollout !== key) return null
  return mergeCounters(counters ?? noCounters(key), message)
}
