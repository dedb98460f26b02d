// A version that is out: its requests that hang are not waited for until their time limit, which is
// a minute by default. Those that may be sent again go to stable once they are slow; the others,
// and those that are not slow, stay where they are.

import type { Socket } from 'node:net'
import t from 'tap'
import { publishAssignment } from '../../src/board/assignment.ts'
import { answering, CANDIDATE, eventually, type Origin, STABLE } from './harness.ts'
import { type Needs, startLab } from './lab.ts'
import { get, post, type Wire } from './wire.ts'

const lab = await startLab()
t.teardown(() => lab.close())

const FULL = 10_000
const LIMIT_US = 100_000
const LATE = 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate'

/** All to the candidate, and no time limit that could stand in for what is tested. */
async function serve(needs: Needs): Promise<void> {
  await lab.serve({ weight: FULL, timeouts: { responseHeadMs: 60_000 }, ...needs })
}

/** Stable that answers, and a candidate that does not until it is told to. */
async function versions() {
  const sockets: Socket[] = []
  const stable = await lab.origin(answering('fine'))
  const candidate = await lab.origin((socket) => sockets.push(socket))
  return { stable, candidate, sockets }
}

/** A client whose request hangs at an origin, sent under a latency limit that all know. */
async function hanging(at: Origin, request = get()): Promise<Wire> {
  await lab.limitLatency(LIMIT_US)
  const client = await lab.client()
  client.send(request)
  await eventually(() => at.requests.length === 1)
  return client
}

/** What the client gets that is still with its version after the thread has looked at it. */
async function stays(
  client: Wire,
  { arm = 'candidate', sockets }: { arm?: 'stable' | 'candidate'; sockets: Socket[] },
): Promise<string> {
  // It is known to be slow, and the thread has looked at it since.
  await eventually(() => lab.counted()[arm].earlierExceeded === 1)
  await lab.ticked()
  for (const socket of sockets) socket.write(LATE)
  return (await client.answer()).body
}

await t.test('a GET that hangs on a version that is out is answered by stable', async (t) => {
  const { candidate, stable } = await versions()
  await serve({ stable: [stable.port], candidate: [candidate.port] })
  await lab.limitLatency(LIMIT_US)
  const clients = await Promise.all(Array.from({ length: 10 }, () => lab.client()))
  for (const client of clients) client.send(get())
  await eventually(() => candidate.requests.length === 10)
  t.equal(stable.requests.length, 0)
  lab.weight(0)
  const answers = await Promise.all(clients.map((client) => client.answer()))
  t.same([...new Set(answers.map(({ body, status }) => `${status} ${body}`))], ['200 fine'])
  t.equal(stable.requests.length, 10, 'each was sent to stable once')
  await eventually(() => candidate.connections.size === 0)
  const { candidate: counts, stable: others } = await lab.counts()
  t.same(others, {}, 'which is no evidence for stable')
  t.match(counts, { unjudged: 10, rescued: 10 }, 'nor, besides being slow, against the candidate')
  const { earlierBad = 0, evidenceBad = 0, userErrors = 0 } = counts
  t.same([evidenceBad, earlierBad, userErrors], [0, 0, 0])
})

await t.test('also where latency is not judged yet: a second is slow', async (t) => {
  const { candidate, stable } = await versions()
  await serve({ stable: [stable.port], candidate: [candidate.port] })
  const client = await lab.client()
  const sentMs = performance.now()
  client.send(get())
  await eventually(() => candidate.requests.length === 1)
  lab.weight(0)
  t.equal((await client.answer()).body, 'fine')
  const waitedMs = performance.now() - sentMs
  t.ok(waitedMs >= 1000, `it was given its time, ${waitedMs} ms`)
  t.match((await lab.counts()).candidate, { unjudged: 1, rescued: 1 })
})

await t.test('and of paths that are no evidence', async (t) => {
  const { candidate, stable } = await versions()
  const service = {
    verdict: { exclude: ['/'], clientErrors: 'ignore', slowIsErrorMs: null },
  } as const
  await serve({ stable: [stable.port], candidate: [candidate.port], service })
  const client = await hanging(candidate)
  lab.weight(0)
  t.equal((await client.answer()).body, 'fine')
})

await t.test('what stable then answers is not the candidate’s fault', async (t) => {
  const { candidate } = await versions()
  const stable = await lab.origin((socket) => {
    socket.write('HTTP/1.1 500 No\r\nContent-Length: 4\r\n\r\nfail')
  })
  await serve({ stable: [stable.port], candidate: [candidate.port] })
  const client = await hanging(candidate)
  lab.weight(0)
  t.equal((await client.answer()).status, 500)
  const { userErrors = 0, ...counts } = (await lab.counts()).candidate
  t.equal(userErrors, 0)
  t.match(counts, { unjudged: 1 })
})

