// The stream of decisions as a program sees it: nothing is missed and nothing told twice, whatever
// happens to the connections, and each way in which it ends.

import { once } from 'node:events'
import fc from 'fast-check'
import t from 'tap'
import { until } from '../../bench/lab/clock.ts'
import { VertexClient } from '../../src/client/client.ts'
import { follow } from '../../src/client/follow.ts'
import { type Block, BlockReader } from '../../src/client/sse.ts'
import { Transport } from '../../src/client/transport.ts'
import type { JournalEntry } from '../../src/core/journal.ts'
import { entry, startAdmin } from '../admin/harness.ts'
import { errorOf, serve } from './failure.ts'

/** Only the system may listen there, and it does not. */
const NOBODY = 'http://127.0.0.1:1'

type Admin = Awaited<ReturnType<typeof startAdmin>>

function tell(admin: Admin, ...seqs: readonly number[]): void {
  for (const seq of seqs) admin.tell({ tell: 'event', entry: entry(seq) })
}

/** The next so many entries. */
async function take(events: AsyncIterator<JournalEntry>, count: number): Promise<number[]> {
  const seqs: number[] = []
  while (seqs.length < count) {
    const { value, done } = await events.next()
    if (done) break
    seqs.push((value as JournalEntry).seq)
  }
  return seqs
}

const admin = await startAdmin()
t.teardown(() => admin.stop())

await t.test('decisions are told as they are taken, and break ends it', async (t) => {
  const client = new VertexClient({ url: admin.url })
  tell(admin, 1)
  // More listeners than a node serves at a time: each that is given up makes room.
  for (let seq = 1; seq <= 40; seq++) {
    const heard: JournalEntry[] = []
    for await (const one of client.events({ after: seq - 1, reconnects: 3 })) {
      heard.push(one)
      break
    }
    t.same(heard, [entry(seq)])
    tell(admin, seq + 1)
  }
  const narrow = client.events({ service: 'shop', after: 40 })
  tell(admin, 42)
  admin.tell({ tell: 'event', entry: entry(43, { service: 'cart' }) })
  tell(admin, 44)
  t.same(await take(narrow, 3), [41, 42, 44])
  await narrow.return()
})

await t.test('a node that starts anew goes on behind the last entry that was seen', async (t) => {
  let node = await startAdmin()
  const { port, url } = node
  let opened = 0
  const counting: typeof fetch = async (...call) => {
    const answer = await fetch(...call)
    if (answer.ok) opened++
    return answer
  }
  const client = new VertexClient({ url, fetch: counting })
  const patient = { reconnects: 100 } // as long as a node on a busy machine takes to start
  const both = [client.events({ after: 0, ...patient }), client.events(patient)] as const
  tell(node, 1)
  t.same(await take(both[0], 1), [1])
  // The other one has heard nothing yet, and knows its place from the greeting.
  const quiet = take(both[1], 2)
  await until(() => (opened === 2 ? true : null), { what: 'both listen', withinMs: 5000 })
  await node.stop()
  node = await startAdmin({ port })
  t.teardown(() => node.stop())
  tell(node, 1, 2, 3)
  t.same(await take(both[0], 2), [2, 3])
  t.same(await quiet, [2, 3])
  for (const events of both) await events.return()
})

await t.test('a signal ends it without an error, wherever it stands', async (t) => {
  const client = new VertexClient({ url: admin.url })
  const waiting = new AbortController()
  const events = client.events({ signal: waiting.signal, after: 44 })
  tell(admin, 45)
  t.same(await take(events, 1), [45])
  const next = events.next()
  waiting.abort()
  t.same(await next, { done: true, value: undefined }, 'while it waits for an entry')

  const away = new AbortController()
  let asked = 0
  const missing: typeof fetch = (url, init) => {
    asked++
    return fetch(url, init)
  }
  const other = new VertexClient({ url: NOBODY, signal: away.signal, fetch: missing })
  const end = other.events().next()
  await until(() => (asked === 2 ? true : null), {
    what: 'it has been tried again',
    withinMs: 5000,
  })
  away.abort()
  t.same(await end, { done: true, value: undefined }, 'while it waits for the node')
  t.same(await other.events().next(), { done: true, value: undefined }, 'before it began')
})

await t.test('what the node refuses ends it at once', async (t) => {
  const events = new VertexClient({ url: admin.url }).events({ service: 'cart' })
  t.match(await errorOf(events.next()), { name: 'VertexError', code: 'unknown-service' })
})

