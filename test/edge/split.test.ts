// Which version a user gets, that the user keeps it, and that every request is counted once, where
// it belongs, so that the verdict judges what has really happened.

import type net from 'node:net'
import t from 'tap'
import { waitForWake, wakeCount } from '../../src/board/board.ts'
import { claims, overdue } from '../../src/board/tallies.ts'
import { takeLatency } from '../../src/board/latency.ts'
import { bucketOf } from '../../src/core/split.ts'
import { answering, CANDIDATE, eventually, type Origin, STABLE } from './harness.ts'
import { type Lab, type Needs, startLab } from './lab.ts'
import { get } from './wire.ts'

const lab = await startLab()
t.teardown(() => lab.close())

/** Serves from an old and a new version that say which they are. */
async function serveTwo(lab: Lab, needs: Needs = {}): Promise<{ old: Origin; fresh: Origin }> {
  const old = await lab.origin(answering('old'))
  const fresh = await lab.origin(answering('new'))
  await lab.serve({ stable: [old.port], candidate: [fresh.port], ...needs })
  return { old, fresh }
}

await t.test('at 0 % nobody gets the candidate, at 100 % everybody', async (t) => {
  await serveTwo(lab)
  const client = await lab.client()
  for (let i = 0; i < 50; i++) if ((await client.ask(get())).body !== 'old') t.fail('at 0 %')
  lab.weight(10_000)
  for (let i = 0; i < 50; i++) if ((await client.ask(get())).body !== 'new') t.fail('at 100 %')
  t.same(await lab.counts(), {
    stable: { ok: 50, evidenceGood: 50 },
    candidate: { ok: 50, evidenceGood: 50 },
  })
})

await t.test('at 50 % the draws are even, and the counts are what the users saw', async (t) => {
  await serveTwo(lab, { weight: 5000 })
  const client = await lab.client()
  const seen: Record<string, number> = { old: 0, new: 0 }
  client.send(get().repeat(1000))
  for (let i = 0; i < 1000; i++) {
    const { body } = await client.answer()
    seen[body] = (seen[body] ?? 0) + 1
  }
  // Six standard deviations: a fair draw fails once in five hundred million runs.
  t.ok(Math.abs((seen.new ?? 0) - 500) < 6 * Math.sqrt(250), `${seen.new} of 1000`)
  const { candidate, stable } = await lab.counts()
  t.same([candidate.ok, stable.ok], [seen.new, seen.old])
})

await t.test('a request in flight ends where it began when the weight changes', async (t) => {
  const sockets: net.Socket[] = []
  const old = await lab.origin(answering('old'))
  const slow = await lab.origin((socket) => sockets.push(socket))
  await lab.serve({ stable: [old.port], candidate: [slow.port], weight: 10_000 })
  const client = await lab.client()
  client.send(get())
  await eventually(() => sockets.length === 1)
  t.equal(claims(lab.edge.board, CANDIDATE), 1)
  lab.weight(0)
  t.equal((await lab.ask(get())).body, 'old')
  t.equal(claims(lab.edge.board, CANDIDATE), 1, 'a drain waits for it')
  for (const socket of sockets) answering('new')(socket, '', 0)
  t.equal((await client.answer()).body, 'new')
  t.same((await lab.counts()).candidate, { ok: 1, evidenceGood: 1 })
})

await t.test('an override gets the version that it names, and is no evidence', async (t) => {
  const { fresh } = await serveTwo(lab, { service: { versionOverride: 'x-version' } })
  const client = await lab.client()
  t.equal((await client.ask(get())).body, 'old')
  t.equal((await client.ask(get('/', 'X-Version: v2\r\n'))).body, 'new', 'at 0 % too')
  t.equal((await client.ask(get('/', 'x-VERSION: v1\r\n'))).body, 'old')
  const unknown = await client.ask(get('/', 'X-Version: v9\r\n'))
  t.same([unknown.status, unknown.field('x-vertex-error')], [400, 'unknown-version-override'])
  t.same(await lab.counts(), { stable: { ok: 2, evidenceGood: 1 }, candidate: { ok: 1 } })
  await fresh.close()
  const failed = await lab.ask(get('/', 'X-Version: v2\r\n'))
  t.equal(failed.status, 502, 'who asks for a version gets its errors')
  t.same((await lab.counts()).candidate, { ok: 1, refused: 1 })
})

