// Latency counts with the bucket layout of an HDR histogram (2 significant digits, 1 µs to 60 s),
// so that the control thread can pour them into hdr-histogram-js without recomputing anything. The
// formula is HdrHistogram's own: a value belongs to the bucket of its highest bit above the 8 bits
// of a sub-bucket, and to the sub-bucket of its next 8 bits.

import type { Board } from './board.ts'
import { LATENCY_CELLS, SLOT } from './layout.ts'

export const LOWEST_US = 1
export const HIGHEST_US = 60_000_000
export const SIGNIFICANT_DIGITS = 2

const SUB_BUCKET_HALF_BITS = 7 // 256 sub-buckets keep 2 significant digits; half of them are new
const SUB_BUCKET_HALF = 1 << SUB_BUCKET_HALF_BITS
const NO_STRIPE = 0 // the cell holds the stripe's number plus one

function clamped(us: number): number {
  return Math.min(Math.max(us, 0), HIGHEST_US)
}

/** The cell of a latency in microseconds, clamped to 0 … 60 s. Whole numbers only. */
export function latencyCell(us: number): number {
  const value = clamped(us)
  const bucket = 24 - Math.clz32(value | 255)
  return (bucket << SUB_BUCKET_HALF_BITS) + (value >> bucket)
}

/** The largest latency in microseconds that falls into the same cell. */
export function highestUsOfCell(us: number): number {
  const value = clamped(us)
  const bucket = 24 - Math.clz32(value | 255)
  return ((((value >> bucket) + 1) << bucket) >>> 0) - 1
}

/** A representative latency for a cell: the smallest that falls into it. */
export function lowestUsOfCellIndex(cell: number): number {
  if (cell < 2 * SUB_BUCKET_HALF) return cell
  const bucket = (cell >> SUB_BUCKET_HALF_BITS) - 1
  return ((cell & (SUB_BUCKET_HALF - 1)) + SUB_BUCKET_HALF) * 2 ** bucket
}

function stripeCell(board: Board, slot: number): number {
  return board.layout.slotsAt + slot * SLOT.cells + SLOT.latencyStripe
}

/** Gives a slot a stripe to count into, or takes it away with null. The control thread's call. */
export function setLatencyStripe(board: Board, slot: number, stripe: number | null): void {
  Atomics.store(board.cells, stripeCell(board, slot), stripe === null ? NO_STRIPE : stripe + 1)
}

/** Counts one latency of a slot; does nothing while the slot has no stripe. */
export function recordLatency(board: Board, thread: number, slot: number, us: number): void {
  // A plain look: between it and the count the stripe may be taken away in any case.
  const stripe = board.cells[stripeCell(board, slot)] as number
  if (stripe === NO_STRIPE) return
  const { latencyAt, latencyStripes } = board.layout
  const at = latencyAt + (thread * latencyStripes + stripe - 1) * LATENCY_CELLS
  Atomics.add(board.cells, at + latencyCell(us), 1)
}

/**
 * Takes the counts of a slot out of the board and hands each non-empty cell to `take`.
 * A count that an edge thread adds meanwhile is either taken now or the next time, never lost.
 */
export function takeLatency(
  board: Board,
  slot: number,
  take: (us: number, times: number) => void,
): void {
  const stripe = Atomics.load(board.cells, stripeCell(board, slot))
  if (stripe === NO_STRIPE) return
  const { cells } = board
  const { latencyAt, latencyStripes, threads } = board.layout
  for (let thread = 0; thread < threads; thread++) {
    const at = latencyAt + (thread * latencyStripes + stripe - 1) * LATENCY_CELLS
    for (let cell = 0; cell < LATENCY_CELLS; cell++) {
      // Nearly all cells are empty. This look is no atomic one, as a million of them a second
      // would be a large part of the control thread: a count that it misses is taken the next
      // time.
      if (cells[at + cell] === 0) continue
      const times = Atomics.exchange(cells, at + cell, 0)
      if (times !== 0) take(lowestUsOfCellIndex(cell), times)
    }
  }
}
