// The split: tickets, buckets, and that a customer who is in stays in.

import fc from 'fast-check'
import t from 'tap'
import { armFor, bucketOf, TICKETS, ticketFrom } from '../../src/core/split.ts'
import { FULL_WEIGHT, percentFromWeight, weightFromPercent } from '../../src/core/weight.ts'

const ALMOST_1 = 1 - 2 ** -53
const weight = fc.integer({ min: 0, max: FULL_WEIGHT })
const ticket = fc.integer({ min: 0, max: TICKETS - 1 })

await t.test('nobody at 0, everybody at 100 %', async (t) => {
  for (const each of [0, 1, TICKETS - 1]) {
    t.equal(armFor(each, 0), 'stable')
    t.equal(armFor(each, FULL_WEIGHT), 'candidate')
  }
  t.equal(armFor(Number.POSITIVE_INFINITY, FULL_WEIGHT), 'stable', 'a rescue goes to stable')
})

await t.test('a weight takes exactly its share of the tickets', async (t) => {
  for (const each of [0, 1, 50, 500, 2500, 9999, FULL_WEIGHT]) {
    let candidates = 0
    for (let i = 0; i < TICKETS; i++) if (armFor(i, each) === 'candidate') candidates++
    t.equal(candidates, each)
  }
})

await t.test('who is in at a weight stays in at every higher one', async (t) => {
  fc.assert(
    fc.property(ticket, weight, weight, (drawn, a, b) => {
      const low = Math.min(a, b)
      const high = Math.max(a, b)
      return armFor(drawn, low) === 'stable' || armFor(drawn, high) === 'candidate'
    }),
    { numRuns: 5000, seed: 2026 },
  )
  for (let i = 0; i < 10_000; i++) {
    const bucket = bucketOf('r1', `user-${i}`)
    if (armFor(bucket, 500) === 'candidate' && armFor(bucket, 2500) !== 'candidate') t.fail(`${i}`)
  }
  t.pass('also by bucket')
})

await t.test('a uniform number becomes a ticket, the largest too', async (t) => {
  t.equal(ticketFrom(0), 0)
  t.equal(ticketFrom(ALMOST_1), TICKETS - 1)
  t.equal(ticketFrom(0.5), 5000)
  fc.assert(
    fc.property(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (uniform) => {
      const drawn = ticketFrom(uniform)
      return Number.isInteger(drawn) && drawn >= 0 && drawn < TICKETS
    }),
    { seed: 2026 },
  )
})

await t.test('a bucket is a ticket, and the same one each time', async (t) => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (salt, key) => {
      const bucket = bucketOf(salt, key)
      return (
        Number.isInteger(bucket) &&
        bucket >= 0 &&
        bucket < TICKETS &&
        bucket === bucketOf(salt, key)
      )
    }),
    { numRuns: 2000, seed: 2026 },
  )
  // Pinned: another function would send every customer to another version at an update.
  t.same(
    [bucketOf('', ''), bucketOf('r1', 'alice'), bucketOf('r1', 'bob'), bucketOf('r2', 'alice')],
    [7217, 3080, 7845, 4274],
  )
})

const KEYS: Readonly<Record<string, (i: number) => string>> = {
  numbers: (i) => String(i),
  names: (i) => `user-${i}@example.org`,
  addresses: (i) => `10.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}`,
  uuids: (i) => `${i.toString(16).padStart(8, '0')}-0000-4000-8000-000000000000`,
}
const SALTS = ['', 'default-1', 'default-2', 'checkout-17', 'r']
const MANY = 50_000

await t.test('buckets are even, for many kinds of keys and salts', async (t) => {
  for (const [kind, keyOf] of Object.entries(KEYS)) {
    for (const salt of SALTS) {
      const hundredths = Array.from<number>({ length: 100 }).fill(0)
      let in5 = 0
      for (let i = 0; i < MANY; i++) {
        const bucket = bucketOf(salt, keyOf(i))
        if (bucket < 500) in5++
        const at = Math.floor(bucket / 100)
        hundredths[at] = (hundredths[at] ?? 0) + 1
      }
      // 5 % of 50,000 have a standard deviation of 49; 5 of them is far out.
      const share = Math.abs(in5 - MANY * 0.05)
      const squares = hundredths.reduce((sum, seen) => sum + (seen - MANY / 100) ** 2, 0)
      const chi = squares / (MANY / 100)
      // χ² with 99 degrees of freedom passes 182 once in a million times.
      if (share > 250 || chi > 182) t.fail(`${kind} with ${salt}: ${in5} at 5 %, χ² ${chi}`)
    }
  }
  t.pass(`${SALTS.length * Object.keys(KEYS).length} combinations`)
})

await t.test('another salt, another choice of customers', async (t) => {
  let both = 0
  let first = 0
  for (let i = 0; i < MANY; i++) {
    const one = bucketOf('default-1', `user-${i}`) < 1000
    const two = bucketOf('default-2', `user-${i}`) < 1000
    if (one) first++
    if (one && two) both++
  }
  // A tenth of a tenth, give or take five standard deviations.
  t.ok(Math.abs(both - first * 0.1) < 5 * Math.sqrt(first * 0.09), `${both} of ${first}`)
  t.not(bucketOf('a', 'bc'), bucketOf('ab', 'c'), 'salt and key are kept apart')
})

await t.test('weights and percent', async (t) => {
  const rows: [percent: number, weight: number | null][] = [
    [0, 0],
    [100, FULL_WEIGHT],
    [0.01, 1],
    [12.5, 1250],
    [0.07, 7],
    [1.1, 110],
    [99.99, 9999],
    [0.001, null],
    [12.345, null],
    [-1, null],
    [-0.01, null],
    [100.01, null],
    [Number.NaN, null],
    [Number.POSITIVE_INFINITY, null],
  ]
  for (const [percent, expected] of rows)
    t.equal(weightFromPercent(percent), expected, `${percent}`)
  for (let each = 0; each <= FULL_WEIGHT; each++) {
    if (weightFromPercent(percentFromWeight(each)) !== each) t.fail(`${each} does not come back`)
  }
})
