// Since when this thread has known the latency limits. A limit holds for what is sent while it is
// in force: a request that hangs since before it, such as a long poll or one of a cold candidate,
// may have been drawn at any weight, and would count at once and against whoever had more of them.

import type { Board } from '../board/board.ts'
import { latencyLimitChanges, latencyLimitUs } from '../board/tallies.ts'

interface Known {
  readonly limitUs: number
  readonly sinceMs: number
}

export class LatencyLimits {
  readonly #board: Board
  readonly #known = new Map<number, Known>()
  /** The changes of limits up to the last look, and the slots that it was at. */
  #changes = -1
  #slots: ReadonlyMap<number, unknown> | null = null

  constructor(board: Board) {
    this.#board = board
  }

  /**
   * Notices which limits have changed, at each tick: nothing to do as a rule.
   *
   * @param slots of a table; another one for each table
   */
  look(slots: ReadonlyMap<number, unknown>, nowMs: number): void {
    const changes = latencyLimitChanges(this.#board)
    if (changes === this.#changes && slots === this.#slots) return
    this.#changes = changes
    this.#slots = slots
    for (const slot of slots.keys()) {
      this.#notice(slot, latencyLimitUs(this.#board, slot), nowMs)
    }
  }

  /** Whether the slot's latency is judged now. */
  isJudged(slot: number): boolean {
    return latencyLimitUs(this.#board, slot) > 0
  }

  /** Whether a request that takes so long is slower than the limit that it was sent under. */
  isOver(slot: number, us: number, sentAtMs: number, nowMs: number): boolean {
    const limitUs = latencyLimitUs(this.#board, slot)
    if (limitUs <= 0 || us <= limitUs) return false
    return sentAtMs >= this.#notice(slot, limitUs, nowMs)
  }

  /** Since when the limit is known to be so. */
  #notice(slot: number, limitUs: number, nowMs: number): number {
    const known = this.#known.get(slot)
    if (known?.limitUs === limitUs) return known.sinceMs
    this.#known.set(slot, { limitUs, sinceMs: nowMs })
    return nowMs
  }
}
