// An upgrade becomes a tunnel after the target's 101: bytes pass unread in both directions, each
// side may end its own, and a tunnel counts as in flight for its version until it ends.

import net from 'node:net'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { claims } from '../../src/board/tallies.ts'
import { answering, CANDIDATE, eventually, STABLE } from './harness.ts'
import { startLab } from './lab.ts'
import { bodyOf, get, type Wire } from './wire.ts'

const lab = await startLab()
const servers: net.Server[] = []
t.teardown(async () => {
  await lab.close()
  for (const server of servers) server.close()
})

const SWITCHING =
  'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n'
const UPGRADE = get('/', 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: k\r\n')

interface TunnelOrigin {
  readonly port: number
  /** What came after the head of the first request, on the connection that came last. */
  text: string
  head: string
  socket: net.Socket | null
  ended: boolean
  /** Whether it goes on sending when the client has ended its direction. */
  lingers: boolean
}

/** An origin that sends `first` when a head has come, and collects what follows. */
async function tunnelOrigin(first: string): Promise<TunnelOrigin> {
  const origin: TunnelOrigin & { port: number } = {
    port: 0,
    text: '',
    head: '',
    socket: null,
    ended: false,
    lingers: false,
  }
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    Object.assign(origin, { head: '', text: '', socket, ended: false })
    socket.on('error', () => undefined)
    socket.on('end', () => {
      origin.ended = true
      if (!origin.lingers) socket.end()
    })
    socket.on('data', (chunk) => {
      origin.text += chunk.toString('latin1')
      const end = origin.text.indexOf('\r\n\r\n')
      if (origin.head !== '' || end < 0) return
      origin.head = origin.text.slice(0, end + 4)
      origin.text = origin.text.slice(end + 4)
      socket.write(first, 'latin1')
    })
  })
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return Object.assign(origin, { port: (server.address() as AddressInfo).port })
}

/** A client whose tunnel stands. */
async function tunnel(request = UPGRADE): Promise<Wire> {
  const client = await lab.client({ halfOpen: true })
  client.send(request)
  await client.until(() => client.text.includes('\r\n\r\n'))
  return client
}

/** What has come through the tunnel. */
function through(client: Wire): string {
  return client.text.slice(client.text.indexOf('\r\n\r\n') + 4)
}

await t.test('bytes pass in both directions, also those that came early', async (t) => {
  const origin = await tunnelOrigin(`${SWITCHING}early from target`)
  await lab.serve({ stable: [origin.port] })
  const client = await tunnel(`${UPGRADE}early from client`)
  t.match(client.text, /^HTTP\/1\.1 101 /)
  t.match(client.text, /^Upgrade: websocket\r$/m)
  t.match(client.text, /^Connection: Upgrade\r$/m)
  t.match(origin.head, /^Upgrade: websocket\r$/m)
  t.match(origin.head, /^Connection: Upgrade\r$/m)
  t.match(origin.head, /^Sec-WebSocket-Key: k\r$/m)
  await client.until(() => through(client) === 'early from target')
  await eventually(() => origin.text === 'early from client')
  origin.socket?.write('\0\r\n\r\nHTTP/1.1')
  client.send('GET / HTTP/1.1\r\n\r\n')
  await client.until(() => through(client).endsWith('\0\r\n\r\nHTTP/1.1'))
  await eventually(() => origin.text.endsWith('GET / HTTP/1.1\r\n\r\n'))
  t.equal(claims(lab.edge.board, STABLE), 1, 'a tunnel is in flight')
  client.destroy()
  await eventually(() => origin.ended)
  t.same((await lab.counts()).stable, { ok: 1, evidenceGood: 1 })
})

await t.test('much that came early does not stop the tunnel', async (t) => {
  const origin = await tunnelOrigin('')
  await lab.serve({ stable: [origin.port] })
  const early = bodyOf(300_000)
  const client = await lab.client({ halfOpen: true })
  client.send(UPGRADE + early)
  await eventually(() => origin.head !== '')
  // The edge keeps only so much, and stops reading, before the target consents.
  const since = performance.now()
  await eventually(() => performance.now() - since > 50)
  origin.socket?.write(SWITCHING)
  await eventually(() => origin.text.length === early.length)
  t.ok(origin.text === early)
  client.destroy()
})

await t.test('megabytes pass both ways at the same time, byte by byte', async (t) => {
  const origin = await tunnelOrigin(SWITCHING)
  await lab.serve({ stable: [origin.port] })
  const client = await tunnel()
  const head = client.text.length
  const [up, down] = [bodyOf(4_000_000), bodyOf(5_000_000)]
  client.send(up)
  origin.socket?.write(down, 'latin1')
  await client.until(() => client.text.length >= head + down.length, 10_000)
  await eventually(() => origin.text.length === up.length, 10_000)
  t.ok(through(client) === down && origin.text === up)
  client.destroy()
})

await t.test('each side may end its own direction, and the other goes on', async (t) => {
  const origin = await tunnelOrigin(SWITCHING)
  origin.lingers = true
  await lab.serve({ stable: [origin.port] })
  const first = await tunnel()
  first.socket.end('bye')
  await eventually(() => origin.ended)
  t.equal(origin.text, 'bye')
  origin.socket?.write('and more')
  await first.until(() => through(first) === 'and more')
  t.equal(claims(lab.edge.board, STABLE), 1)
  origin.socket?.end()
  await first.gone()
  t.notOk(first.reset)
  await lab.counts()

  const second = await tunnel()
  origin.socket?.end('bye')
  await second.until(() => second.ended)
  t.equal(through(second), 'bye')
  // More than the system's buffers hold, so that the last of it is still on its way at the end.
  const last = bodyOf(4_000_000)
  origin.socket?.pause()
  second.socket.end(last, 'latin1')
  await eventually(() => claims(lab.edge.board, STABLE) === 1)
  origin.socket?.resume()
  await eventually(() => origin.ended, 10_000)
  t.equal(origin.text.length, last.length)
  t.same((await lab.counts()).stable, { ok: 2, evidenceGood: 2 })
})

