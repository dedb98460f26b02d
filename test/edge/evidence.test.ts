// Which requests are evidence for or against a version, and how often: paths that are left out,
// client errors, slow requests, the customers of a bucket, and what never is.

import type net from 'node:net'
import t from 'tap'
import { waitForWake, wakeCount } from '../../src/board/board.ts'
import { clearBuckets, markBucket } from '../../src/board/buckets.ts'
import { takeLatency } from '../../src/board/latency.ts'
import { bucketOf } from '../../src/core/split.ts'
import type { EvidenceRules, TableService } from '../../src/core/table.ts'
import { answering, CANDIDATE, eventually, type Handler, STABLE } from './harness.ts'
import { type Lab, startLab } from './lab.ts'
import { get, post } from './wire.ts'

const lab = await startLab(2)
t.teardown(() => lab.close())

const FULL = 10_000
const FAILED = 'HTTP/1.1 500 No\r\nContent-Length: 4\r\n\r\nfail'
const failing: Handler = (socket) => socket.write(FAILED)
const ALL: EvidenceRules = { exclude: [], clientErrors: 'ignore', slowIsErrorMs: null }

function verdict(rules: Partial<EvidenceRules>): Partial<TableService> {
  return { verdict: { ...ALL, ...rules } }
}

/** Answers with the status that the path ends with, after as many ms as its query says. */
const obeying: Handler = (socket, request) => {
  const [, status = '200', ms = '0'] = /(\d{3})(?:\?(\d+))? HTTP/.exec(request) ?? []
  const answer = `HTTP/1.1 ${status} X\r\nContent-Length: 0\r\n\r\n`
  setTimeout(() => socket.write(answer), Number(ms))
}

/** Requests in the histogram of a version since the last look. */
function measured(slot: number): number {
  let sum = 0
  takeLatency(lab.edge.board, slot, (_, times) => {
    sum += times
  })
  return sum
}

async function serveObeying(lab: Lab, service: Partial<TableService>): Promise<void> {
  const stable = await lab.origin(answering('old'))
  const candidate = await lab.origin(obeying)
  await lab.serve({ stable: [stable.port], candidate: [candidate.port], weight: FULL, service })
  clearBuckets(lab.edge.board)
  measured(STABLE)
  measured(CANDIDATE)
}

// --- paths --------------------------------------------------------------------------------------

await t.test('requests to excluded paths are served, and are no evidence', async (t) => {
  await serveObeying(lab, { ...verdict({ exclude: ['/health', '/a%2Db/c'] }), rescue: false })
  await lab.limitLatency(30_000)
  const out = ['/health/200', '/x/../health/404', '/%68ealth/500', '/health/200?60', '/a-b/c/500']
  for (const path of out) {
    const status = Number(/\d{3}/.exec(path)?.[0])
    t.equal((await lab.ask(get(path))).status, status, path)
  }
  const counts = { ok: 2, clientError: 1, serverError: 2 }
  t.same((await lab.counts()).candidate, counts)
  t.equal(measured(CANDIDATE), 0)
  for (const path of ['/healthy/500', '/200', '/a-b/cc/200?60']) await lab.ask(get(path))
  const more = { ok: 4, serverError: 3, evidenceGood: 2, evidenceBad: 1 }
  t.same((await lab.counts()).candidate, { ...counts, ...more, userErrors: 1, exceeded: 1 })
  t.equal(measured(CANDIDATE), 3)
})

await t.test(
  'an excluded request that fails on the candidate is rescued as any other',
  async (t) => {
    await serveObeying(lab, verdict({ exclude: ['/health'] }))
    t.equal((await lab.ask(get('/health/500'))).body, 'old')
    t.same(await lab.counts(), { stable: {}, candidate: { serverError: 1, rescued: 1 } })
  },
)

// --- client errors ------------------------------------------------------------------------------

