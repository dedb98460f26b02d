// Sending a request again: which ones may be, with which bodies, and that nobody sees it happen. A
// request that may not is never in two places.

import t from 'tap'
import { setLatencyStripe, takeLatency } from '../../src/board/latency.ts'
import { answering, eventually, type Handler, STABLE } from './harness.ts'
import { startLab } from './lab.ts'
import { bodyOf, chunked, get, post } from './wire.ts'

const lab = await startLab()
t.teardown(() => lab.close())

const FULL = 10_000
const FAILED = 'HTTP/1.1 500 Oops\r\nContent-Length: 4\r\n\r\nfail'

/** A request with a body and extra lines. */
function sending(method: string, body: string, extra = ''): string {
  return post(body, extra).replace('POST', method)
}

/** Answers with the length of what it was sent. */
const measuring: Handler = (socket, request) => {
  const body = request.slice(request.indexOf('\r\n\r\n') + 4)
  socket.write(
    `HTTP/1.1 200 OK\r\nContent-Length: ${String(body.length).length}\r\n\r\n${body.length}`,
  )
}

async function deadPort(): Promise<number> {
  const origin = await lab.origin(() => undefined)
  await origin.close()
  return origin.port
}

async function failingCandidate(replay: { putDelete: boolean; idempotencyKey: boolean }) {
  const stable = await lab.origin(measuring)
  const candidate = await lab.origin((socket) => void socket.write(FAILED))
  const service = { replay }
  await lab.serve({ stable: [stable.port], candidate: [candidate.port], weight: FULL, service })
  return { stable, candidate }
}

await t.test(
  'what a service says about methods and keys decides who may be repeated',
  async (t) => {
    const key = 'Idempotency-Key: "k1"\r\n'
    const rows = [
      [{ putDelete: false, idempotencyKey: false }, ['GET', 'OPTIONS']],
      [{ putDelete: true, idempotencyKey: false }, ['GET', 'OPTIONS', 'PUT', 'DELETE']],
      [{ putDelete: false, idempotencyKey: true }, ['GET', 'OPTIONS', 'POST with a key']],
    ] as const
    for (const [replay, repeated] of rows) {
      const { stable } = await failingCandidate(replay)
      for (const method of [
        'GET',
        'OPTIONS',
        'PUT',
        'DELETE',
        'POST',
        'POST with a key',
        'PATCH',
      ]) {
        const [name = ''] = method.split(' ')
        const request = sending(name, 'hello', method.includes('key') ? key : '')
        const before = stable.requests.length
        const answer = await lab.ask(request)
        const wanted = (repeated as readonly string[]).includes(method)
        t.equal(answer.status, wanted ? 200 : 500, method)
        t.equal(stable.requests.length - before, wanted ? 1 : 0, `${method} reached stable`)
        if (wanted) t.ok(stable.requests.at(-1)?.endsWith('\r\n\r\nhello'), 'with its body')
      }
    }
  },
)

await t.test('a key that stable would not get makes no request repeatable', async (t) => {
  for (const idempotencyKey of [true, false]) {
    const { candidate, stable } = await failingCandidate({ putDelete: false, idempotencyKey })
    const named = 'Idempotency-Key: "k1"\r\nConnection: idempotency-key\r\n'
    t.equal((await lab.ask(post('order', named))).status, 400, 'it would be taken away')
    t.same([candidate.requests.length, stable.requests.length], [0, 0])
    const empty = await lab.ask(post('order', 'Idempotency-Key:\r\n'))
    t.equal(empty.status, 500, 'an empty one is none')
    t.same([candidate.requests.length, stable.requests.length], [1, 0])
  }
})

