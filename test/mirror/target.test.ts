// A target that refuses connections: what each of many requests is counted as, and how many
// attempts that takes. The sockets are real, and Node tells of each that is made.

import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { CopiedRequest } from '../../src/mirror/outgoing.ts'
import { type Ended, Sending } from '../../src/mirror/sending.ts'
import { MirrorTarget } from '../../src/mirror/target.ts'

const GET = new CopiedRequest({
  ...{ order: 1, rules: 1, cell: 0, requestId: 'a', head: 'GET / HTTP/1.1\r\nHost: a\r\n\r\n' },
  ...{ body: '', status: 200, headers: [], contentEncoding: '', answer: null, isChunked: false },
})

async function listen(port = 0): Promise<Server> {
  const server = createServer((_, answer) => answer.end('well'))
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  return server
}

function close(server: Server): Promise<unknown> {
  const closed = new Promise((resolve) => server.close(resolve))
  server.closeAllConnections()
  return closed
}

/** A port where nobody listens, now. */
async function freePort(): Promise<number> {
  const server = await listen()
  const { port } = server.address() as AddressInfo
  await close(server)
  return port
}

/** How many sockets this takes. */
async function socketsOf(act: () => unknown): Promise<number> {
  let sockets = 0
  const count = (): void => void sockets++
  subscribe('net.client.socket', count)
  await act()
  unsubscribe('net.client.socket', count)
  return sockets
}

/** Sends so many at one moment; how each has ended, and how many sockets that took. */
async function send(
  target: MirrorTarget,
  times: number,
): Promise<{ ended: Ended[]; sockets: number }> {
  const ended: Ended[] = []
  // As its thread does, only more often.
  const sweeps = setInterval(() => target.sweep(performance.now()), 1)
  const sockets = await socketsOf(() => {
    const all = Array.from({ length: times }, () => {
      return new Promise<void>((resolve) => {
        const sending = new Sending((one) => resolve(void ended.push(one)))
        target.send(sending, GET)
      })
    })
    return Promise.all(all)
  })
  clearInterval(sweeps)
  return { ended, sockets }
}

/** A target where nobody listens, which has refused often enough to be known for it. */
async function refusing(t: Test): Promise<MirrorTarget> {
  const target = new MirrorTarget(`http://127.0.0.1:${await freePort()}`, 1000)
  t.teardown(() => target.destroy())
  await send(target, 8)
  return target
}

const how = (ended: readonly Ended[]): string[] => [
  ...new Set(ended.map((one) => (one.is === 'failed' ? one.how : one.is))),
]

await t.test('refusals are each tried for themselves until they are no chance', async (t) => {
  const target = new MirrorTarget(`http://127.0.0.1:${await freePort()}`, 1000)
  t.teardown(() => target.destroy())
  const alone = []
  for (let i = 0; i < 7; i++) alone.push(await send(target, 1))
  t.same(how(alone.flatMap(({ ended }) => ended)), ['refused'])
  t.ok(alone.every(({ sockets }) => sockets === 1))
  const many = await send(target, 20)
  t.same([how(many.ended), many.sockets], [['refused'], 20], 'seven may be chance')
})

await t.test('those of one moment share an attempt then, and none is left out', async (t) => {
  const target = await refusing(t)
  const many = await send(target, 100)
  t.same([how(many.ended), many.ended.length, many.sockets], [['refused'], 100, 1])
  const again = await send(target, 1)
  t.same([how(again.ended), again.sockets], [['refused'], 1], 'the next moment asks anew')
})

await t.test(
  'soon after a knock nobody knocks; who comes then waits for the next one',
  async (t) => {
    const target = await refusing(t)
    const first = new Sending(() => undefined)
    const knock = new Promise((resolve) => target.send(new Sending(resolve), GET))
    await knock
    const ended: Ended[] = []
    const sockets = await socketsOf(() => {
      for (let i = 0; i < 50; i++) target.send(new Sending((one) => ended.push(one)), GET)
      target.sweep(first.startedMs)
    })
    t.same([sockets, ended.length], [0, 0])
    const last = await send(target, 1)
    t.same([how([...ended, ...last.ended]), ended.length, last.sockets], [['refused'], 50, 1])
  },
)

await t.test('who is let in lets all in', async (t) => {
  const port = await freePort()
  const target = new MirrorTarget(`http://127.0.0.1:${port}`, 1000)
  t.teardown(() => target.destroy())
  await send(target, 50)
  const server = await listen(port)
  t.teardown(() => close(server))
  const many = await send(target, 20)
  t.same([how(many.ended), many.ended.length], [['answered'], 20])
  await close(server)
  const first = await send(target, 1)
  const gone = await send(target, 7)
  t.same(
    how([...first.ended, ...gone.ended]).filter((one) => one === 'answered'),
    [],
  )
  t.ok(gone.sockets >= 6, 'and it is not certain any more that it refuses')
})

await t.test('one that waits for another to knock keeps its own time', async (t) => {
  const target = await refusing(t)
  const ended: string[] = []
  const note =
    (name: string) =>
    (one: Ended): void =>
      void ended.push(`${name}: ${one.is === 'failed' ? one.how : one.is}`)
  const [knocks, waits, stays] = ['knocks', 'waits', 'stays'].map(
    (name) => new Sending(note(name)),
  ) as [Sending, Sending, Sending]
  for (const one of [knocks, waits, stays]) target.send(one, GET)
  waits.expire()
  t.same(ended, ['waits: void'], 'it was never tried, so it says nothing of the target')
  knocks.halt() // the one that waits still is tried by itself
  const last = await send(target, 1)
  t.same(ended, ['waits: void', 'knocks: void', 'stays: refused'])
  t.same(how(last.ended), ['refused'])
})

await t.test('nobody waits for long for one that knocks and is not heard', async (t) => {
  const target = await refusing(t)
  const ended: string[] = []
  const note = (name: string) => (): void => void ended.push(name)
  const knocks = new Sending(note('knocks'))
  target.send(knocks, GET)
  target.send(new Sending(note('waits')), GET)
  const sockets = await socketsOf(() => {
    target.sweep(knocks.startedMs + 99)
    target.sweep(knocks.startedMs + 100)
  })
  t.equal(sockets, 1, 'the one that waited is sent by itself')
  await send(target, 1)
  t.same(ended.toSorted(), ['knocks', 'waits'])
})

await t.test('what is given up, the newest first, is not sent any more', async (t) => {
  const target = await refusing(t)
  const sendings = Array.from({ length: 20 }, () => new Sending(() => undefined))
  const sockets = await socketsOf(() => {
    for (const sending of sendings) target.send(sending, GET)
    for (const sending of sendings.toReversed()) sending.halt()
  })
  t.ok(sockets <= 1, `${sockets} sockets`)
})