await t.test('nor that of the version that has its slot by then', async (t) => {
  const waiting: Socket[] = []
  const stable = await lab.origin((socket) => waiting.push(socket))
  const { candidate } = await versions()
  await serve({ stable: [stable.port], candidate: [candidate.port] })
  const client = await hanging(candidate)
  lab.weight(0)
  await eventually(() => waiting.length === 1)
  await lab.edge.publish({
    versions: [
      { name: 'v1', slot: STABLE, targets: [] },
      { name: 'v3', slot: CANDIDATE, targets: [] },
    ],
  })
  for (const socket of waiting) answering('fine')(socket, '', 0)
  t.equal((await client.answer()).body, 'fine')
  const { rescued = 0, userErrors = 0 } = (await lab.counts()).candidate
  t.same([rescued, userErrors], [0, 0])
})

await t.test('another service never gets the requests of one that is gone', async (t) => {
  const { candidate, sockets, stable: other } = await versions()
  await serve({ stable: [other.port], candidate: [candidate.port] })
  const client = await hanging(candidate)
  // Its cell on the board is given to another service, and another row is put in force there.
  await lab.edge.publish({ name: 'another' })
  lab.weight(0)
  t.equal(await stays(client, { sockets }), 'late')
  t.equal(other.requests.length, 0)
})

await t.test('nor when they fail', async (t) => {
  const { candidate, sockets, stable: other } = await versions()
  await serve({ stable: [other.port], candidate: [candidate.port] })
  const client = await lab.client()
  client.send(get())
  await eventually(() => candidate.requests.length === 1)
  await lab.edge.publish({ name: 'a third' })
  lab.weight(0)
  for (const socket of sockets) socket.resetAndDestroy()
  t.equal((await client.answer()).status, 502)
  t.equal(other.requests.length, 0)
})

await t.test('while a version has any traffic its requests stay there', async (t) => {
  const { candidate, sockets, stable } = await versions()
  await serve({ stable: [stable.port], candidate: [candidate.port] })
  const client = await hanging(candidate)
  lab.weight(1)
  t.equal(await stays(client, { sockets }), 'late')
  t.equal(stable.requests.length, 0)
  t.match((await lab.counts()).candidate, { ok: 1 })
})

await t.test('so they do when it was promoted', async (t) => {
  const { candidate, sockets, stable } = await versions()
  await serve({ stable: [stable.port], candidate: [candidate.port] })
  const client = await hanging(candidate)
  publishAssignment(lab.edge.board, 0, { stableSlot: CANDIDATE, candidateSlot: -1, weight: 0 })
  t.equal(await stays(client, { sockets }), 'late')
  t.equal(candidate.requests.length, 1)
})

await t.test('what must not be sent twice waits on, and may still be answered', async (t) => {
  const { candidate, sockets, stable } = await versions()
  await serve({ stable: [stable.port], candidate: [candidate.port] })
  const client = await hanging(candidate, post('order'))
  lab.weight(0)
  t.equal(await stays(client, { sockets }), 'late')
  t.equal(stable.requests.length, 0)
  t.match((await lab.counts()).candidate, { ok: 1 })
})

await t.test('nor does anything move where rescues are off', async (t) => {
  const { candidate, sockets, stable } = await versions()
  const service = { rescue: false }
  await serve({ stable: [stable.port], candidate: [candidate.port], service })
  const client = await hanging(candidate)
  lab.weight(0)
  t.equal(await stays(client, { sockets }), 'late')
})

await t.test('stable is asked by few at a time, and by all in the end', async (t) => {
  const waiting: Socket[] = []
  const stable = await lab.origin((socket) => waiting.push(socket))
  const { candidate } = await versions()
  const service = { rescueBudget: { share: 0, atLeast: 3 } }
  await serve({ stable: [stable.port], candidate: [candidate.port], service })
  await lab.limitLatency(LIMIT_US)
  const clients = await Promise.all(Array.from({ length: 8 }, () => lab.client()))
  for (const client of clients) client.send(get())
  await eventually(() => candidate.requests.length === 8)
  lab.weight(0)
  for (const served of [3, 6, 8]) {
    await eventually(() => stable.requests.length === served)
    await lab.ticked()
    t.equal(stable.requests.length, served)
    for (const socket of waiting.splice(0)) answering('fine')(socket, '', 0)
  }
  const answers = await Promise.all(clients.map((client) => client.answer()))
  t.ok(answers.every(({ body }) => body === 'fine'))
  t.match((await lab.counts()).candidate, { unjudged: 8, rescued: 8 })
})

await t.test('stable’s own requests stay with it', async (t) => {
  const { candidate: fine, sockets, stable: other } = await versions()
  await serve({ stable: [fine.port], candidate: [other.port], weight: 0 })
  const client = await hanging(fine)
  lab.weight(FULL)
  const body = await stays(client, { arm: 'stable', sockets })
  t.equal(body, 'late', 'who is drained is not thought to be broken')
})
