// What this node has proposed and not heard confirmed. The ledger may tell it back before the
// answer comes, or in place of one that was lost: then it is known to be this node's own.

import { comparePositions, type Position } from './position.ts'
import type { Body, Stored } from './stored.ts'

export class Proposed {
  /**
   * When each was written first and last, by its revision: until one is accepted it is proposed
   * again, with newer evidence, and any of them may be the one that was.
   */
  readonly #written = new Map<number, { readonly firstMs: number; readonly lastMs: number }>()

  add({ clockMs, document }: Body): void {
    const { epoch } = document.state
    const firstMs = this.#written.get(epoch)?.firstMs ?? clockMs
    this.#written.set(epoch, { firstMs, lastMs: clockMs })
  }

  /** Whether the ledger holds it, and that is news. */
  holds({ body, position }: Stored, by: { node: string; confirmed: Position | null }): boolean {
    const { confirmed, node } = by
    if (position.writer !== node) return false
    if (confirmed !== null && comparePositions(position, confirmed) <= 0) return false
    // By its time, as an earlier process of this node may have given the same revision.
    const written = this.#written.get(position.epoch)
    if (written === undefined) return false
    return body.clockMs >= written.firstMs && body.clockMs <= written.lastMs
  }

  confirm(epoch: number): void {
    for (const one of this.#written.keys()) if (one <= epoch) this.#written.delete(one)
  }

  clear(): void {
    this.#written.clear()
  }
}
