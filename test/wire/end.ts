// One end of a connection as a case sees it: everything that came, and what has become of it.
// Volatile values are made comparable here: a date of today and an id that Vertex has made become
// `*`, and the host name that a run was given becomes shop.example again.

import type net from 'node:net'

/** What a table writes as the host; each run puts a name of the same length in its place. */
export const HOST = 'shop.example'

const TODAY = /\r\nDate: \w{3}, (\d\d \w{3} \d{4} [\d:]{8} GMT)\r\n/g
const MADE_ID = /\r\nX-Request-Id: [0-9a-z]{6,}-[0-9a-z-]+\r\n/g
const NOT_LONG_AGO_MS = 3_600_000

export function comparable(text: string, host: string): string {
  return text
    .replaceAll(host, HOST)
    .replace(MADE_ID, '\r\nX-Request-Id: *\r\n')
    .replace(TODAY, (whole, date: string) =>
      Math.abs(Date.parse(date) - Date.now()) < NOT_LONG_AGO_MS ? '\r\nDate: *\r\n' : whole,
    )
}

/**
 * Makes one chunk of the whole chunks of a body, for answers that Vertex cuts into chunks itself.
 */
function joinChunks(text: string): string {
  const head = /\r\nTransfer-Encoding: chunked\r\n(?:[^\r]+\r\n)*\r\n/.exec(text)
  if (head === null) return text
  const from = head.index + head[0].length
  let body = ''
  let at = from
  for (;;) {
    const end = text.indexOf('\r\n', at)
    const size = end < 0 ? 0 : Number.parseInt(text.slice(at, end), 16)
    if (!(size > 0) || end + size + 4 > text.length) break
    body += text.slice(end + 2, end + 2 + size)
    at = end + size + 4
  }
  return `${text.slice(0, from)}${body.length} joined\r\n${body}\r\n${text.slice(at)}`
}

export class End {
  readonly socket: net.Socket
  readonly host: string
  /** What the case has said so far that must have come. */
  expected = ''
  /** What may come besides, in part or as a whole. */
  possible = ''
  ended = false
  closed = false
  reset = false
  /** Whether chunks are joined before texts are compared. */
  joins = false
  /** The case itself has closed this end. */
  left = false
  #raw = ''
  #look: (() => void) | null = null

  constructor(socket: net.Socket, host: string) {
    this.socket = socket
    this.host = host
    socket.on('data', (chunk: Buffer) => {
      this.#raw += chunk.toString('latin1')
      this.#look?.()
    })
    socket.on('end', () => {
      this.ended = true
      this.#look?.()
    })
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.reset ||= error.code === 'ECONNRESET'
    })
    socket.on('close', () => {
      this.closed = true
      this.#look?.()
    })
  }

  get over(): boolean {
    return this.ended || this.closed
  }

  /** All that came, comparable. */
  get text(): string {
    return comparable(this.#raw, this.host)
  }

  get isAsExpected(): boolean {
    if (this.possible !== '') return this.#isBeginning
    if (!this.#raw.endsWith(this.expected.slice(-2))) return false // the cheap look
    const { expected, text } = this
    return text === expected || (this.joins && joinChunks(text) === joinChunks(expected))
  }

  /** Whether what came is all that is expected and a beginning of what is possible. */
  get #isBeginning(): boolean {
    const { expected, possible, text } = this
    return text.startsWith(expected) && `${expected}${possible}`.startsWith(text)
  }

  /** Begins anew on the same connection. */
  forget(): void {
    this.#raw = ''
    this.expected = ''
    this.possible = ''
  }

  /** Waits until the condition holds, which may only speak of this end; false after `limitMs`. */
  until(condition: () => boolean, limitMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const finish = (held: boolean): void => {
        clearTimeout(limit)
        this.#look = null
        resolve(held)
      }
      const limit = setTimeout(() => finish(false), limitMs)
      this.#look = () => {
        if (condition()) finish(true)
        else if (this.closed) finish(false)
      }
      this.#look()
    })
  }

  /** Waits for exactly what is expected. */
  asExpected(limitMs: number): Promise<boolean> {
    return this.until(() => this.isAsExpected, limitMs)
  }

  /** The bytes with the host name of this run, which is as long as the one in the table. */
  own(bytes: string): string {
    return bytes.replaceAll(HOST, this.host)
  }

  send(bytes: string): void {
    if (!this.socket.destroyed) this.socket.write(bytes, 'latin1')
  }

  get state(): string {
    if (this.left) return 'left'
    if (this.reset) return 'reset'
    return this.over ? 'closed' : 'open'
  }
}
