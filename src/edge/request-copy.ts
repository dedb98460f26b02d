// What is needed to send a request, and to send it once more: its head as it goes out, the part of
// its body that has come so far, and whether the whole is there. A request may be sent again when
// its method is safe (RFC 9110 section 9.2.1), or when its service says that PUT and DELETE, or an
// Idempotency-Key, make it so; and when it has no body, or one that could be kept.

import type { Replay } from '../core/table.ts'
import { BY_LENGTH, CHUNKED, type RequestHead } from '../http1/request-head.ts'
import { KeptBody } from './kept-body.ts'

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS'])

export interface CopyOptions {
  /** The head as it goes out. */
  readonly head: string
  readonly replay: Replay
  /** The largest body that is kept. */
  readonly limitBytes: number
}

export class RequestCopy {
  readonly head: string
  /** Whether it may go out on a connection that could turn out to be closed. */
  readonly mayGoOnAny: boolean
  readonly #repeats: boolean
  readonly #kept: KeptBody | null

  constructor(head: RequestHead, options: CopyOptions) {
    this.head = options.head
    const hasBody =
      head.framing === CHUNKED || (head.framing === BY_LENGTH && head.contentLength > 0)
    const fits = head.framing === CHUNKED || head.contentLength <= options.limitBytes
    this.#repeats = fits && repeats(head, options.replay)
    this.#kept = hasBody && this.#repeats ? new KeptBody(options.limitBytes) : null
    // Of a chunked body nobody knows yet whether it can be kept.
    this.mayGoOnAny = this.#repeats && head.framing !== CHUNKED
  }

  /** Whether all of the request that has come so far is here, and it may be sent again. */
  get isWhole(): boolean {
    return this.#repeats && this.#kept?.overflowed !== true
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
}

const NOTHING = Buffer.alloc(0)

function repeats(head: RequestHead, replay: Replay): boolean {
  const { method } = head
  if (SAFE.has(method)) return true
  if (replay.putDelete && (method === 'PUT' || method === 'DELETE')) return true
  return replay.idempotencyKey && head.lines.valueOf('idempotency-key') !== null
}
