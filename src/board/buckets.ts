// Which affinity buckets have had an error, or an exceedance, in the present window: bitmaps that
// all edge threads set and the control thread clears (core/bucket-errors.ts says why). Setting a
// bit answers whether it was there, so of two threads only one counts. Nothing here is touched
// unless a service has affinity and something went wrong.

import { BUCKET_WORDS, bucketBit, bucketWord } from '../core/bucket-errors.ts'
import type { Board } from './board.ts'
import { BUCKETS } from './layout.ts'

/** What of a bucket counts once in a window. */
export type BucketEvent = 'error' | 'exceedance'

export interface BucketMark {
  /** The service's cell. */
  readonly service: number
  readonly event: BucketEvent
  /** From 0 to 9,999. */
  readonly bucket: number
}

/** Marks a bucket; true for the first that does so in this window, over all threads. */
export function markBucket({ cells, layout }: Board, mark: BucketMark): boolean {
  const map = mark.event === 'exceedance' ? 1 : 0
  const at = layout.bucketsAt + (mark.service * BUCKETS.maps + map) * BUCKETS.mapCells
  const bit = bucketBit(mark.bucket)
  if ((Atomics.or(cells, at + bucketWord(mark.bucket), bit) & bit) !== 0) return false
  // Behind the bit, as the mark is cleared before the bits are: so no bit is left without one.
  Atomics.store(cells, at + BUCKETS.marked, 1)
  return true
}

/** The marks of a service in this window, as a bitmap of its own; null: there are none. */
export function readBuckets(
  { cells, layout }: Board,
  of: Pick<BucketMark, 'event' | 'service'>,
): Int32Array | null {
  const map = of.event === 'exceedance' ? 1 : 0
  const at = layout.bucketsAt + (of.service * BUCKETS.maps + map) * BUCKETS.mapCells
  if (Atomics.load(cells, at + BUCKETS.marked) === 0) return null
  return Int32Array.from({ length: BUCKET_WORDS }, (_, word) => Atomics.load(cells, at + word))
}

/** Begins a new window, for all services or for one. The control thread's call. */
export function clearBuckets({ cells, layout }: Board, service?: number): void {
  const from = (service ?? 0) * BUCKETS.maps
  const to = service === undefined ? layout.services * BUCKETS.maps : from + BUCKETS.maps
  for (let map = from; map < to; map++) {
    const at = layout.bucketsAt + map * BUCKETS.mapCells
    if (Atomics.load(cells, at + BUCKETS.marked) === 0) continue
    Atomics.store(cells, at + BUCKETS.marked, 0)
    for (let word = 0; word < BUCKET_WORDS; word++) Atomics.store(cells, at + word, 0)
  }
}
