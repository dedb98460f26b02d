// The answer on its way to the client: how it is framed there, whether the client's connection
// stays open behind it, and its bytes. It knows nothing of versions and targets; what an answer
// means for them is the exchange's business (request.ts).

import { allowAnswer, faultAnswer, wantsProblemJson } from '../http1/answer.ts'
import { FAULTS, type Fault } from '../http1/fault.ts'
import { interimHeadOut, responseHeadOut } from '../http1/forward.ts'
import { CHUNKED, type RequestHead, UNTIL_CLOSE } from '../http1/request-head.ts'
import type { ResponseHead } from '../http1/response-head.ts'
import { passingTrailers } from '../http1/trailers.ts'
import { copyOf } from './body-sink.ts'
import type { ClientSide } from './client-side.ts'
import type { Edge } from './edge.ts'
import { Mirrored } from './mirrored.ts'

/** A small body joins its head in one write. */
const JOIN_BYTES = 8192
const CHUNK_END = Buffer.from('\r\n')
const LAST_CHUNK = '0\r\n\r\n'

export class Relay extends Mirrored {
  readonly isHead: boolean
  /** Whether chunk framing of the answer goes on to the client as it came. */
  readonly framedOut: boolean
  /** Whether the trailers of a chunked answer go on. */
  readonly trailersOut: boolean

  protected readonly client: ClientSide
  /** Lines to add to the answer's head, or ''. */
  protected answerExtra = ''
  protected answerBegun = false
  interimSent = false
  protected answerKeepAlive = true

  readonly #keepAlive: boolean
  readonly #oldClient: boolean
  readonly #problemJson: boolean
  /** An answer's head that waits for a first piece of body to join it. */
  #out = ''
  #encodeChunks = false
  #named: readonly string[] = []

  constructor(edge: Edge, client: ClientSide, head: RequestHead) {
    super(edge, client.by, head)
    this.client = client
    this.isHead = head.method === 'HEAD'
    this.#keepAlive = head.keepAlive
    this.#oldClient = head.minor === 0
    this.framedOut = head.minor === 1
    this.trailersOut = head.minor === 1 && head.acceptsTrailers
    this.#problemJson = wantsProblemJson(head.lines)
  }

  onInterim(head: ResponseHead): void {
    if (this.#oldClient || this.answerBegun) return
    this.interimSent = true
    this.client.writeText(interimHeadOut(head))
  }

  protected beginAnswer(head: ResponseHead): void {
    const untilClose = head.framing === UNTIL_CLOSE || (head.framing === CHUNKED && this.#oldClient)
    this.#encodeChunks = head.framing === UNTIL_CLOSE && !this.#oldClient
    const chunked = this.#encodeChunks || (head.framing === CHUNKED && !this.#oldClient)
    const closes = untilClose && !this.#encodeChunks
    // An answer before the request's end: a long rest will not be waited for.
    const open = this.#staysOpen && !closes
    this.answerKeepAlive = open
    this.#out = responseHeadOut(head, {
      framing: chunked ? 'chunked' : closes ? 'close' : 'length',
      keepAlive: open,
      oldClient: this.#oldClient,
      dateLine: this.edge.dateLine,
      extra: this.answerExtra,
      trailers: head.framing === CHUNKED && this.trailersOut,
    })
    this.#named = head.named
    this.answerBegun = true
    this.logStatus(head.status)
    this.copyHead(head, head.framing === CHUNKED && this.framedOut)
  }

  /**
   * Writes a part of the body. False when the client cannot take more now.
   *
   * @param bytes valid during the call only: what is kept is copied
   */
  protected relayBody(bytes: Buffer, from: number, to: number): boolean {
    this.logBytesOut(to - from)
    this.copyAnswer(bytes, from, to)
    const size = this.framedOut && this.#encodeChunks ? `${(to - from).toString(16)}\r\n` : ''
    const text = this.#out + size
    this.#out = ''
    const { client } = this
    if (text === '') return client.writeBytes(copyOf(bytes, from, to))
    if (to - from <= JOIN_BYTES) {
      const end = size === '' ? '' : '\r\n'
      // It came with the head that waits for it, or behind it: then it is a text already.
      const { lines } = this.edge.responseHead
      const body = bytes === lines.bytes ? lines.part(from, to) : bytes.toString('latin1', from, to)
      return client.writeText(text + body + end)
    }
    // The body is copied anyway, so its head is put in front of it: one write of one buffer costs
    // less than one of several.
    const end = size === '' ? 0 : CHUNK_END.length
    const joined = Buffer.allocUnsafeSlow(text.length + to - from + end)
    joined.write(text, 'latin1')
    bytes.copy(joined, text.length, from, to)
    if (end > 0) joined.set(CHUNK_END, joined.length - end)
    return client.writeBytes(joined)
  }

  /** Puts an answer's head on the wire that still waits for a body. */
  flush(): void {
    if (this.#out === '') return
    const text = this.#out
    this.#out = ''
    this.client.writeText(text)
  }

  /** The end of a chunked body whose trailers go on. */
  onTrailers(section: string): void {
    this.#out += `${passingTrailers(section, this.#named)}\r\n`
  }

  /** All of the body has been relayed. */
  protected endAnswer(): void {
    if (this.#encodeChunks) this.#out += LAST_CHUNK
    this.flush()
    this.handOver()
  }

  /** Answers a fault ourselves; the exchange must be finished before. */
  protected answerFault(fault: Fault): void {
    const { client, edge } = this
    const keepAlive = this.#staysOpen && !FAULTS[fault].close
    const { date } = edge
    const options = { keepAlive, oldClient: this.#oldClient, toHead: this.isHead, date }
    client.writeText(faultAnswer(fault, { ...options, problemJson: this.#problemJson }))
    client.finished(keepAlive)
  }

  /** Says what is served here. */
  protected answerAllow(): void {
    const { client, edge } = this
    const keepAlive = this.#staysOpen
    const options = { keepAlive, oldClient: this.#oldClient, toHead: false, problemJson: false }
    client.writeText(allowAnswer({ ...options, date: edge.date }))
    client.finished(keepAlive)
  }

  get #staysOpen(): boolean {
    return this.#keepAlive && !this.edge.draining && this.client.canFollow
  }
}
