// What a target does wrong: the client gets a status that says so, the version gets the evidence,
// and nothing stays claimed. And whose fault it is when somebody stands still.

import { fork } from 'node:child_process'
import net from 'node:net'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { setEjected } from '../../src/board/tallies.ts'
import { answering, eventually } from './harness.ts'
import { startLab } from './lab.ts'
import { bodyOf, get, post } from './wire.ts'

const lab = await startLab()
t.teardown(() => lab.close())

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

/** A port on which nobody listens. */
async function deadPort(): Promise<number> {
  const origin = await lab.origin(() => undefined)
  await origin.close()
  return origin.port
}

await t.test('a target that refuses is 502 upstream-refused', async (t) => {
  await lab.serve({ stable: [await deadPort()] })
  const client = await lab.client()
  for (const request of [get(), post('body')]) {
    const answer = await client.ask(request)
    t.equal(answer.status, 502)
    t.equal(answer.field('x-vertex-error'), 'upstream-refused')
    t.equal(answer.field('connection'), null)
  }
  t.same((await lab.counts()).stable, { refused: 2, evidenceBad: 2, userErrors: 2 })
})

await t.test('a target that hangs up before it answers is 502 upstream-reset', async (t) => {
  for (const how of ['end', 'resetAndDestroy', 'destroy'] as const) {
    const origin = await lab.origin((socket) => void socket[how]())
    await lab.serve({ stable: [origin.port] })
    const answer = await lab.ask(get())
    t.equal(answer.status, 502)
    t.equal(answer.field('x-vertex-error'), 'upstream-reset')
    t.same((await lab.counts()).stable, { reset: 1, evidenceBad: 1, userErrors: 1 }, how)
  }
})

const MALFORMED = [
  'HTTP/1.1 20 OK\r\n\r\n',
  'HTTP/2 200 OK\r\n\r\n',
  'nonsense',
  'HTTP/1.1 200 OK\nContent-Length: 2\n\nok',
  'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok',
  'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\nok',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nok',
  'HTTP/1.1 200 OK\r\nX : 1\r\n\r\n',
  'HTTP/1.1 200 OK\r\nX: a\r\n folded\r\n\r\n',
  'HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n',
  `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(70_000)}\r\n\r\n`,
  `HTTP/1.1 200 OK\r\n${'X: 1\r\n'.repeat(300)}\r\n`,
]

await t.test(
  'an answer that breaks HTTP is 502 upstream-malformed, and its connection goes',
  async (t) => {
    for (const text of MALFORMED) {
      const origin = await lab.origin((socket) => socket.write(text))
      await lab.serve({ stable: [origin.port] })
      const answer = await lab.ask(get())
      t.equal(answer.status, 502, text.slice(0, 60))
      t.equal(answer.field('x-vertex-error'), 'upstream-malformed')
      await eventually(() => origin.connections.size === 0)
      t.same((await lab.counts()).stable, { malformed: 1, evidenceBad: 1, userErrors: 1 })
    }
  },
)

await t.test(
  'a service without a target, or with ejected ones only, is 503 with Retry-After',
  async (t) => {
    const origin = await lab.origin(answering('ok'))
    await lab.serve({ stable: [origin.port, origin.port] })
    const { board } = lab.edge
    t.equal((await lab.ask(get())).status, 200)
    for (let target = 0; target < board.layout.targets; target++) setEjected(board, target, true)
    const answer = await lab.ask(get())
    t.equal(answer.status, 503)
    t.equal(answer.field('x-vertex-error'), 'no-target')
    t.equal(answer.field('retry-after'), '1')
    for (let target = 0; target < board.layout.targets; target++) setEjected(board, target, false)
    t.equal((await lab.ask(get())).status, 200)
    t.same((await lab.counts()).stable, { ok: 2, overload: 1, evidenceGood: 2 })
  },
)

await t.test('an ejected target gets nothing while another one is there', async (t) => {
  const bad = await lab.origin(answering('bad'))
  const good = await lab.origin(answering('good'))
  await lab.serve({ stable: [bad.port, good.port] })
  const { board } = lab.edge
  const targets = Array.from({ length: board.layout.targets }, (_, i) => i)
  // Which cell the bad one has is told by trying.
  const cell = await findCell(targets, async (target) => {
    setEjected(board, target, true)
    bad.requests.length = 0
    for (let i = 0; i < 30; i++) await lab.ask(get())
    setEjected(board, target, false)
    return bad.requests.length === 0
  })
  t.not(cell, undefined)
})

