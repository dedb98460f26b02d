// Begins a new window of the affinity buckets every ten minutes: an error of a bucket counts once
// in each (core/bucket-errors.ts). All services share the windows; they are fixed, so an error
// just before a boundary and one just behind it count both, and that is all that a customer can
// add.

import type { Board } from '../board/board.ts'
import { clearBuckets } from '../board/buckets.ts'
import { bucketWindow } from '../core/bucket-errors.ts'

export class BucketWindows {
  readonly #board: Board
  #window = Number.NaN

  constructor(board: Board) {
    this.#board = board
  }

  turnTo(nowMs: number): void {
    const window = bucketWindow(nowMs)
    if (window === this.#window) return
    this.#window = window
    clearBuckets(this.#board)
  }
}