await t.test('client errors are the version’s where the service says so', async (t) => {
  await serveObeying(lab, verdict({ clientErrors: 'count' }))
  t.equal((await lab.ask(get('/404'))).status, 404, 'and are not rescued')
  t.equal((await lab.ask(get('/200'))).status, 200)
  const counts = { clientError: 1, ok: 1, evidenceBad: 1, evidenceGood: 1, userErrors: 1 }
  t.same((await lab.counts()).candidate, counts)
})

await t.test('stable’s client error in the candidate’s place is not the candidate’s', async (t) => {
  const missing = await lab.origin((socket) =>
    socket.write('HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n'),
  )
  const bad = await lab.origin(failing)
  const service = verdict({ clientErrors: 'count' })
  await lab.serve({ stable: [missing.port], candidate: [bad.port], weight: FULL, service })
  t.equal((await lab.ask(get())).status, 404)
  t.same(await lab.counts(), {
    stable: {},
    candidate: { serverError: 1, evidenceBad: 1, rescued: 1 },
  })
})

// --- slow requests ------------------------------------------------------------------------------

await t.test('a slow request is an error while it hangs, once, and goes on', async (t) => {
  const sockets: net.Socket[] = []
  const stable = await lab.origin(answering('old'))
  const candidate = await lab.origin((socket) => sockets.push(socket))
  const service = verdict({ slowIsErrorMs: 100 })
  await lab.serve({ stable: [stable.port], candidate: [candidate.port], weight: FULL, service })
  const client = await lab.client()
  const seen = wakeCount(lab.edge.board)
  client.send(get())
  await waitForWake(lab.edge.board, seen, 2000)
  t.not(wakeCount(lab.edge.board), seen, 'control is woken')
  for (const socket of sockets) answering('late')(socket, '', 0)
  t.equal((await client.answer()).body, 'late')
  const counts = { timeout: 1, evidenceBad: 1, userErrors: 1 }
  t.same((await lab.counts()).candidate, counts)
  client.send(get())
  await eventually(() => wakeCount(lab.edge.board) !== seen + 1)
  client.destroy() // a client that gives up then does not make it undone
  t.same((await lab.counts()).candidate, { timeout: 2, evidenceBad: 2, userErrors: 2 })
})

await t.test('by default, and on excluded paths, slow is no error', async (t) => {
  await serveObeying(lab, {})
  await lab.ask(get('/200?150'))
  t.same((await lab.counts()).candidate, { ok: 1, evidenceGood: 1 })
  await serveObeying(lab, verdict({ slowIsErrorMs: 100, exclude: ['/poll'] }))
  await lab.ask(get('/poll/200?150'))
  t.same((await lab.counts()).candidate, { ok: 1 })
})

await t.test('a slow upload does not make a request slow', async (t) => {
  await serveObeying(lab, verdict({ slowIsErrorMs: 100 }))
  const client = await lab.client()
  client.send(post('1234').slice(0, -2).replace('POST / ', 'POST /200 '))
  await new Promise((resolve) => setTimeout(resolve, 250))
  t.equal((await client.ask('34')).status, 200)
  t.same((await lab.counts()).candidate, { ok: 1, evidenceGood: 1 })
})

await t.test('the latency of what was sent long after its draw is no evidence', async (t) => {
  for (const [pauseMs, counts, times] of [
    [300, { ok: 1, evidenceGood: 1, exceeded: 1 }, 1],
    [1100, { ok: 1, evidenceGood: 1 }, 0],
  ] as const) {
    await serveObeying(lab, {})
    await lab.limitLatency(30_000)
    const client = await lab.client()
    const request = post('123456').replace('POST / ', 'POST /200?60 ')
    client.send(request.slice(0, -4))
    await new Promise((resolve) => setTimeout(resolve, pauseMs / 2))
    client.send('34')
    await new Promise((resolve) => setTimeout(resolve, pauseMs / 2))
    t.equal((await client.ask('56')).status, 200)
    t.same((await lab.counts()).candidate, counts, `${pauseMs} ms`)
    t.equal(measured(CANDIDATE), times, `${pauseMs} ms`)
  }
})

