// A client that ends its side behind a request. By default that cannot be told from a client that
// is gone. With `half_close: serve` what it has asked for is answered, to the last byte; and what
// it has only begun to ask for holds nothing up, since the rest of it will never come.

import net from 'node:net'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { NO_SLOT, publishAssignment } from '../../src/board/assignment.ts'
import { createBoard } from '../../src/board/board.ts'
import type { TableService } from '../../src/core/table.ts'
import { ClientConnection } from '../../src/edge/client.ts'
import { Edge, TICK_MS } from '../../src/edge/edge.ts'
import { answering, eventually, type Origin, SETTINGS, STABLE } from './harness.ts'
import { type Needs, startLab } from './lab.ts'
import { get, open, type Wire } from './wire.ts'

type Tap = Pick<typeof t, 'same' | 'teardown'>

const lab = await startLab()
t.teardown(() => lab.close())

/** So long that a test which waits for one of them fails. */
const LONG = { requestHeadMs: 60_000, requestIdleMs: 60_000, keepAliveMs: 60_000 }

/** An edge that serves who has ended its side, before this origin. */
async function serveHalves(origin: Origin, needs: Needs = {}): Promise<void> {
  const timeouts = { ...LONG, ...needs.timeouts }
  const settings = { halfClose: 'serve' } as const
  await lab.serve({ stable: [origin.port], ...needs, settings, timeouts })
}

/** Sends the bytes and a FIN, and returns when the edge has seen both. */
async function sendLast(client: Wire, bytes: string): Promise<void> {
  await new Promise<void>((resolve) => void client.socket.end(bytes, 'latin1', resolve))
  // They are with the kernel; the edge's only thread serves them before it answers this.
  await lab.ask(get('/__ready'))
}

interface Holding extends Origin {
  /** Answers the oldest request with its path. */
  release(): void
}

/** An origin that answers when it is told to. */
async function holding(): Promise<Holding> {
  const held: (() => void)[] = []
  const origin = await lab.origin((socket, request, count) => {
    held.push(() => answering(pathOf(request))(socket, request, count))
  })
  return { ...origin, release: () => held.shift()?.() }
}

const pathOf = (request: string): string => request.split(' ')[1] ?? ''

await t.test('by default it is gone: the request is cancelled', async (t) => {
  const origin = await holding()
  await lab.serve({ stable: [origin.port], timeouts: LONG })
  const client = await lab.client({ halfOpen: true })
  client.send(get())
  await eventually(() => origin.requests.length === 1)
  client.socket.end()
  await client.gone()
  await eventually(() => origin.connections.size === 0)
  t.equal(client.text, '')
  t.same((await lab.counts()).stable, { aborted: 1 })
})

await t.test('or it is served: the answer comes, and says that it is the last', async (t) => {
  const origin = await holding()
  await serveHalves(origin)
  const client = await lab.client({ halfOpen: true })
  await sendLast(client, get('/a'))
  await eventually(() => origin.requests.length === 1)
  origin.release()
  const answer = await client.answer()
  t.same([answer.body, answer.field('connection')], ['/a', 'close'])
  await client.gone()
  t.notOk(client.reset)
  t.same((await lab.counts()).stable, { ok: 1, evidenceGood: 1 })
})

const AT_ONCE = {
  'the readiness path': [get('/__ready'), 200],
  'no service': ['GET /b HTTP/1.1\r\nHost: nobody\r\n\r\n', 404],
} as const

for (const [what, [request, status]] of Object.entries(AT_ONCE)) {
  await t.test(`all that it has asked for is answered; between others ${what}`, async (t) => {
    const origin = await holding()
    const service = { matches: [{ host: 'shop.example', path: '/' }] }
    await serveHalves(origin, { service })
    const client = await lab.client({ halfOpen: true })
    await sendLast(client, get('/a') + request + get('/c'))
    await eventually(() => origin.requests.length === 1)
    origin.release()
    await eventually(() => origin.requests.length === 2)
    origin.release()
    const answers = [await client.answer(), await client.answer(), await client.answer()]
    t.same(
      answers.map((answer) => [answer.status, answer.field('connection')]),
      [
        [200, null],
        [status, null],
        [200, 'close'],
      ],
    )
    t.same(origin.requests.map(pathOf), ['/a', '/c'])
    await client.gone()
    t.notOk(client.reset)
  })
}

const POST_HEAD = 'POST /b HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 9\r\n\r\n'
const NO_REQUEST = {
  'a part of a head': 'GET /b HTTP/1.1\r\nHost: shop',
  'an empty line': '\r\n',
}
const NEVER_WHOLE = {
  ...NO_REQUEST,
  'a part of a body': `${POST_HEAD}abc`,
  'a head without its body': POST_HEAD,
}

for (const [what, rest] of Object.entries(NEVER_WHOLE)) {
  await t.test(`${what} behind the last request holds nothing up`, async (t) => {
    const origin = await holding()
    await serveHalves(origin)
    const client = await lab.client({ halfOpen: true })
    await sendLast(client, get('/a') + rest)
    await eventually(() => origin.requests.length === 1)
    origin.release()
    t.equal((await client.answer()).body, '/a')
    await client.gone()
    t.equal(client.text, '')
    t.equal(origin.requests.length, 1)
    await lab.counts()
  })
}

