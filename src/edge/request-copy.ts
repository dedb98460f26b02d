// What is needed to send a request, and to send it once more: its head as it goes out, the part of
// its body that has come so far, and whether that is all. A request may be sent again when its
// method is safe (RFC 9110 section 9.2.1), or when its service says that PUT and DELETE, or an
// Idempotency-Key, make it so; any request may, as long as no connection has taken a byte of it.
// And its body must have been small enough to be kept.

import type { Replay } from '../core/table.ts'
import { BY_LENGTH, CHUNKED, type RequestHead } from '../http1/request-head.ts'
import { KeptBody } from './kept-body.ts'

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS'])

export class RequestCopy {
  readonly head: string
  /** Whether it may go out on a connection that could turn out to be closed. */
  readonly mayGoOnAny: boolean
  readonly #repeats: boolean
  #kept: KeptBody | null
  #isWhole: boolean

  /**
   * @param headOut the head as it goes out
   * @param keptBodyBytes the largest body that is kept
   */
  constructor(head: RequestHead, headOut: string, replay: Replay, keptBodyBytes: number) {
    this.head = headOut
    const { framing } = head
    const isChunked = framing === CHUNKED
    const fits = isChunked || head.contentLength <= keptBodyBytes
    this.#isWhole = fits
    this.#repeats = fits && repeats(head, replay)
    const hasBody = isChunked || (framing === BY_LENGTH && head.contentLength > 0)
    this.#kept = hasBody && fits ? new KeptBody(keptBodyBytes) : null
    // Of a chunked body nobody knows yet whether it can be kept.
    this.mayGoOnAny = this.#repeats && !isChunked
  }

  /** Whether the request can be sent once more: all that has come of it is here, and it may. */
  get isWhole(): boolean {
    return this.#isWhole && this.#kept?.overflowed !== true
  }

  get body(): Buffer {
    return this.#kept?.bytes ?? NOTHING
  }

  get bodyLength(): number {
    return this.#kept?.length ?? 0
  }

  keep(bytes: Buffer, from: number, to: number): void {
    this.#kept?.keep(bytes, from, to)
  }

  /** A connection takes it: from now on the target may have begun to act on it. */
  leaves(): void {
    if (this.#repeats) return
    this.#isWhole = false
    this.#kept = null
  }
}

const NOTHING = Buffer.alloc(0)

function repeats(head: RequestHead, replay: Replay): boolean {
  const { method } = head
  if (SAFE.has(method)) return true
  if (replay.putDelete && (method === 'PUT' || method === 'DELETE')) return true
  return replay.idempotencyKey && (head.lines.valueOf('idempotency-key') ?? '') !== ''
}
