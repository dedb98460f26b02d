import t from 'tap'
import { call, serviceView, startAdmin } from './harness.ts'

const admin = await startAdmin()
t.teardown(() => admin.stop())
const shop = `${admin.url}/v1/services/shop`

await t.test('a service is answered whole, with its revision as ETag', async (t) => {
  const one = await call(shop)
  t.equal(one.status, 200)
  t.equal(one.headers.etag, '"7"')
  t.same(one.json, serviceView('shop'))
  const all = await call(`${admin.url}/v1/services`)
  t.same(all.json, { services: [serviceView('shop')] })
})

const changes = [
  ['PUT', '/weight', { candidate: 12.5 }, { do: 'weight', weight: 1250, force: false }],
  ['PUT', '/weight', { candidate: 0, force: true }, { do: 'weight', weight: 0, force: true }],
  [
    'POST',
    '/rollouts',
    { version: 'v3', targets: ['http://127.0.0.1:1'] },
    {
      do: 'deploy',
      version: 'v3',
      targets: ['http://127.0.0.1:1'],
      replace: false,
      strategy: null,
    },
  ],
  [
    'POST',
    '/rollouts',
    { version: 'v3', replace: true, strategy: { steps: [{ weight: '5%' }] } },
    {
      do: 'deploy',
      version: 'v3',
      targets: [],
      replace: true,
      strategy: { steps: [{ weight: '5%' }] },
    },
  ],
  ['POST', '/rollout/promote', {}, { do: 'promote', full: false }],
  ['POST', '/rollout/promote', { full: true }, { do: 'promote', full: true }],
  ['POST', '/rollout/pause', {}, { do: 'pause' }],
  ['POST', '/rollout/resume', {}, { do: 'resume' }],
  ['POST', '/rollout/abort', {}, { do: 'abort' }],
  ['POST', '/rollback', {}, { do: 'rollback', force: false }],
  ['POST', '/rollback', { force: true }, { do: 'rollback', force: true }],
  ['DELETE', '/quarantine/v%2F2', {}, { do: 'retry', version: 'v/2' }],
  [
    'PUT',
    '/versions/v2/targets',
    { targets: ['http://127.0.0.1:2'] },
    { do: 'targets', version: 'v2', targets: ['http://127.0.0.1:2'] },
  ],
] as const

await t.test('every change becomes one command, with the revision of If-Match', async (t) => {
  for (const [method, path, body, command] of changes) {
    admin.asked.length = 0
    const plain = await call(shop + path, { method, body })
    t.equal(plain.status, 200, `${method} ${path}`)
    t.equal(plain.headers.etag, '"7"')
    t.equal(plain.json?.note, `did ${command.do}`)
    const matched = await call(shop + path, { method, body, headers: { 'if-match': '"7"' } })
    t.equal(matched.status, 200)
    t.same(admin.asked, [
      { ...command, service: 'shop', ifMatch: null },
      { ...command, service: 'shop', ifMatch: 7 },
    ])
  }
})

await t.test('a body may be left out where nothing must be said', async (t) => {
  const headers = { 'content-type': 'application/json' }
  const answer = await call(`${shop}/rollout/pause`, { method: 'POST', headers })
  t.equal(answer.status, 200)
})

const json = { 'content-type': 'application/json' }
const refused = [
  ['PUT', '/weight', { candidate: 101 }, 422, 'invalid-weight', '0 to 100'],
  ['PUT', '/weight', { candidate: 12.345 }, 422, 'invalid-weight', '12.345'],
  ['PUT', '/weight', { candidate: -1 }, 422, 'invalid-weight', '-1'],
  ['PUT', '/weight', { candidate: '5' }, 400, 'invalid-body', 'number'],
  ['PUT', '/weight', { weight: 5 }, 400, 'invalid-body', 'candidate'],
  ['PUT', '/weight', { candidate: 5, forced: true }, 400, 'invalid-body', 'forced'],
  ['PUT', '/weight', [], 400, 'invalid-body', 'object'],
  ['PUT', '/weight', '{"candidate":', 400, 'invalid-json', 'JSON'],
  ['PUT', '/weight', '{"__proto__":{"x":1},"candidate":5}', 400, 'invalid-json', 'JSON'],
  ['POST', '/rollouts', { targets: [] }, 400, 'invalid-body', 'version'],
  ['POST', '/rollouts', { version: '' }, 400, 'invalid-body', 'version'],
  ['POST', '/rollouts', { version: 'v3', strategy: 'x'.repeat(65536) }, 413, 'body-too-large', ''],
  ['PUT', '/versions/v2/targets', { targets: [] }, 400, 'invalid-body', 'targets'],
  ['POST', '/weight', {}, 405, 'wrong-method', 'PUT'],
  ['POST', '/rollout/faster', {}, 404, 'unknown-path', '/rollout/faster'],
] as const

