// Who this node may send how much: what the ledger has accepted, and no more than this node has
// left of it. A raise beyond it waits for the ledger, and may have to be taken back; until it is
// accepted the node's disk has the document of before.

import type { FleetCounters } from '../counters.ts'
import type { ServiceDocument } from '../events.ts'
import { raisesOver, type Row, type Shares, sharesOf } from './adopt.ts'
import { takeBack, type TakenBack } from './take-back.ts'

/** A document, with whose counts are in its evidence. */
export interface Counted {
  readonly document: ServiceDocument
  readonly counters: FleetCounters | null
}

export class Agreed {
  #shares: Shares
  /** What there was before the first raise that is not accepted. */
  #beforeRaise: Counted | null = null
  /** Something was lowered since the last proposal. */
  #hasLowered = false

  constructor(shares: Shares) {
    this.#shares = shares
  }

  get shares(): Shares {
    return this.#shares
  }

  /** Whether some version is sent more than was agreed. */
  isExceededBy(row: Row): boolean {
    return raisesOver(this.#shares, row)
  }

  /** A decision of this node. */
  decided(was: Counted, { state }: ServiceDocument): void {
    const before = was.document.state
    if (!this.isExceededBy(state)) {
      // What this node has lowered is agreed no more, whatever the ledger holds.
      this.#shares = sharesOf(state)
      this.#hasLowered = true
    } else if (!this.isExceededBy(before)) this.#beforeRaise = was
  }

  proposed(): void {
    this.#hasLowered = false
  }

  /** The ledger has accepted `accepted`; this node is at `now`. */
  settle(accepted: Counted, now: ServiceDocument): void {
    const { state } = accepted.document
    // What was lowered while the ledger was asked for more stays so.
    if (this.#hasLowered && state.epoch !== now.state.epoch) return
    this.#shares = sharesOf(state)
    if (this.isExceededBy(now.state)) this.#beforeRaise = accepted
  }

  /** The ledger's document has taken the place of this node's. */
  replace({ state }: ServiceDocument): void {
    this.#shares = sharesOf(state)
    this.#beforeRaise = null
    this.#hasLowered = false
  }

  /** What may go to the disk: `now`, or what there was before a raise that is not accepted. */
  safe(now: Counted): Counted {
    const before = this.isExceededBy(now.document.state) ? this.#beforeRaise : null
    return before ?? now
  }

  /** The decision that takes a raise back; null: nothing was raised. */
  takeBack(
    now: Counted,
    at: { nowMs: number; node: string; reason: string },
  ): { readonly taken: TakenBack; readonly counters: FleetCounters | null } | null {
    const before = this.#beforeRaise
    if (before === null || !this.isExceededBy(now.document.state)) return null
    const { node, nowMs, reason } = at
    const raised = { agreed: this.#shares, before: before.document, node, reason }
    const taken = takeBack(now.document, raised, nowMs)
    return { taken, counters: taken.isWhole ? before.counters : now.counters }
  }
}
