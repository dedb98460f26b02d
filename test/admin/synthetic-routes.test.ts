import t from 'tap'
import { until } from '../../bench/lab/clock.ts'
import { call, obliging, reportView, startAdmin } from './harness.ts'

const admin = await startAdmin()
t.teardown(() => admin.stop())
const path = `${admin.url}/v1/services/shop/synthetic`
const post = (body: object) => call(path, { method: 'POST', body })

await t.test('a synthetic transaction is one command, and its report the answer', async (t) => {
  const least = await post({ version: 'v2', scenario: 'home' })
  t.equal(least.status, 200)
  t.same(least.json, reportView())
  const assertions = [
    { metric: 'p99_latency', threshold: 50 },
    { metric: 'error_rate', threshold: 0.001 },
    { metric: 'throughput', min: 10_000 },
  ]
  await post({ version: 'v2', scenario: 'home', assertions, rate: 0.5, duration: '1.5s' })
  const of = { do: 'synthetic', service: 'shop', version: 'v2', scenario: 'home' }
  t.same(admin.asked, [
    { ...of, assertions: [], rate: null, durationMs: null },
    { ...of, assertions, rate: 0.5, durationMs: 1500 },
  ])
})

await t.test('what cannot be read asks nobody', async (t) => {
  admin.asked.length = 0
  const of = { version: 'v2', scenario: 'home' }
  const wrong: readonly (readonly [object, number, RegExp])[] = [
    [{ version: 'v2' }, 400, /scenario/],
    [{ ...of, duration: '10' }, 400, /duration/],
    [{ ...of, rate: 0 }, 400, /rate/],
    [{ ...of, assertions: [{ metric: 'p50', threshold: 1 }] }, 400, /metric/],
    [
      { ...of, assertions: [{ metric: 'p99_latency', min: 1 }] },
      422,
      /p99_latency takes threshold/,
    ],
    [{ ...of, assertions: [{ metric: 'throughput', threshold: 1 }] }, 422, /takes min/],
    [{ ...of, assertions: [{ metric: 'error_rate', threshold: 1.5 }] }, 422, /0 to 1.* 1\.5$/],
  ]
  for (const [body, status, says] of wrong) {
    const { json, status: got } = await post(body)
    t.equal(got, status, JSON.stringify(body))
    t.match(json?.detail, says)
  }
  t.same(admin.asked, [])
})

await t.test('a transaction is taken back when its asker goes away, and only then', async (t) => {
  await post({ version: 'v2', scenario: 'home' })
  t.equal(admin.cancelled, 0, 'it was answered')
  admin.asked.length = 0
  admin.answer = () => null
  const asker = new AbortController()
  const asking = fetch(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ version: 'v2', scenario: 'home' }),
    signal: asker.signal,
  })
  const sees = (what: string, isSo: () => boolean) =>
    until(() => (isSo() ? true : null), { what, withinMs: 60_000 })
  await sees('the question', () => admin.asked.length === 1)
  asker.abort()
  await t.rejects(asking)
  await sees('that it is taken back', () => admin.cancelled === 1)
  admin.answer = obliging
})
