// The same messages over real sockets: clients that send them in pieces, an edge, and a server of
// Node behind it. What Vertex forwards must be what was sent, what it refuses must not reach the
// server, and after a refusal the connection must close. Each client has a loopback address of its
// own, which the edge writes into X-Forwarded-For: so the server knows whose request it reads.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { ForwardedBy, forwardingRules } from '../../src/http1/forward.ts'
import { SETTINGS, startEdge, type TestEdge } from '../edge/harness.ts'
import { NODE_METHODS, type ReadMessage } from '../http1/node-parser.ts'
import { caseOf, piecesOf, type RequestCase } from './case.ts'
import { wrongReading } from './check.ts'
import { converse, cutAt, type Heard } from './converse.ts'
import { forwardRequests, type Outcome } from './request-engine.ts'

const LANES = 24
const RULES = forwardingRules({ via: 'vertex', forwarded: false, proxyAuthorization: false })
const TIMEOUTS = { requestHeadMs: 60_000, requestIdleMs: 60_000, responseHeadMs: 60_000 }

export interface WireReport {
  readonly messages: number
  /** Requests that the server has read. */
  readonly requests: number
  readonly refused: number
  readonly ms: number
  readonly found: readonly { readonly index: number; readonly wrong: string }[]
}

export interface WireWork {
  readonly seed: number
  readonly from: number
  readonly messages: number
  readonly ms: number
}

/** What the server has read from each client and nobody has asked for yet. */
class Origin {
  readonly server = createServer({ maxHeaderSize: 65_536 })
  readonly #read = new Map<string, ReadMessage[]>()
  requests = 0
  /** Bytes that Node could not read. */
  readonly faults: string[] = []

  constructor() {
    this.server.maxHeadersCount = 0
    this.server.on('request', (request, response) => this.#hear(request, response))
    this.server.on('checkContinue', (request, response) => {
      response.writeContinue()
      this.#hear(request, response)
    })
    this.server.on(
      'clientError',
      (error: NodeJS.ErrnoException & { rawPacket?: Buffer }, socket) => {
        const code = error.code ?? ''
        // An unknown method is no disagreement; a connection that breaks off is not read at all.
        if (
          code.startsWith('HPE_') &&
          code !== 'HPE_INVALID_METHOD' &&
          code !== 'HPE_INVALID_EOF_STATE'
        ) {
          this.faults.push(`${code}: ${error.rawPacket?.toString('latin1') ?? ''}`)
        }
        if (socket.writable)
          socket.end('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
      },
    )
  }

  #hear(request: IncomingMessage, response: ServerResponse): void {
    let body = ''
    request.setEncoding('latin1')
    request.on('data', (text: string) => {
      body += text
    })
    request.on('error', () => undefined) // cut off, so it counts as not read
    request.on('end', () => {
      if (!request.complete) return
      const { method = '', rawHeaders, rawTrailers, url = '' } = request
      const lane = String(request.headers['x-forwarded-for'])
      this.requests++
      this.#listOf(lane).push({
        ...{ method, target: url, status: 0, reason: '', upgrade: false },
        ...{ rawHeaders, rawTrailers, body },
      })
      response.end('ok\n')
    })
  }

  #listOf(lane: string): ReadMessage[] {
    const list = this.#read.get(lane) ?? []
    this.#read.set(lane, list)
    return list
  }

  /** Takes what was read from a client. */
  taken(lane: string): readonly ReadMessage[] {
    return this.#listOf(lane).splice(0)
  }

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve))
    return (this.server.address() as AddressInfo).port
  }

  close(): void {
    this.server.closeAllConnections()
    this.server.close()
  }
}

const FINAL = /^HTTP\/1\.1 [2-5]\d\d/gm

class Lane {
  readonly #address: string
  readonly #origin: Origin
  readonly #port: number

  constructor(number: number, origin: Origin, port: number) {
    this.#address = `127.0.1.${number + 1}`
    this.#origin = origin
    this.#port = port
  }

