// Every call of the SDK against a real admin server: what it asks, that the contract has it, and
// that the contract has nothing more; and every way in which a call can fail.

import type { RequestListener } from 'node:http'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { inspect } from 'node:util'
import t from 'tap'
import {
  type ClientOptions,
  VertexClient,
  VertexError,
  VertexUnreachable,
} from '../../src/client/client.ts'
import { convergenceView, fleetView } from '../admin/fleet-views.ts'
import { nodeView, obliging, serviceView, startAdmin } from '../admin/harness.ts'
import { errorOf, serve } from './failure.ts'
import { answerWithReports, REPORT } from './report.ts'

const admin = await startAdmin()
t.teardown(() => admin.stop())
admin.answer = answerWithReports

/** A client that writes down what it asks. */
function recorded(options: ClientOptions = {}) {
  const calls: string[] = []
  const recording: typeof fetch = (...call) => {
    const { method, url } = new Request(...call)
    const { pathname, search } = new URL(url)
    calls.push(`${method} ${pathname}${search}`)
    return fetch(...call)
  }
  const client = new VertexClient({ url: admin.url, service: 'shop', fetch: recording, ...options })
  return { calls, client }
}

/** One call of each method, with all that it takes. */
async function callAll(client: VertexClient): Promise<void> {
  await client.livez()
  await client.readyz()
  await client.metrics()
  await client.openapi()
  await client.node()
  await client.fleet()
  await client.services()
  await client.service()
  await client.setWeight(12.5, { force: true, ifMatch: 7 })
  await client.deploy('v2', {
    targets: ['http://127.0.0.1:9002'],
    replace: true,
    strategy: { bake: '1m' },
    ifMatch: 7,
  })
  await client.promote({ full: true, ifMatch: 7 })
  await client.pause({ ifMatch: 7 })
  await client.resume({ ifMatch: 7 })
  await client.abort({ ifMatch: 7 })
  await client.rollback({ force: true, ifMatch: 7 })
  await client.retry('v2', { ifMatch: 7 })
  await client.setTargets('v2', ['http://127.0.0.1:9002'], { ifMatch: 7 })
  await client.runSyntheticTransaction({
    version: 'v2',
    scenario: 'critical_path',
    assertions: [{ metric: 'p99_latency', threshold: 50 }],
    rate: 100,
    duration: '2s',
  })
  await client.journal({ service: 'shop', after: 0, limit: 10, kinds: ['raise', 'hold'] })
  await client.fleetJournal({ limit: 10 })
  const events = client.events({ service: 'shop', after: 0 })
  const first = events.next()
  admin.tell({ tell: 'event', entry: ENTRY })
  t.same((await first).value, ENTRY)
  await events.return()
}

const ENTRY = {
  seq: 1,
  at: '2026-01-01T00:00:00.000Z',
  kind: 'raise',
  service: 'shop',
  epoch: 1,
  text: 'Raised to 5 %',
  by: 'rollout',
} as const

await t.test('there is a call for every path of the contract, and for nothing else', async (t) => {
  const { client, calls } = recorded()
  await callAll(client)
  const { paths } = await client.openapi()
  const contract = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => ({
      name: `${method.toUpperCase()} ${path}`,
      form: new RegExp(`^${method.toUpperCase()} ${path.replace(/\{\w+\}/g, '[^/]+')}$`),
    })),
  )
  const asked = calls.map((call) => call.split('?')[0] ?? call)
  const ofContract = asked.map((call) => contract.find(({ form }) => form.test(call))?.name ?? '')
  t.notOk(ofContract.includes(''), `of the contract: ${asked.join(', ')}`)
  t.same(new Set(ofContract), new Set(contract.map(({ name }) => name)))
  const methods = Object.getOwnPropertyNames(VertexClient.prototype).filter(
    (name) => name !== 'constructor',
  )
  t.equal(methods.length, contract.length, 'a method a path')
})