// --- affinity -----------------------------------------------------------------------------------

const BY_USER: Partial<TableService> = {
  affinity: { by: 'header', name: 'x-user' },
  salt: 's',
  rescue: false,
}

await t.test(
  'of a customer one error is a witness, whichever thread it comes to; the others repeat it',
  async (t) => {
    await serveObeying(lab, BY_USER)
    // A connection each, so that both threads get some.
    const ask = (user: string, status: number) => lab.ask(get(`/${status}`, `X-User: ${user}\r\n`))
    for (let i = 0; i < 12; i++) await ask('ann', 500)
    await ask('ann', 200)
    const evidence = { evidenceBad: 1, repeatedBad: 11, evidenceGood: 1 }
    const counts = { serverError: 12, ok: 1, ...evidence, userErrors: 12 }
    t.same((await lab.counts()).candidate, counts)
    t.not(bucketOf('s', 'ann'), bucketOf('s', 'bob'))
    await ask('bob', 500)
    await ask('ann', 500)
    t.equal((await lab.counts()).candidate.evidenceBad, 2, 'of another customer too')
    clearBuckets(lab.edge.board)
    await ask('ann', 500)
    await ask('ann', 500)
    t.equal((await lab.counts()).candidate.evidenceBad, 3, 'and again in the next window')
  },
)

await t.test('… whichever arm it falls on, and one exceedance', async (t) => {
  const both = [await lab.origin(obeying), await lab.origin(obeying)].map(({ port }) => port)
  const [stable = 0, candidate = 0] = both
  const needs = { stable: [stable], candidate: [candidate], weight: FULL, service: BY_USER }
  await lab.serve(needs)
  clearBuckets(lab.edge.board)
  await lab.limitLatency(30_000)
  const ask = (path: string) => lab.ask(get(path, 'X-User: ann\r\n'))
  for (let i = 0; i < 2; i++) {
    await ask('/500')
    await ask('/200?60')
  }
  lab.weight(0)
  for (let i = 0; i < 3; i++) await ask('/500?60')
  t.same(await lab.counts(), {
    candidate: {
      ...{ serverError: 2, ok: 2, userErrors: 2, exceeded: 1 },
      ...{ evidenceBad: 1, repeatedBad: 1, evidenceGood: 2 },
    },
    stable: { serverError: 3, repeatedBad: 3, userErrors: 3 },
  })
})

await t.test('who has no key is drawn each time, and counts each time', async (t) => {
  await serveObeying(lab, BY_USER)
  for (let i = 0; i < 6; i++) await lab.ask(get('/500'))
  t.equal((await lab.counts()).candidate.evidenceBad, 6)
  const affinity = { by: 'cookie', name: 'vx' } as const
  await serveObeying(lab, { ...BY_USER, affinity })
  const keys: string[] = []
  for (let i = 0; i < 6; i++) {
    const answer = await lab.ask(get('/500'))
    keys.push(/vx=([^;]+)/.exec(answer.field('set-cookie') ?? '')?.[1] ?? '')
  }
  t.equal((await lab.counts()).candidate.evidenceBad, 6)
  for (const key of keys) await lab.ask(get('/500', `Cookie: vx=${key}\r\n`))
  const { candidate } = await lab.counts()
  t.equal(candidate.evidenceBad, 6, 'what follows is of the same draw')
  t.equal(candidate.serverError, 12)
  for (let bucket = 0; bucket < FULL; bucket++) {
    markBucket(lab.edge.board, { service: 0, event: 'error', bucket })
  }
  for (let i = 0; i < 3; i++) await lab.ask(get('/500'))
  t.equal((await lab.counts()).candidate.evidenceBad, 9, 'also in a bucket that had one')
})

// --- never
// ----------------------------------------------------------------------------------------

