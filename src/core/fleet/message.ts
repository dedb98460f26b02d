// What the nodes of a fleet tell each other beside the ledger. All of it may be lost, late, doubled
// or out of order: what has to survive stands in the ledger.

import type { Answer, Command } from '../command.ts'
import type { NodeCounters } from '../counters.ts'
import type { Position } from './position.ts'
import type { Stored } from './stored.ts'

/** The ledger holds something new. `stored` is left out where only evidence is newer. */
export interface Changed {
  readonly message: 'changed'
  readonly service: string
  readonly position: Position
  readonly save: number
  readonly stored: Stored | null
}

/**
 * A node serves by this position: its row is in force in all its threads. The others tell the
 * writer, and the writer tells all.
 */
export interface Applied {
  readonly message: 'applied'
  readonly node: string
  readonly service: string
  readonly position: Position
  /** Milliseconds since 1970, by the node's wall clock. */
  readonly atMs: number
  /** Other nodes that serve by it, as they have told this one, and since when each. */
  readonly others?: Readonly<Record<string, number>>
}

/** Where traffic of one version went since the node's last message of this kind; no sums. */
export interface VersionInterval {
  readonly version: string
  /** Latencies in microseconds, an HDR histogram in its compressed base64 form; empty: none. */
  readonly latency: string
  /** By outcome, in the order of OUTCOMES. */
  readonly outcomes: readonly number[]
  readonly rescued: number
  readonly evidenceGood: number
  readonly evidenceBad: number
  /** Requests given to each target so far, by its URL. These are sums. */
  readonly given: Readonly<Record<string, number>>
  readonly inFlight: number
}

/** From a node to the holder of the lease. */
export interface Counted {
  readonly message: 'counted'
  readonly service: string
  /** Sums for the verdict; null while nothing rolls out. */
  readonly counters: NodeCounters | null
  /** Once a second; empty in between. */
  readonly intervals: readonly VersionInterval[]
}

/** An operator's command, from the node that was asked to the holder of the lease. */
export interface Asked {
  readonly message: 'asked'
  readonly id: string
  /** Who gets the answer. */
  readonly node: string
  readonly command: Command
}

export interface Answered {
  readonly message: 'answered'
  readonly id: string
  readonly answer: Answer
}

/** From a node that has not heard what the other one serves by, to that one: it says it again. */
export interface Unheard {
  readonly message: 'unheard'
  readonly services: readonly string[]
}

/** The holder of the lease is alive; sent more often than the lease is renewed. */
export interface Leads {
  readonly message: 'leads'
  readonly node: string
  readonly lease: number
}

/** To all nodes. */
export type Broadcast = Changed | Applied | Leads
/** To one node. */
export type Letter = Applied | Counted | Asked | Answered | Unheard
