// A client that asks again in the turn of the loop in which it was answered waits for the end of
// the next turn: by then the connection of its answer is free, and has been looked at once more.
// The socket is one of this thread, told what to say, so that both happen in one turn for sure.

import { Duplex } from 'node:stream'
import type { Socket } from 'node:net'
import t, { type Test } from 'tap'
import { createBoard } from '../../src/board/board.ts'
import { ClientConnection } from '../../src/edge/client.ts'
import { Edge } from '../../src/edge/edge.ts'
import { SETTINGS } from './harness.ts'

// The edge answers this one itself, and so at once.
const ASK = Buffer.from('GET /__ready HTTP/1.1\r\nHost: a\r\n\r\n')

/** Returns behind the end of the present turn: its own immediate was asked for before this one. */
const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

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
  const answers = (): number => written.split('HTTP/1.1 200 ').length - 1
  return { answers, connection, edge, says, socket }
}

await t.test('the second request of a turn is answered behind the next turn', async (t) => {
  const { answers, connection, says } = client(t)
  says(ASK)
  says(ASK)
  says(ASK)
  t.equal(answers(), 1)
  t.equal(connection.idle, false, 'a drain must not take it for idle')
  await nextTurn()
  t.equal(answers(), 1)
  await nextTurn()
  t.equal(answers(), 3, 'what came behind it is answered too')
  await nextTurn()
  says(ASK)
  t.equal(answers(), 4, 'one in a turn of its own waits for nothing')
})

await t.test('who ends its side while it waits is served where that is promised', async (t) => {
  const { answers, says, socket } = client(t, 'serve')
  says(ASK)
  says(ASK)
  socket.emit('end')
  await nextTurn()
  await nextTurn()
  t.equal(answers(), 2)
})

await t.test('of who is gone by then no request begins', async (t) => {
  for (const isGone of [false, true]) {
    const { edge, says, socket } = client(t)
    says(ASK)
    says(Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n\r\n'))
    if (isGone) socket.emit('end')
    await nextTurn()
    await nextTurn()
    t.equal(edge.exchanges, isGone ? 0 : 1)
  }
})

await t.test('what waits is bounded', async (t) => {
  const { answers, says, socket } = client(t)
  says(ASK)
  for (let i = 0; i < 2; i++) says(Buffer.alloc(40_000, ASK))
  t.ok(socket.isPaused())
  await nextTurn()
  await nextTurn()
  t.ok(answers() > 1000)
  t.notOk(socket.isPaused())
})
