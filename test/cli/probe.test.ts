// `vertex probe` as a user sees it: the report as a table or JSON, and the exit code. At the end
// against a real node: scenarios from the config's directory, versions at any weight, and a reload.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { until } from '../../bench/lab/clock.ts'
import { startVertex } from '../../bench/lab/vertex.ts'
import { obliging, reportView, startAdmin } from '../admin/harness.ts'
import { answer, TestTarget } from '../synthetic/target.ts'
import { cli, cliLines } from './run-cli.ts'

const admin = await startAdmin()
t.teardown(() => admin.stop())
const env = { VERTEX_ADMIN: admin.url }

await t.test('a healthy version is a table, a spectrum and exit 0', async (t) => {
  const ran = await cli('probe v2 --scenario home', { env })
  t.equal(ran.code, 0, ran.stderr)
  t.equal(
    ran.stdout,
    `shop v2: scenario home, 100 transactions in 10 s, 0 failed
  healthy

  STEP              REQUESTS  ERRORS      P50   P90      P99     MAX
  log in                 100       0  3.25 ms  8 ms  41.5 ms  1.25 s
  pay                    100       0        -     -        -       -
  all, 20 a second       200       0  3.25 ms  8 ms  41.5 ms  1.25 s

  holds  p99_latency is 41.5 ms, at most 50 ms is asked

  SHARE  LATENCY  REQUESTS
   50 %  3.25 ms       100  █
   99 %  41.5 ms       198  █
  100 %   1.25 s       200  ██████████████████████████████
`,
  )
})

await t.test('a version that is not healthy is exit 1, and the reasons stand first', async (t) => {
  const said = 'p99_latency is 41.5 ms, at most 5 ms is asked'
  const failed = '7 of 100 transactions failed: the status is 500, 2xx is expected (5 times)'
  admin.answer = (command) => {
    if (command.do !== 'synthetic') return obliging(command)
    const report = reportView({
      failed: 7,
      assertions: [{ metric: 'p99_latency', bound: 5, value: 41.5, passed: false, text: said }],
      failures: [
        { text: 'the status is 500, 2xx is expected', count: 5 },
        { text: 'it closed', count: 2 },
      ],
      result: { ...reportView().result, healthy: false, failures: [said, failed] },
    })
    return { ok: true, answer: 'synthetic', report }
  }
  const [table, json] = await cliLines(
    ['probe shop v2 --scenario home', 'probe shop v2 --scenario home -o json'],
    { env },
  )
  admin.answer = obliging
  t.same([table?.code, json?.code], [1, 1])
  t.match(table?.stdout, `failed\n  NOT healthy\n  ${failed}\n`)
  t.match(table?.stdout, `  FAILS  ${said}\n`)
  t.match(table?.stdout, '  2 × it closed')
  t.match(JSON.parse(json?.stdout ?? ''), { result: { healthy: false, failures: [said, failed] } })
})

await t.test('what was sent to warm a version up is told apart', async (t) => {
  admin.answer = (command) => {
    if (command.do !== 'synthetic') return obliging(command)
    const report = reportView({ warmUp: { transactions: 50, failed: 3 } })
    return { ok: true, answer: 'synthetic', report }
  }
  const { code, stdout } = await cli('probe v2 --scenario home', { env })
  admin.answer = obliging
  t.equal(code, 0)
  t.match(stdout, '0 failed\n50 before them to warm it up, 3 failed\n  healthy\n')
})

