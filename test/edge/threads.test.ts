// A thread that dies or hangs takes its own connections with it and nothing else: it is replaced,
// what it had claimed is released, and the other goes on serving meanwhile.

import t from 'tap'
import { Worker } from 'node:worker_threads'
import { claims } from '../../src/board/tallies.ts'
import type { ToEdge } from '../../src/edge/edge-data.ts'
import {
  answering,
  eventually,
  SETTINGS,
  STABLE,
  startEdge,
  startOrigin,
  type TestEdge,
} from './harness.ts'
import { get, open, settled, type Wire } from './wire.ts'

// Every worker that the supervisor has spoken to, the oldest first.
const workers: Worker[] = []
const post = Reflect.get(Worker.prototype, 'postMessage')
Worker.prototype.postMessage = function (message: unknown): void {
  if (!workers.includes(this)) workers.push(this)
  Reflect.apply(post, this, [message])
}

/** A table that no thread survives reading. */
const DEADLY = { do: 'table', table: { revision: 1e6, services: null } } as unknown as ToEdge

/** A table that a thread reads for half a minute: a list of five hundred million targets. */
function hangingTable(): ToEdge {
  const targets = new Uint8Array(new SharedArrayBuffer(500_000_000))
  const versions = [{ name: 'v', slot: 5, targets }]
  return {
    do: 'table',
    table: { revision: 1e6, services: [{ name: 'hang', index: 1, matches: [], versions }] },
  } as unknown as ToEdge
}

/** So many connections that the kernel gives each of two threads some of them. */
async function crowd(edge: TestEdge): Promise<Wire[]> {
  const clients: Wire[] = []
  const before = edge.supervisor.views().map(({ connections }) => connections)
  const begun = performance.now()
  while (performance.now() - begun < 4000) {
    clients.push(...(await Promise.all(Array.from({ length: 10 }, () => open(edge.port)))))
    await eventually(() => {
      const views = edge.supervisor.views()
      return views.reduce((sum, { connections }) => sum + connections, 0) >= clients.length
    })
    const views = edge.supervisor.views()
    if (views.every(({ connections }, i) => connections > (before[i] ?? 0))) return clients
    await new Promise((resolve) => setTimeout(resolve, 20)) // a new thread is still on its way
  }
  throw new Error('One of the threads gets no connection')
}

const LONG = { timeouts: { ...SETTINGS.timeouts, responseHeadMs: 20_000 } }

for (const kind of ['dies', 'hangs'] as const) {
  await t.test(`a thread that ${kind} is replaced once, and the other serves on`, async (t) => {
    workers.length = 0
    // A request for /wait is never answered, so that its claim is the thread's to lose.
    const origin = await startOrigin((socket, request, count) => {
      if (!request.startsWith('GET /wait')) answering('ok')(socket, request, count)
    })
    const edge = await startEdge({ stable: [origin.port], threads: 2, settings: LONG })
    const asking = await crowd(edge)
    const waiting = await crowd(edge)
    for (const client of waiting) client.send(get('/wait'))
    await eventually(() => claims(edge.board, STABLE) === waiting.length)
    workers[1]?.postMessage(kind === 'dies' ? DEADLY : hangingTable())

    if (kind === 'hangs') {
      for (const client of asking) client.send(get())
      await eventually(() => asking.some(({ text }) => text.endsWith('ok')), 1500)
      t.equal(edge.replaced.length, 0, 'the other thread answers before anything is replaced')
    }
    await eventually(() => edge.replaced.length > 0, 4000)
    const left = () => waiting.filter((client) => !client.closed).length
    await eventually(() => left() < waiting.length && claims(edge.board, STABLE) === left())
    t.ok(left() > 0, 'the other thread keeps its clients, the claims of the dead are released')
    for (const client of [...asking, ...waiting]) client.destroy()
    await settled(edge)

    // The new thread takes connections again and serves from the present table.
    await eventually(() => workers.length === 3)
    await eventually(() => edge.supervisor.views().every(({ connections: n }) => n === 0))
    const clients = await crowd(edge)
    for (const client of clients) t.equal((await client.ask(get())).body, 'ok')
    for (const client of clients) client.destroy()
    t.same(
      edge.supervisor.views().map(({ restarts }) => restarts),
      [0, 1],
    )
    t.equal(edge.replaced.length, 1, edge.replaced.join('\n'))
    t.match(edge.replaced[0], kind === 'dies' ? /TypeError/ : /heartbeat/)
    t.equal(workers.length, 3, 'there is only one new thread')
    await edge.close()
    await origin.close()
  })
}

await t.test('an edge whose thread is just being replaced can be stopped', async (t) => {
  workers.length = 0
  const edge = await startEdge({ stable: [] })
  workers[0]?.postMessage(DEADLY)
  await eventually(() => edge.replaced.length === 1)
  await edge.close()
  t.pass('in time')
})

await t.test('an edge whose thread hangs can be stopped', async (t) => {
  workers.length = 0
  const edge = await startEdge({ stable: [] })
  workers[0]?.postMessage(hangingTable())
  await edge.close()
  t.pass('in time')
})
