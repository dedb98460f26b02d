// What an app on trial sees of customers' requests before it serves any, and that the customers see
// nothing of it: real edge and mirror threads, real servers.

import type { Socket } from 'node:net'
import t from 'tap'
import { eventually } from '../edge/harness.ts'
import { chunked, get, post } from '../edge/wire.ts'
import { RULES, says, startMirrorLab } from './lab.ts'

const mirror = await startMirrorLab()
const { lab } = mirror
t.teardown(() => mirror.close())

await t.test('the candidate gets what stable got, marked', async (t) => {
  const { candidate, stable } = await mirror.mirror({ stable: says('a'), candidate: says('a') })
  const client = await lab.client()
  t.equal((await client.ask(get('/x?y=1', 'Cookie: who=me\r\nTE: trailers\r\n'))).body, 'a')
  await eventually(() => candidate.requests.length === 1)
  const live = stable.requests[0] ?? ''
  const copy = candidate.requests[0] ?? ''
  const id = /^x-request-id: (.*)$/im.exec(live)?.[1]
  t.equal(/^x-vertex-mirror: (.*)$/im.exec(copy)?.[1], id, 'the mark is the id of the request')
  t.notMatch(live, /x-vertex-mirror/i)
  for (const line of ['GET /x?y=1 HTTP/1.1', 'Host: shop.example', 'Cookie: who=me']) {
    t.ok(copy.toLowerCase().includes(`${line}\r\n`.toLowerCase()), line)
  }
  t.match(copy, /^via: 1.1 vertex\r$/im)
  t.match(copy, /^x-forwarded-for: 127.0.0.1\r$/im)
  t.notMatch(copy, /^(te|transfer-encoding):/im)
  const wanted = { requests: 1, errors: 0, dropped: 0, compared: 1, mismatched: 0 }
  t.match(await mirror.shows(wanted), wanted)
  t.match(await lab.counts(), { stable: { ok: 1, evidenceGood: 1 }, candidate: {} })
})

await t.test('nothing is mirrored without an order, and nothing after its end', async (t) => {
  const { candidate } = await mirror.mirror({ stable: says('a'), candidate: says('a') })
  const client = await lab.client()
  await client.ask(get())
  await mirror.counted(1)
  mirror.stopMirroring()
  for (let i = 0; i < 20; i++) await client.ask(get())
  t.equal(mirror.tally.requests, 1, 'the tally stays')
  await mirror.mirror({ stable: says('a'), candidate: says('a') })
  t.equal(mirror.tally.requests, 0, 'and begins anew with the next rollout')
  await client.ask(get())
  await mirror.counted(1)
  t.equal(candidate.requests.length, 1, 'the one before the end')
})

await t.test('what was seen of the candidate on other targets does not count', async (t) => {
  const { candidate } = await mirror.mirror({ stable: says('a'), candidate: says('a') })
  const client = await lab.client()
  for (let i = 0; i < 3; i++) await client.ask(get())
  t.match(await mirror.shows({ requests: 3 }), { requests: 3 })
  const order = mirror.last
  mirror.stopMirroring()
  mirror.order({ ...order, number: 2_000_000 })
  t.equal(mirror.tally.requests, 3, 'the same targets again')
  const other = await lab.origin(says('a'))
  mirror.order({
    ...{ ...order, number: 2_000_001 },
    candidate: [`http://127.0.0.1:${other.port}`],
  })
  t.equal(mirror.tally.requests, 0, 'none of these targets was asked yet')
  await client.ask(get())
  t.match(await mirror.shows({ requests: 1 }), { requests: 1 })
  t.same([candidate.requests.length, other.requests.length], [3, 1])
})

await t.test('only what is named is mirrored', async (t) => {
  const needs = {
    service: {
      versionOverride: 'x-version',
      verdict: { exclude: ['/health'], clientErrors: 'ignore' as const, slowIsErrorMs: null },
    },
  }
  const { candidate } = await mirror.mirror({ stable: says('a'), candidate: says('a'), needs })
  const client = await lab.client()
  await client.ask(post('body'))
  await client.ask('OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n')
  await client.ask(get('/health'))
  await client.ask(get('/', 'X-Version: v1\r\n'))
  await client.ask(get('/', 'Content-Length: 1\r\n').concat('x'))
  await client.ask(get('/this'))
  await mirror.counted(1)
  t.match(candidate.requests, [/^GET \/this /])
  t.equal(candidate.requests.length, 1)
})

