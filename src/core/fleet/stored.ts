// What the fleet's ledger holds of a service.

import type { FleetCounters } from '../counters.ts'
import type { ServiceDocument } from '../events.ts'
import type { Position } from './position.ts'

/** What is written in one piece: the decision, its evidence, and whose counts are in it. */
export interface Body {
  readonly document: ServiceDocument
  /** Which counts of which nodes the evidence holds; null without a rollout. */
  readonly counters: FleetCounters | null
  /** The writer's own time when it was written (`control/clock.ts`). */
  readonly clockMs: number
  /**
   * Positions that Redis had lost and that were put back, the newest last; absent: none. What was
   * decided up to them in their term holds.
   */
  readonly restored?: readonly Position[]
}

export interface Stored {
  readonly position: Position
  /**
   * What the ledger held when the present term began; null: nothing. What is later than it and of
   * an earlier term was lost with the server before.
   */
  readonly base: Position | null
  /** Grows with each write: the same position again is the same decision with newer evidence. */
  readonly save: number
  readonly body: Body
}
