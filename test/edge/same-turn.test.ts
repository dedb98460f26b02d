// What clients say in a turn of the loop is looked at when it ends. Who asks again in the turn in
// which it was answered waits for the end of the next one: by then the connection of its answer is
// free, and has been looked at once more. The socket is one of this thread, told what to say, so
// that both happen in one turn for sure.

import { Duplex } from 'node:stream'
import type { Socket } from 'node:net'
import t, { type Test } from 'tap'
import { createBoard } from '../../src/board/board.ts'
import { ClientConnection } from '../../src/edge/client.ts'
import { Edge } from '../../src/edge/edge.ts'
import { nextTurn, SETTINGS } from './harness.ts'

// The edge answers this one itself, and so at once.
const ASK = Buffer.from('GET /__ready HTTP/1.1\r\nHost: a\r\n\r\n')

function client(t: Test, halfClose: 'gone' | 'serve' = 'gone') {
  const board = createBoard({ threads: 1, services: 1, slots: 2, targets: 1, latencyStripes: 1 })
  const edge = new Edge(board, 0, { ...SETTINGS, halfClose })
  let written = ''
  const socket = new Duplex({
    read: () => undefined,
    write(chunk: Buffer, _encoding, done) {
      written += chunk.toString('latin1')
      done()
    },
    // The end of a real one is told in a later phase of the loop than its turn's end.
    destroy(_error, done) {
      setTimeout(done, 20, null)
    },
  })
  const connection = new ClientConnection(edge, socket as Socket)
  t.teardown(() => socket.destroy())
  const says = (bytes: Buffer): void => void socket.emit('data', bytes)
  const statuses = (): string =>
    [...written.matchAll(/^HTTP\/1.1 (\d+) /gm)].map(([, status]) => status).join(' ')
  const answers = (): number => written.split('HTTP/1.1 200 ').length - 1
  return { answers, connection, edge, says, socket, statuses }
}

await t.test('requests are looked at when the turn ends', async (t) => {
  const { answers, connection, says } = client(t)
  for (let i = 0; i < 3; i++) says(ASK)
  t.equal(answers(), 0)
  t.equal(connection.idle, false, 'a drain must not take it for idle')
  await nextTurn()
  t.equal(answers(), 3, 'and what came behind them is answered too')
  t.ok(connection.idle)
  says(ASK)
  await nextTurn()
  t.equal(answers(), 4)
})

await t.test('one that comes in the turn of an answer is looked at a turn later', async (t) => {
  const { answers, connection, says } = client(t)
  says(ASK)
  await nextTurn()
  connection.finished(true) // as with a large answer, which passes while it comes
  says(ASK)
  await nextTurn()
  t.equal(answers(), 1)
  await nextTurn()
  t.equal(answers(), 2)
})

await t.test('a head that comes in two turns is answered in the second', async (t) => {
  const { answers, says } = client(t)
  says(ASK.subarray(0, 20))
  await nextTurn()
  says(ASK.subarray(20, 30))
  says(ASK.subarray(30))
  t.equal(answers(), 0)
  await nextTurn()
  t.equal(answers(), 1)
})

await t.test('who ends its side while it waits is served where that is promised', async (t) => {
  const { answers, says, socket } = client(t, 'serve')
  says(ASK)
  says(ASK)
  socket.emit('end')
  await nextTurn()
  t.equal(answers(), 2)
})

await t.test('of who is gone by then no request begins', async (t) => {
  for (const isGone of [false, true]) {
    const { edge, says, socket } = client(t)
    says(Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n\r\n'))
    if (isGone) socket.emit('end')
    await nextTurn()
    t.equal(edge.exchanges, isGone ? 0 : 1)
  }
})

await t.test('what waits is bounded', async (t) => {
  const { answers, says, socket } = client(t)
  for (let i = 0; i < 2; i++) says(Buffer.alloc(40_000, ASK))
  t.ok(socket.isPaused())
  await nextTurn()
  t.ok(answers() > 1000)
  t.notOk(socket.isPaused())
})

await t.test(
  'who ends its side behind a whole body is served where that is promised',
  async (t) => {
    const post = (body: string): Buffer =>
      Buffer.from(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n${body}`)
    const whole = client(t, 'serve')
    whole.says(post('abc'))
    whole.socket.emit('end')
    await nextTurn()
    t.equal(whole.statuses(), '404', 'no service is there')

    const early = client(t, 'serve')
    early.says(post('a'))
    await nextTurn()
    t.equal(early.statuses(), '404', 'before its body is whole')
    early.says(Buffer.concat([Buffer.from('bc'), post('abc'), ASK]))
    early.socket.emit('end')
    for (let turn = 0; turn < 4; turn++) await nextTurn()
    t.equal(early.statuses(), '404 404 200')

    const both = client(t, 'serve')
    both.says(Buffer.concat([post('abc'), post('abc'), ASK]))
    both.socket.emit('end')
    for (let turn = 0; turn < 4; turn++) await nextTurn()
    t.equal(both.statuses(), '404 404 200')

    const half = client(t, 'serve')
    half.says(post('a'))
    half.socket.emit('end')
    await nextTurn()
    t.ok(half.socket.destroyed, 'the rest of it will never come')
  },
)
