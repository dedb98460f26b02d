// Broken answers at moments of their own: before the request, while it is still being sent, when a
// tunnel was asked for, in turns with another connection's answer, and without an end.

import net from 'node:net'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import {
  bodyFor,
  nextNonce,
  type Seen,
  see,
  wrongAnswer,
  wrongFault,
  wrongReset,
} from './hostile-client.ts'
import { BY_CHUNKS, BY_LENGTH, NONCED, POISON, WHOLE } from './hostile-kinds.ts'
import { answerWell, soon } from './hostile-origin.ts'
import { startLab } from './lab.ts'
import { get, type Wire } from './wire.ts'

const lab = await startLab()
t.teardown(() => lab.close())

interface Raw {
  readonly port: number
  readonly sockets: Set<net.Socket>
}

/** An origin that does as it likes with each connection. */
async function rawOrigin(t: Test, accept: (socket: net.Socket) => void): Promise<Raw> {
  const sockets = new Set<net.Socket>()
  const server = net.createServer({ noDelay: true }, (socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('close', () => sockets.delete(socket))
    accept(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { port: (server.address() as AddressInfo).port, sockets }
}

function filled(bytes: string, nonce: string): string {
  return bytes.replaceAll('%NONCE%', nonce).replaceAll('%BODY%', bodyFor(nonce))
}

/** The nonce in the path of a request's first bytes. */
function nonceIn(request: string): string {
  return /^\S+ \/(?:[^/ ]*\/)?(\S+) /.exec(request)?.[1] ?? ''
}

/** Asks for a good answer on this connection; '' when it comes, or the connection is closed. */
async function wrongAfter(wire: Wire): Promise<string> {
  const nonce = nextNonce()
  if (!wire.ended && !wire.closed) wire.send(get(`/well/${nonce}`))
  const seen = await see(wire)
  if ((seen.how === 'closed' || seen.how === 'reset') && seen.text === '') return ''
  return wrongAnswer(seen, { nonce, status: 200, empty: false })
}

// --- before the request
// ---------------------------------------------------------------------------

await t.test('a target that speaks first, and not HTTP, is no target', async (t) => {
  for (const greeting of [
    'SSH-2.0-x\r\n',
    '220 mail ESMTP\r\n',
    '\0',
    '\r\n',
    'HTTP/2 200\r\n\r\n',
  ]) {
    const origin = await rawOrigin(t, (socket) => void socket.resume().write(greeting))
    await lab.serve({ stable: [origin.port] })
    const wire = await lab.client()
    for (let i = 0; i < 3; i++) {
      wire.send(get(`/well/${nextNonce()}`))
      t.equal(wrongFault(await see(wire), 502, 'upstream-malformed'), '', JSON.stringify(greeting))
    }
    t.ok(await soon(() => origin.sockets.size === 0))
    t.same((await lab.counts()).stable, { malformed: 3, evidenceBad: 3, userErrors: 3 })
  }
})

// --- while the request is being sent
// --------------------------------------------------------------

interface Early {
  readonly name: string
  readonly bytes: string
  readonly end: 'end' | 'resetAndDestroy' | null
  readonly wrong: (seen: Seen, nonce: string) => string
}

const right = (seen: Seen, nonce: string): string =>
  wrongAnswer(seen, { nonce, status: 200, empty: false })
const broken = (seen: Seen): string => wrongFault(seen, 502, 'upstream-malformed')
const gone = (seen: Seen): string => wrongFault(seen, 502, 'upstream-reset')

const EARLY: readonly Early[] = [
  { name: 'a whole answer', bytes: WHOLE, end: null, wrong: right },
  { name: 'a whole answer, then FIN', bytes: WHOLE, end: 'end', wrong: right },
  { name: 'two answers', bytes: WHOLE + POISON, end: null, wrong: right },
  { name: 'nonsense', bytes: 'nonsense\r\n\r\n', end: null, wrong: broken },
  {
    name: 'a 100 that nobody waits for, then nonsense',
    bytes: 'HTTP/1.1 100 Continue\r\n\r\nnonsense',
    end: null,
    wrong: broken,
  },
  { name: '101', bytes: 'HTTP/1.1 101 x\r\n\r\n', end: null, wrong: broken },
  { name: 'FIN', bytes: '', end: 'end', wrong: gone },
  { name: 'RST', bytes: '', end: 'resetAndDestroy', wrong: gone },
  { name: 'half a head, then FIN', bytes: 'HTTP/1.1 200 OK\r\nX', end: 'end', wrong: gone },
  { name: 'half a body, then FIN', bytes: `${BY_LENGTH}x`, end: 'end', wrong: wrongReset },
  { name: 'a broken chunk', bytes: `${BY_CHUNKS}zz\r\n`, end: null, wrong: wrongReset },
]

const UPLOADS = [
  ['by length', 'Content-Length: 20\r\n', '0123456789', '0123456789'],
  ['in chunks', 'Transfer-Encoding: chunked\r\n', 'a\r\n01234', '56789\r\n0\r\n\r\n'],
  ['that waits for a 100', 'Content-Length: 10\r\nExpect: 100-continue\r\n', '', '0123456789'],
] as const

for (const { bytes, end, name, wrong } of EARLY) {
  await t.test(`an upload is answered with ${name} in its midst`, async (t) => {
    const target = await rawOrigin(t, (socket) => {
      let spoiled = false
      socket.on('data', (chunk) => {
        const request = chunk.toString('latin1')
        if (spoiled && request.includes('GET ')) t.fail('The connection was used again')
        if (spoiled) return
        const nonce = nonceIn(request)
        if (request.startsWith('GET ')) return answerWell(socket, nonce)
        spoiled = true
        socket.write(filled(bytes, nonce), 'latin1')
        if (end !== null) setImmediate(() => socket[end]())
      })
    })
    await lab.serve({ stable: [target.port] })
    for (const [how, field, first, rest] of UPLOADS) {
      const wire = await lab.client()
      const nonce = nextNonce()
      wire.send(`POST /up/${nonce} HTTP/1.1\r\nHost: a\r\n${field}\r\n${first}`)
      const seen = await see(wire)
      t.equal(wrong(seen, nonce), '', how)
      if (!wire.closed) wire.send(rest)
      if (seen.how === 'answer') t.equal(await wrongAfter(wire), '', `behind it, ${how}`)
      wire.destroy()
    }
    await lab.counts()
  })
}

// --- a tunnel was asked for
// -----------------------------------------------------------------------

const SWITCH = 'HTTP/1.1 101 Switching Protocols\r\n'
const NO_TUNNELS: Record<string, string> = {
  'to another protocol': `${SWITCH}Upgrade: h2c\r\nConnection: Upgrade\r\n\r\n`,
  'to two protocols': `${SWITCH}Upgrade: websocket, h2c\r\nConnection: Upgrade\r\n\r\n`,
  'to no protocol': `${SWITCH}Connection: Upgrade\r\n\r\n`,
  'with a body': `${SWITCH}Upgrade: websocket\r\nConnection: Upgrade\r\nContent-Length: 6\r\n\r\nPOISON`,
  'in chunks': `${SWITCH}Upgrade: websocket\r\nConnection: Upgrade\r\nTransfer-Encoding: chunked\r\n\r\n`,
  'with a folded field': `${SWITCH}Upgrade: websocket\r\nConnection: Upgrade\r\nX: a\r\n b\r\n\r\n`,
  'with a bare LF': `${SWITCH}Upgrade: websocket\nConnection: Upgrade\r\n\r\n`,
}

for (const [name, bytes] of Object.entries(NO_TUNNELS)) {
  await t.test(`a tunnel was asked for, and the 101 comes ${name}`, async (t) => {
    const origin = await lab.origin((socket, request) => {
      if (request.includes(' /well/')) answerWell(socket, nonceIn(request))
      else socket.write(bytes, 'latin1')
    })
    await lab.serve({ stable: [origin.port] })
    const wire = await lab.client()
    wire.send(get('/up/x', 'Upgrade: websocket\r\nConnection: Upgrade\r\n'))
    t.equal(broken(await see(wire)), '')
    t.equal(await wrongAfter(wire), '')
    const { stable } = await lab.counts()
    t.equal(stable.malformed, 1)
  })
}

// --- in turns
// -------------------------------------------------------------------------------------

await t.test('answers in turns, piece by piece, on connections of their own', async (t) => {
  const CLIENTS = 8
  const waiting: { socket: net.Socket; bytes: string }[] = []
  const origin = await lab.origin((socket, request) => {
    const nonce = nonceIn(request)
    // Every second one ends in the midst of its body.
    const whole = waiting.length % 2 === 0
    waiting.push({ socket, bytes: filled(whole ? WHOLE : `${BY_LENGTH}%NONCE%`, nonce) })
  })
  await lab.serve({ stable: [origin.port] })
  const nonces = Array.from({ length: CLIENTS }, nextNonce)
  const wires = await Promise.all(nonces.map(() => lab.client()))
  for (const [i, wire] of wires.entries()) wire.send(get(`/x/${nonces[i]}`))
  t.ok(await soon(() => waiting.length === CLIENTS))
  for (let at = 0; at < 200; at += 5) {
    for (const { bytes, socket } of waiting) socket.write(bytes.slice(at, at + 5), 'latin1')
    await new Promise((resolve) => setImmediate(resolve))
  }
  const ends = new Map(
    waiting.map(({ bytes, socket }, i) => [/n\w+-+z/.exec(bytes)?.[0], { socket, i }]),
  )
  for (const [i, nonce] of nonces.entries()) {
    const wire = wires[i] as Wire
    const end = ends.get(nonce)
    if (end === undefined) throw new Error('A request did not come')
    if (end.i % 2 === 1) end.socket.end()
    const seen = await see(wire)
    t.equal(end.i % 2 === 0 ? right(seen, nonce) : wrongReset(seen, nonce), '')
  }
  const half = CLIENTS / 2
  const bad = { reset: half, evidenceBad: half, userErrors: half }
  t.same((await lab.counts()).stable, { ok: half, evidenceGood: half, ...bad })
})

// --- without an end
// -------------------------------------------------------------------------------

const ENDLESS: Record<string, readonly [head: string, again: string]> = {
  'by length': [
    `HTTP/1.1 200 OK\r\n${NONCED}Content-Length: 9007199254740991\r\n\r\n`,
    'x'.repeat(16_384),
  ],
  'in chunks': [BY_CHUNKS, `4000\r\n${'x'.repeat(16_384)}\r\n`],
  'until close': [`HTTP/1.1 200 OK\r\n${NONCED}\r\n`, 'x'.repeat(16_384)],
}

for (const [name, [head, again]] of Object.entries(ENDLESS)) {
  await t.test(`a body without an end, ${name}, ends with its client`, async (t) => {
    const origin = await lab.origin((socket, request) => {
      socket.write(filled(head, nonceIn(request)), 'latin1')
      const more = (): void => {
        while (!socket.destroyed && socket.write(again, 'latin1'));
      }
      socket.on('drain', more)
      more()
    })
    await lab.serve({ stable: [origin.port] })
    const wire = await lab.client()
    wire.send(get(`/x/${nextNonce()}`))
    await wire.until(() => wire.text.length > 2_000_000)
    wire.destroy()
    t.ok(await soon(() => origin.connections.size === 0), 'its connection to the target goes')
    t.same((await lab.counts()).stable, { aborted: 1 })
  })
}
