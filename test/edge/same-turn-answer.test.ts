// An answer that is read in a turn of the loop is worked on when the turn ends, or before that when
// something else happens to its connection: more of it comes, the target ends, the connection is
// gone. The socket is one of this thread, told what to say, so that all of it happens in one turn.

import type { Socket } from 'node:net'
import { PassThrough } from 'node:stream'
import t, { type Test } from 'tap'
import { createBoard } from '../../src/board/board.ts'
import { Edge } from '../../src/edge/edge.ts'
import type { Exchange } from '../../src/edge/request.ts'
import type { Target } from '../../src/edge/routes.ts'
import { IdleConnections } from '../../src/edge/idle.ts'
import { UpstreamConnection } from '../../src/edge/upstream.ts'
import { nextTurn, SETTINGS } from './harness.ts'

const ANSWER = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n'

/** Behind the next two turns: what has become free has joined its pool. */
async function turnsLater({ turns }: Edge): Promise<void> {
  for (let turn = 0; turn < 2; turn++) {
    turns.serving()
    await nextTurn()
  }
}

function asked(t: Test, { ends = true } = {}) {
  const board = createBoard({ threads: 1, services: 1, slots: 2, targets: 1, latencyStripes: 1 })
  const edge = new Edge(board, 0, SETTINGS)
  const socket = new PassThrough()
  socket.resume()
  let onData = (_length: number): void => undefined
  const dial = (_to: unknown, _buffer: Buffer, heard: typeof onData): Socket => {
    onData = heard
    return socket as unknown as Socket
  }
  const idle = new IdleConnections()
  const told: string[] = []
  const target = {
    ...{ index: 0, host: 'a', port: 1, idle, distrustedUntilMs: 0, gone: false },
    distrust: () => told.push('distrusted'),
  }
  const connection = new UpstreamConnection(edge, target as unknown as Target, dial)
  const exchange = {
    ...{ isHead: false, framedOut: false, trailersOut: false, upgrade: '' },
    onConnected: () => undefined,
    requestSent: (): unknown => undefined,
    flush: () => undefined,
    onHead: (): unknown => told.push('head'),
    onBody: (bytes: Buffer, from: number, to: number) =>
      told.push(bytes.toString('latin1', from, to)),
    onEnd: () => told.push('end'),
    onFailure: (fault: string) => told.push(fault),
  }
  connection.begin(exchange as unknown as Exchange, 'GET / HTTP/1.1\r\n\r\n')
  socket.emit('connect')
  if (ends) connection.endRequest()
  t.teardown(() => connection.destroy())
  const says = (text: string): void => {
    edge.readBuffer.write(text, 'latin1')
    onData(text.length)
    edge.readBuffer.fill('x', 0, text.length) // the next target is read into it
  }
  return { connection, edge, exchange, idle, says, socket, told }
}

await t.test('an answer is worked on when the turn ends', async (t) => {
  const { connection, edge, idle, says, told } = asked(t)
  says(`${ANSWER}ok`)
  t.same(told, [])
  await nextTurn()
  t.same(told, ['head', 'ok', 'end'])
  t.equal(idle.newest, null, 'it is read once more first')
  await turnsLater(edge)
  t.equal(idle.newest, connection)
})

/** What is read in one turn, what the exchange is told by its end, and whether it may be reused. */
const IN_ONE_TURN = {
  'before that when more of it comes': {
    reads: [ANSWER.slice(0, 20), ANSWER.slice(20), 'o', 'k'],
    tells: ['head', 'o', 'k', 'end'],
    reusable: 1,
  },
  'what comes behind the whole answer is nobody’s': {
    reads: [`${ANSWER}ok`, 'HTTP/1.1 200 OK\r\n\r\n'],
    tells: ['head', 'ok', 'end', 'distrusted'],
    reusable: 0,
  },
}

for (const [what, { reads, reusable, tells }] of Object.entries(IN_ONE_TURN)) {
  await t.test(what, async (t) => {
    const { edge, idle, says, told } = asked(t)
    for (const text of reads) says(text)
    await nextTurn()
    t.same(told, tells)
    await turnsLater(edge)
    t.equal(idle.size, reusable)
  })
}

await t.test('before that when the target ends, or the connection is gone', async (t) => {
  for (const event of ['end', 'close']) {
    const { edge, idle, says, socket, told } = asked(t)
    says(`${ANSWER}ok`)
    socket.emit(event)
    t.same(told, ['head', 'ok', 'end'], event)
    await turnsLater(edge)
    t.equal(idle.size, 0)
  }
})

await t.test('not at all when its client is gone by then', async (t) => {
  const { connection, says, told } = asked(t)
  says(`${ANSWER}ok`)
  connection.destroy()
  await nextTurn()
  t.same(told, [])
})

await t.test(
  'what comes behind an answer that its exchange has done with is no poison',
  async (t) => {
    const { connection, edge, exchange, says, told } = asked(t)
    exchange.onHead = () => {
      told.push('head')
      connection.destroy() // as for an error that stable answers in its place
    }
    says(`${ANSWER}o`)
    says('k')
    await turnsLater(edge)
    t.same(told, ['head'])
  },
)

await t.test('an answer before the end of its request has no latency', async (t) => {
  const { connection, exchange, says, socket, told } = asked(t, { ends: false })
  exchange.requestSent = () => told.push('sent')
  says(`${ANSWER}ok`)
  connection.endRequest()
  await nextTurn()
  t.same(told, ['head', 'ok', 'end'])
  t.notOk(socket.destroyed)
})

await t.test('a head that was none yet has its time limit when the request ends', async (t) => {
  for (const text of ['HTTP/1.1 100 Continue\r\n\r\n', 'HTTP/1.1 41']) {
    const { connection, exchange, says, told } = asked(t, { ends: false })
    exchange.requestSent = () => told.push('sent')
    Object.assign(exchange, { onInterim: () => told.push('interim') })
    says(text)
    connection.endRequest()
    await nextTurn()
    t.equal(told.at(-1), 'sent')
    t.ok(Number.isFinite(connection.deadlineMs))
  }
})

await t.test('a connection that is reset while it waits is nobody’s at once', async (t) => {
  const { edge, idle, says, socket } = asked(t)
  says(`${ANSWER}ok`)
  await nextTurn()
  await turnsLater(edge)
  t.equal(idle.size, 1)
  socket.emit('error', new Error('reset'))
  t.equal(idle.size, 0)
})

for (const isCrowded of [false, true]) {
  const what = isCrowded ? 'its answer, as there are many' : 'nobody’s'
  await t.test(`what comes in the turn in whose middle it was asked is ${what}`, async (t) => {
    const { connection, edge, exchange, says, told } = asked(t)
    says(`${ANSWER}ok`)
    await nextTurn()
    await turnsLater(edge)
    told.length = 0
    if (isCrowded) for (let socket = 0; socket < 1000; socket++) edge.turns.socketOpened()
    edge.turns.serving()
    connection.begin(exchange as unknown as Exchange, 'GET / HTTP/1.1\r\n\r\n')
    connection.endRequest()
    says(`${ANSWER}no`)
    await nextTurn()
    t.same(told, isCrowded ? ['head', 'no', 'end'] : ['distrusted', 'upstream-reset'])
  })
}
