// A user must not see a bad candidate: what failed on it and can be repeated is answered by stable,
// and counts against the candidate all the same.

import type net from 'node:net'
import t from 'tap'
import { publishAssignment } from '../../src/board/assignment.ts'
import { answering, CANDIDATE, eventually, type Handler } from './harness.ts'
import { startLab } from './lab.ts'
import { get, post } from './wire.ts'

const lab = await startLab()
t.teardown(() => lab.close())

const FULL = 10_000
const FAILED = 'HTTP/1.1 500 No\r\nContent-Length: 4\r\n\r\nfail'

async function deadPort(): Promise<number> {
  const origin = await lab.origin(() => undefined)
  await origin.close()
  return origin.port
}

const BAD: Record<string, { outcome: string; status: number; handler: Handler | null }> = {
  'answers 500': {
    outcome: 'serverError',
    status: 500,
    handler: (socket) => socket.write(FAILED),
  },
  'answers 503 in chunks': {
    outcome: 'serverError',
    status: 503,
    handler: (socket) =>
      socket.write('HTTP/1.1 503 No\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfail\r\n0\r\n\r\n'),
  },
  'refuses connections': { outcome: 'refused', status: 502, handler: null },
  'resets connections': {
    outcome: 'reset',
    status: 502,
    handler: (socket) => socket.resetAndDestroy(),
  },
  'speaks no HTTP': {
    outcome: 'malformed',
    status: 502,
    handler: (socket) => socket.write('SSH-2.0\r\n'),
  },
  'does not answer': { outcome: 'timeout', status: 504, handler: () => undefined },
}

for (const [what, { handler, outcome, status }] of Object.entries(BAD)) {
  await t.test(`a candidate that ${what}: a GET is answered by stable`, async (t) => {
    const stable = await lab.origin(answering('fine'))
    const port = handler === null ? await deadPort() : (await lab.origin(handler)).port
    const timeouts = { responseHeadMs: 200 }
    await lab.serve({ stable: [stable.port], candidate: [port], weight: FULL, timeouts })
    const client = await lab.client()
    for (const request of [get(), 'OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n']) {
      const answer = await client.ask(request)
      t.equal(answer.status, 200)
      t.equal(answer.body, 'fine')
      t.equal(answer.field('x-vertex-error'), null)
    }
    t.same(await lab.counts(), {
      stable: {},
      candidate: { [outcome]: 2, evidenceBad: 2, rescued: 2 },
    })
    t.equal(stable.requests.length, 2)
  })

  if (handler === null) continue // it was sent nothing: see replay.test.ts

  await t.test(`a candidate that ${what}: a POST is not sent twice`, async (t) => {
    const stable = await lab.origin(answering('fine'))
    const { port } = await lab.origin(handler)
    const timeouts = { responseHeadMs: 200 }
    await lab.serve({ stable: [stable.port], candidate: [port], weight: FULL, timeouts })
    t.equal((await lab.ask(post('order'))).status, status)
    t.equal(stable.requests.length, 0)
    t.same((await lab.counts()).candidate, { [outcome]: 1, evidenceBad: 1, userErrors: 1 })
  })
}

await t.test(
  'a candidate’s 4xx and its whole answers are its own, not to be rescued',
  async (t) => {
    const stable = await lab.origin(answering('fine'))
    const candidate = await lab.origin((socket) =>
      socket.write('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n'),
    )
    await lab.serve({ stable: [stable.port], candidate: [candidate.port], weight: FULL })
    t.equal((await lab.ask(get())).status, 404)
    t.same((await lab.counts()).candidate, { clientError: 1, evidenceGood: 1 })
    t.equal(stable.requests.length, 0)
  },
)

await t.test(
  'an answer that has begun cannot be rescued: the client sees that it broke',
  async (t) => {
    const stable = await lab.origin(answering('fine'))
    const candidate = await lab.origin((socket) => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort', () => socket.end())
    })
    await lab.serve({ stable: [stable.port], candidate: [candidate.port], weight: FULL })
    const client = await lab.client()
    client.send(get())
    await client.gone()
    t.ok(client.reset)
    t.same((await lab.counts()).candidate, { reset: 1, evidenceBad: 1, userErrors: 1 })
  },
)

await t.test('a service without rescue, and stable itself, show their errors', async (t) => {
  const failing = await lab.origin((socket) => socket.write(FAILED))
  const fine = await lab.origin(answering('fine'))
  const service = { rescue: false }
  await lab.serve({ stable: [fine.port], candidate: [failing.port], weight: FULL, service })
  const answer = await lab.ask(get())
  t.same([answer.status, answer.body], [500, 'fail'])
  t.same((await lab.counts()).candidate, { serverError: 1, evidenceBad: 1, userErrors: 1 })
  await lab.serve({ stable: [failing.port], candidate: [fine.port], weight: 0 })
  t.equal((await lab.ask(get())).status, 500)
  t.same((await lab.counts()).stable, { serverError: 1, evidenceBad: 1, userErrors: 1 })
})

