import { Ajv } from 'ajv'
import t from 'tap'
import { fleetView, inFleet } from './fleet-views.ts'
import { call, entry, nodeView, serviceView, startAdmin, versionView } from './harness.ts'

const admin = await startAdmin()
t.teardown(() => admin.stop())

await t.test('readiness follows the control thread, liveness does not', async (t) => {
  const before = admin.answer
  t.equal((await call(`${admin.url}/readyz`)).text, 'ready\n')
  for (const node of [nodeView({ draining: true }), nodeView({ ready: false })]) {
    admin.answer = () => ({ ok: true, answer: 'node', node })
    const answer = await call(`${admin.url}/readyz`)
    t.equal(answer.status, 503)
    t.match(answer.json, { type: 'urn:vertex:problem:not-ready' })
    t.equal((await call(`${admin.url}/livez`)).status, 200)
  }
  admin.answer = before
  t.same((await call(`${admin.url}/v1/node`)).json, nodeView())
})

await t.test('metrics are the Prometheus text form of the answers', async (t) => {
  const before = admin.answer
  const odd = versionView('v"2\\\n', 5)
  const service = serviceView('shop', { candidate: { ...odd, stats: { ...odd.stats, p50: null } } })
  admin.answer = (command) => {
    return command.do === 'services'
      ? { ok: true, answer: 'services', services: [service] }
      : before(command)
  }
  admin.tell({ tell: 'event', entry: entry(1, { kind: 'rolled-back' }) })
  admin.tell({ tell: 'event', entry: entry(2, { kind: 'rolled-back' }) })
  const { headers, text } = await call(`${admin.url}/metrics`)
  admin.answer = before
  t.equal(headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8')
  const lines = text.split('\n')
  for (const line of [
    'vertex_requests_total{service="shop",version="v1",outcome="serverError"} 40',
    'vertex_requests_total{service="shop",version="v\\"2\\\\\\n",outcome="ok"} 900',
    'vertex_requests_in_flight{service="shop",version="v1",role="stable"} 1',
    'vertex_weight_ratio{service="shop",version="v1",role="stable"} 0.95',
    'vertex_latency_seconds{service="shop",version="v1",role="stable",quantile="0.99"} 0.01225',
    'vertex_request_duration_seconds_bucket{service="shop",version="v1",le="0.001"} 0',
    'vertex_request_duration_seconds_bucket{service="shop",version="v1",le="0.0025"} 900',
    'vertex_request_duration_seconds_bucket{service="shop",version="v1",le="30"} 999',
    'vertex_request_duration_seconds_bucket{service="shop",version="v1",le="+Inf"} 1000',
    'vertex_request_duration_seconds_sum{service="shop",version="v1"} 33.56275',
    'vertex_request_duration_seconds_count{service="shop",version="v1"} 1000',
    'vertex_rollbacks_total{service="shop"} 2',
    'vertex_thread_connections{thread="1"} 4',
    'vertex_thread_restarts_total{thread="1"} 1',
    'vertex_thread_heartbeats_total{thread="0"} 0',
    'vertex_ready 1',
    'vertex_build_info{version="1.2.3"} 1',
  ]) {
    t.ok(lines.includes(line), line)
  }
  t.notMatch(text, /v\\"2.*quantile="0.5"/, 'no sample where there is no figure')
  const form = /^(# (HELP|TYPE) \w+ .+|\w+(\{\w+="(\\.|[^"\\])*"(,\w+="(\\.|[^"\\])*")*\})? \S+|)$/
  for (const line of lines) t.match(line, form)
  t.equal(text.at(-1), '\n')
})

interface Document {
  readonly openapi: string
  readonly paths: Record<
    string,
    Record<string, { responses: Record<string, { content?: Record<string, { schema: object }> }> }>
  >
}

await t.test('the OpenAPI document lists the routes that exist, and no others', async (t) => {
  const document = (await call(`${admin.url}/openapi.json`)).json as unknown as Document
  t.match(document.openapi, /^3\.1/)
  const listed = Object.entries(document.paths).flatMap(([path, methods]) => {
    return Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`)
  })
  t.same(listed.sort(), [
    'DELETE /v1/services/{service}/quarantine/{version}',
    'GET /livez',
    'GET /metrics',
    'GET /openapi.json',
    'GET /readyz',
    'GET /v1/events',
    'GET /v1/fleet',
    'GET /v1/fleet/journal',
    'GET /v1/journal',
    'GET /v1/node',
    'GET /v1/services',
    'GET /v1/services/{service}',
    'POST /v1/services/{service}/rollback',
    'POST /v1/services/{service}/rollout/abort',
    'POST /v1/services/{service}/rollout/pause',
    'POST /v1/services/{service}/rollout/promote',
    'POST /v1/services/{service}/rollout/resume',
    'POST /v1/services/{service}/rollouts',
    'POST /v1/services/{service}/synthetic',
    'PUT /v1/services/{service}/versions/{version}/targets',
    'PUT /v1/services/{service}/weight',
  ])
  admin.answer = inFleet
  for (const one of listed) {
    const [method = '', path = ''] = one.split(' ')
    if (path === '/v1/events') continue // it never ends; see the test of events
    const query = path === '/v1/fleet/journal' ? '?service=shop' : ''
    const url = admin.url + path.replace('{service}', 'shop').replace('{version}', 'v2') + query
    const body = path.endsWith('weight')
      ? { candidate: 5 }
      : path.endsWith('targets')
        ? { targets: ['http://127.0.0.1:1'] }
        : path.endsWith('rollouts')
          ? { version: 'v2' }
          : path.endsWith('synthetic')
            ? { version: 'v2', scenario: 'home' }
            : {}
    const answer = await call(url, method === 'GET' ? {} : { method, body })
    t.equal(answer.status, 200, one)
  }
})

await t.test('answers have the form that the OpenAPI document promises', async (t) => {
  const document = (await call(`${admin.url}/openapi.json`)).json as unknown as Document
  const ajv = new Ajv({ strict: false, validateFormats: false })
  const promises = (path: string, method: string, status: string): object => {
    const content = document.paths[path]?.[method]?.responses[status]?.content
    return content?.['application/json']?.schema ?? { not: {} }
  }
  const check = (schema: object, value: unknown, name: string): void => {
    const validate = ajv.compile(schema)
    t.ok(validate(value), `${name}: ${ajv.errorsText(validate.errors)}`)
  }
  // A node of a fleet gives all that one gives that works alone, and more.
  const service = '/v1/services/{service}'
  const shop = `${admin.url}/v1/services/shop`
  check(promises(service, 'get', '200'), (await call(shop)).json, 'service')
  const put = await call(`${shop}/weight`, { method: 'PUT', body: { candidate: 5 } })
  check(promises(`${service}/weight`, 'put', '200'), put.json, 'changed')
  const order = { version: 'v2', scenario: 'home' }
  const report = await call(`${shop}/synthetic`, { method: 'POST', body: order })
  check(promises(`${service}/synthetic`, 'post', '200'), report.json, 'report')
  const all = await call(`${admin.url}/v1/services`)
  check(promises('/v1/services', 'get', '200'), all.json, 'services')
  check(promises('/v1/node', 'get', '200'), (await call(`${admin.url}/v1/node`)).json, 'node')
  const journal = await call(`${admin.url}/v1/journal`)
  check(promises('/v1/journal', 'get', '200'), journal.json, 'journal')
  const fleet = await call(`${admin.url}/v1/fleet`)
  t.same(fleet.json, fleetView())
  check(promises('/v1/fleet', 'get', '200'), fleet.json, 'fleet')
  const decisions = await call(`${admin.url}/v1/fleet/journal?service=shop`)
  check(promises('/v1/fleet/journal', 'get', '200'), decisions.json, 'decisions')
  const problem = await call(`${admin.url}/v1/services/nope`)
  check(promises(service, 'get', '4XX'), problem.json, 'problem')
})
