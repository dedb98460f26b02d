// Which runs may begin, how they end early, and what the death of their thread costs.

import t from 'tap'
import { until } from '../../bench/lab/clock.ts'
import { MOST_RUNS, MOST_WAITING } from '../../src/synthetic/host.ts'
import { NEVER, order, startLab } from './lab.ts'
import { answer, ok, TestTarget } from './target.ts'

const HOME = 'rate: 100\nduration: 60s\nsteps: [{ path: / }]'

await t.test('an abort ends a run at once, and its requests with it', async (t) => {
  const target = await TestTarget.start()
  t.teardown(() => target.stop())
  const { host } = startLab(t, { home: HOME })
  const abort = new AbortController()
  const running = host.run(order('home', [target.url]), abort.signal)
  const seen = async (count: number): Promise<unknown> =>
    until(() => (target.seen.length >= count ? true : null), { what: 'requests', withinMs: 60_000 })
  await seen(10)
  abort.abort()
  const turn = new Promise((resolve) => setImmediate(resolve, 'in a later turn'))
  const ended = await Promise.race([running, turn])
  t.match(ended, { problem: { status: 503, code: 'synthetic-aborted' } }, 'not by the thread')
  // Another run in the same thread is behind the order to stop.
  const again = await host.run(order('home', [target.url], { durationMs: 100 }), NEVER)
  t.match(again, { report: { transactions: 10, failed: 0 } })
  const runs = target.seen.map(({ headers }) => headers['x-vertex-synthetic'])
  t.equal(
    runs.slice(-10).every((run) => run === runs.at(-1)),
    true,
  )
  t.match(await host.run(order('home', [target.url]), abort.signal), { problem: {} })
})

await t.test('what cannot be run is a problem', async (t) => {
  const { host } = startLab(t, { home: HOME, other: HOME })
  const run = (name: string, more = {}) =>
    host.run(order(name, ['http://127.0.0.1:1'], more), NEVER)
  t.match(await run('nope'), {
    problem: { status: 404, code: 'unknown-scenario', allowed: ['home', 'other'] },
  })
  t.match(await run('home', { targets: [] }), { problem: { code: 'no-targets' } })
  t.match(await run('home', { durationMs: 1 }), { problem: { status: 422 } })
  const assertions = [{ metric: 'throughput', min: 100_000 }]
  t.match(await run('home', { assertions }), { problem: { status: 422, detail: /its rate must/ } })
  host.useScenarios([])
  t.match(await run('home'), { problem: { code: 'unknown-scenario', allowed: [] } })
})

await t.test('runs beyond the bounds wait, and beyond those are refused', async (t) => {
  const target = await TestTarget.start()
  t.teardown(() => target.stop())
  const { host } = startLab(t, { home: 'rate: 20\nduration: 100ms\nsteps: [{ path: / }]' })
  const all = Array.from({ length: MOST_RUNS + MOST_WAITING + 1 }, () =>
    host.run(order('home', [target.url]), NEVER),
  )
  const ended = await Promise.all(all)
  t.match(ended.at(-1), { problem: { status: 503, code: 'too-many-runs' } })
  t.equal(ended.filter((one) => 'report' in one && one.report.result.healthy).length, 20)
  // By the runs of the requests: never more at a time than may be.
  const spans = new Map<string, [number, number]>()
  for (const { atMs, headers } of target.seen) {
    const run = headers['x-vertex-synthetic'] ?? ''
    spans.set(run, [spans.get(run)?.[0] ?? atMs, atMs])
  }
  const together = [...spans.values()].map(([from]) => {
    return [...spans.values()].filter(([start, end]) => start <= from && from <= end).length
  })
  t.ok(Math.max(...together) <= MOST_RUNS, `${Math.max(...together)} at a time`)
})

await t.test('gates go before probes, of which there may be any number', async (t) => {
  const target = await TestTarget.start()
  t.teardown(() => target.stop())
  const { host } = startLab(t, { home: HOME })
  const probes = new AbortController()
  const probe = () => host.run(order('home', [target.url], { isProbe: true }), probes.signal)
  const all = Array.from({ length: MOST_RUNS - 1 + MOST_WAITING }, probe)
  t.match(await probe(), { problem: { code: 'too-many-runs' } })
  const gate = await host.run(order('home', [target.url], { durationMs: 100 }), NEVER)
  t.match(gate, { report: { transactions: 10, failed: 0 } })
  const runs = new Set(target.seen.map(({ headers }) => headers['x-vertex-synthetic']))
  t.equal(runs.size, MOST_RUNS, 'and no probe took its place meanwhile')
  probes.abort()
  await Promise.all(all)
})

