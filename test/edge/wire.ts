// A client that speaks raw bytes over one connection and reads whole answers from it, and a reader
// of everything that the edge counts. The tests of this folder say what a user sees in these
// words.

import net from 'node:net'
import { claims, targetInFlight } from '../../src/board/tallies.ts'
import type { Board } from '../../src/board/board.ts'
import { TALLY } from '../../src/board/layout.ts'
import { OUTCOMES, type Outcome } from '../../src/core/outcome.ts'
import { eventually, type TestEdge } from './harness.ts'

export interface Answer {
  readonly status: number
  /** The status line and the fields, without the empty line. */
  readonly head: string
  /** The body's bytes as latin1, without framing. */
  readonly body: string
  /** The value of a field, or null. */
  field(name: string): string | null
}

export class Wire {
  readonly socket: net.Socket
  /** What has come and was not yet taken by `answer`. */
  text = ''
  ended = false
  closed = false
  reset = false
  #changed: (() => void) | null = null

  constructor(socket: net.Socket) {
    this.socket = socket
    socket.on('data', (chunk: Buffer) => {
      this.text += chunk.toString('latin1')
      this.#changed?.()
    })
    socket.on('end', () => {
      this.ended = true
      this.#changed?.()
    })
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.reset = error.code === 'ECONNRESET' || error.code === 'EPIPE'
    })
    socket.on('close', () => {
      this.closed = true
      this.#changed?.()
    })
  }

  /** Waits until the condition, which may only speak of this connection, is true. */
  until(condition: () => boolean, limitMs = 4000): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        if (!condition()) return
        clearTimeout(limit)
        this.#changed = null
        resolve()
      }
      const limit = setTimeout(() => {
        this.#changed = null
        reject(new Error(`Nothing more came in time: ${this.text.slice(0, 300)}`))
      }, limitMs)
      this.#changed = look
      look()
    })
  }

  send(bytes: string | Buffer): this {
    if (typeof bytes === 'string') this.socket.write(bytes, 'latin1')
    else this.socket.write(bytes)
    return this
  }

  /** Sends pieces, each in a packet of its own as far as the system allows. */
  async sendEach(pieces: Iterable<string>): Promise<void> {
    for (const piece of pieces) {
      if (this.socket.destroyed) return
      this.send(piece)
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  /** Waits for the next whole answer, interim ones included, and takes it off the text. */
  async answer(
    options: { readonly toHead?: boolean; readonly limitMs?: number } = {},
  ): Promise<Answer> {
    let taken: { answer: Answer; length: number } | null = null
    await this.until(() => {
      taken = parseAnswer(this.text, { toHead: options.toHead ?? false, ended: this.ended })
      return taken !== null || this.closed
    }, options.limitMs)
    const found = taken as { answer: Answer; length: number } | null
    if (found === null)
      throw new Error(`The connection closed before an answer: ${this.text.slice(0, 300)}`)
    this.text = this.text.slice(found.length)
    return found.answer
  }

  /** Sends a request and waits for its answer. */
  ask(request: string, options: { readonly toHead?: boolean } = {}): Promise<Answer> {
    return this.send(request).answer(options)
  }

  /** Waits until the peer has closed the connection. */
  gone(limitMs?: number): Promise<void> {
    return this.until(() => this.closed, limitMs)
  }

  destroy(): void {
    this.socket.destroy()
  }
}

export function open(port: number, options: { readonly halfOpen?: boolean } = {}): Promise<Wire> {
  return new Promise((resolve, reject) => {
    const allowHalfOpen = options.halfOpen ?? false
    const socket = net.connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen })
    const wire = new Wire(socket)
    socket.once('connect', () => resolve(wire))
    socket.once('error', reject)
  })
}

interface ParseOptions {
  readonly toHead: boolean
  readonly ended: boolean
}

