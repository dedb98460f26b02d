// What a client does wrong: each fault has its status and its name, the connection is closed, and
// not a byte of it reaches a target. (The whole table of heads is in
// test/http1/request-head.test.ts; here stands a case of each fault, over a real connection.)

import t from 'tap'
import { answering, eventually } from './harness.ts'
import { startLab } from './lab.ts'
import { get, post } from './wire.ts'

const lab = await startLab()
t.teardown(() => lab.close())

const HOST = 'Host: a\r\n'
const POST = `POST / HTTP/1.1\r\n${HOST}`

/** Fault, status, and the request that earns them. */
const CASES: readonly (readonly [string, number, string])[] = [
  ['bad-line-end', 400, 'GET / HTTP/1.1\nHost: a\n\n'],
  ['bad-line-end', 400, `GET / HTTP/1.1\r\n${HOST}X: 1\nY: 2\r\n\r\n`],
  ['bad-method', 400, `GE(T / HTTP/1.1\r\n${HOST}\r\n`],
  ['bad-target', 400, `GET /a#b HTTP/1.1\r\n${HOST}\r\n`],
  ['bad-target', 400, `GET a HTTP/1.1\r\n${HOST}\r\n`],
  ['bad-version', 400, 'GET /\r\n\r\n'],
  ['version-unsupported', 505, `GET / HTTP/2.0\r\n${HOST}\r\n`],
  ['target-too-long', 414, `GET /${'x'.repeat(17_000)} HTTP/1.1\r\n${HOST}\r\n`],
  ['method-not-allowed', 405, 'CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n'],
  ['method-not-allowed', 405, `TRACE / HTTP/1.1\r\n${HOST}\r\n`],
  ['bad-field-name', 400, `GET / HTTP/1.1\r\n${HOST}X : 1\r\n\r\n`],
  ['bad-field-value', 400, `GET / HTTP/1.1\r\n${HOST}X: a\0b\r\n\r\n`],
  ['folded-field', 400, `GET / HTTP/1.1\r\n${HOST}X: a\r\n b\r\n\r\n`],
  ['head-too-large', 431, `GET / HTTP/1.1\r\n${HOST}X: ${'x'.repeat(40_000)}\r\n\r\n`],
  ['too-many-fields', 431, `GET / HTTP/1.1\r\n${HOST}${'X: 1\r\n'.repeat(101)}\r\n`],
  ['bad-host', 400, 'GET / HTTP/1.1\r\n\r\n'],
  ['bad-host', 400, `GET / HTTP/1.1\r\n${HOST}${HOST}\r\n`],
  ['bad-connection', 400, `GET / HTTP/1.1\r\n${HOST}Connection: host\r\n\r\n`],
  ['bad-path', 400, `GET /a/../../b HTTP/1.1\r\n${HOST}\r\n`],
  ['bad-path', 400, `GET /%00 HTTP/1.1\r\n${HOST}\r\n`],
  ['bad-content-length', 400, `${POST}Content-Length: +5\r\n\r\nhello`],
  ['bad-content-length', 400, `${POST}Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello`],
  [
    'length-and-encoding',
    400,
    `${POST}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  ],
  ['encoding-in-1.0', 400, `POST / HTTP/1.0\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
  ['encoding-unsupported', 501, `${POST}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`],
  ['expectation-failed', 417, `${POST}Expect: miracle\r\nContent-Length: 5\r\n\r\nhello`],
]

for (const [fault, status, request] of CASES) {
  const title = JSON.stringify(request.length > 60 ? `${request.slice(0, 60)}…` : request)
  await t.test(`${status} ${fault} for ${title}`, async (t) => {
    const origin = await lab.origin(answering('ok'))
    await lab.serve({ stable: [origin.port] })
    const client = await lab.client()
    // A second request behind the first must not be read.
    const answer = await client.ask(request + get('/smuggled'))
    t.equal(answer.status, status)
    t.equal(answer.field('x-vertex-error'), fault)
    t.equal(answer.field('connection'), 'close')
    await client.gone()
    t.notOk(client.reset, 'the answer is not lost to a reset')
    t.equal(client.text, '', 'there is one answer only')
    t.equal(origin.connections.size, 0, 'the target has not even been called')
    t.same(await lab.counts(), { stable: {}, candidate: {} })
  })
}

await t.test(
  'a chunked body that breaks its framing is 400, and its target gets no end',
  async (t) => {
    for (const body of ['zz\r\n', '5\r\nhelloX', '5\nhello\r\n', '0\r\nbad name: x\r\n\r\n']) {
      const origin = await lab.origin(answering('ok'))
      await lab.serve({ stable: [origin.port] })
      const client = await lab.client()
      const answer = await client.ask(`${POST}Transfer-Encoding: chunked\r\n\r\n${body}`)
      t.equal(answer.status, 400)
      t.equal(answer.field('x-vertex-error'), 'bad-chunk')
      await client.gone()
      t.equal(origin.requests.length, 0)
      await eventually(() => origin.connections.size === 0)
      t.same((await lab.counts()).stable, { unjudged: 1 })
    }
  },
)

await t.test('no service: 404, and the connection can be used again', async (t) => {
  await lab.serve({ service: { matches: [{ host: 'shop.example', path: '/app' }] } })
  const client = await lab.client()
  for (const path of ['/', '/ap', '/apple', '/app/../x']) {
    const answer = await client.ask(get(path))
    t.equal(answer.status, 404)
    t.equal(answer.field('x-vertex-error'), 'no-service')
  }
  t.equal((await client.ask(get('/app'))).status, 503, 'a service without targets')
  t.equal((await client.ask(get('/x/../app/y'))).status, 503)
})

await t.test('a body that is too large by its length is 413 at once', async (t) => {
  const origin = await lab.origin(answering('ok'))
  await lab.serve({ stable: [origin.port], service: { bodyLimitBytes: 10 } })
  t.equal((await lab.ask(post('0123456789'))).status, 200)
  const client = await lab.client()
  const answer = await client.ask(`${POST}Content-Length: 11\r\n\r\n`)
  t.equal(answer.status, 413)
  t.equal(answer.field('x-vertex-error'), 'body-too-large')
  await client.gone()
  t.equal(origin.requests.length, 1)
})

await t.test('a chunked body that grows too large is 413, and no whole request', async (t) => {
  const origin = await lab.origin(answering('ok'))
  await lab.serve({ stable: [origin.port], service: { bodyLimitBytes: 10 } })
  const head = `${POST}Transfer-Encoding: chunked\r\n\r\n`
  for (const pieces of [
    [`${head}b\r\n0123456789a\r\n0\r\n\r\n`],
    [head, '5\r\n01234\r\n', '6\r\n56789a\r\n0\r\n\r\n'],
    [head, '5;x\r\n01234\r\n6;y\r\n56789a\r\n0\r\n\r\n'],
  ]) {
    // On a connection that stands already, as its bytes would leave at once.
    t.equal((await lab.ask(post('small'))).status, 200)
    const client = await lab.client()
    await client.sendEach(pieces)
    t.equal((await client.answer()).status, 413)
    await client.gone()
  }
  await eventually(() => origin.connections.size === 0)
  t.equal(origin.requests.length, 3)
  t.same((await lab.counts()).stable, { ok: 3, unjudged: 3, evidenceGood: 3 })
})

await t.test('a head that does not come to its end is 408', async (t) => {
  await lab.serve({ timeouts: { requestHeadMs: 200 } })
  const client = await lab.client()
  // A byte now and then does not buy more time: else there would never be an answer.
  client.send('GET / HTTP/1.1\r\n')
  const drip = setInterval(() => client.send('X'), 50)
  const answer = await client.answer()
  clearInterval(drip)
  t.equal(answer.status, 408)
  t.equal(answer.field('x-vertex-error'), 'request-timeout')
  t.equal(answer.field('connection'), 'close')
  await client.gone()
})

await t.test('a body that stops coming is 408 and nobody’s error', async (t) => {
  const origin = await lab.origin(answering('ok'))
  await lab.serve({ stable: [origin.port], timeouts: { requestIdleMs: 200 } })
  for (const start of [
    'Content-Length: 10\r\n\r\nhalf',
    'Transfer-Encoding: chunked\r\n\r\n4\r\nha',
  ]) {
    const client = await lab.client()
    const answer = await client.ask(POST + start)
    t.equal(answer.status, 408)
    t.equal(answer.field('connection'), 'close')
    await client.gone()
  }
  await eventually(() => origin.connections.size === 0)
  t.same((await lab.counts()).stable, { unjudged: 2 })
})

await t.test('the cause comes as problem+json to whom that is acceptable', async (t) => {
  await lab.serve({ service: { matches: [{ host: 'other', path: '/' }] } })
  const answer = await lab.ask(get('/', 'Accept: application/problem+json\r\n'))
  t.equal(answer.field('content-type'), 'application/problem+json')
  t.match(JSON.parse(answer.body), { status: 404, type: 'urn:vertex:problem:no-service' })
  const head = await lab.client()
  const toHead = await head.ask('HEAD / HTTP/1.1\r\nHost: a\r\n\r\n', { toHead: true })
  t.equal(toHead.status, 404)
  t.equal(head.text, '')
})