await t.test(
  'a body of up to 64 KiB is kept, by length or in chunks; a larger one is not',
  async (t) => {
    await failingCandidate({ putDelete: true, idempotencyKey: false })
    for (const [bytes, status] of [
      [65_536, 200],
      [65_537, 500],
      [1_000_000, 500],
    ] as const) {
      const answer = await lab.ask(sending('PUT', bodyOf(bytes)))
      t.equal(answer.status, status, `${bytes} bytes`)
      if (status === 200) t.equal(answer.body, String(bytes))
    }
    const head = 'PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n'
    const small = chunked(bodyOf(50_000), 5000)
    const answer = await lab.ask(head + small)
    t.equal(answer.body, String(small.length), 'with its framing')
    t.equal((await lab.ask(head + chunked(bodyOf(80_000), 5000))).status, 500)
  },
)

await t.test(
  'an upload that is under way when the candidate fails goes on at stable',
  async (t) => {
    const stable = await lab.origin(measuring)
    const candidate = await lab.origin(() => undefined)
    // Fails as soon as a request's head is there, long before its body.
    const early: Handler = () => undefined
    void early
    await lab.serve({
      stable: [stable.port],
      candidate: [candidate.port],
      weight: FULL,
      service: { replay: { putDelete: true, idempotencyKey: false } },
    })
    const body = bodyOf(30_000)
    const client = await lab.client()
    client.send(`PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n`)
    client.send(body.slice(0, 10_000))
    await eventually(() => candidate.connections.size === 1)
    for (const socket of candidate.connections) socket.write(FAILED)
    await new Promise((resolve) => setImmediate(resolve))
    client.send(body.slice(10_000, 20_000))
    await new Promise((resolve) => setImmediate(resolve))
    client.send(body.slice(20_000))
    t.equal((await client.answer()).body, '30000')
    t.ok(stable.requests[0]?.endsWith(body), 'each byte once, in order')
    t.same((await lab.counts()).candidate, { serverError: 1, evidenceBad: 1, rescued: 1 })
  },
)

await t.test('who refuses a connection was sent nothing: any request goes elsewhere', async (t) => {
  const good = await lab.origin(measuring)
  await lab.serve({ stable: [await deadPort(), good.port] })
  for (let i = 0; i < 20; i++) {
    t.equal((await lab.ask(post('order'))).body, '5')
    t.equal((await lab.ask(post(bodyOf(60_000)))).body, '60000')
  }
  const stable = await lab.origin(measuring)
  await lab.serve({ stable: [stable.port], candidate: [await deadPort()], weight: FULL })
  t.equal((await lab.ask(post('order'))).body, '5')
  t.same((await lab.counts()).candidate, { refused: 1, evidenceBad: 1, rescued: 1 })
})

await t.test('a second target gets the whole body, also on a connection that waited', async (t) => {
  const head = 'POST / HTTP/1.1\r\nHost: a\r\n'
  for (const first of [
    `${head}Content-Length: 10\r\n\r\n01234`,
    `${head}Transfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n`,
  ]) {
    const good = await lab.origin(measuring)
    // Often enough that the dead target is drawn first.
    for (let i = 0; i < 10; i++) {
      await lab.serve({ stable: [good.port] })
      t.equal((await lab.ask(get())).status, 200, 'a connection waits')
      await lab.serve({ stable: [good.port], candidate: [await deadPort()], weight: FULL })
      t.equal((await lab.ask(get())).status, 200, 'and at the cell of this table, too')
      const client = await lab.client()
      client.send(first)
      await new Promise((resolve) => setImmediate(resolve))
      client.send(first.includes('chunked') ? '5\r\n56789\r\n0\r\n\r\n' : '56789')
      t.equal((await client.answer()).status, 200)
      const body = good.requests.at(-1)?.split('\r\n\r\n').slice(1).join('|')
      t.equal(body, first.includes('chunked') ? '5\r\n01234\r\n5\r\n56789\r\n0|' : '0123456789')
    }
  }
})

await t.test('the answer of a second target is not measured', async (t) => {
  const bad = await lab.origin((socket) => void socket.resetAndDestroy())
  const good = await lab.origin(answering('ok'))
  await lab.serve({ stable: [bad.port, good.port] })
  setLatencyStripe(lab.edge.board, STABLE, 0)
  const measured = (): number => {
    let sum = 0
    takeLatency(lab.edge.board, STABLE, (_us, times) => {
      sum += times
    })
    return sum
  }
  measured()
  // Often enough that the bad one is drawn first.
  for (let i = 0; i < 50 && bad.requests.length === 0; i++) {
    t.equal((await lab.ask(get())).body, 'ok')
  }
  const { ok = 0, reset } = (await lab.counts()).stable
  t.same({ ok: ok + 1, reset }, { ok: good.requests.length, reset: 1 })
  t.equal(measured(), ok)
})