await t.test('what cannot be read is a problem document and reaches nobody', async (t) => {
  admin.asked.length = 0
  for (const [method, path, body, status, code, hint] of refused) {
    const answer = await call(shop + path, { method, body, headers: json })
    t.equal(answer.status, status, `${method} ${path} ${JSON.stringify(body).slice(0, 40)}`)
    t.equal(answer.headers['content-type'], 'application/problem+json')
    t.match(answer.json, { type: `urn:vertex:problem:${code}`, title: /./, status })
    t.match(answer.json?.detail, /^Cannot /)
    const detail = String(answer.json?.detail)
    t.ok(detail.includes(hint), detail)
  }
  t.same(admin.asked, [])
})

await t.test('a refusal names what is allowed', async (t) => {
  const service = await call(`${admin.url}/v1/services/shoop`)
  t.equal(service.status, 404)
  t.match(service.json, { type: 'urn:vertex:problem:unknown-service', allowed: ['shop'] })
  const phase = await call(`${shop}/rollout/faster`, { method: 'POST', body: {} })
  t.same(
    phase.json?.allowed,
    ['promote', 'pause', 'resume', 'abort'].map((verb) => {
      return `/v1/services/{service}/rollout/${verb}`
    }),
  )
  const method = await call(`${shop}/weight`, { method: 'DELETE', body: {} })
  t.equal(method.headers.allow, 'PUT')
  t.same(method.json?.allowed, ['PUT'])
  const member = await call(`${shop}/weight`, { method: 'PUT', body: { wait: 5 } })
  t.same(member.json?.allowed, ['candidate', 'force'])
  const type = await call(`${shop}/weight`, { method: 'PUT', body: 'candidate=5' })
  t.equal(type.status, 415)
  t.same(type.json?.allowed, ['application/json'])
})

await t.test('If-Match takes one revision in quotes', async (t) => {
  const put = (ifMatch: string) => {
    const headers = { 'if-match': ifMatch }
    return call(`${shop}/weight`, { method: 'PUT', body: { candidate: 5 }, headers })
  }
  admin.asked.length = 0
  t.equal((await put('*')).status, 200)
  t.match(admin.asked, [{ ifMatch: null }])
  for (const bad of ['7', 'W/"7"', '"7", "8"', '"x"', '""']) {
    const answer = await put(bad)
    t.equal(answer.status, 400, bad)
    t.match(answer.json, { type: 'urn:vertex:problem:invalid-if-match', allowed: /./ })
  }
})

await t.test('412, 428 and 409 of the control thread are given back as they are', async (t) => {
  t.teardown(() => {
    admin.answer = before
  })
  const before = admin.answer
  for (const status of [412, 428, 409, 422, 503] as const) {
    const problem = { status, code: 'some-rule', title: 'Some rule', detail: 'Cannot do it as …' }
    admin.answer = () => ({ ok: false, problem })
    const answer = await call(`${shop}/rollout/abort`, { method: 'POST', body: {} })
    t.equal(answer.status, status)
    t.same(answer.json, {
      type: 'urn:vertex:problem:some-rule',
      title: 'Some rule',
      status,
      detail: 'Cannot do it as …',
    })
  }
})

await t.test('a silent control thread is 503 after 5 s, and others are answered', async (t) => {
  const before = admin.answer
  const isSilent = ['service', 'synthetic']
  admin.answer = (command) => (isSilent.includes(command.do) ? null : before(command))
  const waiting = call(shop)
  // A synthetic transaction may take minutes; this one ends with the thread.
  let hasEnded = false
  const body = { version: 'v2', scenario: 'home' }
  const run = call(`${shop}/synthetic`, { method: 'POST', body })
  void run
    .catch(() => undefined)
    .finally(() => {
      hasEnded = true
    })
  t.equal((await call(`${admin.url}/v1/services`)).status, 200)
  const answer = await waiting
  admin.answer = before
  t.equal(answer.status, 503)
  t.match(answer.json, { type: 'urn:vertex:problem:control-silent' })
  t.equal(hasEnded, false, 'a synthetic transaction is waited for')
})
