// How many rescues stable can be asked for at a time. Without a bound a candidate that fails
// outright at a large weight would double stable's load just when stable is needed most.

import { claims } from '../board/tallies.ts'
import type { Edge } from './edge.ts'

/**
 * Rescues of one thread that are always allowed, and their share of stable's requests otherwise. A
 * pause of 200 ms lets ten failures of a candidate with 50 requests a second end together, and none
 * of them should reach a user; so the floor is higher than the three that would do on average.
 */
const RESCUES_AT_LEAST = 16
const RESCUE_SHARE = 0.2

/** Whether one more rescue may be under way on the stable version with this slot. */
export function mayRescue(edge: Edge, stableSlot: number): boolean {
  const allowed = Math.max(RESCUES_AT_LEAST, RESCUE_SHARE * claims(edge.board, stableSlot))
  return edge.rescuesInFlight < allowed
}
