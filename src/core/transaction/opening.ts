// How many connections a run of synthetic transactions may be opening to a target at a time. Each
// costs as much as several requests, so they come a few at a time. What waits in a thread that
// comes late itself says nothing of the target: opening more would make the queue behind a slow
// moment of the machine longer, and the connections at hand carry it off sooner, where they are
// enough. They are when there are more than are busy at a time (Little's law: the rate times how
// long each is busy), with something to spare, as they are not evenly so.

const AT_A_TIME = 16
const SPARE = 2
const SPARE_CONNECTIONS = 16

/**
 * @param at.connections to the target, those that are being opened included
 * @param at.perMs transactions that become due to the target in a millisecond
 * @param at.busyMs how long one keeps its connection, from what was seen while the thread was on
 *   time; null: nothing was
 * @param at.isLate whether the thread is late, or was a moment ago
 */
export function openingMost(at: {
  readonly connections: number
  readonly perMs: number
  readonly busyMs: number | null
  readonly isLate: boolean
}): number {
  const { busyMs, connections, isLate, perMs } = at
  if (!isLate || busyMs === null) return AT_A_TIME
  return connections < SPARE * perMs * busyMs + SPARE_CONNECTIONS ? AT_A_TIME : 1
}