await t.test('it is tried again so often and not more', async (t) => {
  let asked = 0
  const cases = {
    'a node without room': {
      url: await serve(t, (_, answer) => {
        asked++
        const problem = { type: 'urn:vertex:problem:too-many-streams', detail: 'Cannot' }
        answer.writeHead(503).end(JSON.stringify(problem))
      }),
      error: { name: 'VertexError', code: 'too-many-streams' },
    },
    'a node that greets and hangs up': {
      url: await serve(t, (_, answer) => {
        asked++
        answer.writeHead(200, { 'content-type': 'text/event-stream' }).end(': connected\n\n')
      }),
      error: { reason: 'network', message: /failed: the stream of events was closed$/ },
    },
    'another server': {
      url: await serve(t, (_, answer) => {
        asked++
        answer.end('hello')
      }),
      error: { reason: 'not-vertex' },
    },
    'events of another server': {
      url: await serve(t, (_, answer) => {
        asked++
        answer.writeHead(200, { 'content-type': 'text/event-stream' }).end('data: [1]\n\n')
      }),
      error: { reason: 'not-vertex', message: /an event is no entry of a journal$/ },
    },
  }
  for (const [name, { url, error }] of Object.entries(cases)) {
    asked = 0
    const events = new VertexClient({ url }).events({ reconnects: 1 })
    t.match(await errorOf(events.next()), error, name)
    t.equal(asked, 2, name)
  }
})

await t.test('a connection that falls silent is replaced, and heartbeats keep one', async (t) => {
  const places: (string | string[] | undefined)[] = []
  const url = await serve(t, (asking, answer) => {
    places.push(asking.headers['last-event-id'])
    answer.writeHead(200, { 'content-type': 'text/event-stream' })
    answer.write(`id: 5\ndata: ${JSON.stringify(entry(5))}\n\n`)
    if (places.length === 2) {
      const beat = setInterval(() => answer.write(': heartbeat\n\n'), 20)
      t.teardown(() => clearInterval(beat))
    }
  })
  const stop = new AbortController()
  const events = follow(new Transport({ url }), {
    path: '/v1/events',
    after: null,
    timeoutMs: 5000,
    reconnects: 1,
    signals: [stop.signal],
    silenceMs: 1000,
  })
  t.same(await take(events, 2), [5, 5])
  t.same(places, [undefined, '5'])
  const next = events.next()
  await Promise.race([next, new Promise((resolve) => setTimeout(resolve, 1500))])
  t.equal(places.length, 2, 'after more than the silence that is waited for')
  stop.abort()
  t.equal((await next).done, true)
})

await t.test('a listener that takes its time is no silence of the node', async (t) => {
  let more: (() => unknown) | undefined
  const url = await serve(t, (_, answer) => {
    answer.writeHead(200, { 'content-type': 'text/event-stream' })
    const write = (seq: number): unknown => {
      return answer.write(`id: ${seq}\ndata: ${JSON.stringify(entry(seq))}\n\n`)
    }
    write(1)
    more = () => write(2)
  })
  const events = follow(new Transport({ url }), {
    path: '/v1/events',
    after: null,
    timeoutMs: 5000,
    reconnects: 0,
    signals: [],
    silenceMs: 500,
  })
  t.same(await take(events, 1), [1])
  more?.()
  await once(AbortSignal.timeout(700), 'abort')
  t.same(await take(events, 1), [2])
  await events.return()
})

const TEXT = [
  ': connected\nid: 7\n\n',
  'id: 8\nevent: raise\ndata: {"a":1}\n\n',
  '\n\n',
  'data: one\ndata:two\ndata\n\n',
  ': heartbeat\n\n',
].join('')
const BLOCKS: readonly Block[] = [
  { id: '7', data: null, comment: 'connected' },
  { id: '8', data: '{"a":1}', comment: null },
  { id: null, data: 'one\ntwo\n', comment: null },
  { id: null, data: null, comment: 'heartbeat' },
]

await t.test('it does not matter how the text of events was cut, or how lines end', async (t) => {
  const end = fc.constantFrom('\n', '\r\n', '\r')
  const cuts = fc.array(fc.nat({ max: TEXT.length * 2 }), { maxLength: 20 })
  fc.assert(
    fc.property(end, cuts, (lineEnd, at) => {
      // What ends with CR waits for what follows, so something does.
      const text = `${TEXT.replaceAll('\n', lineEnd)}:`
      const reader = new BlockReader()
      const places = [0, ...at.toSorted((a, b) => a - b), text.length]
      const blocks = places.flatMap((from, index) =>
        reader.read(text.slice(from, places[index + 1])),
      )
      t.strictSame(blocks, BLOCKS)
    }),
    { seed: 20, numRuns: 200 },
  )
})

await t.test('an event without an end is given up', async (t) => {
  const reader = new BlockReader()
  const piece = 'a'.repeat(1024 * 1024)
  const read = (): void => {
    for (let i = 0; i < 6; i++) reader.read(piece)
  }
  t.throws(read, { name: 'RangeError' })
  const lines = new BlockReader()
  t.throws(() => {
    for (let i = 0; i < 6; i++) lines.read(`data: ${piece}\n`)
  })
})
