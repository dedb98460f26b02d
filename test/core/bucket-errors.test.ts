// The bitmaps of affinity buckets: every bucket has a bit of its own, and merging them in any
// order, any number of times, counts each bucket once.

import fc from 'fast-check'
import t from 'tap'
import {
  BUCKET_WINDOW_MS,
  BUCKET_WORDS,
  bucketBit,
  bucketWindow,
  bucketWord,
  mergeBuckets,
} from '../../src/core/bucket-errors.ts'
import { TICKETS } from '../../src/core/split.ts'

function bitmap(buckets: readonly number[]): Int32Array {
  const words = new Int32Array(BUCKET_WORDS)
  for (const bucket of buckets) {
    const word = bucketWord(bucket)
    words[word] = (words[word] ?? 0) | bucketBit(bucket)
  }
  return words
}

await t.test('every bucket has a bit of its own', async (t) => {
  const all = new Set<string>()
  for (let bucket = 0; bucket < TICKETS; bucket++) {
    all.add(`${bucketWord(bucket)}/${bucketBit(bucket)}`)
    if (bucketWord(bucket) >= BUCKET_WORDS) t.fail(`bucket ${bucket} is outside`)
  }
  t.equal(all.size, TICKETS)
})

await t.test('a merge counts what is new, in any order and however often', async (t) => {
  const some = fc.array(fc.nat(TICKETS - 1), { maxLength: 200 })
  fc.assert(
    fc.property(fc.array(some, { maxLength: 6 }), fc.infiniteStream(fc.nat()), (nodes, picks) => {
      const merged = new Int32Array(BUCKET_WORDS)
      let counted = 0
      for (const node of nodes) counted += mergeBuckets(merged, bitmap(node))
      // Late and doubled words of nodes change nothing.
      for (const node of nodes) {
        const [pick = 0] = picks
        counted += mergeBuckets(merged, bitmap(nodes[pick % nodes.length] ?? node))
      }
      const other = new Int32Array(BUCKET_WORDS)
      for (const node of nodes.toReversed()) mergeBuckets(other, bitmap(node))
      const union = new Set(nodes.flat())
      if (counted !== union.size) throw new Error(`${counted} of ${union.size}`)
      if (merged.some((word, i) => word !== other[i])) throw new Error('the order matters')
      if (merged.some((word, i) => word !== bitmap([...union])[i])) throw new Error('no union')
    }),
  )
  t.pass('for 100 random fleets')
})

await t.test('windows are fixed and follow each other', async (t) => {
  t.equal(bucketWindow(0), bucketWindow(BUCKET_WINDOW_MS - 0.001))
  t.equal(bucketWindow(BUCKET_WINDOW_MS), bucketWindow(0) + 1)
  t.equal(bucketWindow(-1), -1, 'a clock before its beginning too')
})