await t.test('an override means nothing where it is not allowed', async (t) => {
  await serveTwo(lab)
  t.equal((await lab.ask(get('/', 'X-Version: v2\r\n'))).body, 'old')
})

await t.test('a cookie keeps a user on one version, and who was in stays in', async (t) => {
  await serveTwo(lab, {
    weight: 3000,
    service: { affinity: { by: 'cookie', name: 'vx' } },
  })
  const client = await lab.client()
  const users: { key: string; version: string }[] = []
  for (let i = 0; i < 60; i++) {
    const answer = await client.ask(get())
    const key = /^vx=([^;]+); Path=\/; HttpOnly; SameSite=Lax$/.exec(
      answer.field('set-cookie') ?? '',
    )
    users.push({ key: key?.[1] ?? '', version: answer.body })
  }
  t.equal(new Set(users.map(({ key }) => key)).size, 60)
  t.equal(new Set(users.map(({ version }) => version)).size, 2, 'both versions are met')
  for (const { key, version } of users) {
    const answer = await client.ask(get('/', `Cookie: a=b; vx=${key}; c=d\r\n`))
    if (answer.body !== version) t.fail(`${key} has moved`)
    if (answer.field('set-cookie') !== null) t.fail('the cookie is set again')
  }
  lab.weight(6000)
  for (const { key, version } of users) {
    const { body } = await client.ask(get('/', `Cookie: vx=${key}\r\n`))
    if (version === 'new' && body !== 'new') t.fail(`${key} has been taken back`)
  }
  lab.weight(0)
  for (const { key } of users) {
    if ((await client.ask(get('/', `Cookie: vx=${key}\r\n`))).body !== 'old') t.fail('0 % is 0 %')
  }
})

await t.test('a header or the address can be what keeps a user on one version', async (t) => {
  await serveTwo(lab, {
    weight: 5000,
    service: { affinity: { by: 'header', name: 'x-user' }, salt: 's1' },
  })
  const client = await lab.client()
  for (let i = 0; i < 30; i++) {
    const wanted = bucketOf('s1', `user${i}`) < 5000 ? 'new' : 'old'
    for (let twice = 0; twice < 2; twice++) {
      const { body } = await client.ask(get('/', `X-User: user${i}\r\n`))
      if (body !== wanted) t.fail(`user${i} got ${body}`)
    }
  }
  await serveTwo(lab, { weight: 5000, service: { affinity: { by: 'address' }, salt: 's2' } })
  const wanted = bucketOf('s2', '127.0.0.1') < 5000 ? 'new' : 'old'
  for (let i = 0; i < 10; i++) t.equal((await lab.ask(get())).body, wanted)
})

await t.test('over a mix of outcomes every request is counted once', async (t) => {
  const candidate = await lab.origin((socket, request) => {
    if (request.startsWith('GET /reset')) return void socket.resetAndDestroy()
    if (request.startsWith('GET /bad')) return void socket.write('bad\r\n')
    const status = request.split(' ')[1]?.slice(1)
    socket.write(`HTTP/1.1 ${status} X\r\nContent-Length: 0\r\n\r\n`)
  })
  const stable = await lab.origin(answering('old'))
  const service = { rescue: false }
  await lab.serve({ stable: [stable.port], candidate: [candidate.port], weight: 10_000, service })
  const paths = ['/200', '/301', '/404', '/429', '/500', '/503', '/reset', '/bad']
  for (let round = 0; round < 5; round++) {
    // A connection for each, so that a reset is not that of a kept one.
    for (const path of paths) await lab.ask(get(path, 'Connection: close\r\n'))
    await eventually(() => {
      for (const socket of candidate.connections) socket.end()
      return candidate.connections.size === 0
    })
  }
  t.same((await lab.counts()).candidate, {
    ok: 10,
    clientError: 10,
    serverError: 10,
    reset: 5,
    malformed: 5,
    evidenceGood: 20,
    evidenceBad: 20,
    userErrors: 20,
  })
})