await t.test('bodies are mirrored when that is asked for, whatever their framing', async (t) => {
  const rules = { methods: ['POST'], bodies: true }
  const { candidate, stable } = await mirror.mirror({
    ...{ stable: says('done'), candidate: says('done'), rules },
    needs: { limits: { keptBodyBytes: 1000 } },
  })
  const client = await lab.client()
  await client.ask(post('by length'))
  const head = 'POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n'
  await client.ask(head + chunked('in several chunks', 5))
  await client.ask(post('x'.repeat(1001)))
  const wanted = { requests: 2, dropped: 1, compared: 2, mismatched: 0 }
  t.match(await mirror.shows(wanted), wanted)
  const bodies = candidate.requests.map((text) => text.slice(text.indexOf('\r\n\r\n') + 4))
  t.same(bodies.toSorted(), ['by length', 'in several chunks'])
  t.equal(stable.requests.length, 3, 'what changes something is never sent to stable again')
})

await t.test('a share is a share', async (t) => {
  const { candidate } = await mirror.mirror({
    ...{ stable: says('a'), candidate: says('a'), rules: { share: 0.5, inFlight: 1000 } },
  })
  const client = await lab.client()
  client.send(get().repeat(400))
  for (let i = 0; i < 400; i++) await client.answer()
  const { requests } = await mirror.counted(101)
  t.ok(requests > 100 && requests < 300, `${requests} of 400`)
  t.ok(candidate.requests.length < 300)
})

await t.test('a candidate that hangs costs its budget, and nobody else', async (t) => {
  const { candidate } = await mirror.mirror({
    ...{ stable: says('a'), candidate: () => undefined },
    rules: { inFlight: 5, timeoutMs: 60_000 },
  })
  // Copies of the test before hold the budget until the thread has taken this order over; behind
  // the first one that arrives there are none of them left.
  let asked = 30
  for (; candidate.requests.length === 0; asked++) await lab.ask(get())
  const client = await lab.client()
  client.send(get().repeat(30))
  for (let i = 0; i < 30; i++) t.equal((await client.answer()).status, 200)
  const wanted = { requests: 0, dropped: asked - 5, compared: 0 }
  t.match(await mirror.shows(wanted), wanted)
  await eventually(() => candidate.requests.length === 5)
  t.match(await lab.counts(), { stable: { ok: asked }, candidate: {} })
  mirror.stopMirroring()
  await eventually(() => candidate.connections.size === 0)
})

await t.test('what is not answered in time has failed, and its budget is back', async (t) => {
  const { candidate } = await mirror.mirror({
    ...{ stable: says('a'), candidate: () => undefined },
    rules: { inFlight: 1, timeoutMs: 500 },
  })
  await lab.ask(get())
  const wanted = { requests: 1, errors: 1, compared: 1, mismatched: 1, p99Ms: null }
  const tally = await mirror.shows(wanted)
  t.match(tally, wanted)
  t.same(tally.differences, [{ text: 'no answer (timeout) instead of 200', count: 1 }])
  await eventually(() => candidate.connections.size === 0)
  await lab.ask(get())
  await eventually(() => candidate.requests.length === 2)
})