await t.test('a whole body behind the last request is served', async (t) => {
  const origin = await holding()
  await serveHalves(origin)
  const client = await lab.client({ halfOpen: true })
  await sendLast(client, `${get('/a')}${POST_HEAD}123456789`)
  for (const [at, path] of ['/a', '/b'].entries()) {
    await eventually(() => origin.requests.length === at + 1)
    origin.release()
    t.equal((await client.answer()).body, path)
  }
  t.match(origin.requests[1], /123456789$/)
  await client.gone()
})

await t.test('and so behind the rest of one that was answered early', async (t) => {
  const origin = await lab.origin(answering('ok'))
  await serveHalves(origin, { service: { matches: [{ host: 'shop.example', path: '/' }] } })
  const client = await lab.client({ halfOpen: true })
  client.send(`${POST_HEAD.replace('shop.example', 'nobody')}123`)
  t.equal((await client.answer()).status, 404)
  await sendLast(client, `456789${POST_HEAD}123456789`)
  t.equal((await client.answer()).status, 200)
  t.equal(origin.requests.length, 1)
  await client.gone()
})

await t.test('the end comes through a tunnel that stands only after it', async (t) => {
  let upgrading: net.Socket | null = null
  let heard = false
  const origin = await lab.origin((socket) => {
    upgrading = socket
    socket.on('end', () => {
      heard = true
    })
  })
  await serveHalves(origin, { timeouts: { ...LONG, tunnelDrainMs: 60_000 } })
  const client = await lab.client({ halfOpen: true })
  await sendLast(client, get('/', 'Connection: Upgrade\r\nUpgrade: websocket\r\n'))
  await eventually(() => upgrading !== null)
  const socket = upgrading as net.Socket | null
  socket?.write(
    'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
  )
  await eventually(() => heard)
  t.equal((await client.answer()).status, 101)
  await client.gone()
  t.same((await lab.counts()).stable, { ok: 1, evidenceGood: 1 })
})

// --- answers that are still being written -----------------------------------------------------

interface InSight {
  readonly client: Wire
  /** The edge's end of the client's connection. */
  readonly socket: net.Socket
}

/** A client of an edge that runs in this thread, where its sockets can be looked at. */
async function inSight(t: Tap, origin: Origin): Promise<InSight> {
  const board = createBoard({ threads: 1, services: 1, slots: 2, targets: 1, latencyStripes: 1 })
  const timeouts = { ...SETTINGS.timeouts, ...LONG }
  const edge = new Edge(board, 0, { ...SETTINGS, timeouts, halfClose: 'serve' })
  edge.useTable({ revision: 1, services: [serviceAt(origin.port)] })
  publishAssignment(board, 0, { stableSlot: STABLE, candidateSlot: NO_SLOT, weight: 0 })
  const ticks = setInterval(() => edge.tick(), TICK_MS)
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    new ClientConnection(edge, socket)
    sockets.push(socket)
  })
  const sockets: net.Socket[] = []
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const client = await open((server.address() as AddressInfo).port, { halfOpen: true })
  await eventually(() => sockets.length === 1)
  t.teardown(() => {
    clearInterval(ticks)
    client.destroy()
    server.close()
  })
  return { client, socket: sockets[0] as net.Socket }
}

/** One service whose stable version has its only target at this port. */
function serviceAt(port: number): TableService {
  const target = { index: 0, host: '127.0.0.1', port, authority: `127.0.0.1:${port}` }
  return {
    name: 'default',
    index: 0,
    matches: [{ host: null, path: '/' }],
    affinity: null,
    salt: 'salt',
    versionOverride: null,
    rescue: true,
    mirror: null,
    rescueBudget: { share: 0.2, atLeast: 16 },
    replay: { putDelete: false, idempotencyKey: false },
    bodyLimitBytes: null,
    verdict: { exclude: [], clientErrors: 'ignore', slowIsErrorMs: null },
    versions: [{ name: 'v1', slot: STABLE, targets: [target] }],
  }
}

const LARGE = 'x'.repeat(60_000)

/** Asks without reading until an answer has to wait in the edge; returns how often. */
async function askUntilFull({ client, socket }: InSight): Promise<number> {
  client.socket.pause()
  for (let times = 1; times <= 1000; times++) {
    const before = socket.bytesWritten
    client.send(get())
    await eventually(() => socket.bytesWritten >= before + LARGE.length)
    if (socket.writableLength > 0) return times
  }
  throw new Error('The kernel takes whatever it is given')
}

async function endsBehind(t: Tap, last: string): Promise<void> {
  const held: (() => void)[] = []
  const origin = await lab.origin((socket, request, count) => {
    if (pathOf(request) === '/') answering(LARGE)(socket, request, count)
    else held.push(() => answering('late')(socket, request, count))
  })
  const { client, socket } = await inSight(t, origin)
  const times = await askUntilFull({ client, socket })
  let ended = false
  socket.once('end', () => {
    ended = true
  })
  client.socket.end(last, 'latin1')
  await eventually(() => ended || socket.destroyed)
  for (const answer of held) answer()
  await eventually(() => socket.destroyed || socket.writableEnded)
  client.socket.resume()
  await client.gone()
  const whole = client.text.split(`\r\n\r\n${LARGE}`).length - 1
  const late = client.text.split('\r\n\r\nlate').length - 1
  t.same([whole, late, client.reset], [times, held.length, false])
}

for (const [what, last] of Object.entries({ ...NO_REQUEST, nothing: '' })) {
  await t.test(`${what} behind an answer that is still being written: it is whole`, (t) =>
    endsBehind(t, last),
  )
  await t.test(`${what} behind a request in flight, too`, (t) => endsBehind(t, get('/late') + last))
}
