// Where a node keeps what is true of its services: the truth itself where it works alone, in a
// fleet its copy. A document changes only by compare-and-set on its epoch; the same epoch again is
// the same decision with newer evidence.

import type { ServiceDocument } from '../core/events.ts'
import type { Kept } from '../core/fleet/kept.ts'

export interface SavedDocument {
  readonly document: ServiceDocument
  /** The node's own time when it was saved, so that time goes on where it stopped. */
  readonly clockMs: number
  /** In a fleet: how the copy stands to its ledger; absent where a node works alone. */
  readonly fleet?: Kept
  /** The fleet whose ledger that is (`FleetPort.place`). */
  readonly place?: string
}

export type Reading =
  | { readonly found: 'document'; readonly saved: SavedDocument }
  | { readonly found: 'nothing' }
  /** There was one, and it cannot be read; the sentence says where it was put. */
  | { readonly found: 'damage'; readonly text: string }

export type Proposal =
  | { readonly result: 'accepted' }
  /** Somebody else has changed it; `epoch` is the ledger's. */
  | { readonly result: 'conflict'; readonly epoch: number }
  | { readonly result: 'failed'; readonly reason: string }

export interface Ledger {
  /** What the ledger holds for a service. Never throws for what it finds. */
  read(service: string): Promise<Reading>
  /**
   * Saves a document if the ledger's epoch is `expectedEpoch` (null: it holds none; undefined:
   * whatever it holds). `durable` waits until it would survive a loss of power.
   */
  propose(
    saved: SavedDocument,
    options: { expectedEpoch: number | null | undefined; durable: boolean },
  ): Promise<Proposal>
  close(): Promise<void>
}
