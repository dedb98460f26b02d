// What an operator sees of a fleet.

import type { JournalEntry } from '../journal.ts'
import type { Member, Standing } from './standing.ts'

export interface MemberView extends Member {
  /** This is the node that was asked. */
  readonly isSelf: boolean
}

/** How far a change of a service has come. */
export interface Convergence {
  readonly service: string
  readonly revision: number
  /** Nodes that serve by this revision, and how long after the decision each did. */
  readonly applied: readonly { readonly node: string; readonly afterMs: number }[]
  /** Live nodes that have not confirmed it. */
  readonly waiting: readonly string[]
}

export interface FleetView {
  readonly node: string
  readonly standing: Standing
  /** Who holds the lease; null: nobody, or it is not known. */
  readonly leader: string | null
  /** Why no weight may be raised here, as a clause; null when it may. */
  readonly mayNotRaise: string | null
  /** What Redis is, without secrets. */
  readonly redis: string
  /** ISO 8601; null: it is there. */
  readonly awaySince: string | null
  /** What that means now, one sentence; empty when all is well. */
  readonly meaning: string
  readonly members: readonly MemberView[]
  readonly services: readonly Convergence[]
}

/** An entry of the fleet's journal, which is made of what all nodes have decided. */
export interface FleetEntry extends JournalEntry {
  readonly node: string
}