  /** Sends one case; null, or what is wrong. */
  async wrong(made: RequestCase, expected: Outcome): Promise<string | null> {
    const { end, passed } = expected
    const bytes = Buffer.from(made.text, 'latin1')
    const whole = passed.filter((request) => request.whole)
    const refused = end !== '' && end !== 'close'
    const answers = whole.length + (refused ? 1 : 0)
    const talk = { port: this.#port, address: this.#address, pieces: piecesFor(bytes, made) }
    const heard = await converse(
      talk,
      (text) => end === '' && (text.match(FINAL)?.length ?? 0) >= answers,
    )
    if (heard.late) return `nothing more came after ${JSON.stringify(heard.text.slice(-300))}`
    const read = this.#origin.taken(this.#address)
    if (read.length > whole.length)
      return `Node has read ${read.length} requests of ${whole.length}`
    const asked = whole.filter(({ out }) => isKnown(out))
    if (read.length < asked.length) {
      return `Node has read ${read.length} requests of ${asked.length}: ${heard.text.slice(0, 300)}`
    }
    for (let i = 0; i < asked.length; i++) {
      const { from } = asked[i] as (typeof asked)[number]
      const wrong = wrongReading(
        made,
        { from, upgrade: false, facts: null },
        read[i] as ReadMessage,
      )
      if (wrong !== null) return `over the wire ${wrong}`
    }
    // Node answers a method that it does not know before the request is whole, and the connection
    // may end with that: what was refused behind it is not read then.
    const isRead = whole.every(({ out }) => isKnown(out))
    return refused || end === 'close' ? wrongEnd(heard, refused && isRead ? end : '') : null
  }
}

function isKnown(out: string): boolean {
  return NODE_METHODS.has(out.slice(0, out.indexOf(' ')))
}

function wrongEnd({ closed, text }: Heard, fault: string): string | null {
  if (!closed) return `the connection stays open after ${fault || 'the last answer'}`
  if (fault === '') return null
  const last = text.slice(text.search(/HTTP\/1\.1 \d{3} [^\r]*\r\n(?!.*HTTP\/1\.1 \d{3} )/s))
  const said = /^x-vertex-error: (.*)$/m.exec(last)?.[1]?.trim()
  if (said !== fault) return `the fault is ${fault}, the answer says ${said ?? last.slice(0, 200)}`
  return /^Connection: close\r$/m.test(last) ? null : 'a refusal without Connection: close'
}

/** The pieces of a case; a short one now and then byte by byte. */
function piecesFor(bytes: Buffer, made: RequestCase): Buffer[] {
  const each = bytes.length < 300 && (made.cuts[0] ?? 1) < 0.05
  const ends = each ? [...bytes.keys()].map((i) => i + 1) : piecesOf(made.cuts, bytes.length)
  return cutAt(bytes, ends)
}

/**
 * The case as it is over a wire: the edge has one set of rules, and knows no peer that it trusts.
 */
function onWire(seed: number, index: number, lane: number): RequestCase | null {
  const made = caseOf(seed, index)
  if (made.kind !== 'request') return null
  const address = `127.0.1.${lane + 1}`
  const peer = { ...made.peer, address, proto: 'http', trusted: false, via: 'vertex' }
  const { limits } = SETTINGS
  const by = new ForwardedBy(address, 'http', false)
  return {
    ...made,
    peer: { ...peer, forwarded: false, proxyAuthorization: false },
    settings: { limits, by, rules: RULES },
  }
}

/** Sends messages over many connections at once. */
export async function fuzzWire(work: WireWork): Promise<WireReport> {
  const origin = new Origin()
  const edge: TestEdge = await startEdge({
    stable: [await origin.listen()],
    settings: { timeouts: { ...SETTINGS.timeouts, ...TIMEOUTS } },
  })
  const began = performance.now()
  const found: { index: number; wrong: string }[] = []
  let next = work.from
  let messages = 0
  let refused = 0
  const run = async (number: number): Promise<void> => {
    const lane = new Lane(number, origin, edge.port)
    while (messages < work.messages && performance.now() - began < work.ms && found.length < 3) {
      const index = next++
      const made = onWire(work.seed, index, number)
      if (made === null) continue
      const bytes = Buffer.from(made.text, 'latin1')
      const expected = forwardRequests(bytes, [bytes.length], made.settings)
      // A tunnel, and an OPTIONS that we answer ourselves, are not this server's to read.
      if (expected.end === 'tunnel' || expected.end === 'answered') continue
      // The server answers an unknown method at once, before the body that we may refuse.
      if (expected.passed.some(({ out, whole }) => !whole && !isKnown(out))) continue
      messages++
      if (expected.end !== '' && expected.end !== 'close') refused++
      const wrong = await lane.wrong(made, expected)
      if (wrong !== null) found.push({ index, wrong })
    }
  }
  await Promise.all(Array.from({ length: LANES }, (_, number) => run(number)))
  for (const fault of origin.faults.slice(0, 3)) {
    found.push({ index: -1, wrong: `Node cannot read what went on: ${JSON.stringify(fault)}` })
  }
  const ms = performance.now() - began
  await edge.close()
  origin.close()
  return { messages, requests: origin.requests, refused, ms, found }
}
