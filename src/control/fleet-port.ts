// What control asks of the fleet. Redis is behind it (`fleet/`), or a simulation. Calls never throw
// for what Redis does: they answer with what happened, or with `failed` and the reason within the
// time limit of a call. Everything that is heard comes through the listener, in the main thread.

import type { StoreAnswer, StoreProposal, StoreReading } from '../core/fleet/ledger.ts'
import type { Broadcast, Letter } from '../core/fleet/message.ts'
import type { Position } from '../core/fleet/position.ts'
import type { FleetKnowledge, FleetStanding } from '../core/fleet/standing.ts'
import type { JournalEntry } from '../core/journal.ts'

export type { StoreAnswer, StoreProposal, StoreReading }

export interface FleetListener {
  /** Any change of the standing; `before` was the one until now. */
  onStanding(standing: FleetStanding, before: FleetStanding): void
  onBroadcast(message: Broadcast): void
  onLetter(message: Letter): void
  /** Redis is there (again): everything in it has to be compared. */
  onConnected(): void
}

export interface FleetPort {
  readonly node: string
  /** Which fleet this is: what was confirmed by one says nothing of what another holds. */
  readonly place: string
  readonly standing: FleetStanding
  /** Connects and joins; resolves when that has succeeded, or after a bounded wait without it. */
  start(listener: FleetListener): Promise<void>
  /** @param knownTerm the largest term that is known of it */
  read(service: string, knownTerm: number): Promise<StoreReading>
  /** The positions and saves that the ledger holds now; what cannot be asked is left out. */
  positions(
    services: readonly string[],
  ): Promise<ReadonlyMap<string, { position: Position; save: number } | null>>
  propose(service: string, proposal: StoreProposal): Promise<StoreAnswer>
  /** Tells all nodes. Lost without a word when Redis is away. */
  broadcast(message: Broadcast): void
  /** Tells one node. Lost without a word when Redis is away. */
  send(node: string, message: Letter): void
  /** Adds to the fleet's journal; kept while Redis is away, up to a bound. */
  note(entry: JournalEntry): void
  /** The newest entries of a service in the fleet's journal, oldest first. */
  journal(
    service: string,
    count: number,
  ): Promise<readonly (JournalEntry & { readonly node: string })[] | { readonly failed: string }>
  knowledge(): FleetKnowledge
  /** The service is not in this node's file any more: nothing is wrong with it here. */
  forget(service: string): void
  /** The nodes that can be waited for, without this one. */
  others(): readonly string[]
  /** Gives the lease back and takes it no more: this node is about to stop. */
  resign(): void
  /** Gives the lease back, leaves the members and disconnects; bounded. */
  close(): Promise<void>
}
