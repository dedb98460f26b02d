// Connections on both sides: kept open, used again, never used when in doubt. What a user would see
// if one of these broke: another user's answer, an error after a pause, or a hang.

import type net from 'node:net'
import t from 'tap'
import { answering, eventually } from './harness.ts'
import { startLab } from './lab.ts'
import { bodyOf, get, post } from './wire.ts'

const lab = await startLab()
t.teardown(() => lab.close())

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

/** Answers with the request's path, on the connections in the order of their requests. */
function echoing(socket: net.Socket, request: string): void {
  const path = request.split(' ')[1] ?? ''
  socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${path.length}\r\n\r\n${path}`, 'latin1')
}

await t.test('a client sends many requests on one connection, and so does the edge', async (t) => {
  const origin = await lab.origin(echoing)
  await lab.serve({ stable: [origin.port] })
  const client = await lab.client()
  for (let i = 0; i < 20; i++) {
    const answer = await client.ask(get(`/${i}`))
    t.equal(answer.body, `/${i}`)
    t.equal(answer.field('connection'), null)
  }
  t.equal(origin.connections.size, 1)
  t.same((await lab.counts()).stable, { ok: 20, evidenceGood: 20 })
})

await t.test('pipelined requests are answered in order, one at a time', async (t) => {
  let busy = 0
  let most = 0
  const origin = await lab.origin((socket, request) => {
    most = Math.max(most, ++busy)
    setImmediate(() => {
      busy--
      echoing(socket, request)
    })
  })
  await lab.serve({ stable: [origin.port] })
  const client = await lab.client()
  const paths = Array.from({ length: 50 }, (_, i) => `/p${i}`)
  client.send(paths.map((path) => get(path)).join(''))
  for (const path of paths) t.equal((await client.answer()).body, path)
  t.equal(most, 1)
})

await t.test('pipelined requests with bodies, cut anywhere, are answered in order', async (t) => {
  const origin = await lab.origin((socket, request) => {
    const body = request.slice(request.indexOf('\r\n\r\n') + 4)
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`, 'latin1')
  })
  await lab.serve({ stable: [origin.port] })
  const text = `${post('first')}${get('/x')}${post('third!')}${post('')}`
  const at = Array.from({ length: text.length - 1 }, (_, i) => i + 1)
  await Promise.all(
    at.map(async (cut) => {
      const client = await lab.client()
      await client.sendEach([text.slice(0, cut), text.slice(cut)])
      const bodies = []
      for (let i = 0; i < 4; i++) bodies.push((await client.answer()).body)
      if (bodies.join('|') !== 'first||third!|') t.fail(`cut at ${cut}: ${bodies.join('|')}`)
    }),
  )
})

await t.test('a pipeline of answers that need no target does not grow the stack', async (t) => {
  await lab.serve({ service: { matches: [{ host: 'none', path: '/' }] } })
  const client = await lab.client()
  client.send(get('/').repeat(5000) + get('/__ready'))
  await client.until(() => client.text.endsWith('ready\n'))
  t.equal(client.text.split('HTTP/1.1 404 ').length - 1, 5000)
})

await t.test(
  'Connection: close of a client closes after the answer, and of an old client too',
  async (t) => {
    const origin = await lab.origin(answering('ok'))
    await lab.serve({ stable: [origin.port] })
    for (const request of [
      get('/', 'Connection: close\r\n'),
      'GET / HTTP/1.0\r\nHost: a\r\n\r\n',
    ]) {
      const client = await lab.client()
      const answer = await client.ask(request)
      t.equal(answer.body, 'ok')
      t.equal(answer.field('connection'), 'close')
      await client.gone()
      t.notOk(client.reset)
    }
    const old = await lab.client()
    const kept = 'GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n'
    t.equal((await old.ask(kept)).field('connection'), 'keep-alive')
    t.equal((await old.ask(kept)).body, 'ok')
    old.destroy()
  },
)

await t.test(
  'Connection: close of a target is not passed on, and its connection is not used again',
  async (t) => {
    const origin = await lab.origin((socket) =>
      socket.write('HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok'),
    )
    await lab.serve({ stable: [origin.port] })
    const client = await lab.client()
    for (let i = 0; i < 3; i++) t.equal((await client.ask(get())).field('connection'), null)
    await eventually(() => origin.connections.size === 0)
    t.equal(origin.requests.length, 3)
  },
)

await t.test(
  'a connection that filled the client goes back to its pool ready to be read',
  async (t) => {
    // An answer that is one full read of 64 KiB: its only write is the one that asks for a pause.
    const big = bodyOf(65_536 - 'HTTP/1.1 200 OK\r\nContent-Length: 65495\r\n\r\n'.length)
    const head = `HTTP/1.1 200 OK\r\nContent-Length: ${big.length}\r\n\r\n`
    const origin = await lab.origin((socket, request) => {
      if (request.startsWith('GET /big')) socket.write(head + big)
      else socket.write(OK)
    })
    await lab.serve({ stable: [origin.port] })
    const client = await lab.client()
    for (let i = 0; i < 20; i++) {
      t.ok((await client.ask(get('/big'))).body === big, 'big')
      t.equal((await client.ask(get('/small'))).body, 'ok')
    }
  },
)