await t.test('a probe whose rate leaves a gate no room gives way', async (t) => {
  const silent = await TestTarget.start(() => {})
  const target = await TestTarget.start()
  t.teardown(() => Promise.all([silent.stop(), target.stop()]))
  const flood = 'rate: 9950\nduration: 60s\nconnections: 1\nsteps: [{ path: / }]'
  const { host } = startLab(t, { home: HOME, flood })
  const probe = host.run(order('flood', [silent.url], { isProbe: true }), NEVER)
  const small = host.run(order('home', [silent.url], { isProbe: true, rate: 1 }), NEVER)
  const gate = await host.run(order('home', [target.url], { durationMs: 100 }), NEVER)
  t.match(gate, { report: { transactions: 10, failed: 0 } })
  t.match(await probe, { problem: { status: 503, code: 'synthetic-gave-way' } })
  t.equal(await Promise.race([small, Promise.resolve('goes on')]), 'goes on')
})

await t.test('a run that does not stop costs its thread, and nobody else', async (t) => {
  const slow = await TestTarget.start((_, socket) => {
    socket.write(answer(200, `${'a'.repeat(60)}!`))
  })
  const target = await TestTarget.start()
  t.teardown(() => Promise.all([slow.stop(), target.stop()]))
  const stuck = `rate: 10\nduration: 100ms\nsteps: [{ path: /, expect: { body: '/(a+)+$/' } }]`
  const home = 'rate: 50\nduration: 800ms\nsteps: [{ path: / }]'
  const lab = startLab(t, { stuck, home }, { stopMs: 100 })
  const before = lab.report('home', [target.url])
  const wait = (what: string, isSo: () => boolean) =>
    until(() => (isSo() ? true : null), { what, withinMs: 60_000 })
  await wait('requests', () => target.seen.length >= 5)
  const abort = new AbortController()
  const running = lab.host.run(order('stuck', [slow.url]), abort.signal)
  await wait('silence', () => performance.now() - (target.seen.at(-1)?.atMs ?? 0) > 250)
  abort.abort()
  t.match(await running, { problem: { code: 'synthetic-aborted' } })
  const after = lab.report('home', [target.url], { durationMs: 100 })
  t.match(await after, { transactions: 5, failed: 0, result: { healthy: true } })
  t.match(await before, { transactions: 40, failed: 0, result: { healthy: true } })
  t.match(lab.deaths, [/a run of scenario stuck did not stop/])
  t.equal(lab.deaths.length, 1)
})

await t.test('a gate does not fail by a probe that holds its thread up', async (t) => {
  const slow = await TestTarget.start((_, socket) => {
    socket.write(answer(200, `${'a'.repeat(60)}!`))
  })
  const target = await TestTarget.start()
  t.teardown(() => Promise.all([slow.stop(), target.stop()]))
  const stuck = `rate: 10\nduration: 100ms\ntimeout: 60s\nsteps: [{ path: /, expect: { body: '/(a+)+$/' } }]`
  const home = 'rate: 50\nduration: 100ms\ntimeout: 1s\nsteps: [{ path: / }]'
  const lab = startLab(t, { stuck, home }, { graceMs: 2000 })
  const probe = lab.host.run(order('stuck', [slow.url], { isProbe: true }), NEVER)
  await until(() => (slow.seen.length > 0 ? true : null), { what: 'a request', withinMs: 60_000 })
  const report = await lab.report('home', [target.url])
  t.match(report, { transactions: 5, failed: 0, result: { healthy: true } })
  t.match(await probe, { problem: { code: 'synthetic-thread-died' } })
})

await t.test('a thread that is stuck is ended, and the next run has another', async (t) => {
  const slow = await TestTarget.start((_, socket) => {
    socket.write(answer(200, `${'a'.repeat(60)}!`))
  })
  const target = await TestTarget.start(ok)
  t.teardown(() => Promise.all([slow.stop(), target.stop()]))
  // A regular expression that takes for ever: nothing in its thread can stop it.
  const stuck = `rate: 10\nduration: 100ms\ntimeout: 1s\nsteps: [{ path: /, expect: { body: '/(a+)+$/' } }]`
  const lab = startLab(
    t,
    { stuck, home: 'duration: 100ms\nsteps: [{ path: / }]' },
    { graceMs: 100 },
  )
  const ended = await lab.host.run(order('stuck', [slow.url]), NEVER)
  t.match(ended, { problem: { status: 503, code: 'synthetic-thread-died' } })
  t.match(lab.deaths, [/a run of scenario stuck did not end in its time/])
  t.match(await lab.report('home', [target.url]), { transactions: 1, failed: 0 })
})
