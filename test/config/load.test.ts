// What a good config file means: defaults, the two blocks as they are published, variables,
// addresses.

import { writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { loadConfig } from '../../src/config/load.ts'
import { readDuration, readSize } from '../../src/config/setting.ts'
import { readAddress } from '../../src/config/words.ts'
import { BASE, configOf, directory, load } from './fixture.ts'

const root = join(import.meta.dirname, '..', '..')

await t.test('the published blocks are accepted to the letter', async (t) => {
  const loaded = loadConfig({ file: join(root, 'config', 'vertex.yaml'), env: {} })
  t.strictSame('mistakes' in loaded && loaded.mistakes, false)
  if ('mistakes' in loaded) return
  const { config } = loaded
  t.strictSame(loaded.warnings, [])
  t.strictSame([config.listen.port, config.admin.port], [8080, 9900])
  t.equal(config.stateDir, join(root, 'config', '.vertex'))
  t.equal(config.threads, availableParallelism())
  const service = config.services[0]
  t.match(service, {
    name: 'default',
    matches: [{ host: null, path: '/' }],
    routing: { stable: 'v3.14.158', candidate: 'v3.14.159', weight: 0 },
    rescue: true,
    affinity: null,
    versionOverride: null,
    bodyLimitBytes: null,
  })
  t.strictSame(service?.strategy.steps, [
    { weight: 500, observeMs: 30_000 },
    { weight: 2_500, observeMs: 60_000 },
    { weight: 10_000, observeMs: 60_000 },
  ])
  t.strictSame(service?.strategy.trigger, {
    mode: 'evidence',
    errorRateThreshold: 0.001,
    p99LatencyIncrease: 0.2,
    alpha: 0.01,
    maxUserErrors: null,
    minRequests: 100,
    windowMs: 30_000,
  })
  t.throws(() => Object.assign(config.listen, { port: 1 }), 'the config is frozen')
})

await t.test('every example file loads', async (t) => {
  const env = { VERTEX_ADMIN_TOKEN: 'a-token-for-the-test' }
  for (const name of ['vertex.yaml', 'services.yaml', 'compose.yaml', 'fleet.example.yaml']) {
    t.match(loadConfig({ file: join(root, 'config', name), env }), { warnings: [] }, name)
  }
})

await t.test('a file with many services', async (t) => {
  const loaded = loadConfig({ file: join(root, 'config', 'services.yaml'), env: {} })
  t.strictSame('mistakes' in loaded && loaded.mistakes, false)
  if ('mistakes' in loaded) return
  const [shop, api, pages] = loaded.config.services
  t.match(shop, {
    name: 'shop',
    affinity: { by: 'cookie', name: 'vertex-version' },
    versionOverride: 'x-vertex-version',
    bodyLimitBytes: 10 * 1024 ** 2,
    strategy: { bakeMs: 600_000, trigger: { errorRateThreshold: 0.0005, alpha: 0.005 } },
  })
  t.match(api, {
    matches: [
      { host: 'api.example.org', path: '/' },
      { host: '*.api.example.org', path: '/v2' },
    ],
    routing: { candidate: null, weight: 0 },
    affinity: { by: 'header', name: 'x-tenant' },
    rescue: false,
  })
  t.match(pages, {
    routing: { stable: 'blue', candidate: 'green', weight: 1250 },
    affinity: { by: 'address' },
    strategy: { trigger: { mode: 'threshold', minRequests: 200 } },
  })
})

await t.test('names keep their letters, whatever YAML would make of them', async (t) => {
  const text = `versions:
  1.10: { targets: [http://127.0.0.1:1] }
  0x1F: { targets: ['http://[::1]'] }
routing: { stable: 1.10, candidate: 0x1F @ 0.01% }
`
  const [service] = configOf(t, text).services
  t.strictSame(service?.routing, { stable: '1.10', candidate: '0x1F', weight: 1 })
  t.strictSame(
    service?.versions.map((version) => version.targets[0]),
    ['http://127.0.0.1:1', 'http://[::1]:80'],
  )
})

await t.test('a service may have no stable version yet', async (t) => {
  const text = `versions: { v1: { targets: [http://127.0.0.1:1] } }
routing: { stable: none }
`
  const [service] = configOf(t, text).services
  t.strictSame(service?.routing, { stable: null, candidate: null, weight: 0 })
  const named = text.replace('v1', 'none')
  t.equal(configOf(t, named).services[0]?.routing.stable, 'none', 'a version may be called so')
})

await t.test('the candidate gets what a written stable share leaves', async (t) => {
  const text = BASE.replace(/routing: .*/, 'routing: { stable: v1 @ 87.5%, candidate: v2 }')
  t.equal(configOf(t, text).services[0]?.routing.weight, 1250)
})

await t.test('variables are filled in, with a default when unset or empty', async (t) => {
  const text = `${BASE}listen: \${HOST:-127.0.0.1}:\${PORT}\nlog_level: "\${LEVEL:-warn}"\n`
  const config = configOf(t, text, { PORT: '0', LEVEL: '' })
  t.strictSame(config.listen, { host: '127.0.0.1', port: 0 })
  t.equal(config.logLevel, 'warn')
  t.match(load(t, `${BASE}state: \${S}\n`, { S: 'x\nthreads: 9' }), { config: { threads: Number } })
})

await t.test('the environment wins over the file', async (t) => {
  const file = join(directory(t), 'token')
  writeFileSync(file, 'from-a-file-01234\n')
  const text = `${BASE}admin: :9900\nadmin_token: from-the-config-1\nthreads: 1\n`
  t.equal(configOf(t, text).adminToken, 'from-the-config-1')
  const given = { VERTEX_ADMIN_TOKEN_FILE: file, VERTEX_THREADS: '2', VERTEX_LISTEN: ':0' }
  const config = configOf(t, text, given)
  t.match(config, { adminToken: 'from-a-file-01234', threads: 2, listen: { port: 0 } })
  const both = { ...given, VERTEX_ADMIN_TOKEN: 'from-environment1' }
  t.equal(configOf(t, text, both).adminToken, 'from-environment1')
})

await t.test('which requests are evidence', async (t) => {
  t.same(configOf(t, BASE).services[0]?.verdict, {
    exclude: [],
    clientErrors: 'ignore',
    slowIsErrorMs: null,
  })
  const text = `${BASE}match: { path: /api }
verdict: { exclude: [/healthz/, /api/ping], client_errors: count, slow_is_error: 30s }
`
  t.same(configOf(t, text).services[0]?.verdict, {
    exclude: ['/healthz', '/api/ping'],
    clientErrors: 'count',
    slowIsErrorMs: 30_000,
  })
  t.equal(
    configOf(t, text.replace('30s', 'off')).services[0]?.verdict.slowIsErrorMs,
    null,
    'off is as without',
  )
  t.match(load(t, `${BASE}verdict: { slow_is_error: 2m }\n`), {
    warnings: [/service default never acts.* after 60 s: current value is 120 s/],
  })
})

await t.test('anchors and aliases are followed', async (t) => {
  const text = `services:
  a: { match: {host: a}, versions: &v { v1: { targets: [http://a:1] } }, routing: &r { stable: v1 }}
  b: { match: { host: b }, versions: *v, routing: *r }
`
  t.equal(configOf(t, text).services[1]?.versions[0]?.targets[0], 'http://a:1')
})

await t.test('more threads than cores is worth a warning', async (t) => {
  t.match(load(t, `${BASE}threads: 256\n`), { warnings: [/256 on \d+ cores/] })
})

await t.test('settings that can never act are worth a warning', async (t) => {
  const warned = (text: string): readonly string[] => {
    const loaded = load(t, `${BASE}${text}\n`)
    return 'warnings' in loaded ? loaded.warnings : loaded.mistakes.map(({ message }) => message)
  }
  const plain =
    'deploy_strategy: { rollback_trigger: { mode: threshold, min_requests: 9, window: 9s'
  t.strictSame(warned(`${plain} } }`), [])
  const never = (name: string, why: string): string =>
    `deploy_strategy.${name} of service default never acts, as ${why}`
  const evidence = 'rollback_trigger.mode is evidence'
  t.strictSame(warned(`${plain} } }`.replace('mode: threshold, ', '')), [
    never('rollback_trigger.min_requests', evidence),
    never('rollback_trigger.window', evidence),
  ])
  const threshold = 'rollback_trigger.mode is threshold'
  t.strictSame(warned(`${plain}, alpha: 0.1 }, suspicion: 20, beta: 0.1, warm_up: 5s }`), [
    never('rollback_trigger.alpha', threshold),
    never('beta', threshold),
    never('suspicion', threshold),
    never('warm_up', threshold),
  ])
  t.strictSame(warned('deploy_strategy: { warm_up: 0, warm_up_requests: 5 }'), [
    never('warm_up_requests', 'warm_up is 0'),
  ])
  const steps = 'steps: [{ weight: 10% }, { weight: 100%, observe: 0 }]'
  t.match(warned(`deploy_strategy: { harm_budget: 5, ${steps} }`), [/harm_budget .* observe time/])
  t.strictSame(warned('deploy_strategy: { harm_budget: 5, warm_up_requests: 5 }'), [])
  t.match(warned('rescue: off\nrescue_budget: { share: 10% }'), [/share .* as rescue is off/])
})

await t.test('durations, sizes and addresses', async (t) => {
  t.strictSame(
    ['0', '500ms', '1.5s', '2m', '1h', '1d', '5', '-1s', '1 s', '', '1w'].map(readDuration),
    [0, 500, 1500, 120_000, 3_600_000, 86_400_000].concat(Array(5).fill(undefined)),
  )
  t.strictSame(
    ['0', '17', '1KiB', '2MiB', '1GiB', '1KB', '1.5MiB', '99999999999GiB'].map(readSize),
    [0, 17, 1024, 2 * 1024 ** 2, 1024 ** 3].concat(Array(3).fill(undefined)),
  )
  t.strictSame(readAddress('[::1]:80'), { host: '::1', port: 80 })
  t.strictSame(readAddress(':80'), { host: '0.0.0.0', port: 80 })
  for (const wrong of ['80', '::1:80', '[1.2.3.4]:80', 'a b:1', 'a:-1', '1.2.3:4', 'http://a:1']) {
    t.equal(readAddress(wrong), undefined, wrong)
  }
})