await t.test('a call says what it was told to, and gives what the node answers', async (t) => {
  const { client } = recorded()
  admin.asked.splice(0)
  await callAll(client)
  const of = (verb: string) => admin.asked.find((command) => command.do === verb)
  const service = 'shop'
  const ifMatch = 7
  t.same(of('weight'), { do: 'weight', service, weight: 1250, force: true, ifMatch })
  t.same(of('deploy'), {
    do: 'deploy',
    service,
    version: 'v2',
    targets: ['http://127.0.0.1:9002'],
    replace: true,
    strategy: { bake: '1m' },
    ifMatch,
  })
  t.same(of('promote'), { do: 'promote', service, full: true, ifMatch })
  for (const verb of ['pause', 'resume', 'abort']) t.same(of(verb), { do: verb, service, ifMatch })
  t.same(of('rollback'), { do: 'rollback', service, force: true, ifMatch })
  t.same(of('retry'), { do: 'retry', service, version: 'v2', ifMatch })
  const targets = ['http://127.0.0.1:9002']
  t.same(of('targets'), { do: 'targets', service, version: 'v2', targets, ifMatch })
  t.same(of('synthetic'), {
    do: 'synthetic',
    service,
    version: 'v2',
    scenario: 'critical_path',
    assertions: [{ metric: 'p99_latency', threshold: 50 }],
    rate: 100,
    durationMs: 2000,
  })

  t.same(of('fleet-journal'), { do: 'fleet-journal', service, count: 10 })
  t.match(await client.fleetJournal(), [
    { node: 'edge-2', seq: 12 },
    { node: 'edge-1', seq: 4 },
  ])
  t.same(await client.services(), [serviceView('shop')])
  t.same(await client.service('shop'), serviceView('shop'))
  t.same(await client.node(), nodeView({ fleet: fleetView() }))
  t.same(await client.fleet(), fleetView())
  const paused = { ...serviceView('shop'), note: 'did pause', convergence: convergenceView() }
  t.same(await client.pause(), paused)
  t.same(await client.runSyntheticTransaction({ version: 'v2', scenario: 'x' }), REPORT)
  t.match(await client.metrics(), /^vertex_/m)
  t.same(await client.journal({ service: 'shop' }), { entries: [], next: null, last: null })
  t.equal(await client.livez(), undefined)
  t.same(await client.readyz(), { ready: true, detail: '' })
})

await t.test('what is left out is not said', async (t) => {
  const { client } = recorded()
  admin.asked.splice(0)
  await client.deploy('v2', { service: 'shop' })
  await client.promote()
  await client.runSyntheticTransaction({ version: 'v2', scenario: 'x', service: 'shop' })
  t.match(admin.asked, [
    { do: 'deploy', targets: [], replace: false, strategy: null, ifMatch: null },
    { do: 'promote', full: false, ifMatch: null },
    { do: 'synthetic', assertions: [], rate: null, durationMs: null },
  ])
})

await t.test('a name may hold what has a meaning in addresses', async (t) => {
  const { client } = recorded()
  const name = 'a/b?c#d e%2f'
  t.match(await errorOf(client.service(name)), {
    code: 'unknown-service',
    message: /a\/b\?c#/,
  })
})

await t.test('a refusal is an error with all that the node said', async (t) => {
  const { client } = recorded()
  const error: unknown = await errorOf(client.abort({ service: 'cart' }))
  if (!(error instanceof VertexError)) throw new Error(`it is ${String(error)}`)
  const detail = 'Cannot find the service as it is not configured: current value is cart'
  t.equal(error.status, 404)
  t.equal(error.code, 'unknown-service')
  t.equal(error.detail, detail)
  t.same(error.allowed, ['shop'])
  t.equal(error.message, `${detail} (allowed: shop)`)
  t.equal(error.name, 'VertexError')
  t.match(error.problem, { type: 'urn:vertex:problem:unknown-service', status: 404 })
  t.match(await errorOf(client.setWeight(101)), { status: 422, code: 'invalid-weight' })
  t.match(await errorOf(client.setWeight(Number.NaN)), { status: 400 })
})

await t.test('a node that is not ready is no error, with its reason', async (t) => {
  const draining = nodeView({ draining: true })
  admin.answer = () => ({ ok: true, answer: 'node', node: draining })
  t.teardown(() => {
    admin.answer = answerWithReports
  })
  const { client } = recorded()
  const detail = 'Cannot take traffic as this node is draining'
  t.same(await client.readyz(), { ready: false, detail })
  t.equal(await client.livez(), undefined)
})