await t.test('the words of the line become the order', async (t) => {
  admin.asked.length = 0
  const asserts = '--assert p99_latency=50ms --assert error_rate=0.1% --assert throughput=10000'
  const wrong = ['p99_latency=50', 'error_rate=1', 'throughput=0', 'speed=1', 'p99_latency']
  const ran = await cliLines(
    [
      `probe shop v2 --scenario home ${asserts} --rate 2.5 --duration 500ms`,
      ...wrong.map((text) => `probe v2 --scenario home --assert ${text}`),
      'probe v2',
      'probe v2 --scenario home --rate 0',
      'probe v2 --scenario home --duration 10',
    ],
    { env },
  )
  t.same(
    ran.map(({ code }) => code),
    [0, ...wrong.map(() => 2), 2, 2, 2],
  )
  t.match(ran[1]?.stderr, /must be like p99_latency=50ms, error_rate=0\.1% or throughput=10000/)
  t.same(admin.asked, [
    {
      ...{ do: 'synthetic', service: 'shop', version: 'v2', scenario: 'home', rate: 2.5 },
      durationMs: 500,
      assertions: [
        { metric: 'p99_latency', threshold: 50 },
        { metric: 'error_rate', threshold: 0.001 },
        { metric: 'throughput', min: 10_000 },
      ],
    },
  ])
  const gone = await cli('probe shop v2 --scenario home --admin http://127.0.0.1:9')
  t.equal(gone.code, 6)
})

await t.test('a real node probes what has no traffic, and keeps its scenarios', async (t) => {
  const good = await TestTarget.start()
  const bad = await TestTarget.start(({ line }, socket) => {
    // It says that it is well, and cannot do its work.
    const status = line.includes('/health') ? 200 : 500
    socket.write(answer(status, 'ok'))
  })
  t.teardown(() => Promise.all([good.stop(), bad.stop()]))
  const vertex = await startVertex({
    ...{ listen: '127.0.0.1:0', admin: '127.0.0.1:0', threads: 1 },
    versions: { v1: { targets: [good.url] }, v2: { targets: [bad.url] } },
    routing: { stable: 'v1 @ 100%', candidate: 'v2 @ 0%' },
    timeouts: { drain_delay: '0', drain: '1s' },
  })
  t.teardown(() => vertex.end('SIGKILL'))
  const probe = (version: string, scenario: string) =>
    cli(`probe ${version} --scenario ${scenario} --admin ${vertex.adminUrl}`)
  t.match(await probe('v1', 'pay'), { code: 1, stderr: /Cannot run scenario pay/ }, 'no directory')

  const directory = join(vertex.folder, 'scenarios')
  mkdirSync(directory)
  const pay = 'rate: 50\nduration: 100ms\nsteps: [{ path: /pay, expect: { body: ok } }]\n'
  writeFileSync(join(directory, 'pay.yaml'), pay)
  const reload = async (says: RegExp): Promise<string> => {
    process.kill(vertex.pid, 'SIGHUP')
    const found = () => vertex.log.find((line) => says.test(line)) ?? null
    return until(found, { what: `the log says ${says.source}`, withinMs: 30_000 })
  }
  await reload(/The config was reloaded/)
  const [healthy, failing] = [await probe('v1', 'pay'), await probe('v2', 'pay')]
  t.equal(healthy.code, 0, healthy.stderr + healthy.stdout)
  t.equal(failing.code, 1)
  t.match(failing.stdout, /5 of 5 transactions failed: the status is 500, 2xx is expected/)
  t.equal(good.seen.length, 5)

  const asker = new AbortController()
  const asking = fetch(`${vertex.adminUrl}/v1/services/default/synthetic`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ version: 'v1', scenario: 'pay', duration: '60s' }),
    signal: asker.signal,
  })
  const sees = (what: string, isSo: () => boolean) =>
    until(() => (isSo() ? true : null), { what, withinMs: 60_000 })
  await sees('requests', () => good.seen.length > 10)
  asker.abort()
  await t.rejects(asking, 'its asker goes away')
  const lastMs = (): number => good.seen.at(-1)?.atMs ?? 0
  await sees('the end of requests', () => performance.now() - lastMs() > 300)

  writeFileSync(join(directory, 'pay.yaml'), 'steps: [{ path: pay }]\n')
  const said = await reload(/was not reloaded/)
  t.match(said, /scenarios\/pay\.yaml:1:17: Cannot set steps\[0\]\.path as it must be a path that/)
  t.equal((await probe('v1', 'pay')).code, 0, 'the old scenarios stay')
  t.match(await probe('v1', 'nope'), { code: 1, stderr: /\(allowed: pay\)/ })
  const validated = await cli(`validate -c ${vertex.configFile}`)
  t.equal(validated.code, 3)
  t.match(validated.stderr, /scenarios\/pay\.yaml:1:17: /)
})