async function findCell(
  cells: readonly number[],
  test: (cell: number) => Promise<boolean>,
): Promise<number | undefined> {
  for (const cell of cells) if (await test(cell)) return cell
  return undefined
}

await t.test('more requests in flight than a target may have are 503 at once', async (t) => {
  const waiting: net.Socket[] = []
  const origin = await lab.origin((socket) => waiting.push(socket))
  await lab.serve({ stable: [origin.port], limits: { inFlightPerTarget: 2 } })
  const first = [await lab.client(), await lab.client()]
  for (const client of first) client.send(get())
  await eventually(() => waiting.length === 2)
  const answer = await lab.ask(get())
  t.equal(answer.status, 503)
  t.equal(answer.field('x-vertex-error'), 'overload')
  for (const socket of waiting) socket.write(OK)
  for (const client of first) t.equal((await client.answer()).status, 200)
  t.same((await lab.counts()).stable.overload, 1)
})

await t.test('a target that does not answer in time is 504 response-timeout', async (t) => {
  const origin = await lab.origin(() => undefined)
  await lab.serve({ stable: [origin.port], timeouts: { responseHeadMs: 200 } })
  for (const request of [get(), post('body')]) {
    const answer = await lab.ask(request)
    t.equal(answer.status, 504)
    t.equal(answer.field('x-vertex-error'), 'response-timeout')
  }
  await eventually(() => origin.connections.size === 0)
  t.same((await lab.counts()).stable, { timeout: 2, evidenceBad: 2, userErrors: 2 })
})

await t.test('a target that does not accept in time is 504 connect-timeout', async (t) => {
  // A listener that never accepts, its queue full: the kernel drops further SYNs.
  const stuck = await stuckPort()
  if (stuck === null) return t.comment('skipped: the system accepts more than its queue holds')
  await lab.serve({ stable: [stuck.port], timeouts: { connectMs: 200 } })
  const answer = await lab.ask(get())
  t.equal(answer.status, 504)
  t.equal(answer.field('x-vertex-error'), 'connect-timeout')
  t.same((await lab.counts()).stable, { timeout: 1, evidenceBad: 1, userErrors: 1 })
  stuck.close()
})

/** A port whose queue of connections is full, or null where that cannot be had. */
async function stuckPort(): Promise<{ port: number; close(): void } | null> {
  const script = `
    const server = require('node:net').createServer()
    server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
      process.send(server.address().port, () => { for (;;); })
    })`
  const child = fork('-e', [script], { execArgv: [], stdio: 'ignore' })
  child.on('error', () => undefined)
  const port = await new Promise<number>((resolve) =>
    child.once('message', (n) => resolve(Number(n))),
  )
  const fillers = Array.from({ length: 8 }, () => net.connect({ port, host: '127.0.0.1' }))
  let connected = 0
  for (const socket of fillers) {
    socket.on('error', () => undefined)
    socket.on('connect', () => connected++)
  }
  const close = (): void => {
    child.kill('SIGKILL')
    for (const socket of fillers) socket.destroy()
  }
  // The queue is full when the last of them is still not connected a while after the first.
  await eventually(() => connected > 0)
  await new Promise((resolve) => setTimeout(resolve, 200))
  await new Promise((resolve) => setImmediate(resolve))
  if (fillers.at(-1)?.connecting === true) return { port, close }
  close()
  return null
}

await t.test('a body that stops in the middle is broken off after its time limit', async (t) => {
  const origin = await lab.origin((socket) =>
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort'),
  )
  await lab.serve({ stable: [origin.port], timeouts: { responseIdleMs: 200 } })
  const client = await lab.client()
  client.send(get())
  await client.gone()
  t.ok(client.reset)
  t.match(client.text, /short$/)
  t.same((await lab.counts()).stable, { timeout: 1, evidenceBad: 1, userErrors: 1 })
})

