// What the replica answers: what has to be carried out, and what has to be asked of the ledger.

import type { Effect } from '../events.ts'
import type { StoreProposal } from './ledger.ts'
import type { Position } from './position.ts'
import type { Reconciled } from './reconcile.ts'
import type { Body } from './stored.ts'

/** What has to be done next; null: nothing. */
export type Next = 'read' | 'propose' | null

export interface Outcome {
  /**
   * What the document is now; null: it was not held against the ledger. `rebased`: what was decided
   * here, on top of newer evidence of the ledger (rebase.ts).
   */
  readonly outcome: Reconciled['outcome'] | 'rebased' | null
  /** To be carried out with the replica's document, which has been taken over already. */
  readonly effects: readonly Effect[]
  readonly next: Next
}

/** Who asks the ledger for a change, and when by its own clock. */
export interface Asker {
  /** The number of the lease that this node holds; null: it holds none. */
  readonly lease: number | null
  readonly clockMs: number
}

/** What was known when the ledger was asked. */
export interface Asking {
  readonly confirmed: Position | null
}

export interface Sent extends Asking {
  readonly proposal: StoreProposal
  /** Which of the documents that the ledger has put in our place it builds on. */
  readonly lineage: number
}

export const NOTHING: Outcome = { outcome: null, effects: [], next: null }
export const READ: Outcome = { ...NOTHING, next: 'read' }

/** What is proposed, with what was put back where something was. */
export function bodyOf(
  counted: Pick<Body, 'document' | 'counters'>,
  { clockMs, restored }: { clockMs: number; restored: readonly Position[] },
): Body {
  const { counters, document } = counted
  const body = { document, counters, clockMs }
  return restored.length === 0 ? body : { ...body, restored }
}