function parseAnswer(
  text: string,
  { toHead, ended }: ParseOptions,
): { answer: Answer; length: number } | null {
  const end = text.indexOf('\r\n\r\n')
  if (end < 0) return null
  const head = text.slice(0, end)
  const from = end + 4
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1] ?? 0)
  const field = (name: string): string | null =>
    new RegExp(`^${name}: (.*)$`, 'im').exec(head)?.[1]?.trim() ?? null
  const made = (body: string, length: number): { answer: Answer; length: number } => ({
    answer: { status, head, body, field },
    length,
  })
  if (toHead || status < 200 || status === 204 || status === 304) return made('', from)
  const length = field('content-length')
  if (length !== null) {
    const to = from + Number(length)
    return text.length >= to ? made(text.slice(from, to), to) : null
  }
  if (field('transfer-encoding') === 'chunked') {
    const body = dechunk(text, from)
    return body === null ? null : made(body.data, body.end)
  }
  return ended ? made(text.slice(from), text.length) : null
}

/** The data of a chunked body and the offset after it, or null while it is not whole. */
export function dechunk(text: string, from = 0): { data: string; end: number } | null {
  const parts: string[] = []
  for (let at = from; ; ) {
    const lineEnd = text.indexOf('\r\n', at)
    if (lineEnd < 0) return null
    const size = Number.parseInt(text.slice(at, lineEnd), 16)
    if (size === 0) {
      // Trailers may stand before the empty line.
      const end = text.indexOf('\r\n\r\n', lineEnd)
      return end < 0 ? null : { data: parts.join(''), end: end + 4 }
    }
    const next = lineEnd + 2 + size + 2
    if (text.length < next) return null
    if (text.slice(next - 2, next) !== '\r\n') throw new Error(`A chunk does not end at ${next}`)
    parts.push(text.slice(lineEnd + 2, next - 2))
    at = next
  }
}

/** A body in the chunked coding, cut into chunks of `size`. */
export function chunked(body: string, size: number): string {
  let out = ''
  for (let at = 0; at < body.length; at += size) {
    const piece = body.slice(at, at + size)
    out += `${piece.length.toString(16)}\r\n${piece}\r\n`
  }
  return `${out}0\r\n\r\n`
}

/** Text in which every position differs from its neighbours, so that a lost byte shows. */
export function bodyOf(length: number): string {
  let text = ''
  for (let i = 0; text.length < length; i++) text += `${i.toString(36)},`
  return text.slice(0, length)
}

export type Counts = Partial<Record<Outcome | keyof typeof TALLY, number>>

/** Every counter of a version that is not zero, over all threads. */
export function countsOf(board: Board, slot: number): Counts {
  const { cells, layout } = board
  const counts: Record<string, number> = {}
  const add = (name: string, cell: number): void => {
    let sum = 0
    for (let thread = 0; thread < layout.threads; thread++) {
      const at = layout.talliesAt + (thread * layout.slots + slot) * TALLY.cells
      sum += Atomics.load(cells, at + cell)
    }
    if (sum !== 0) counts[name] = sum
  }
  OUTCOMES.forEach(add)
  for (const [name, cell] of Object.entries(TALLY)) if (name !== 'cells') add(name, cell)
  return counts
}

/** Waits until nothing is claimed and nothing is in flight any more: no path may leak either. */
export async function settled(edge: TestEdge): Promise<void> {
  const { board } = edge
  await eventually(() => {
    for (let slot = 0; slot < board.layout.slots; slot++)
      if (claims(board, slot) !== 0) return false
    for (let target = 0; target < board.layout.targets; target++) {
      if (targetInFlight(board, target) !== 0) return false
    }
    return true
  })
}

/** A GET for a path, with extra header lines. */
export function get(path = '/', extra = ''): string {
  return `GET ${path} HTTP/1.1\r\nHost: shop.example\r\n${extra}\r\n`
}

/** A POST with a body delimited by its length. */
export function post(body: string, extra = ''): string {
  return `POST / HTTP/1.1\r\nHost: shop.example\r\nContent-Length: ${body.length}\r\n${extra}\r\n${body}`
}
