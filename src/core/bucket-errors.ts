// With affinity the draw is made per bucket, so the requests of a bucket are no independent
// witnesses: one customer who always fails would look like a broken version. So in the comparison
// with stable one error of each bucket in ten minutes counts, and one latency exceedance,
// whichever arm it falls on: that arm is the bucket's draw. What is held against a bound, with
// stable or without, are all errors: that customers fail is no less bad for their being the same
// ones. Were it one in 10 s, customers who fail with every version would testify again and again
// to the same draw: with 2 % of them 13 to 42 % of harmless candidates were rolled back in
// simulation, with ten minutes 0 to 0.3 %. And were it one for each arm, those whom a raise moves
// would testify against the candidate alone.
//
// What has been seen is a bitmap of all buckets; windows are fixed, since a bitmap that is cleared
// at once needs no memory of times. Bitmaps of several nodes merge by OR, and what is new in the
// union is what counts. This file knows neither shared memory nor a clock.

import { TICKETS } from './split.ts'

/** How long a bucket that has had an error says nothing more. */
export const BUCKET_WINDOW_MS = 600_000

/** 32-bit words of a bitmap with a bit for each bucket. */
export const BUCKET_WORDS = Math.ceil(TICKETS / 32)

/** The word of a bucket's bit. */
export function bucketWord(bucket: number): number {
  return bucket >>> 5
}

/** The bit of a bucket in its word. */
export function bucketBit(bucket: number): number {
  return 1 << (bucket & 31)
}

/** The number of the window that this time, in milliseconds, falls into. */
export function bucketWindow(nowMs: number): number {
  return Math.floor(nowMs / BUCKET_WINDOW_MS)
}

/**
 * Merges a bitmap of the same window into another by OR. The order does not matter, and merging
 * the same one twice changes nothing.
 *
 * @returns how many buckets are new in `into`: the errors that count now
 */
export function mergeBuckets(into: Int32Array, from: Int32Array): number {
  let added = 0
  for (let word = 0; word < into.length; word++) {
    const before = into[word] ?? 0
    const after = before | (from[word] ?? 0)
    into[word] = after
    for (let fresh = before ^ after; fresh !== 0; fresh &= fresh - 1) added++
  }
  return added
}