await t.test('overrides and rescues are in no version’s latencies', async (t) => {
  await serveObeying(lab, { versionOverride: 'x-version' })
  for (const version of ['v1', 'v2']) {
    t.equal((await lab.ask(get('/200', `X-Version: ${version}\r\n`))).status, 200)
  }
  t.equal((await lab.ask(get('/500'))).body, 'old')
  t.same(await lab.counts(), {
    stable: { ok: 1 },
    candidate: { ok: 1, serverError: 1, evidenceBad: 1, rescued: 1 },
  })
  t.same([measured(STABLE), measured(CANDIDATE)], [0, 1], 'only the failure of the draw')
})

await t.test('a tunnel that breaks, and a client that leaves, are no evidence', async (t) => {
  const stable = await lab.origin(answering('old'))
  const sockets: net.Socket[] = []
  const candidate = await lab.origin((socket, request) => {
    sockets.push(socket)
    if (!/upgrade/i.test(request)) return
    socket.write('HTTP/1.1 101 Yes\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n')
  })
  await lab.serve({ stable: [stable.port], candidate: [candidate.port], weight: FULL })
  const client = await lab.client()
  client.send(get('/', 'Connection: upgrade\r\nUpgrade: websocket\r\n'))
  t.equal((await client.answer()).status, 101)
  for (const socket of sockets) socket.resetAndDestroy()
  await client.gone()
  t.same((await lab.counts()).candidate, { ok: 1, evidenceGood: 1 })
  const leaves = await lab.client()
  leaves.send(get())
  await eventually(() => sockets.length === 2)
  leaves.destroy()
  await eventually(() => candidate.connections.size === 0)
  t.same((await lab.counts()).candidate, { ok: 1, evidenceGood: 1, aborted: 1 })
})

await t.test('a kept connection that the target closes is no evidence', async (t) => {
  const seen = new Map<net.Socket, number>()
  const stable = await lab.origin(answering('old'))
  const candidate = await lab.origin((socket) => {
    const uses = (seen.get(socket) ?? 0) + 1
    seen.set(socket, uses)
    if (uses === 1) answering('new')(socket, '', 0)
    else socket.resetAndDestroy()
  })
  await lab.serve({ stable: [stable.port], candidate: [candidate.port], weight: FULL })
  const client = await lab.client()
  for (let i = 0; i < 5; i++) t.equal((await client.ask(get())).body, 'new')
  t.ok(candidate.requests.length > 5, 'some were sent twice')
  t.same(await lab.counts(), { stable: {}, candidate: { ok: 5, evidenceGood: 5 } })
})

// --- names
// ----------------------------------------------------------------------------------------

await t.test('a few failures of the candidate are named, those of stable are not', async (t) => {
  const bad = await lab.origin(failing)
  const service = { rescue: false }
  const needs = { stable: [bad.port], candidate: [bad.port], service }
  const settings = { trustedProxies: ['127.0.0.1'] }
  const { failed } = lab.edge
  await lab.serve({ ...needs, weight: 0, settings })
  failed.length = 0
  for (let i = 0; i < 20; i++) await lab.ask(get())
  await lab.serve({ ...needs, weight: FULL, settings })
  t.same(failed, [])
  // In the second of an earlier test's failures no more are named.
  const began = performance.now()
  const isDone = (): boolean => performance.now() - began > 3000 || failed.length >= 10
  for (let i = 0; !isDone(); i++) await lab.ask(get('/', `X-Request-Id: mine-${i}\r\n`))
  for (let i = 0; i < 20; i++) await lab.ask(get())
  await lab.counts()
  const seconds = Math.ceil((performance.now() - began) / 1000) + 1
  t.ok(failed.length >= 10 && failed.length <= seconds * 2 * 5, `${failed.length} in ${seconds} s`)
  t.ok(
    failed.some(({ requestId }) => requestId.startsWith('mine-')),
    'by the name that a trusted peer gave',
  )
  const ids = bad.requests.map((text) => /x-request-id: (.*)\r/i.exec(text)?.[1])
  for (const one of failed) {
    t.match(one, { slot: CANDIDATE, outcome: 'serverError', status: 500 })
    t.ok(ids.includes(one.requestId), one.requestId)
  }
})
