// A target that breaks its answers at random, and clients that all share the connections to it.
// Whatever a client can take for a whole answer is exactly the one that was meant for its nonce, or
// says itself that it is none. A seed replays all answers byte for byte; their order in time is the
// system's.

import type net from 'node:net'
import t from 'tap'
import { nextNonce, type Seen, see } from './hostile-client.ts'
import {
  type Broken,
  brokenAnswer,
  checked,
  checkOf,
  isIntended,
  randomOf,
} from './hostile-mutation.ts'
import { startLab } from './lab.ts'
import type { Wire } from './wire.ts'

/** For a longer look: `VERTEX_REQUESTS=100000 TAP_TIMEOUT=600 node` and this file. */
const REQUESTS = Number(process.env.VERTEX_REQUESTS ?? 2000)
const CLIENTS = 48
const seed = Number(process.env.VERTEX_SEED ?? Math.trunc(Math.random() * 0x7fffffff))

const lab = await startLab()
t.teardown(() => lab.close())

const answers = new Map<string, Promise<Broken>>()

/** The same answer each time that a nonce asks for it. */
function answerTo(nonce: string, toHead: boolean): Promise<Broken> {
  const known = answers.get(nonce)
  if (known !== undefined) return known
  const random = randomOf(seed ^ Number.parseInt(checkOf(nonce), 16))
  const made = brokenAnswer(random, nonce, toHead)
  answers.set(nonce, made)
  return made
}

const misused: string[] = []
/** The broken answer that each connection has carried. */
const spoiled = new Map<net.Socket, string>()

async function answer(socket: net.Socket, request: string): Promise<void> {
  const [, method, nonce = ''] = /^(\S+) \/(\S+) /.exec(request) ?? []
  const before = spoiled.get(socket)
  if (before !== undefined) misused.push(before)
  socket.setNoDelay(true)
  const { bytes, cuts, end, reading } = await answerTo(nonce, method === 'HEAD')
  if (socket.destroyed) return
  if (reading === 'broken') spoiled.set(socket, bytes)
  let from = 0
  for (const cut of cuts) {
    socket.write(bytes.slice(from, cut), 'latin1')
    from = cut
    await new Promise((resolve) => setImmediate(resolve))
    if (socket.destroyed) return
  }
  socket.write(bytes.slice(from), 'latin1')
  if (end === 'fin') socket.end()
  else if (end === 'rst') setImmediate(() => socket.resetAndDestroy())
}

const tally = { intended: 0, marked: 0, broken: 0, unanswered: 0 }
const wrong: string[] = []

async function complain(nonce: string, what: string): Promise<void> {
  const sent = await answers.get(nonce)
  wrong.push(`${nonce}: ${what}\nwas sent ${JSON.stringify(sent)}`)
}

/** Judges what a client saw; false when its connection is over. */
async function judge(seen: Seen, nonce: string, toHead: boolean): Promise<boolean> {
  if (seen.how === 'garbled' || seen.how === 'silent') {
    await complain(nonce, `${seen.how} ${JSON.stringify(seen.text)}`)
    return false
  }
  if (seen.how !== 'answer') {
    // A clean end is a break only when nothing has come before it.
    if (seen.how === 'closed' && seen.text !== '') await complain(nonce, 'a short body, ended')
    tally.broken++
    return false
  }
  const { answer: received } = seen
  const fault = received.fields.get('x-vertex-error')
  if (fault !== undefined && (received.status === 502 || received.status === 504)) tally.marked++
  else if (isIntended({ ...received, ...checked(received.fields) }, nonce, toHead)) tally.intended++
  else await complain(nonce, JSON.stringify({ ...received, fields: [...received.fields] }))
  return true
}

let left = REQUESTS

/** One client: asks, one to three requests in a packet, until all requests have been asked. */
async function client(number: number): Promise<void> {
  const random = randomOf(seed + number)
  let wire: Wire | null = null
  while (left > 0) {
    const count = Math.min(left, 1 + Math.floor(random() * 3))
    left -= count
    const asked = Array.from({ length: count }, () => {
      const method = ['GET', 'GET', 'GET', 'HEAD', 'POST'][Math.floor(random() * 5)] ?? 'GET'
      return { method, nonce: nextNonce() }
    })
    wire ??= await lab.client()
    wire.send(asked.map(requestFor).join(''))
    let open = true
    for (const { method, nonce } of asked) {
      if (!open) tally.unanswered++
      else
        open = await judge(await see(wire, { toHead: method === 'HEAD' }), nonce, method === 'HEAD')
    }
    if (open && !wire.ended && !wire.closed) continue
    wire.destroy()
    wire = null
  }
}

function requestFor({ method, nonce }: { method: string; nonce: string }): string {
  const body = method === 'POST' ? 'Content-Length: 5\r\n\r\norder' : '\r\n'
  return `${method} /${nonce} HTTP/1.1\r\nHost: shop.example\r\n${body}`
}

await t.test('random answers, whole or marked as none', async (t) => {
  const origin = await lab.origin((socket, request) => void answer(socket, request))
  const timeouts = { responseHeadMs: 400, responseIdleMs: 400 }
  await lab.serve({ stable: [origin.port], timeouts })
  t.comment(`VERTEX_SEED=${seed}`)
  await Promise.all(Array.from({ length: CLIENTS }, (_, number) => client(number)))
  t.same(wrong.slice(0, 5), [], `${wrong.length} wrong answers`)
  t.same(misused, [], 'a connection that had been spoiled carried no further request')
  t.comment(JSON.stringify(tally))
  const { broken, intended, marked, unanswered } = tally
  t.equal(intended + marked + broken + unanswered, REQUESTS)
  for (const count of [intended, marked, broken]) t.ok(count > REQUESTS / 20)
  await lab.counts()
})
