// One request of the mirror on its way, over undici: when it began, what came back, and that it
// ends once: with an answer, with the candidate's fault, or with ours. Of an answer's body as much
// is read as is compared; then its connection is closed, since a download is of no use to anybody
// here.

import { errors, type Dispatcher } from 'undici'
import { COMPARED_BYTES, isStream } from '../core/mirror/order.ts'
import type { CopiedRequest } from './outgoing.ts'

export interface Answered {
  readonly is: 'answered'
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  /** Null: longer than what is compared. */
  readonly body: Buffer | null
  /** From the sending to the head of the answer. */
  readonly ms: number
}

export type Ended =
  | Answered
  | {
      readonly is: 'failed'
      readonly how: 'refused' | 'reset' | 'timeout' | 'malformed'
      readonly ms: number
    }
  /** Nobody's fault but ours: no descriptors left, or mirroring ended. */
  | { readonly is: 'void' }

const ENOUGH = new Error('no more of the answer is needed')
const OVERDUE = new Error('the answer took too long')
const HALTED = new Error('nothing is mirrored any more')

const OURS: ReadonlySet<string> = new Set(['EMFILE', 'ENFILE', 'EADDRNOTAVAIL', 'ENOBUFS'])
const REFUSED: ReadonlySet<string> = new Set([
  ...['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOTFOUND', 'EAI_AGAIN', 'EACCES'],
])

/** What a target learns of it: a connection took it, it was refused one, or it has ended. */
export type Sent = 'started' | 'refused' | 'ended'

export class Sending implements Dispatcher.DispatchHandler {
  readonly startedMs: number
  readonly #onEnd: (ended: Ended) => void
  #controller: Dispatcher.DispatchController | null = null
  #onSent: (what: Sent) => void = () => undefined
  #isOver = false
  /** It has not been tried, as it waits for what another one finds. */
  #waits = false
  #status = 0
  #headers: Answered['headers'] = {}
  #headMs = 0
  readonly #parts: Buffer[] = []
  #bytes = 0

  constructor(onEnd: (ended: Ended) => void) {
    this.startedMs = performance.now()
    this.#onEnd = onEnd
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /** Sends a request; what cannot be sent at all ends at once. */
  begin(dispatcher: Dispatcher, request: CopiedRequest, onSent: (what: Sent) => void): void {
    const { body, headers, method, path } = request.outgoing
    this.#onSent = onSent
    this.#waits = false
    dispatcher.dispatch({ method, path, headers: [...headers], body }, this)
  }

  /** It is tried later, or not at all. */
  wait(): void {
    this.#waits = true
  }

  /** The time is over; of one that was never tried nobody knows anything. */
  expire(): void {
    if (this.#waits) this.halt()
    else this.#end({ is: 'failed', how: 'timeout', ms: this.#sinceMs }, OVERDUE)
  }

  /** The target has refused the connection that it waited for. */
  refuse(): void {
    this.#end({ is: 'failed', how: 'refused', ms: this.#sinceMs })
  }

  /** Nobody wants the answer any more. */
  halt(): void {
    this.#end({ is: 'void' }, HALTED)
  }

  get #sinceMs(): number {
    return performance.now() - this.startedMs
  }

  /** Ends it, and its connection where that is in the way. */
  #end(ended: Ended, reason: Error | null = null): void {
    if (this.#isOver) return
    this.#isOver = true
    if (reason !== null) this.#controller?.abort(reason)
    this.#onEnd(ended)
    this.#onSent(ended.is === 'failed' && ended.how === 'refused' ? 'refused' : 'ended')
  }

  // --- what undici tells -----------------------------------------------------------------------

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    // It waited for a connection for too long, and has been counted.
    if (this.#isOver) controller.abort(OVERDUE)
    this.#onSent('started')
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Answered['headers'],
  ): void {
    if (status < 200) return
    this.#status = status
    this.#headers = headers
    this.#headMs = this.#sinceMs
    const contentType = headers['content-type']
    if (typeof contentType === 'string' && isStream(contentType)) {
      this.#end(this.#answered(null), ENOUGH)
    }
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#bytes += chunk.length
    if (this.#bytes > COMPARED_BYTES) this.#end(this.#answered(null), ENOUGH)
    else this.#parts.push(Buffer.from(chunk))
  }

  onResponseEnd(): void {
    this.#end(this.#answered(Buffer.concat(this.#parts)))
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#end(failureOf(error, this.#sinceMs))
  }

  #answered(body: Buffer | null): Answered {
    const ms = this.#headMs
    return { is: 'answered', status: this.#status, headers: this.#headers, body, ms }
  }
}

function failureOf(error: Error, ms: number): Ended {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  if (OURS.has(code) || error instanceof errors.InvalidArgumentError) return { is: 'void' }
  if (REFUSED.has(code)) return { is: 'failed', how: 'refused', ms }
  if (error instanceof errors.ConnectTimeoutError) return { is: 'failed', how: 'timeout', ms }
  const isMalformed = error.name === 'HTTPParserError' || code === 'UND_ERR_HEADERS_OVERFLOW'
  return { is: 'failed', how: isMalformed ? 'malformed' : 'reset', ms }
}