await t.test('when stable fails too, its answer is what the client sees, once', async (t) => {
  const failing = await lab.origin((socket) => socket.write(FAILED))
  const worse = await lab.origin((socket) => socket.write(FAILED.replace('fail', 'bad!')))
  await lab.serve({ stable: [worse.port], candidate: [failing.port], weight: FULL })
  const answer = await lab.ask(get())
  t.same([answer.status, answer.body], [500, 'bad!'])
  t.same(await lab.counts(), {
    stable: {},
    candidate: { serverError: 1, evidenceBad: 1, userErrors: 1 },
  })
  t.equal(worse.requests.length, 1)
  await lab.serve({ stable: [await deadPort()], candidate: [failing.port], weight: FULL })
  t.equal((await lab.ask(get())).status, 502)
  t.same((await lab.counts()).candidate, { serverError: 1, evidenceBad: 1, userErrors: 1 })
})

await t.test('a client that leaves during its rescue leaves nothing behind', async (t) => {
  const stable = await lab.origin(() => undefined)
  const failing = await lab.origin((socket) => socket.write(FAILED))
  await lab.serve({ stable: [stable.port], candidate: [failing.port], weight: FULL })
  // Many times: a leak in the number of rescues would stop them at last.
  for (let round = 0; round < 3; round++) {
    const clients = await Promise.all(Array.from({ length: 10 }, () => lab.client()))
    for (const client of clients) client.send(get())
    await eventually(() => stable.requests.length === (round + 1) * 10)
    for (const client of clients) client.socket.resetAndDestroy()
    await eventually(() => stable.connections.size === 0)
  }
  t.same((await lab.counts()).candidate, { serverError: 30, evidenceBad: 30 })
})

await t.test(
  'rescues have a bound: a candidate that fails at once does not double stable’s load',
  async (t) => {
    let waiting: net.Socket[] = []
    const stable = await lab.origin((socket) => waiting.push(socket))
    const failing = await lab.origin((socket) => socket.write(FAILED))
    await lab.serve({ stable: [stable.port], candidate: [failing.port], weight: FULL })
    const clients = await Promise.all(Array.from({ length: 60 }, () => lab.client()))
    for (const client of clients) client.send(get())
    const refused = () => clients.filter(({ text }) => text.includes(' 500 ')).length
    await eventually(() => refused() + waiting.length === 60)
    const rescued = waiting.length
    t.ok(rescued >= 3 && rescued <= 30, `${rescued} rescues at a time`)
    for (const socket of waiting) answering('fine')(socket, '', 0)
    waiting = []
    const ends = await Promise.all(clients.map((client) => client.answer()))
    t.equal(ends.filter(({ status }) => status === 200).length, rescued)
    const { candidate } = await lab.counts()
    t.same(candidate, {
      serverError: 60,
      evidenceBad: 60,
      rescued,
      userErrors: 60 - rescued,
    })
  },
)

await t.test('a version that was promoted while it failed is not asked again', async (t) => {
  const old = await lab.origin(answering('old'))
  const sockets: net.Socket[] = []
  const fresh = await lab.origin((socket) => sockets.push(socket))
  await lab.serve({ stable: [old.port], candidate: [fresh.port], weight: FULL })
  const client = await lab.client()
  client.send(get())
  await eventually(() => sockets.length === 1)
  publishAssignment(lab.edge.board, 0, { stableSlot: CANDIDATE, candidateSlot: -1, weight: 0 })
  for (const socket of sockets) socket.write(FAILED)
  t.equal((await client.answer()).status, 500)
  t.equal(fresh.requests.length, 1)
  t.same((await lab.counts()).candidate, { serverError: 1, earlierBad: 1, userErrors: 1 })
})

await t.test(
  'a target that cannot be connected to: another one of the version answers',
  async (t) => {
    const alive = await lab.origin(answering('fine'))
    const dead = await deadPort()
    await lab.serve({ stable: [dead, alive.port] })
    const client = await lab.client()
    for (let i = 0; i < 40; i++) {
      const answer = await client.ask(get())
      t.equal(answer.status, 200)
    }
    const { stable } = await lab.counts()
    t.ok((stable.refused ?? 0) > 0, 'the failures were judged')
    t.equal((stable.refused ?? 0) + (stable.ok ?? 0), 40)
    t.equal(stable.userErrors, undefined, 'and no user saw one')
  },
)

await t.test('a request with a body is not sent to another target', async (t) => {
  const dead = [await deadPort(), await deadPort()]
  await lab.serve({ stable: dead })
  const client = await lab.client()
  t.equal((await client.ask(post('body'))).status, 502)
  t.equal((await client.ask(get())).status, 502, 'and a GET is sent to one other, not for ever')
  await lab.counts()
})
