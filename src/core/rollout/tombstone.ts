// What an ended rollout leaves behind when it ended for the worse: its tombstone. A single node has
// no use for it; in a fleet it is what wins over everything that was decided without knowing of it.

import type { ServiceState, Tombstone } from '../service.ts'

/**
 * More are not remembered; the oldest are let go. A node that has been away for that many aborted
 * rollouts finds its own one neither running nor stable.
 */
const TOMBSTONES = 32

/** Whether it is there, or was and has been let go: two nodes must not hand it each other again. */
export function hasTombstone({ tombstones = [] }: ServiceState, stone: Tombstone): boolean {
  if (tombstones.some((known) => isSameRollout(known, stone))) return true
  if (tombstones.length < TOMBSTONES) return false
  return tombstones.every((known) => numberOf(known) >= numberOf(stone))
}

/** Rollouts of a service are numbered, so what is older can be told from what is missing. */
function numberOf({ rollout }: Tombstone): number {
  return Number(rollout.slice(rollout.lastIndexOf('-') + 1))
}

/** An id alone does not name a rollout, as histories that parted may have given it twice. */
export function isSameRollout(one: Tombstone, other: Tombstone): boolean {
  return one.rollout === other.rollout && one.version === other.version
}

/** The tombstones with one more, by the number of their rollout; the oldest are let go. */
export function withTombstone(
  state: ServiceState,
  stone: Tombstone,
): NonNullable<ServiceState['tombstones']> {
  const others = (state.tombstones ?? []).filter((known) => !isSameRollout(known, stone))
  return [...others, stone]
    .toSorted((one, other) => numberOf(one) - numberOf(other))
    .slice(-TOMBSTONES)
}