await t.test('a node that works alone has no fleet to tell of', async (t) => {
  admin.answer = obliging
  t.teardown(() => {
    admin.answer = answerWithReports
  })
  const { client } = recorded()
  t.equal((await client.node()).fleet, null)
  t.equal((await client.pause()).convergence, null)
  for (const asked of [client.fleet(), client.fleetJournal()]) {
    t.match(await errorOf(asked), {
      ...{ status: 404, code: 'no-fleet' },
      detail: /as this node works alone: there is no fleet block in its config$/,
    })
  }
})

await t.test('the token opens the door and is found in no message', async (t) => {
  const token = 'tell-nobody-4711'
  const guarded = await startAdmin({ token })
  t.teardown(() => guarded.stop())
  t.equal((await new VertexClient({ url: guarded.url, token }).services()).length, 1)
  t.match(await errorOf(new VertexClient({ url: guarded.url }).services()), {
    status: 401,
    code: 'token-needed',
  })
  const wrong = new VertexClient({ url: guarded.url, token: `${token}0`, timeoutMs: 200 })
  const silent = await serve(t, () => {})
  const gone = new VertexClient({ url: 'http://127.0.0.1:1', token })
  const hangs = new VertexClient({ url: silent, token, timeoutMs: 50 })
  for (const client of [wrong, gone, hangs]) {
    const error: unknown = await errorOf(client.pause())
    t.ok(error instanceof Error)
    t.notMatch(inspect(error, { depth: 9, showHidden: true }), token)
    t.notMatch(inspect(client, { depth: 9, showHidden: true }), token)
  }
  for (const bad of [`${token}\n`, `${token} x`, `${token}ü`, '']) {
    t.throws(() => new VertexClient({ token: bad }), {
      message: /^Cannot use the token as it must be visible ASCII((?!4711).)*$/,
    })
  }
})

await t.test(
  'a node that is not there is unreachable, and nothing can have happened',
  async (t) => {
    const server = createTcpServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    await new Promise((resolve) => server.close(resolve))
    const url = `http://127.0.0.1:${port}`
    const message = `Cannot reach the admin API as the connection to ${url} failed: ECONNREFUSED`
    const expected = {
      name: 'VertexUnreachable',
      reason: 'network',
      message,
      mayHaveHappened: false,
    }
    t.match(await errorOf(new VertexClient({ url }).abort()), expected)
  },
)

await t.test(
  'a change whose answer is lost may have happened, and is not sent again',
  async (t) => {
    let asked = 0
    const url = await serve(t, ({ socket }) => {
      asked++
      socket.destroy()
    })
    const client = new VertexClient({ url })
    t.match(await errorOf(client.deploy('v2')), {
      name: 'VertexUnreachable',
      reason: 'network',
      mayHaveHappened: true,
      message: /it may have happened all the same, so look before you try again$/,
    })
    t.match(await errorOf(client.services()), { reason: 'network', mayHaveHappened: false })
    t.equal(asked, 2, 'each was sent once')
  },
)

await t.test('a node that is silent is given up in time, also in the middle', async (t) => {
  const url = await serve(t, (asking, answer) => {
    if (asking.method === 'GET') answer.writeHead(200, { 'content-type': 'text/plain' }).write('a')
  })
  const message = `Cannot wait longer for the admin API as ${url} was silent for 60 ms`
  const client = new VertexClient({ url, timeoutMs: 60 })
  t.match(await errorOf(client.metrics()), { reason: 'timeout', mayHaveHappened: false, message })
  t.match(await errorOf(client.pause()), { reason: 'timeout', mayHaveHappened: true })
  const patient = new VertexClient({ url })
  t.match(await errorOf(patient.pause({ timeoutMs: 60 })), { reason: 'timeout' })
  const transaction = { version: 'v2', scenario: 'x' }
  t.match(await errorOf(patient.runSyntheticTransaction({ ...transaction, timeoutMs: 60 })), {
    reason: 'timeout',
  })
})