await t.test(
  'a hanging request counts as too slow while it hangs, once only, and wakes',
  async (t) => {
    const { board } = lab.edge
    const sockets: net.Socket[] = []
    const slow = await lab.origin((socket) => sockets.push(socket))
    await lab.serve({ stable: [slow.port] })
    await lab.limitLatency(50_000)
    const seen = wakeCount(board)
    const client = await lab.client()
    client.send(get())
    await waitForWake(board, seen, 20_000)
    t.not(wakeCount(board), seen, 'control is woken')
    await eventually(() => sockets.length === 1)
    t.equal(overdue(board, STABLE), 1, 'it may still fail')
    for (const socket of sockets) answering('late')(socket, '', 0)
    t.equal((await client.answer()).body, 'late')
    t.same((await lab.counts()).stable, { ok: 1, evidenceGood: 1, exceeded: 1 })
    t.equal(overdue(board, STABLE), 0)
  },
)

await t.test('what hangs since before the limit was set is not held against it', async (t) => {
  const sockets: net.Socket[] = []
  const slow = await lab.origin((socket) => sockets.push(socket))
  await lab.serve({ stable: [slow.port] })
  const client = await lab.client()
  client.send(get())
  await eventually(() => sockets.length === 1)
  await lab.limitLatency(1)
  for (const socket of sockets) answering('late')(socket, '', 0)
  t.equal((await client.answer()).body, 'late')
  t.same((await lab.counts()).stable, { ok: 1, evidenceGood: 1 })
})

await t.test('a slow answer is too slow by its own time, and a quick one is not', async (t) => {
  const { board } = lab.edge
  const origin = await lab.origin((socket, request) => {
    const late = request.startsWith('GET /late')
    setTimeout(() => answering('ok')(socket, request, 0), late ? 60 : 0)
  })
  await lab.serve({ stable: [origin.port] })
  await lab.limitLatency(50_000)
  takeLatency(board, STABLE, () => undefined)
  const client = await lab.client()
  for (let i = 0; i < 5; i++) await client.ask(get('/late'))
  await client.ask(get('/quick'))
  const { stable } = await lab.counts()
  t.equal(stable.ok, 6)
  t.ok((stable.exceeded ?? 0) >= 5)
  let recorded = 0
  takeLatency(board, STABLE, (us, times) => {
    recorded += times
    t.ok(us > 0)
  })
  t.equal(recorded, 6, 'each has its latency in the histogram')
})

await t.test('an error wakes control at once', async (t) => {
  const { board } = lab.edge
  const failing = await lab.origin((socket) =>
    socket.write('HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n'),
  )
  await lab.serve({ stable: [failing.port] })
  const seen = wakeCount(board)
  const woken = waitForWake(board, seen, 20_000)
  await lab.ask(get())
  await woken
  t.not(wakeCount(board), seen)
})

await t.test(
  'a new table keeps the connections to targets that stay, and closes the others',
  async (t) => {
    const stays = await lab.origin(answering('stays'))
    const goes = await lab.origin(answering('goes'))
    const sockets: net.Socket[] = []
    const busy = await lab.origin((socket) => sockets.push(socket))
    const target = (index: number, { port }: Origin) => {
      return { index, host: '127.0.0.1', port, authority: `127.0.0.1:${port}` }
    }
    const versions = (...origins: readonly Origin[]) =>
      origins.map((origin, slot) => ({ name: `v${slot}`, slot, targets: [target(slot, origin)] }))
    const service = { versionOverride: 'x-version', versions: versions(stays, goes, busy) }
    await lab.serve({ service })
    const client = await lab.client()
    for (const name of ['v0', 'v1']) await client.ask(get('/', `X-Version: ${name}\r\n`))
    const waiting = await lab.client()
    waiting.send(get('/', 'X-Version: v2\r\n'))
    await eventually(() => sockets.length === 1)
    const kept = [...stays.connections]

    await lab.edge.publish({ versions: versions(stays) })
    await eventually(() => goes.connections.size === 0)
    for (const socket of sockets) answering('ended')(socket, '', 0)
    t.equal((await waiting.answer()).body, 'ended', 'what is in flight ends as it began')
    await eventually(() => busy.connections.size === 0)
    t.equal((await client.ask(get('/', 'X-Version: v0\r\n'))).body, 'stays')
    t.same([...stays.connections], kept)
  },
)
