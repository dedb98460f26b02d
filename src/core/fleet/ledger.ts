// What can be asked of the fleet's ledger, and what it answers. A document changes only where the
// ledger holds what the asker expects (compare and set). Asking never throws: what Redis does
// instead of answering is an answer, too.

import type { Position } from './position.ts'
import type { Body, Stored } from './stored.ts'

export type StoreReading =
  | { readonly found: 'document'; readonly stored: Stored }
  | { readonly found: 'nothing' }
  /** What is there cannot be read: another type, damage, or a newer format. */
  | { readonly found: 'damage'; readonly text: string }
  | { readonly found: 'failed'; readonly reason: string }

export type StoreAnswer =
  | { readonly result: 'accepted'; readonly position: Position; readonly save: number }
  /** The ledger holds something else than was expected; null: nothing. */
  | { readonly result: 'conflict'; readonly stored: Stored | null }
  /** A later holder of the lease has written. */
  | { readonly result: 'fenced'; readonly lease: number; readonly stored: Stored | null }
  | { readonly result: 'failed'; readonly reason: string }

export interface StoreProposal {
  /** What the ledger must hold; null: nothing. */
  readonly expected: Position | null
  readonly body: Body
  /** The number of the lease, which fences; null: whoever writes what any node may. */
  readonly lease: number | null
  /** The largest term that this node knows of. */
  readonly knownTerm: number
}
