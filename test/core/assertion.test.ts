import t from 'tap'
import { complaints, judge, provingRate, type RunFigures } from '../../src/core/assertion.ts'

const latency = { min: 1, mean: 2, p50: 2, p90: 20, p99: 50.0004, p999: 60, max: 70 }
const figures: RunFigures = {
  ...{ transactions: 1000, failed: 0, errorRate: 0, throughput: 9999.6, failures: [] },
  latency,
}
const broken: RunFigures = {
  ...figures,
  failed: 12,
  errorRate: 0.012,
  failures: [
    { text: 'the status is 500', count: 9 },
    { text: 'it closed', count: 1 },
  ],
}

await t.test('an assertion says what was measured and what was asked', async (t) => {
  const rows = [
    [
      { metric: 'p99_latency', threshold: 50 },
      figures,
      false,
      'p99_latency is 50.0004 ms, at most 50 ms is asked',
    ],
    [
      { metric: 'p99_latency', threshold: 51 },
      figures,
      true,
      'p99_latency is 50 ms, at most 51 ms is asked',
    ],
    [
      { metric: 'throughput', min: 10_000 },
      figures,
      false,
      'throughput is 9999.6 requests a second, at least 10000 is asked',
    ],
    [
      { metric: 'throughput', min: 9000 },
      figures,
      true,
      'throughput is 10000 requests a second, at least 9000 is asked',
    ],
    [
      { metric: 'error_rate', threshold: 0.001 },
      broken,
      false,
      'error_rate is 1.2 %, at most 0.1 % is asked',
    ],
    [
      { metric: 'error_rate', threshold: 0 },
      figures,
      true,
      'error_rate is 0 %, at most 0 % is asked',
    ],
    [
      { metric: 'p99_latency', threshold: 50 },
      { ...figures, latency: null },
      false,
      'p99_latency is not known as nothing was answered, at most 50 ms is asked',
    ],
  ] as const
  for (const [assertion, measured, passed, text] of rows) {
    t.match(judge(assertion, measured), { metric: assertion.metric, passed, text })
  }
})

await t.test('what is not as it must be is told with the failures behind it', async (t) => {
  const said = (measured: RunFigures, thresholds: readonly number[]) =>
    complaints(
      measured,
      thresholds.map((threshold) => judge({ metric: 'error_rate', threshold }, measured)),
    )
  const why = '12 of 1000 transactions failed: the status is 500 (9 times); it closed (once)'
  t.same(said(figures, []), [])
  t.same(said(broken, []), [why], 'no assertion about errors: none is tolerated')
  t.same(said(broken, [0.02]), [])
  t.same(said(broken, [0.01]), ['error_rate is 1.2 %, at most 1 % is asked', why])
  const dead = { ...broken, failed: 1000, errorRate: 1 }
  t.match(
    said(dead, [1]),
    [/^1000 of 1000 transactions failed/],
    'nothing that succeeded is no pass',
  )
})

await t.test('the rate is raised as far as a throughput needs it', async (t) => {
  const min = (asked: number) => [{ metric: 'throughput', min: asked }] as const
  t.equal(provingRate(10, { assertions: [], steps: 1 }), 10)
  t.equal(provingRate(10, { assertions: min(1000), steps: 1 }), 1050)
  t.equal(provingRate(10, { assertions: min(1000), steps: 3 }), 350)
  t.equal(provingRate(2000, { assertions: min(1000), steps: 1 }), 2000)
  t.equal(provingRate(1001, { assertions: min(1000), steps: 1 }), 1050)
})