await t.test('a candidate that refuses, cuts off or talks nonsense has failed', async (t) => {
  const answers: [string, 'nobody' | ((socket: Socket) => void)][] = [
    ['refused', 'nobody'],
    ['reset', (socket) => socket.destroy()],
    ['reset', (socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc')],
    ['malformed', (socket) => socket.write('HTTP/9 nonsense\r\n\r\n')],
  ]
  for (const [how, candidate] of answers) {
    await mirror.mirror({ stable: says('a'), candidate })
    await lab.ask(get())
    const wanted = { requests: 1, errors: 1, mismatched: 1 }
    const tally = await mirror.shows(wanted)
    t.match(tally, wanted, how)
    t.same(tally.differences, [{ text: `no answer (${how}) instead of 200`, count: 1 }])
  }
  t.same((await lab.counts()).candidate, {}, 'which is no evidence of live requests')
})

await t.test('every copy fails while a candidate refuses, and none behind it', async (t) => {
  await mirror.mirror({ stable: says('a'), candidate: 'nobody' })
  const client = await lab.client()
  for (let i = 0; i < 10; i++) await client.ask(get())
  const tally = await mirror.shows({ requests: 10, errors: 10, mismatched: 10 })
  t.same(tally.differences, [{ text: 'no answer (refused) instead of 200', count: 10 }])
  await mirror.mirror({ stable: says('a'), candidate: says('a') })
  for (let i = 0; i < 3; i++) await client.ask(get())
  t.match(await mirror.shows({ requests: 3 }), { requests: 3, errors: 0 })
})

await t.test('a 500 is an error and a difference', async (t) => {
  const answer = says('broken', { status: 500 })
  await mirror.mirror({ stable: says('a'), candidate: answer })
  const client = await lab.client()
  for (let i = 0; i < 10; i++) await client.ask(get())
  const wanted = { requests: 10, errors: 10, compared: 10, mismatched: 10 }
  const tally = await mirror.shows(wanted)
  t.match(tally, wanted)
  t.same(tally.differences, [{ text: 'status 500 instead of 200', count: 10 }])
  t.ok((tally.p50Ms ?? 0) > 0 && (tally.p99Ms ?? 0) < 60_000)
})

await t.test('a download ends where the comparison does', async (t) => {
  let sent = 0
  const { candidate } = await mirror.mirror({
    stable: says('x'.repeat(100_000)),
    candidate: (socket) => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n')
      const more = (): void => {
        while (!socket.destroyed && socket.write('x'.repeat(65_536))) sent += 65_536
      }
      socket.on('drain', more)
      more()
    },
  })
  t.equal((await lab.ask(get())).body.length, 100_000)
  const wanted = { requests: 1, errors: 0, compared: 1, mismatched: 0 }
  t.match(await mirror.shows(wanted), wanted)
  await eventually(() => candidate.connections.size === 0)
  t.ok(sent < 50_000_000, `${sent} bytes`)
})

await t.test('a client that goes away is mirrored to nobody', async (t) => {
  const sockets: Socket[] = []
  const { candidate } = await mirror.mirror({
    ...{ stable: (socket: Socket) => sockets.push(socket), candidate: says('a') },
    rules: { inFlight: 1 },
  })
  const client = await lab.client()
  client.send(get())
  await eventually(() => sockets.length === 1)
  client.destroy()
  await eventually(() => sockets[0]?.destroyed === true)
  const next = await lab.client()
  next.send(get('/second'))
  await eventually(() => sockets.length === 2)
  sockets[1]?.write('HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na')
  await next.answer()
  t.match(await mirror.counted(1), { requests: 1, dropped: 0 }, 'its budget came back')
  t.match(candidate.requests, [/^GET \/second /])
})

await t.test('a stream is compared by its head, and holds nothing', async (t) => {
  const stream = (socket: Socket): void => {
    const head = 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n'
    socket.write(`${head}data: 1\n\n`)
  }
  const { candidate } = await mirror.mirror({ stable: stream, candidate: stream })
  const client = await lab.client()
  client.send(get())
  const wanted = { requests: 1, errors: 0, compared: 1, mismatched: 0 }
  t.match(await mirror.shows(wanted), wanted, 'while the customer still listens')
  t.equal(client.closed, false)
  client.destroy()
  await eventually(() => candidate.connections.size === 0)
})

await t.test('an answer of stable that takes too long is not waited for', async (t) => {
  const sockets: Socket[] = []
  const { candidate } = await mirror.mirror({
    ...{ stable: (socket: Socket) => sockets.push(socket), candidate: says('a') },
    rules: { inFlight: 1, timeoutMs: 100 },
  })
  const client = await lab.client()
  client.send(get())
  t.match(await mirror.shows({ dropped: 1 }), { requests: 0, dropped: 1 })
  sockets[0]?.write('HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na')
  t.equal((await client.answer()).body, 'a')
  t.equal(candidate.requests.length, 0)
})

await t.test('part of a body is never mirrored as a whole one', async (t) => {
  const rules = { ...RULES, methods: ['POST'], bodies: true }
  const { candidate } = await mirror.mirror({ stable: says('a'), candidate: says('a'), rules })
  const early = await lab.origin(() => undefined)
  await lab.serve({ stable: [early.port], service: { mirror: rules } })
  const client = await lab.client()
  client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf')
  await eventually(() => early.connections.size === 1)
  for (const socket of early.connections) {
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na')
  }
  t.equal((await client.answer()).body, 'a')
  client.destroy()
  const next = await lab.client()
  next.send(post('a whole one'))
  await eventually(() => early.requests.length === 1)
  for (const socket of early.connections) {
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na')
  }
  await next.answer()
  t.match(await mirror.counted(1), { requests: 1, dropped: 0 })
  t.match(candidate.requests, [/a whole one$/])
  t.equal(candidate.requests.length, 1)
})

await t.test('a mirror thread that dies is replaced, and customers see nothing', async (t) => {
  const { candidate } = await mirror.mirror({ stable: says('a'), candidate: says('a') })
  const order = { ...mirror.last, rollout: 'default-x' }
  mirror.order({ ...order, number: 1_000_000, candidate: ['no address'] })
  t.equal((await lab.ask(get())).body, 'a')
  await eventually(() => mirror.deaths.length > 0, 6000)
  t.match(mirror.deaths[0], /mirror thread is being started again/)
  mirror.order({ ...order, number: 1_000_001 })
  const client = await lab.client()
  const until = performance.now() + 20_000
  while (mirror.tally.requests === 0 && performance.now() < until) {
    const { status } = await client.ask(get())
    if (status !== 200) t.fail(`a customer got ${status}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  t.ok(mirror.tally.requests > 0)
  t.ok(candidate.requests.length > 0)
})
