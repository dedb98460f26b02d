// The histogram of the metrics: all that came is in it once, at its bound or below it.

import fc from 'fast-check'
import t from 'tap'
import { LATENCY_BOUNDS_MS, LatencyTotals } from '../../src/core/latency-totals.ts'

await t.test('each bucket has what lies at or below its bound and above the one before', (t) => {
  const times = fc.record({
    us: fc.oneof(
      fc.integer({ min: 1, max: 60_000_000 }),
      fc.constantFrom(...LATENCY_BOUNDS_MS.flatMap((ms) => [ms * 1000, ms * 1000 + 1])),
    ),
    times: fc.integer({ min: 1, max: 1000 }),
  })
  fc.assert(
    fc.property(fc.array(times), (all) => {
      const totals = new LatencyTotals()
      for (const { times, us } of all) totals.add(us, times)
      const { counts, sumMs } = totals.view()
      t.equal(counts.length, LATENCY_BOUNDS_MS.length + 1)
      let below = 0
      for (const [at, ms] of [...LATENCY_BOUNDS_MS, Number.POSITIVE_INFINITY].entries()) {
        below += counts[at] ?? 0
        const within = all.filter(({ us }) => us <= ms * 1000)
        t.equal(
          below,
          within.reduce((sum, { times }) => sum + times, 0),
        )
      }
      const sum = all.reduce((sum, { times, us }) => sum + us * times, 0)
      t.ok(Math.abs(sumMs - sum / 1000) <= sum * 1e-12)
    }),
    { numRuns: 50 },
  )
  t.end()
})
