// The body of a request as its client sends it: where it ends, and what of it goes on. Framing goes
// on as it came, since it was found strict (chunked.ts); trailers go on when they are harmless. Of
// a body that breaks a rule, or is too large, no whole request may reach the target.

import { ChunkedDecoder } from '../http1/chunked.ts'
import type { Fault } from '../http1/fault.ts'
import { BY_LENGTH, CHUNKED, type RequestHead } from '../http1/request-head.ts'
import { passingTrailers } from '../http1/trailers.ts'

/** So much of a request is read over after an early answer. */
const MAX_REST_BYTES = 65_536

export interface BodyTaker {
  /** A part of the body, framed as it goes on. */
  onRequestBody(bytes: Buffer, from: number, to: number): void
}

export class RequestBody {
  /** Whether all of it has been read; also when there is none. */
  done = true
  /** What is wrong with it, once something is. */
  fault: Fault | null = null
  limitBytes = Number.POSITIVE_INFINITY

  #decoder: ChunkedDecoder | null = null
  #chunked = false
  #remaining = 0
  #named: readonly string[] = []
  #taker: BodyTaker | null = null
  #bytes: Buffer | null = null

  /** Begins the body that follows a head. */
  begin(head: RequestHead): void {
    this.fault = null
    this.limitBytes = Number.POSITIVE_INFINITY
    this.#chunked = head.framing === CHUNKED
    this.#remaining = this.#chunked ? Number.POSITIVE_INFINITY : head.contentLength
    this.done = head.framing === BY_LENGTH ? head.contentLength === 0 : !this.#chunked
    if (!this.#chunked) return
    this.#decoder ??= new ChunkedDecoder()
    this.#decoder.reset(true)
    this.#named = head.named
  }

  /** Whether so little is to come that it is read over, rather than closing the connection. */
  get isShort(): boolean {
    return this.done || this.#remaining <= MAX_REST_BYTES
  }

  /**
   * Reads what belongs to the body and passes it to the taker.
   *
   * @returns the offset of the first byte behind it; meaningless when a `fault` was found
   */
  read(bytes: Buffer, from: number, taker: BodyTaker): number {
    if (this.#chunked) return this.#readChunks(bytes, from, taker)
    const end = this.skip(bytes, from)
    taker.onRequestBody(bytes, from, end)
    return end
  }

  /** Reads over what belongs to a body by length; returns the offset of the first byte behind. */
  skip(bytes: Buffer, from: number): number {
    const take = Math.min(this.#remaining, bytes.length - from)
    this.#remaining -= take
    this.done = this.#remaining === 0
    return from + take
  }

  #readChunks(bytes: Buffer, from: number, taker: BodyTaker): number {
    const decoder = this.#decoder as ChunkedDecoder
    this.#taker = taker
    this.#bytes = bytes
    const end = decoder.decode(bytes, from, bytes.length, true, this.#pass)
    this.#taker = null
    this.#bytes = null
    if (decoder.broken) this.fault = 'bad-chunk'
    else if (decoder.dataBytes > this.limitBytes) this.fault = 'body-too-large'
    else if (decoder.done) {
      this.done = true
      const last = Buffer.from(`${passingTrailers(decoder.trailers, this.#named)}\r\n`, 'latin1')
      taker.onRequestBody(last, 0, last.length)
    }
    return end
  }

  readonly #pass = (from: number, to: number): void => {
    const decoder = this.#decoder as ChunkedDecoder
    if (decoder.dataBytes <= this.limitBytes) {
      this.#taker?.onRequestBody(this.#bytes as Buffer, from, to)
    }
  }
}
