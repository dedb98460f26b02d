// Whoever is slow, the other side waits for it, and the edge keeps only a little in between. Each
// test offers 150 megabytes to somebody who does not take them and looks at how much has gone
// where, which is a matter of bounds and not of time.

import net from 'node:net'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { eventually } from './harness.ts'
import { startLab } from './lab.ts'
import { get } from './wire.ts'

const lab = await startLab()
t.teardown(() => lab.close())

const OFFERED = 150_000_000
/** What the system keeps in the buffers of four sockets, and the edge in its own. */
const KEPT = 60_000_000
const PIECE = Buffer.alloc(1_000_000)

/** Writes `OFFERED` bytes as far as they are taken; returns how many were given away so far. */
function offer(socket: net.Socket): () => number {
  let left = OFFERED
  const more = (): void => {
    while (left > 0) {
      left -= PIECE.length
      if (!socket.write(PIECE)) return
    }
  }
  socket.on('drain', more)
  more()
  return () => OFFERED - left - socket.writableLength
}

/** Waits until nothing more is taken for a while. */
async function standsStill(taken: () => number): Promise<void> {
  let last = -1
  let since = performance.now()
  await eventually(() => {
    const now = performance.now()
    if (taken() !== last) since = now
    last = taken()
    return now - since > 200
  }, 10_000)
}

async function listen(onSocket: (socket: net.Socket) => void): Promise<net.Server> {
  const server = net.createServer((socket) => {
    socket.on('error', () => undefined)
    onSocket(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return server
}

const portOf = (server: net.Server): number => (server.address() as AddressInfo).port
const PATIENT = { responseIdleMs: 60_000, requestIdleMs: 60_000 }

await t.test('a client that does not read stops its target, not the memory', async (t) => {
  let taken = (): number => 0
  const server = await listen((socket) =>
    socket.once('data', () => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${OFFERED}\r\n\r\n`)
      taken = offer(socket)
    }),
  )
  await lab.serve({ stable: [portOf(server)], timeouts: PATIENT })
  const client = await lab.client()
  client.socket.removeAllListeners('data')
  client.socket.pause()
  const before = process.memoryUsage().rss
  client.send(get())
  await standsStill(() => taken())
  t.ok(taken() > 0 && taken() < KEPT, `${taken()} bytes were taken`)
  const grown = process.memoryUsage().rss - before
  t.ok(grown < KEPT, `memory has grown by ${grown}`)
  // And when it reads at last, everything comes.
  let came = 0
  client.socket.on('data', (chunk: Buffer) => {
    came += chunk.length
  })
  client.socket.resume()
  await eventually(() => came > OFFERED, 15_000)
  client.destroy()
  server.close()
})

await t.test('a target that does not read stops its client, not the memory', async (t) => {
  const sockets: net.Socket[] = []
  const server = await listen((socket) => sockets.push(socket.pause()))
  await lab.serve({ stable: [portOf(server)], timeouts: PATIENT })
  const client = await lab.client()
  const before = process.memoryUsage().rss
  client.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${OFFERED}\r\n\r\n`)
  const taken = offer(client.socket)
  await standsStill(taken)
  t.ok(taken() > 0 && taken() < KEPT, `${taken()} bytes were taken`)
  const grown = process.memoryUsage().rss - before
  t.ok(grown < KEPT, `memory has grown by ${grown}`)
  let came = 0
  for (const socket of sockets) {
    socket.on('data', (chunk: Buffer) => {
      came += chunk.length
      if (came > OFFERED) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
    })
    socket.resume()
  }
  t.equal((await client.answer({ limitMs: 15_000 })).body, 'ok')
  client.destroy()
  server.close()
})

await t.test(
  'a client that asks and asks and reads nothing is not answered without end',
  async (t) => {
    for (const path of ['/__ready', '/nowhere', '/small']) {
      const service = { matches: [{ host: null, path: '/small' }] }
      const origin = await lab.origin((socket) =>
        socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n${'x'.repeat(500)}`),
      )
      await lab.serve({ stable: [origin.port], service, timeouts: { keepAliveMs: 60_000 } })
      const client = await lab.client()
      client.socket.pause()
      const requests = Buffer.from(get(path, `X: ${'x'.repeat(100)}\r\n`).repeat(100_000))
      client.send(requests)
      const taken = (): number => requests.length - client.socket.writableLength
      // The kernel takes a single write as a whole or not at all in these counts.
      await standsStill(() => client.socket.bytesRead + taken() + origin.requests.length)
      t.ok(client.socket.writableLength > 0, `${path}: the client has to wait`)
      client.destroy()
    }
  },
)

await t.test('a client that sends ahead is read no further than the bound', async (t) => {
  const origin = await lab.origin(() => undefined)
  await lab.serve({ stable: [origin.port], timeouts: { responseHeadMs: 1000 } })
  const client = await lab.client()
  client.send(get())
  const taken = offer(client.socket)
  await standsStill(taken)
  t.ok(taken() < KEPT, `${taken()} bytes were taken`)
  t.equal(origin.requests.length, 1)
  t.equal((await client.answer()).status, 504, 'and the wait has an end')
  client.destroy()
  t.match((await lab.counts()).stable, { timeout: 1 })
})
