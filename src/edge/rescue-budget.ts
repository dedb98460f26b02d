// How many rescues stable can be asked for at a time. Without a bound a candidate that fails
// outright at a large weight would double stable's load just when stable is needed most.

import { claims } from '../board/tallies.ts'
import type { RescueBudget } from '../core/table.ts'
import type { Edge } from './edge.ts'

/** Whether one more rescue may be under way on the stable version with this slot. */
export function mayRescue(edge: Edge, stableSlot: number, budget: RescueBudget): boolean {
  const allowed = Math.max(budget.atLeast, budget.share * claims(edge.board, stableSlot))
  return (edge.rescuesInFlight.get(stableSlot) ?? 0) < allowed
}