await t.test(
  'a kept connection that the target has closed is not an error: a GET goes out again',
  async (t) => {
    const origin = await lab.origin(answering('ok'))
    await lab.serve({ stable: [origin.port] })
    const client = await lab.client()
    for (let i = 0; i < 10; i++) {
      t.equal((await client.ask(get())).status, 200)
      // The close and the next request cross on the wire.
      for (const socket of origin.connections) socket.resetAndDestroy()
    }
    t.same((await lab.counts()).stable, { ok: 10, evidenceGood: 10 })
  },
)

await t.test(
  'a GET that meets a dying connection goes out on a new one, not on the next old one',
  async (t) => {
    let dying = false
    const first = new Set<net.Socket>()
    const origin = await lab.origin((socket) => {
      // While it dies, connections that have served before are reset at their next request.
      if (dying && first.has(socket)) return void socket.resetAndDestroy()
      first.add(socket)
      setTimeout(() => socket.write(OK), dying ? 0 : 50)
    })
    await lab.serve({ stable: [origin.port] })
    await Promise.all(Array.from({ length: 4 }, () => lab.ask(get())))
    t.equal(origin.connections.size, 4)
    dying = true
    t.equal((await lab.ask(get())).status, 200)
    t.same((await lab.counts()).stable, { ok: 5, evidenceGood: 5 })
  },
)

await t.test('a POST takes no connection that was idle for more than a second', async (t) => {
  const origin = await lab.origin(answering('ok'))
  await lab.serve({ stable: [origin.port] })
  const seen = new Set<net.Socket>()
  await lab.ask(post('a'))
  for (const socket of origin.connections) seen.add(socket)
  await lab.ask(post('b'))
  t.same([...origin.connections], [...seen], 'a moment later it is used again')
  const since = performance.now()
  await eventually(() => performance.now() - since > 1050)
  await lab.ask(post('c'))
  t.equal(origin.connections.size, 2, 'later it is not')
})

// It only went out on a connection that was used within the last second, which a target hardly
// closes for waiting: it is the app that dies of such requests.
await t.test('a POST that dies with its kept connection is a 502, and evidence', async (t) => {
  const origin = await lab.origin((socket, _, count) => {
    if (count === 1) socket.write(OK)
    else socket.resetAndDestroy()
  })
  await lab.serve({ stable: [origin.port] })
  t.equal((await lab.ask(post('a'))).status, 200)
  const answer = await lab.ask(post('b'))
  t.equal(answer.status, 502)
  t.equal(answer.field('x-vertex-error'), 'upstream-reset')
  t.equal(origin.requests.length, 2, 'it was sent once only')
  const counts = { ok: 1, reset: 1, userErrors: 1, evidenceGood: 1, evidenceBad: 1 }
  t.same((await lab.counts()).stable, counts)
})

await t.test(
  'bytes on an idle target connection belong to nobody: the connection is closed',
  async (t) => {
    const origin = await lab.origin(answering('ok'))
    await lab.serve({ stable: [origin.port] })
    const client = await lab.client()
    t.equal((await client.ask(get())).body, 'ok')
    for (const socket of origin.connections) {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison')
    }
    await eventually(() => origin.connections.size === 0)
    t.equal((await client.ask(get())).body, 'ok')
  },
)

await t.test('a second answer behind the first is thrown away with its connection', async (t) => {
  const poison = 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison'
  for (const later of [false, true]) {
    const origin = await lab.origin((socket) => {
      if (!later) return void socket.write(OK + poison)
      socket.write(OK)
      setImmediate(() => socket.write(poison))
    })
    await lab.serve({ stable: [origin.port] })
    const client = await lab.client()
    for (let i = 0; i < 20; i++) t.equal((await client.ask(get())).body, 'ok')
    client.destroy()
    await eventually(() => origin.connections.size === 0)
  }
})

await t.test('an idle client is let go after the keep-alive time', async (t) => {
  const origin = await lab.origin(answering('ok'))
  await lab.serve({ stable: [origin.port], timeouts: { keepAliveMs: 150 } })
  const client = await lab.client()
  t.equal((await client.ask(get())).status, 200)
  await client.gone(1000)
  const silent = await lab.client()
  await silent.gone(1000)
})

await t.test('an empty line behind a request begins no head', async (t) => {
  const origin = await lab.origin(answering('ok'))
  const needs = { stable: [origin.port] }
  await lab.serve({ ...needs, timeouts: { requestHeadMs: 100, keepAliveMs: 60_000 } })
  const client = await lab.client()
  for (const line of ['\r\n', '\r']) {
    t.equal((await client.ask(get() + line)).status, 200)
    const since = performance.now()
    await eventually(() => performance.now() - since > 200)
    t.same([client.text, client.closed], ['', false], 'no 408 when the time of a head has passed')
    if (line === '\r') client.send('\n') // the rest of it may come with the next request
  }
  await lab.serve({ ...needs, timeouts: { requestHeadMs: 100, keepAliveMs: 300 } })
  t.equal((await client.ask(get())).status, 200, 'the connection is used again')
  client.send('\r\n')
  await client.gone(2000)
  t.same([client.text, client.reset], ['', false], 'it closes silently after the keep-alive time')
})

await t.test("a target's own keep-alive hint shortens the wait of its connections", async (t) => {
  const origin = await lab.origin((socket) =>
    socket.write('HTTP/1.1 200 OK\r\nKeep-Alive: timeout=1\r\nContent-Length: 2\r\n\r\nok'),
  )
  await lab.serve({ stable: [origin.port] })
  t.equal((await lab.ask(get())).body, 'ok')
  await eventually(() => origin.connections.size === 0, 1000)
})
