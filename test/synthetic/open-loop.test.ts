// When requests are sent, and what counts: what was due, whatever the target does.

import t from 'tap'
import { answer, ok, TestTarget } from './target.ts'
import { startLab } from './lab.ts'

await t.test('a stall counts for all that were due in it', async (t) => {
  const RATE = 200
  const DURATION_MS = 2000
  const STALL = { fromMs: 500, toMs: 900 }
  let startMs: number | null = null
  const target = await TestTarget.start((seen, socket) => {
    startMs ??= seen.atMs
    const sinceMs = performance.now() - startMs
    const stalls = sinceMs >= STALL.fromMs && sinceMs < STALL.toMs
    if (!stalls) ok(seen, socket)
    else setTimeout(() => ok(seen, socket), STALL.toMs - sinceMs)
  })
  t.teardown(() => target.stop())
  // Two connections, so that nearly all that is due in the stall is not even sent in it.
  const home = `rate: ${RATE}\nduration: ${DURATION_MS}ms\nconnections: 2\nsteps: [{ path: / }]`
  const lab = startLab(t, { home })
  const report = await lab.report('home', [target.url])
  t.equal(report.failed, 0)
  // The truth: who was due at x within the stall waited until its end.
  const total = (RATE * DURATION_MS) / 1000
  const truth = Array.from({ length: total }, (_, k) => {
    const dueMs = (k * 1000) / RATE
    return dueMs >= STALL.fromMs && dueMs < STALL.toMs ? STALL.toMs - dueMs : 0
  }).toSorted((one, other) => one - other)
  const at = (share: number): number => truth[Math.ceil(total * share) - 1] ?? 0
  const { p90 = 0, p99 = 0 } = report.latency ?? {}
  // A loaded machine adds to the latencies, by any amount; nothing takes from them. How near they
  // come to the truth where the machine is quiet is measured by bench/synthetic.ts.
  t.ok(p90 > at(0.9) - 25, `p90 is ${p90} ms where ${at(0.9)} is true`)
  t.ok(p99 > at(0.99) - 25, `p99 is ${p99} ms where ${at(0.99)} is true`)
  const late = report.spectrum.at(-1)
  t.equal(late?.count, total, 'the spectrum holds every request')
})

await t.test('what cannot be sent in its time has failed, and is counted', async (t) => {
  const target = await TestTarget.start(() => {})
  t.teardown(() => target.stop())
  const home = 'rate: 100\nduration: 400ms\ntimeout: 200ms\nconnections: 2\nsteps: [{ path: / }]'
  const lab = startLab(t, { home })
  const report = await lab.report('home', [target.url])
  t.match(report, { transactions: 40, failed: 40, requests: 40, errors: 40, errorRate: 1 })
  const texts = report.failures.map(({ text }) => text)
  t.ok(texts.some((text) => /did not answer within 200 ms/.test(text)))
  t.ok(texts.some((text) => /could not be sent to \S+ within 200 ms: all 2 connections/.test(text)))
  t.ok(target.seen.length <= 10, `${target.seen.length} requests were sent`)
})

await t.test('a throughput that is asked for raises the rate until it can be proven', async (t) => {
  const target = await TestTarget.start()
  t.teardown(() => target.stop())
  const two = 'rate: 10\nduration: 500ms\nsteps: [{ path: /a }, { path: /b }]'
  const lab = startLab(t, { two })
  const assertions = [{ metric: 'throughput', min: 400 }] as const
  const report = await lab.report('two', [target.url], { assertions })
  t.equal(report.transactions, 105, '210 a second of two requests each')
  t.ok(report.throughput > 0)
  // Whether it holds depends on the machine; what is said of it must not.
  const [held] = report.assertions
  t.match(held, { metric: 'throughput', bound: 400, passed: report.throughput >= 400 })
})

await t.test('a cold version is warmed up at a growing rate, and only then counted', async (t) => {
  const COLD = 150
  const target = await TestTarget.start((seen, socket) => {
    // Cold, it fails slowly: neither may be seen in what counts.
    if (target.seen.length > COLD) ok(seen, socket)
    else setTimeout(() => socket.write(answer(500)), 300)
  })
  t.teardown(() => target.stop())
  const home = 'rate: 200\nduration: 500ms\nwarm_up: 2s\nsteps: [{ path: / }]'
  const lab = startLab(t, { home })
  const startMs = performance.now()
  const report = await lab.report('home', [target.url])
  const warmUp = { transactions: 200, failed: COLD }
  t.match(report, { warmUp, transactions: 100, failed: 0, requests: 100, errors: 0 })
  t.same(report.failures, [])
  t.match(report.result, { healthy: true })
  t.ok(report.throughput > 0 && report.throughput <= 200, `${report.throughput} a second`)
  // A late machine sends late, never early.
  const cameMs = target.seen.map(({ atMs }) => atMs - startMs)
  t.ok((cameMs[50] ?? 0) >= 1000, 'a quarter of them takes half the time')
  t.ok((cameMs[200] ?? 0) >= 2000)
})

await t.test('a connection that has rested is not used again', async (t) => {
  const target = await TestTarget.start()
  t.teardown(() => target.stop())
  const lab = startLab(t, { home: 'rate: 0.8\nduration: 1300ms\nsteps: [{ path: / }]' })
  const report = await lab.report('home', [target.url])
  t.equal(report.failed, 0)
  t.same(
    target.seen.map(({ connection }) => connection),
    [1, 2],
  )
})

await t.test('latency alone takes nothing from the throughput, falling behind does', async (t) => {
  const LATENCY_MS = 200
  const late = await TestTarget.start((seen, socket) => {
    setTimeout(() => ok(seen, socket), LATENCY_MS)
  })
  t.teardown(() => late.stop())
  const two = 'rate: 40\nduration: 500ms\nsteps: [{ path: /a }, { path: /b }]'
  const one = 'rate: 40\nduration: 500ms\nconnections: 2\nsteps: [{ path: / }]'
  const lab = startLab(t, { one, two })
  const steady = await lab.report('two', [late.url])
  t.match(steady, { failed: 0, requests: 40 })
  t.ok(steady.throughput > 50, `${steady.throughput} of 80 a second`)
  // Two connections of five answers a second each: all is answered in the end, but not at 40.
  const behind = await lab.report('one', [late.url])
  t.match(behind, { failed: 0, requests: 20 })
  t.ok(behind.throughput <= 14, `${behind.throughput} where 10 a second are possible`)
})