await t.test('a tunnel that breaks on one side is reset on the other', async (t) => {
  const origin = await tunnelOrigin(SWITCHING)
  await lab.serve({ stable: [origin.port] })
  const client = await tunnel()
  origin.socket?.resetAndDestroy()
  await client.gone()
  t.ok(client.reset)
  const other = await tunnel()
  other.socket.resetAndDestroy()
  await eventually(() => origin.socket?.destroyed === true || origin.ended)
  t.same((await lab.counts()).stable, { ok: 2, evidenceGood: 2 })
})

await t.test('the tunnels of one version can be closed, those of the other stay', async (t) => {
  const old = await tunnelOrigin(SWITCHING)
  const fresh = await tunnelOrigin(SWITCHING)
  await lab.serve({ stable: [old.port], candidate: [fresh.port], weight: 10_000 })
  const doomed = await tunnel()
  lab.weight(0)
  const stays = await tunnel()
  t.same([claims(lab.edge.board, STABLE), claims(lab.edge.board, CANDIDATE)], [1, 1])
  lab.edge.supervisor.closeTunnels(CANDIDATE, 0)
  await doomed.until(() => doomed.ended)
  await eventually(() => fresh.ended && claims(lab.edge.board, CANDIDATE) === 0)
  stays.send('still here')
  await eventually(() => old.text === 'still here')
  doomed.destroy()
  stays.destroy()
  t.same((await lab.counts()).stable, { ok: 1, evidenceGood: 1 })
})

await t.test('a tunnel that stable took for a full candidate is stable’s', async (t) => {
  const old = await tunnelOrigin(SWITCHING)
  const fresh = await tunnelOrigin(SWITCHING)
  await lab.serve({
    stable: [old.port],
    candidate: [fresh.port],
    weight: 10_000,
    limits: { inFlightPerTarget: 1 },
  })
  const doomed = await tunnel()
  const stays = await tunnel()
  t.ok(fresh.head !== '' && old.head !== '', 'the first took the only place')
  t.same([claims(lab.edge.board, STABLE), claims(lab.edge.board, CANDIDATE)], [1, 1])
  lab.weight(0)
  lab.edge.supervisor.closeTunnels(CANDIDATE, 0)
  // Had it been the candidate's, both would have been closed at once.
  await doomed.until(() => doomed.ended)
  stays.send('still here')
  await eventually(() => old.text === 'still here')
  t.notOk(stays.ended)
  doomed.destroy()
  stays.destroy()
  await lab.counts()
})

await t.test('a tunnel in which nothing passes is ended after its time', async (t) => {
  const origin = await tunnelOrigin(SWITCHING)
  await lab.serve({ stable: [origin.port], timeouts: { tunnelIdleMs: 300 } })
  const client = await tunnel()
  for (let i = 0; i < 4; i++) {
    const since = performance.now()
    await eventually(() => performance.now() - since > 150)
    client.send('x')
    await eventually(() => origin.text.length === i + 1)
  }
  t.notOk(client.ended, 'what passes keeps it open')
  await client.until(() => client.ended, 1500)
  t.notOk(client.reset)
  client.destroy()
  t.same((await lab.counts()).stable, { ok: 1, evidenceGood: 1 })
})

await t.test('a target that does not switch gives an ordinary answer', async (t) => {
  const origin = await lab.origin(answering('no'))
  await lab.serve({ stable: [origin.port] })
  const client = await lab.client()
  t.same([(await client.ask(UPGRADE)).body, (await client.ask(get())).body], ['no', 'no'])
})

await t.test(
  'h2c, a POST and an old client get no upgrade, and an unasked 101 is malformed',
  async (t) => {
    const origin = await lab.origin((socket, request, count) => {
      if (request.includes('/force')) socket.write(SWITCHING)
      else answering('plain')(socket, request, count)
    })
    await lab.serve({ stable: [origin.port], service: { rescue: false } })
    const offers = 'Connection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: x\r\n'
    const requests = [
      get('/', `${offers}Upgrade: h2c\r\n`),
      `POST / HTTP/1.1\r\nHost: a\r\n${offers}Upgrade: websocket\r\nContent-Length: 1\r\n\r\nx`,
      `GET / HTTP/1.0\r\nHost: a\r\n${offers}Upgrade: websocket\r\n\r\n`,
    ]
    for (const request of requests) {
      t.equal((await lab.ask(request)).body, 'plain')
      t.notMatch(origin.requests.pop(), /^(upgrade|connection|http2-settings):/im)
    }
    const forced = await lab.ask(get('/force'))
    t.same([forced.status, forced.field('x-vertex-error')], [502, 'upstream-malformed'])
  },
)

await t.test('a tunnel that only the client has ended does not stay for an hour', async (t) => {
  const origin = await tunnelOrigin(SWITCHING)
  origin.lingers = true
  await lab.serve({ stable: [origin.port], timeouts: { tunnelDrainMs: 200 } })
  const client = await tunnel()
  client.socket.end()
  await eventually(() => origin.ended)
  await eventually(() => claims(lab.edge.board, STABLE) === 0)
  t.pass('it is gone after the tunnel drain time')
})