await t.test('a dead target is not the best choice for having nothing to do', async (t) => {
  let release: () => void = () => undefined
  const slow = await lab.origin((socket, request) => {
    const answer = (): void => answering('ok')(socket, request, 0)
    if (request.startsWith('GET /slow')) release = answer
    else answer()
  })
  await lab.serve({ stable: [slow.port, await deadPort()] })
  const waiting = await lab.client()
  waiting.send(get('/slow'))
  await eventually(() => slow.requests.length === 1)
  const client = await lab.client()
  for (let i = 0; i < 50; i++) t.equal((await client.ask(get())).body, 'ok')
  release()
  await waiting.answer()
  // One request in each 250 ms looks whether the target is back.
  const { refused = 0 } = (await lab.counts()).stable
  t.ok(refused <= 10, `asked it ${refused} times`)
})

await t.test('after an interim answer has gone out nothing is sent again', async (t) => {
  const stable = await lab.origin(answering('fine'))
  const candidate = await lab.origin((socket) => {
    socket.write(`HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${FAILED}`)
  })
  await lab.serve({ stable: [stable.port], candidate: [candidate.port], weight: FULL })
  const client = await lab.client()
  t.equal((await client.ask(get())).status, 103)
  t.equal((await client.answer()).status, 500)
  t.equal(stable.requests.length, 0)
})

await t.test('a candidate without a free place leaves the request to stable', async (t) => {
  const stable = await lab.origin(measuring)
  const held: (() => void)[] = []
  const candidate = await lab.origin((socket, request) => {
    held.push(() => answering('late')(socket, request, 0))
  })
  await lab.serve({
    stable: [stable.port],
    candidate: [candidate.port],
    weight: FULL,
    limits: { inFlightPerTarget: 1 },
  })
  const first = await lab.client()
  first.send(get())
  await eventually(() => candidate.requests.length === 1)
  t.equal((await lab.ask(post('order'))).body, '5', 'even a POST: it has been nowhere')
  held[0]?.()
  t.equal((await first.answer()).body, 'late')
  t.same((await lab.counts()).candidate, { ok: 1, overload: 1, evidenceGood: 1, rescued: 1 })
})

await t.test('caps on connections and on requests that wait for one are 503 at once', async (t) => {
  const origin = await lab.origin(() => undefined)
  for (const limits of [{ connectionsPerTarget: 1 }, { inFlightPerTarget: 1 }]) {
    await lab.serve({ stable: [origin.port], limits })
    const first = await lab.client()
    const before = origin.requests.length
    first.send(get())
    await eventually(() => origin.requests.length === before + 1)
    const answer = await lab.ask(get())
    t.equal(answer.status, 503)
    t.equal(answer.field('x-vertex-error'), 'overload')
    t.equal(answer.field('retry-after'), '1')
    first.destroy()
    t.same((await lab.counts()).stable, { aborted: 1, overload: 1 })
  }
})

await t.test('a rescue beyond the budget is not made', async (t) => {
  const stable = await lab.origin(() => undefined)
  const candidate = await lab.origin((socket) => void socket.write(FAILED))
  const service = { rescueBudget: { share: 0, atLeast: 2 } }
  await lab.serve({ stable: [stable.port], candidate: [candidate.port], weight: FULL, service })
  const clients = [await lab.client(), await lab.client()]
  for (const client of clients) client.send(get())
  await eventually(() => stable.requests.length === 2)
  t.equal((await lab.ask(get())).status, 500)
  for (const client of clients) client.destroy()
  const { rescued = 0, userErrors } = (await lab.counts()).candidate
  t.same([rescued, userErrors], [0, 1])
})