await t.test('a fetch that heeds no signal does not hang a call', async (t) => {
  const never = new Promise<never>(() => {})
  const halves: (typeof fetch)[] = [
    () => never,
    async () => new Response(new ReadableStream({ pull: () => never })),
  ]
  for (const own of halves) {
    const client = new VertexClient({ url: admin.url, fetch: own, timeoutMs: 50 })
    t.match(await errorOf(client.pause()), { reason: 'timeout', mayHaveHappened: true })
    const stop = new AbortController()
    const asked = errorOf(client.services({ signal: stop.signal, timeoutMs: 60_000 }))
    stop.abort(new Error('enough'))
    t.match(await asked, { message: 'enough' })
  }
  const events = new VertexClient({ url: admin.url, fetch: () => never, timeoutMs: 50 }).events({
    reconnects: 0,
  })
  t.match(await errorOf(events.next()), { reason: 'timeout' })
})

await t.test('a signal ends a call with its reason', async (t) => {
  const url = await serve(t, () => {})
  for (const place of ['the call', 'the client'] as const) {
    const stop = new AbortController()
    const { signal } = stop
    const client = new VertexClient(place === 'the client' ? { url, signal } : { url })
    const reason = new Error('enough')
    const calls = Array.from({ length: 20 }, () =>
      client.pause(place === 'the call' ? { signal } : {}),
    )
    const ended = Promise.allSettled(calls)
    stop.abort(reason)
    for (const call of await ended) t.match(call, { status: 'rejected', reason })
    t.match(await errorOf(client.services({ signal })), reason, 'also before it has begun')
  }
})

await t.test('what answers and is no Vertex is told from a node', async (t) => {
  const cases: readonly [string, RequestListener, string][] = [
    [
      'a page',
      (_, answer) => answer.setHeader('content-type', 'text/html').end('<p>'),
      'text/html',
    ],
    ['an error page', (_, answer) => answer.writeHead(502).end('Bad gateway'), '502 without'],
    ['a redirect', (_, answer) => answer.writeHead(302, { location: '/login' }).end(), '302'],
    ['a number', (_, answer) => answer.end('42'), '200'],
    ['JSON of another', (_, answer) => answer.writeHead(404).end('{"error":"no"}'), '404'],
  ]
  for (const [name, listener, said] of cases) {
    const url = await serve(t, listener)
    const error: unknown = await new VertexClient({ url })
      .pause()
      .catch((thrown: unknown) => thrown)
    if (!(error instanceof VertexUnreachable)) throw new Error(`${name}: ${String(error)}`)
    t.equal(error.reason, 'not-vertex', name)
    t.match(error.message, said)
  }
  const endless = await serve(t, (_, answer) => {
    const more = (): void => {
      while (!answer.destroyed && answer.write(Buffer.alloc(1024 * 1024, 'a')));
    }
    answer.on('drain', more)
    more()
  })
  t.match(await errorOf(new VertexClient({ url: endless }).metrics()), {
    reason: 'not-vertex',
    message: /more than 67108864 bytes$/,
  })
})

await t.test('options with which nothing can be asked are refused at once', async (t) => {
  for (const url of ['', 'vertex', 'ftp://a', 'http://a/?b', 'http://a/#b', 'http://me:secret@a']) {
    t.throws(() => new VertexClient({ url }), {
      name: 'TypeError',
      message: /^Cannot use the url as it must ((?!secret).)*$/,
    })
  }
  for (const timeoutMs of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31]) {
    t.throws(() => new VertexClient({ timeoutMs }), { name: 'RangeError' })
    t.match(await errorOf(new VertexClient().services({ timeoutMs })), { name: 'RangeError' })
  }
  t.throws(() => new VertexClient().events({ reconnects: -1 }), { name: 'RangeError' })
})

await t.test('the url may have a path, behind which the API lies', async (t) => {
  const asked: (string | undefined)[] = []
  const url = await serve(t, (asking, answer) => {
    asked.push(asking.url)
    answer.setHeader('content-type', 'application/json').end('{"services":[]}')
  })
  t.same(await new VertexClient({ url: `${url}/edge/` }).services(), [])
  t.same(asked, ['/edge/v1/services'])
})
