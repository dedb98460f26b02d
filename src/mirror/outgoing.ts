// A copy of a request as it goes to the candidate: the head that went to stable, taken apart again,
// without what belongs to one connection, and marked, so that the app can keep what it does for it
// away from customers. Pure: text in, a request for undici out.

import { ChunkedDecoder } from '../http1/chunked.ts'
import type { MirrorCopy } from '../core/mirror/order.ts'

/** The field that marks a mirrored request; its value is the id of the customer's request. */
export const MARK = 'x-vertex-mirror'

export interface Outgoing {
  readonly method: string
  readonly path: string
  /** Names and values in turn. */
  readonly headers: readonly string[]
  readonly body: Buffer | null
  /** Whether it asks for the answer only if that has changed (RFC 9110 section 13.1). */
  readonly isConditional: boolean
}

/** Of one connection, written by who sends (undici), or ours. */
const GONE: ReadonlySet<string> = new Set([
  ...['connection', 'content-length', 'expect', 'keep-alive', 'proxy-connection', 'te'],
  ...['trailer', 'transfer-encoding', 'upgrade', MARK],
])

/** The request that a copy stands for, read when it is first needed: a refused one never is. */
export class CopiedRequest {
  readonly #copy: MirrorCopy
  #read: Outgoing | null = null

  constructor(copy: MirrorCopy) {
    this.#copy = copy
  }

  get outgoing(): Outgoing {
    this.#read ??= outgoing(this.#copy)
    return this.#read
  }
}

function outgoing(copy: MirrorCopy): Outgoing {
  const [first = '', ...lines] = copy.head.split('\r\n')
  const [method = '', path = ''] = first.split(' ')
  const headers: string[] = []
  let isChunked = false
  let isConditional = false
  for (const line of lines) {
    const colon = line.indexOf(':')
    if (colon <= 0) continue // the empty line at the end
    const name = line.slice(0, colon)
    const lower = name.toLowerCase()
    if (lower === 'transfer-encoding') isChunked = true
    if (lower === 'if-none-match' || lower === 'if-modified-since') isConditional = true
    if (!GONE.has(lower)) headers.push(name, line.slice(colon + 1).trim())
  }
  headers.push(MARK, copy.requestId)
  const bytes = Buffer.from(copy.body, 'latin1')
  const body = isChunked ? withoutChunks(bytes) : bytes
  return { method, path, headers, body: body.length === 0 ? null : body, isConditional }
}

/**
 * A body without its chunk framing. The edge has seen that it is strict and whole, and may have
 * kept its trailers back.
 */
export function withoutChunks(bytes: Buffer): Buffer {
  const decoder = new ChunkedDecoder()
  decoder.reset(true)
  const parts: Buffer[] = []
  decoder.decode(bytes, 0, bytes.length, false, (from, to) => parts.push(bytes.subarray(from, to)))
  return Buffer.concat(parts)
}
