// What a target is told of a request and what a client is told of an answer, seen at both ends of
// real connections. (The rewriting itself is proven line by line in test/http1/forward.test.ts.)

import http from 'node:http'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { answering } from './harness.ts'
import { startLab } from './lab.ts'
import { get } from './wire.ts'

const lab = await startLab()
t.teardown(() => lab.close())

/** The field lines of a request, lower case, without the request line. */
function fieldsOf(request: string | undefined): string[] {
  const head = request?.split('\r\n\r\n')[0] ?? ''
  return head.toLowerCase().split('\r\n').slice(1)
}

await t.test(
  'hop-by-hop fields go in both directions, and what Connection names too',
  async (t) => {
    const hops = 'Keep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\nTE: gzip\r\n'
    const named = 'Connection: X-Secret, keep-alive\r\nX-Secret: 1\r\nX-Open: 2\r\n'
    const origin = await lab.origin((socket) =>
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 2\r\n${hops}${named}\r\nok`),
    )
    await lab.serve({ stable: [origin.port] })
    const answer = await lab.ask(
      get('/', `${hops}${named}Proxy-Authorization: x\r\nHTTP2-Settings: y\r\n`),
    )
    const gone =
      /^(connection|keep-alive|proxy-connection|te|x-secret|proxy-authorization|http2-settings):/im
    t.notMatch(origin.requests[0], gone)
    t.match(origin.requests[0], /^X-Open: 2\r$/m)
    t.notMatch(answer.head, gone)
    t.match(answer.head, /^X-Open: 2\r$/m)
  },
)

await t.test("a stranger's forwarding fields are replaced by what the edge knows", async (t) => {
  const origin = await lab.origin(answering('ok'))
  await lab.serve({ stable: [origin.port] })
  await lab.ask(
    get(
      '/',
      'X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil\r\n' +
        'Forwarded: for=1.2.3.4\r\nX-Request-Id: theirs\r\n',
    ),
  )
  const fields = fieldsOf(origin.requests[0])
  for (const line of ['x-forwarded-for: 127.0.0.1', 'x-forwarded-proto: http']) {
    t.ok(fields.includes(line), line)
  }
  t.ok(fields.includes('x-forwarded-host: shop.example'))
  t.ok(fields.includes('via: 1.1 vertex'))
  t.notMatch(origin.requests[0], /evil|1\.2\.3\.4|theirs/)
})

await t.test('a trusted proxy is believed: the chain grows, the id stays', async (t) => {
  const origin = await lab.origin(answering('ok'))
  await lab.serve({ stable: [origin.port], settings: { trustedProxies: ['127.0.0.0/8'] } })
  await lab.ask(
    get(
      '/',
      'X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-For: 5.6.7.8\r\nX-Forwarded-Proto: https\r\n' +
        'X-Forwarded-Host: shop\r\nX-Request-Id: theirs\r\n',
    ),
  )
  const fields = fieldsOf(origin.requests[0])
  const wanted = ['x-forwarded-for: 1.2.3.4, 5.6.7.8, 127.0.0.1', 'x-forwarded-proto: https']
  for (const line of [...wanted, 'x-forwarded-host: shop', 'x-request-id: theirs']) {
    t.equal(fields.filter((field) => field === line).length, 1, line)
  }
})

await t.test('each request gets an id of its own', async (t) => {
  const origin = await lab.origin(answering('ok'))
  await lab.serve({ stable: [origin.port] })
  const client = await lab.client()
  for (let i = 0; i < 100; i++) await client.ask(get())
  const ids = origin.requests.map((request) => /^x-request-id: (\S+)\r$/im.exec(request)?.[1])
  t.equal(new Set(ids).size, 100)
  t.notOk(ids.includes(undefined))
})

await t.test('a request that has been here twice is a loop', async (t) => {
  const origin = await lab.origin(answering('ok'))
  await lab.serve({ stable: [origin.port] })
  t.equal((await lab.ask(get('/', 'Via: 1.1 vertex\r\n'))).status, 200)
  const answer = await lab.ask(get('/', 'Via: 1.1 vertex, 1.0 other, 1.1 vertex\r\n'))
  t.equal(answer.status, 508)
  t.equal(answer.field('x-vertex-error'), 'loop')
  t.equal(origin.requests.length, 1)
})

await t.test('an answer without a date gets one, and keeps its own otherwise', async (t) => {
  const origin = await lab.origin((socket, request) => {
    const date = request.startsWith('GET /dated') ? 'Date: long ago\r\n' : ''
    socket.write(`HTTP/1.1 200 OK\r\n${date}Server: theirs\r\nContent-Length: 0\r\n\r\n`)
  })
  await lab.serve({ stable: [origin.port] })
  const client = await lab.client()
  const made = await client.ask(get())
  t.ok(Math.abs(Date.parse(made.field('date') ?? '') - Date.now()) < 3000)
  t.equal(made.field('server'), 'theirs')
  t.equal((await client.ask(get('/dated'))).head.match(/^Date:/gm)?.length, 1)
})

await t.test('an old client without Host is understood by a strict target', async (t) => {
  const server = http.createServer((request, response) => response.end(`at ${request.url}`))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  await lab.serve({ stable: [(server.address() as AddressInfo).port] })
  const answer = await lab.ask('GET /here HTTP/1.0\r\n\r\n')
  t.equal(answer.status, 200)
  t.equal(answer.body, 'at /here')
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
})

await t.test('interim answers reach a client, but no old one', async (t) => {
  const hints = 'HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n'
  const origin = await lab.origin((socket) =>
    socket.write(`${hints}${hints}HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok`),
  )
  await lab.serve({ stable: [origin.port] })
  const client = await lab.client()
  client.send(get())
  for (let i = 0; i < 2; i++) t.equal((await client.answer()).field('link'), '</a.css>')
  t.equal((await client.answer()).body, 'ok')
  t.equal((await lab.ask('GET / HTTP/1.0\r\nHost: a\r\n\r\n')).status, 200)
})

await t.test('a target without end of interim answers is malformed', async (t) => {
  const origin = await lab.origin((socket) =>
    socket.write('HTTP/1.1 102 Processing\r\n\r\n'.repeat(100)),
  )
  await lab.serve({ stable: [origin.port] })
  const client = await lab.client()
  client.send(get())
  let answer = await client.answer()
  while (answer.status === 102) answer = await client.answer()
  t.equal(answer.field('x-vertex-error'), 'upstream-malformed')
})

const EXPECTING = `POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n`

await t.test(
  'Expect: 100-continue is passed on, and the target’s consent comes back',
  async (t) => {
    // The origin waits for a whole request, so the test's own hand says what comes before that.
    const origin = await lab.origin(answering('ok'))
    await lab.serve({ stable: [origin.port] })
    const client = await lab.client()
    client.send(EXPECTING)
    const socket = await firstOf(origin.connections)
    socket.write('HTTP/1.1 100 Continue\r\n\r\n')
    t.equal((await client.answer()).status, 100)
    t.equal((await client.send('body').answer()).body, 'ok')
    t.match(origin.requests[0], /^Expect: 100-continue\r$/m)
    t.equal((await client.ask(get())).body, 'ok')
  },
)

await t.test('a target that refuses what was expected ends the connection', async (t) => {
  const origin = await lab.origin(answering('ok'))
  await lab.serve({ stable: [origin.port] })
  const client = await lab.client()
  client.send(EXPECTING)
  const socket = await firstOf(origin.connections)
  socket.write('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n')
  const answer = await client.answer()
  t.equal(answer.status, 403)
  t.equal(answer.field('connection'), 'close', 'a body or a next request: nobody could tell')
  await client.gone()
  t.same((await lab.counts()).stable, { clientError: 1, evidenceGood: 1 })
})

async function firstOf<T>(set: ReadonlySet<T>): Promise<T> {
  for (;;) {
    const found = [...set][0]
    if (found !== undefined) return found
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
