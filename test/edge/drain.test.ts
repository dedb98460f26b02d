// A node that is shut down: readiness fails first, what is in flight ends, nobody is cut off before
// the time. And what is refused at the door: connections above the limit.

import net from 'node:net'
import t from 'tap'
import { heartbeat } from '../../src/board/liveness.ts'
import {
  answering,
  eventually,
  type Origin,
  SETTINGS,
  startEdge,
  startOrigin,
  type TestEdge,
} from './harness.ts'
import { bodyOf, get, open, post } from './wire.ts'

/** Long enough on a machine that is busy elsewhere. */
const LIMIT_MS = 60_000

async function startBoth(
  handler: Parameters<typeof startOrigin>[0],
  settings: Parameters<typeof startEdge>[0]['settings'] = {},
): Promise<{ edge: TestEdge; origin: Origin }> {
  const origin = await startOrigin(handler)
  return { origin, edge: await startEdge({ stable: [origin.port], settings }) }
}

/** Whether a new connection is accepted. */
async function accepts(edge: TestEdge): Promise<boolean> {
  return open(edge.port).then(
    (client) => {
      client.destroy()
      return true
    },
    () => false,
  )
}

/** Waits until no connection is accepted any more. */
async function doorCloses(edge: TestEdge): Promise<void> {
  const giveUp = performance.now() + LIMIT_MS
  while (await accepts(edge)) {
    if (performance.now() > giveUp) throw new Error('The door stays open')
  }
}

await t.test(
  'readiness is answered by the edge, and fails as soon as a drain begins',
  async (t) => {
    const { edge, origin } = await startBoth(answering('ok'))
    const client = await open(edge.port)
    const ready = await client.ask(get('/__ready'))
    t.same([ready.status, ready.body, ready.field('cache-control')], [200, 'ready\n', 'no-store'])
    const head = await client.ask('HEAD /__ready HTTP/1.1\r\nHost: a\r\n\r\n', { toHead: true })
    t.equal(head.status, 200)
    t.equal((await client.ask(get())).body, 'ok', 'the connection goes on')
    t.equal(origin.requests.length, 1)

    edge.supervisor.drain()
    const giveUp = performance.now() + LIMIT_MS
    let answer = await client.ask(get('/__ready'))
    while (answer.status === 200 && performance.now() < giveUp) {
      answer = await client.ask(get('/__ready'))
    }
    t.same([answer.status, answer.body, answer.field('connection')], [503, 'draining\n', 'close'])
    await client.gone()
    const other = await open(edge.port)
    const last = await other.ask(get())
    t.same([last.status, last.field('connection')], [200, 'close'], 'requests are still served')
    await other.gone()
    await edge.close()
    await origin.close()
  },
)

await t.test('what is in flight when the listeners close ends as if nothing were', async (t) => {
  const sockets: net.Socket[] = []
  const { edge, origin } = await startBoth((socket) => sockets.push(socket))
  const idle = await open(edge.port)
  const busy = await open(edge.port)
  busy.send(get())
  const upload = await open(edge.port)
  upload.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf')
  await eventually(() => sockets.length === 1 && origin.connections.size === 2)
  const ended = edge.supervisor.finish({ drainMs: LIMIT_MS, tunnelDrainMs: 0 })
  await doorCloses(edge)
  const beats = heartbeat(edge.board, 0)
  await eventually(() => heartbeat(edge.board, 0) > beats + 3)
  t.notOk(idle.closed, 'idle connections close last, for a request may be on its way')
  upload.send('+other')
  await eventually(() => sockets.length === 2)
  for (const socket of sockets) answering('ok')(socket, '', 0)
  for (const client of [busy, upload]) {
    const answer = await client.answer()
    t.same([answer.body, answer.field('connection')], ['ok', 'close'])
    await client.gone()
    t.notOk(client.reset)
  }
  await idle.gone()
  await ended
  await origin.close()
})

await t.test('a large answer to a slow reader is whole also when the node ends', async (t) => {
  const body = bodyOf(6_000_000)
  const { edge, origin } = await startBoth(answering(body))
  const client = await open(edge.port)
  client.send(get())
  await client.until(() => client.text.length > 0)
  client.socket.pause()
  const ended = edge.supervisor.finish({ drainMs: LIMIT_MS, tunnelDrainMs: 0 })
  await doorCloses(edge)
  client.socket.resume()
  await client.until(() => client.text.length > body.length, LIMIT_MS)
  t.ok((await client.answer()).body === body)
  await ended
  await origin.close()
})

await t.test('what does not end in its time is ended, tunnels in theirs', async (t) => {
  const { edge, origin } = await startBoth((socket, request) => {
    if (/^upgrade/im.test(request)) {
      socket.write('HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n')
    }
  })
  const stuck = await open(edge.port)
  stuck.send(get())
  const tunnel = await open(edge.port)
  tunnel.send(get('/', 'Connection: Upgrade\r\nUpgrade: websocket\r\n'))
  await tunnel.until(() => tunnel.text.includes('101'))
  const begun = performance.now()
  const ended = edge.supervisor.finish({ drainMs: 200, tunnelDrainMs: 1500 })
  await stuck.gone()
  t.equal(stuck.text, '', 'not by the time limit of its answer')
  t.notOk(tunnel.closed)
  await tunnel.gone()
  t.ok(performance.now() - begun > 1400)
  await ended
  await origin.close()
})

await t.test('connections above the limit are refused, and the others do not notice', async (t) => {
  const limits = { ...SETTINGS.limits, connections: 3 }
  const { edge, origin } = await startBoth(answering('ok'), { limits })
  const clients = [await open(edge.port), await open(edge.port), await open(edge.port)]
  for (const client of clients) t.equal((await client.ask(get())).status, 200)
  const above = await open(edge.port).catch(() => null)
  await above?.gone()
  for (const client of clients) t.equal((await client.ask(get())).status, 200)
  clients.pop()?.destroy()
  await eventually(() => edge.supervisor.views()[0]?.connections === 2)
  const next = await open(edge.port)
  t.equal((await next.ask(post('x'))).status, 200)
  for (const client of [...clients, next]) client.destroy()
  await eventually(() => edge.supervisor.views()[0]?.connections === 0)
  await edge.close()
  await origin.close()
})

await t.test('clients that vanish before they are accepted harm nobody', async (t) => {
  const { edge, origin } = await startBoth(answering('ok'))
  // While the thread reads a long list it accepts nobody, and those who leave have no address then.
  const trustedProxies = Array.from(
    { length: 20_000 },
    (_, i) => `10.${(i >> 8) >> 8}.${(i >> 8) & 255}.${i & 255}`,
  )
  edge.supervisor.useSettings({ ...SETTINGS, trustedProxies })
  await Promise.all(Array.from({ length: 50 }, () => vanish(edge.port)))
  const client = await open(edge.port)
  t.equal((await client.ask(get())).status, 200)
  client.destroy()
  await eventually(() => edge.supervisor.views()[0]?.connections === 0)
  t.same(edge.replaced, [])
  await edge.close()
  await origin.close()
})

/** Connects and resets the connection at once. */
function vanish(port: number): Promise<void> {
  return new Promise((resolve) => {
    const socket = net.connect({ port, host: '127.0.0.1' }, () => {
      socket.resetAndDestroy()
      resolve()
    })
    socket.on('error', () => resolve())
  })
}
