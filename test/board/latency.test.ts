// The cells of a latency are those of an HDR histogram with 2 significant digits: compared with
// hdr-histogram-js itself, value by value.

import fc from 'fast-check'
import { build, JsHistogram } from 'hdr-histogram-js'
import t from 'tap'
import { createBoard } from '../../src/board/board.ts'
import {
  HIGHEST_US,
  highestUsOfCell,
  LOWEST_US,
  latencyCell,
  lowestUsOfCellIndex,
  recordLatency,
  SIGNIFICANT_DIGITS,
  setLatencyStripe,
  takeLatency,
} from '../../src/board/latency.ts'
import { LATENCY_CELLS } from '../../src/board/layout.ts'

const built = build({
  bitBucketSize: 32,
  autoResize: false,
  lowestDiscernibleValue: LOWEST_US,
  highestTrackableValue: HIGHEST_US,
  numberOfSignificantValueDigits: SIGNIFICANT_DIGITS,
  useWebAssembly: false,
})
if (!(built instanceof JsHistogram)) throw new Error('not the histogram that shows its cells')
const histogram = built

function differs(us: number): string | null {
  const cell = latencyCell(us)
  if (cell !== histogram.countsArrayIndex(us)) return `${us} falls into cell ${cell}`
  const highest = histogram.highestEquivalentValue(us)
  if (highestUsOfCell(us) !== highest) return `${us}: ${highestUsOfCell(us)} is not ${highest}`
  const lowest = histogram.lowestEquivalentValue(us)
  if (lowestUsOfCellIndex(cell) !== lowest)
    return `${us}: ${lowestUsOfCellIndex(cell)} is not ${lowest}`
  return null
}

await t.test('each latency falls into the cell that hdr-histogram-js has for it', async (t) => {
  const wrong: string[] = []
  const look = (us: number): void => {
    const sentence = differs(us)
    if (sentence !== null) wrong.push(sentence)
  }
  for (let us = 0; us <= 20_000; us++) look(us)
  for (let power = 1; power <= HIGHEST_US; power *= 2) {
    for (let us = Math.max(0, power - 3); us <= Math.min(HIGHEST_US, power + 3); us++) look(us)
  }
  for (let us = HIGHEST_US - 1000; us <= HIGHEST_US; us++) look(us)
  t.same(wrong.slice(0, 5), [])
  fc.assert(
    fc.property(fc.integer({ min: 0, max: HIGHEST_US }), (us) => differs(us) === null),
    { numRuns: 20_000, seed: 2026 },
  )
})

await t.test('the cells are as many as the histogram has', async (t) => {
  t.equal(LATENCY_CELLS, histogram.countsArrayLength)
  t.ok(latencyCell(HIGHEST_US) < LATENCY_CELLS)
  for (let cell = 0; cell <= latencyCell(HIGHEST_US); cell++) {
    if (latencyCell(lowestUsOfCellIndex(cell)) !== cell) t.fail(`cell ${cell} is not its own`)
  }
})

await t.test('what lies outside is clamped', async (t) => {
  t.equal(latencyCell(-1), 0)
  t.equal(latencyCell(HIGHEST_US + 1), latencyCell(HIGHEST_US))
  t.equal(latencyCell(2 ** 40), latencyCell(HIGHEST_US))
  t.equal(latencyCell(Number.POSITIVE_INFINITY), latencyCell(HIGHEST_US))
  t.equal(latencyCell(Number.NaN), 0)
  t.equal(highestUsOfCell(2 ** 40), highestUsOfCell(HIGHEST_US))
})

const SIZE = { threads: 2, services: 1, slots: 3, targets: 1, latencyStripes: 2 }

function taken(board: ReturnType<typeof createBoard>, slot: number): Record<number, number> {
  const counts: Record<number, number> = {}
  takeLatency(board, slot, (us, times) => {
    counts[us] = (counts[us] ?? 0) + times
  })
  return counts
}

await t.test('counts are taken once, over all threads, for their own slot', async (t) => {
  const board = createBoard(SIZE)
  recordLatency(board, 0, 1, 5)
  t.same(taken(board, 1), {}, 'a slot without a stripe is not measured')
  setLatencyStripe(board, 1, 0)
  setLatencyStripe(board, 2, 1)
  recordLatency(board, 0, 1, 5)
  recordLatency(board, 1, 1, 5)
  recordLatency(board, 1, 1, 1000)
  recordLatency(board, 1, 2, 7)
  recordLatency(board, 0, 0, 9)
  t.same(taken(board, 1), { 5: 2, [lowestUsOfCellIndex(latencyCell(1000))]: 1 })
  t.same(taken(board, 1), {})
  t.same(taken(board, 2), { 7: 1 })
  setLatencyStripe(board, 2, null)
  recordLatency(board, 1, 2, 7)
  t.same(taken(board, 2), {})
})

await t.test('percentiles of poured counts are those of the latencies themselves', async (t) => {
  const board = createBoard(SIZE)
  setLatencyStripe(board, 0, 1)
  const latencies = fc.array(fc.integer({ min: 0, max: HIGHEST_US }), {
    minLength: 1,
    maxLength: 50,
  })
  fc.assert(
    fc.property(latencies, (values) => {
      histogram.reset()
      for (const us of values) histogram.recordValue(us)
      const percentiles = [1, 50, 90, 99, 100]
      const direct = percentiles.map((p) => histogram.getValueAtPercentile(p))
      for (const us of values) recordLatency(board, us % 2, 0, us)
      histogram.reset()
      takeLatency(board, 0, (us, times) => histogram.recordValueWithCount(us, times))
      return percentiles.every((p, i) => histogram.getValueAtPercentile(p) === direct[i])
    }),
    { numRuns: 300, seed: 2026 },
  )
  t.pass('300 lists')
})
