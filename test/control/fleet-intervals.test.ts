// What versions did in a second, told from node to node: the windows that are poured together of it
// are those that one node would have, to the last percentile.

import fc from 'fast-check'
import { build, encodeIntoCompressedBase64 } from 'hdr-histogram-js'
import t from 'tap'
import { latencyCell, lowestUsOfCellIndex } from '../../src/board/latency.ts'
import { intervalOf, toldOf } from '../../src/control/fleet/intervals.ts'
import type { Interval } from '../../src/control/gauge.ts'
import type { VersionInterval } from '../../src/core/fleet/message.ts'
import { OUTCOMES } from '../../src/core/outcome.ts'
import { Window } from '../../src/core/window.ts'

const SEEN = { given: { 'http://h:1': 3 }, inFlight: 2 }

/** As the gauge keeps it: by the smallest latency of each cell. */
function intervalFrom(latencies: readonly number[]): Interval {
  const latency = new Map<number, number>()
  for (const us of latencies) {
    const cell = lowestUsOfCellIndex(latencyCell(us))
    latency.set(cell, (latency.get(cell) ?? 0) + 1)
  }
  const outcomes = OUTCOMES.map((outcome) => (outcome === 'ok' ? latencies.length : 0))
  return { outcomes, rescued: 1, evidenceGood: latencies.length, evidenceBad: 0, latency }
}

/** Over the wire and back. */
function heard(interval: Interval): Interval | null {
  const text = JSON.stringify(toldOf('v2', interval, SEEN))
  return intervalOf(JSON.parse(text) as VersionInterval)
}

const latencies = fc.array(
  fc.oneof(
    fc.nat(255),
    fc.integer({ min: 1, max: 100_000 }),
    fc.integer({ min: 1, max: 70_000_000 }),
  ),
  { maxLength: 300 },
)

await t.test('an interval comes out as it went in', (t) => {
  fc.assert(
    fc.property(latencies, (some) => {
      const interval = intervalFrom(some)
      t.strictSame(heard(interval), interval)
    }),
    { numRuns: 50 },
  )
  t.end()
})

await t.test('percentiles of several nodes are those of all requests together', (t) => {
  fc.assert(
    fc.property(fc.array(latencies, { minLength: 1, maxLength: 5 }), (nodes) => {
      const [told, all] = [new Window(), new Window()]
      for (const some of nodes) {
        const interval = heard(intervalFrom(some))
        if (interval === null) throw new Error('it cannot be read')
        told.addCounts(interval, 500)
        for (const [us, times] of interval.latency) told.addLatency({ us, times }, 500)
      }
      const together = intervalFrom(nodes.flat())
      all.addCounts({ ...together, rescued: nodes.length }, 500)
      for (const [us, times] of together.latency) all.addLatency({ us, times }, 500)
      t.strictSame(told.stats(900), all.stats(900))
    }),
    { numRuns: 50 },
  )
  t.end()
})

await t.test('what is no interval of ours is nothing', (t) => {
  const told = toldOf('v2', intervalFrom([5, 500, 50_000]), SEEN)
  t.ok(intervalOf(told))
  const other = build({ numberOfSignificantValueDigits: 3 })
  other.recordValue(5)
  for (const wrong of [
    { ...told, latency: 'no histogram' },
    { ...told, latency: 'A'.repeat(16 * 1024 + 1) },
    { ...told, latency: encodeIntoCompressedBase64(other) },
    { ...told, rescued: -1 },
    { ...told, evidenceBad: 0.5 },
    { ...told, outcomes: [...told.outcomes, 0] },
  ]) {
    t.equal(intervalOf(wrong), null)
  }
  t.end()
})
