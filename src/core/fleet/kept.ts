// What a node keeps on its disk beside a document, so that behind a restart it knows what the
// fleet's ledger has confirmed of it and what it has not.

import type { FleetCounters } from '../counters.ts'
import { NOWHERE, type Shares } from './adopt.ts'
import { hasTombstone } from '../rollout/tombstone.ts'
import type { ServiceState } from '../service.ts'
import type { Position } from './position.ts'
import type { Pending } from './reconcile.ts'

export interface Kept {
  readonly confirmed: Position | null
  /** Of what was confirmed: how new its evidence is. */
  readonly save: number
  /** Who was sent what when it was confirmed: more needs the lease. */
  readonly agreed: Shares
  readonly pending: readonly Pending[]
  /** Sentences about what does not hold that are in no journal yet. */
  readonly unsaid: readonly string[]
  /** Positions that Redis had lost and that were put back. */
  readonly restored: readonly Position[]
  /** The largest term that is known. */
  readonly term: number
  /** Whose counts are in the document's evidence. */
  readonly counters: FleetCounters | null
}

/** What a node keeps that has never met a ledger. */
export const NOTHING_KEPT: Kept = {
  confirmed: null,
  save: 0,
  agreed: NOWHERE,
  pending: [],
  unsaid: [],
  restored: [],
  term: 0,
  counters: null,
}

/**
 * Whether the disk may have `copied` for a moment longer while `now` holds: it is the same decision
 * with newer evidence, or the same rollout with more weight. A node that crashes by then comes back
 * with less than was decided, never with more, and forgets no end.
 */
export function mayWait(copied: ServiceState, now: ServiceState): boolean {
  if (copied.epoch === now.epoch) return true
  const [before, after] = [copied.rollout, now.rollout]
  if (before === null || after === null) return false
  const isSame = before.id === after.id && before.startedMs === after.startedMs
  const isPaused = after.pause !== null && before.pause === null
  const isRow = copied.stable === now.stable && copied.candidate === now.candidate
  const ends = (now.tombstones ?? []).filter((stone) => !hasTombstone(copied, stone))
  return isSame && isRow && !isPaused && ends.length === 0 && copied.weight <= now.weight
}
