// What this node has proposed and not heard confirmed. The ledger may tell it back before the
// answer comes, or in place of one that was lost: then it is known to be this node's own.

import { comparePositions, type Position } from './position.ts'
import type { Body, Stored } from './stored.ts'

export class Proposed {
  /** When each was written, by its revision. */
  readonly #written = new Map<number, number>()

  add({ clockMs, document }: Body): void {
    this.#written.set(document.state.epoch, clockMs)
  }

  /** Whether the ledger holds it, and that is news. */
  holds({ body, position }: Stored, by: { node: string; confirmed: Position | null }): boolean {
    const { confirmed, node } = by
    if (position.writer !== node) return false
    if (confirmed !== null && comparePositions(position, confirmed) <= 0) return false
    // By its time, as an earlier process of this node may have given the same revision.
    return this.#written.get(position.epoch) === body.clockMs
  }

  confirm(epoch: number): void {
    for (const one of this.#written.keys()) if (one <= epoch) this.#written.delete(one)
  }

  clear(): void {
    this.#written.clear()
  }
}