await t.test(
  'a client that stops reading is cut off, and that is not the target’s fault',
  async (t) => {
    const body = Buffer.alloc(20_000_000)
    const origin = await lab.origin((socket) => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n`)
      socket.write(body)
    })
    await lab.serve({ stable: [origin.port], timeouts: { responseIdleMs: 300 } })
    const client = await lab.client()
    client.socket.pause()
    client.send(get())
    await eventually(() => origin.requests.length === 1)
    t.same((await lab.counts()).stable, { aborted: 1 })
    await eventually(() => origin.connections.size === 0)
    client.socket.resume()
    await client.gone()
    t.ok(client.text.length < body.length)
    t.ok(client.reset)
  },
)

await t.test(
  'a target that stops reading a body is 504, and that is not the client’s fault',
  async (t) => {
    const server = net.createServer((socket) => {
      socket.pause()
      socket.on('error', () => undefined)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    await lab.serve({
      stable: [(server.address() as AddressInfo).port],
      timeouts: { requestIdleMs: 300 },
    })
    const client = await lab.client()
    const answer = await client.ask(post(bodyOf(20_000_000)))
    t.equal(answer.status, 504)
    t.same((await lab.counts()).stable, { timeout: 1, evidenceBad: 1, userErrors: 1 })
    client.destroy()
    server.close()
  },
)

/** A port behind which `first` is said to each head, and then nothing. */
async function saying(first: string): Promise<number> {
  const server = net.createServer((socket) => {
    socket.on('error', () => undefined)
    socket.once('data', () => socket.write(first))
  })
  t.teardown(() => server.close())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

const EXPECTING = 'POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n'

await t.test(
  'who is silent is at fault: the target when it is asked, the client when it is told',
  async (t) => {
    const timeouts = { requestIdleMs: 200 }
    await lab.serve({ stable: [await saying('')], timeouts })
    const silent = await lab.ask(EXPECTING)
    t.same([silent.status, silent.field('x-vertex-error')], [504, 'response-timeout'])
    t.same((await lab.counts()).stable, { timeout: 1, evidenceBad: 1, userErrors: 1 })

    await lab.serve({ stable: [await saying('HTTP/1.1 100 Continue\r\n\r\n')], timeouts })
    const client = await lab.client()
    t.equal((await client.ask(EXPECTING)).status, 100)
    const late = await client.answer()
    t.same([late.status, late.field('x-vertex-error')], [408, 'request-timeout'], 'it was asked')
    t.same((await lab.counts()).stable, { unjudged: 1 })

    await lab.serve({ stable: [await saying('')], timeouts })
    const impatient = await lab.ask(`${EXPECTING}bod`)
    t.same([impatient.status, impatient.field('x-vertex-error')], [408, 'request-timeout'])
    t.same((await lab.counts()).stable, { unjudged: 1 }, 'it had begun its body by itself')
  },
)

await t.test('a client that goes away cancels its request: nobody’s error', async (t) => {
  const origin = await lab.origin((socket, request) => {
    if (request.startsWith('GET /part')) {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort')
    }
  })
  await lab.serve({ stable: [origin.port] })
  for (const [path, how] of [
    ['/wait', 'end'],
    ['/wait', 'resetAndDestroy'],
    ['/part', 'end'],
    ['/part', 'resetAndDestroy'],
  ] as const) {
    const client = await lab.client()
    const seen = origin.requests.length
    client.send(get(path))
    await eventually(() => origin.requests.length > seen)
    if (path === '/part') await client.until(() => client.text.endsWith('short'))
    client.socket[how]()
    await eventually(() => origin.connections.size === 0)
  }
  t.same((await lab.counts()).stable, { aborted: 4 })
})

await t.test(
  'a client that goes away in its upload cancels it, also when all of it has come',
  async (t) => {
    const origin = await lab.origin(() => undefined)
    await lab.serve({ stable: [origin.port] })
    const half = await lab.client()
    half.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nshort')
    await eventually(() => origin.connections.size === 1)
    half.socket.resetAndDestroy()
    await eventually(() => origin.connections.size === 0)
    // The only piece of this body asks for a pause, but fits a packet: the end must still be seen.
    const head = 'POST / HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 65000\r\n\r\n'
    for (let i = 1; i <= 5; i++) {
      const whole = await lab.client()
      whole.send(post(bodyOf(65_480 - head.length)))
      await eventually(() => origin.requests.length === i)
      whole.socket.end()
      await eventually(() => origin.connections.size === 0, 1500)
    }
    t.same((await lab.counts()).stable, { aborted: 6 })
  },
)

await t.test(
  'an early answer is relayed at once, and the connection closes behind it',
  async (t) => {
    const server = net.createServer((socket) => {
      socket.once('data', () => socket.write('HTTP/1.1 413 No\r\nContent-Length: 2\r\n\r\nno'))
      socket.on('error', () => undefined)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    await lab.serve({ stable: [(server.address() as AddressInfo).port] })
    const client = await lab.client()
    const answer = await client.ask(
      'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\npart',
    )
    t.equal(answer.status, 413)
    t.equal(answer.body, 'no')
    t.equal(answer.field('connection'), 'close')
    client.send(bodyOf(500_000)) // what is still coming is read and thrown away
    await client.gone()
    t.notOk(client.reset)
    t.same((await lab.counts()).stable, { clientError: 1, evidenceGood: 1 })
    server.close()
  },
)
