// How two versions' answers are compared when they come over real sockets: codings and framings are
// undone, what stable itself varies is noise, and what is different is told in words.

import { gzipSync } from 'node:zlib'
import t from 'tap'
import { eventually, type Handler } from '../edge/harness.ts'
import { chunked, get } from '../edge/wire.ts'
import { says, startMirrorLab } from './lab.ts'

const mirror = await startMirrorLab()
const { lab } = mirror
t.teardown(() => mirror.close())

let at = 0
/** An order with a time that is never the same. */
const order = (total: number) => () => JSON.stringify({ id: 7, total, at: at++ })

async function askTimes(times: number, request = get()): Promise<void> {
  const client = await lab.client()
  for (let i = 0; i < times; i++) await client.ask(request)
  client.destroy()
}

await t.test('what stable varies is no difference', async (t) => {
  const { stable } = await mirror.mirror({ stable: says(order(1)), candidate: says(order(1)) })
  await askTimes(40)
  const wanted = { requests: 40, mismatched: 0 }
  const tally = await mirror.shows(wanted)
  t.match(tally, wanted)
  // Those that go to stable once more go a few at a time: some are on their way still.
  const again = (): number =>
    stable.requests.filter((text) => /^x-vertex-mirror:/im.test(text)).length
  await eventually(() => again() >= 20 && mirror.tally.compared >= 20, 60_000)
  t.match(mirror.tally, wanted)
  t.same(mirror.tally.differences, [])
  t.ok(again() <= 24, `${again()} of 40 went to stable once more`)
})

await t.test('and what else differs is told', async (t) => {
  await mirror.mirror({ stable: says(order(1)), candidate: says(order(2)) })
  await askTimes(40)
  await mirror.counted(40)
  await eventually(() => mirror.tally.compared >= 20, 60_000)
  const { compared, differences, mismatched } = mirror.tally
  t.equal(mismatched, compared)
  t.same(differences, [{ text: 'body differs at $.total', count: mismatched }])
})

await t.test('when stable answers with two statuses a request proves nothing', async (t) => {
  let turn = 0
  const { stable } = await mirror.mirror({
    stable: (socket, ...rest) =>
      says('a', { status: turn++ % 2 === 0 ? 200 : 503 })(socket, ...rest),
    candidate: says('a', { status: 404 }),
  })
  await askTimes(1)
  const tally = await mirror.shows({ requests: 1 })
  t.match(tally, { requests: 1, errors: 0 })
  // The second answer of stable has come, and settled it.
  while (stable.requests.length < 2) await new Promise((resolve) => setTimeout(resolve, 5))
  t.match(await mirror.shows({ requests: 1 }), { compared: 0, mismatched: 0 })
})

await t.test('chosen headers are compared, others are not', async (t) => {
  const lines = 'Content-Type: text/plain\r\nX-Other: 1\r\n'
  await mirror.mirror({
    stable: says('a', { lines }),
    candidate: says('a', { lines: 'content-type: text/html\r\nX-Other: 2\r\n' }),
    rules: { headers: ['content-type'], compareBody: false },
  })
  await askTimes(3)
  const tally = await mirror.shows({ compared: 3, mismatched: 3 })
  t.same(tally.differences, [{ text: 'header content-type differs', count: 3 }])
})

await t.test('a body is the same in any framing and coding', async (t) => {
  const text = JSON.stringify({ text: 'the same '.repeat(100) })
  const zipped = gzipSync(text, { level: 9 }).toString('latin1')
  const lines = 'Content-Encoding: gzip\r\n'
  const forms: Handler[] = [
    says(zipped, { lines }),
    says(gzipSync(text, { level: 1 }).toString('latin1'), { lines }),
    (socket) => {
      const head = `HTTP/1.1 200 OK\r\n${lines}Transfer-Encoding: chunked\r\n\r\n`
      socket.write(head + chunked(zipped, 50), 'latin1')
    },
    (socket) => socket.end(`HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n${text}`),
  ]
  for (const [i, stable] of forms.entries()) {
    await mirror.mirror({ stable, candidate: forms[(i + 1) % forms.length] as Handler })
    await askTimes(2)
    const wanted = { requests: 2, compared: 2, mismatched: 0 }
    t.match(await mirror.shows(wanted), wanted, `form ${i}`)
  }
  await mirror.mirror({ stable: says(zipped, { lines }), candidate: says('no gzip', { lines }) })
  await askTimes(1)
  const tally = await mirror.shows({ mismatched: 1 })
  t.same(tally.differences, [{ text: 'body cannot be decoded', count: 1 }])
})

await t.test('a bomb is not unpacked', async (t) => {
  const lines = 'Content-Encoding: gzip\r\n'
  const bomb = gzipSync(Buffer.alloc(20_000_000)).toString('latin1')
  await mirror.mirror({
    stable: says(gzipSync('a').toString('latin1'), { lines }),
    candidate: says(bomb, { lines }),
  })
  await askTimes(1)
  const tally = await mirror.shows({ mismatched: 1 })
  t.same(tally.differences, [{ text: 'body cannot be decoded', count: 1 }])
})

await t.test('answers without a body have none to compare', async (t) => {
  const head: Handler = (socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n')
  await mirror.mirror({ stable: head, candidate: head })
  const client = await lab.client()
  await client.ask('HEAD / HTTP/1.1\r\nHost: a\r\n\r\n', { toHead: true })
  const wanted = { requests: 1, errors: 0, compared: 1, mismatched: 0 }
  t.match(await mirror.shows(wanted), wanted)
  const unchanged: Handler = (socket) =>
    socket.write('HTTP/1.1 304 Not Modified\r\nETag: "1"\r\n\r\n')
  await mirror.mirror({ stable: unchanged, candidate: says('whole') })
  await client.ask(get('/', 'If-None-Match: "1"\r\n'))
  t.match(await mirror.shows({ requests: 1 }), { requests: 1, errors: 0, compared: 0 })
})

await t.test('a 304 that nobody asked for is a difference', async (t) => {
  const unchanged: Handler = (socket) =>
    socket.write('HTTP/1.1 304 Not Modified\r\nETag: "1"\r\n\r\n')
  await mirror.mirror({ stable: says('whole'), candidate: unchanged })
  await askTimes(1)
  const tally = await mirror.shows({ mismatched: 1 })
  t.same(tally.differences, [{ text: 'status 304 instead of 200', count: 1 }])
})

await t.test('what was kept by the rules before a reload is not compared by the new', async (t) => {
  const lines = 'Content-Type: text/plain\r\n'
  const { candidate } = await mirror.mirror({ stable: says('a', { lines }), candidate: says('a') })
  // Control changes the order at once, while the edge threads still have the old table.
  const rules = { ...mirror.last.rules, headers: ['content-type'] }
  const order = { ...mirror.last, number: 1_000_000, rules }
  mirror.order(order)
  await askTimes(3)
  await lab.serve({
    ...{ stable: [Number(new URL(order.stable[0] ?? '').port)], service: { mirror: rules } },
  })
  await askTimes(1)
  const tally = await mirror.shows({ requests: 1, compared: 1 })
  t.match(tally, { requests: 1, compared: 1, mismatched: 1 })
  t.equal(candidate.requests.length, 1)
})
