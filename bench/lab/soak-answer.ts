// Reads the answers on one client connection and holds each against the request that it must
// belong to: status, nonce, method, framing, length, every byte of the body, the checksum of what
// was sent up, trailers. It knows nothing of sockets; it says how an answer ended.

import { Body, type Framing, nonceOf, type Plan } from './soak-plan.ts'
import { ChunkReader, fieldOf, headEnd } from './soak-wire.ts'

const HEAD_MAX = 16_384

/** How an answer ended. */
export type Ending =
  | { readonly is: 'right'; readonly closes: boolean }
  /** An answer of Vertex's own, of the status and with the cause that it names. */
  | {
      readonly is: 'fault'
      readonly status: number
      readonly error: string
      readonly closes: boolean
    }
  /** Right, but too short, and delimited by the end of the target's connection. */
  | { readonly is: 'early' }
  | { readonly is: 'wrong'; readonly text: string }

export interface AnswerEvents {
  onInterim(status: number): void
  /** A right answer came with trailers. */
  onTrailers(): void
  /** The head of a final answer has come. */
  onHead(seenId: string): void
}

const STATUS: Readonly<Record<Framing, number>> = {
  length: 200,
  chunked: 200,
  close: 200,
  empty: 204,
  unchanged: 304,
}

type Body1 = 'none' | 'length' | 'chunked' | 'close'

export class AnswerReader {
  /** Whether a byte of the final answer to the present request has come. */
  begun = false
  readonly #events: AnswerEvents
  readonly #chunks = new ChunkReader()
  #plan: Plan | null = null
  #upload = ''
  #inBody = false
  #framing: Body1 = 'none'
  #left = 0
  #place = 0
  #body = new Body(0, { bytes: 0, upload: false })
  #status = 0
  #error = ''
  #closes = false
  #wrong = ''

  constructor(events: AnswerEvents) {
    this.#events = events
  }

  get status(): number {
    return this.#status
  }

  /** Expects the answer to this request. `upload`: what its target must have received. */
  expect(plan: Plan, upload: string): void {
    this.#plan = plan
    this.#upload = upload
    this.begun = false
    this.#inBody = false
    this.#status = 0
    this.#error = ''
    this.#place = 0
    this.#wrong = ''
  }

  /**
   * Reads bytes[from, …).
   *
   * @returns the offset behind what was used; and how the answer ended, null while it has not
   */
  read(bytes: Buffer, from: number): { readonly at: number; readonly ending: Ending | null } {
    const plan = this.#plan
    if (plan === null) return { at: from, ending: { is: 'wrong', text: 'bytes without a request' } }
    let at = from
    while (!this.#inBody) {
      const end = headEnd(bytes, at)
      if (end === -1) {
        this.begun ||= bytes.length > at + 9 && bytes[at + 9] !== 0x31
        if (bytes.length - at > HEAD_MAX) return this.#end(at, 'an endless head')
        return { at, ending: null }
      }
      const head = bytes.toString('latin1', at, end - 2)
      at = end
      this.#readHead(plan, head)
      if (this.#wrong !== '') return this.#end(at, this.#wrong)
    }
    return this.#readBody(plan, bytes, at)
  }

  /** The connection has ended: what is delimited by that is whole now. Null: it was not. */
  end(): Ending | null {
    if (!this.#inBody || this.#framing !== 'close' || this.#plan === null) return null
    return this.#whole(this.#plan)
  }

  #end(at: number, text: string): { at: number; ending: Ending } {
    return { at, ending: { is: 'wrong', text } }
  }

  #readHead(plan: Plan, head: string): void {
    const lowered = head.toLowerCase()
    const status = /^HTTP\/1\.1 (\d{3}) /.exec(head)?.[1]
    if (status === undefined) {
      this.#wrong = `no status line: ${JSON.stringify(head.slice(0, 80))}`
      return
    }
    const nonce = nonceOf(plan.number)
    if (status.startsWith('1')) {
      const other = status === '103' && fieldOf(head, lowered, 'link') !== `</${nonce}>`
      if (other || plan.minor === 0) this.#wrong = `an interim answer of another: ${head}`
      this.#events.onInterim(Number(status))
      return
    }
    this.begun = true
    this.#inBody = true
    this.#status = Number(status)
    this.#closes = fieldOf(head, lowered, 'connection') === 'close' || plan.minor === 0
    this.#error = fieldOf(head, lowered, 'x-vertex-error') ?? ''
    if (this.#error === '') this.#check(plan, head, lowered)
    this.#frame(plan, head, lowered)
    this.#events.onHead(fieldOf(head, lowered, 'x-seen-id') ?? '')
  }

  /** Whether the head is the one of this request's answer. */
  #check(plan: Plan, head: string, lowered: string): void {
    const wants: readonly (readonly [string, string])[] = [
      ['x-nonce', nonceOf(plan.number)],
      ['x-method', plan.method],
      ['x-upload', this.#upload],
    ]
    for (const [name, wanted] of wants) {
      const value = fieldOf(head, lowered, name)
      if (value !== wanted) this.#wrong = `${name} is ${value}, not ${wanted}`
    }
    if (this.#status !== STATUS[plan.framing]) {
      this.#wrong = `the status is ${this.#status}, not ${STATUS[plan.framing]}`
    }
  }

  #frame(plan: Plan, head: string, lowered: string): void {
    const length = fieldOf(head, lowered, 'content-length')
    const coding = fieldOf(head, lowered, 'transfer-encoding')
    if (length !== null && coding !== null) this.#wrong = 'both a length and a coding'
    const bodiless = plan.method === 'HEAD' || this.#status === 204 || this.#status === 304
    this.#framing = bodiless
      ? 'none'
      : coding !== null
        ? 'chunked'
        : length !== null
          ? 'length'
          : 'close'
    this.#left = Number(length ?? 0)
    this.#chunks.reset()
    if (this.#error !== '') return
    this.#body = new Body(plan.number, { bytes: plan.bytes, upload: false })
    if (length !== null && Number(length) !== plan.bytes) {
      this.#wrong = `the length is ${length}, not ${plan.bytes}`
    }
    const wanted = bodiless ? 'none' : wantedFraming(plan)
    if (this.#framing !== wanted) this.#wrong = `framed by ${this.#framing}, not by ${wanted}`
  }

  #readBody(plan: Plan, bytes: Buffer, from: number): { at: number; ending: Ending | null } {
    const take = (start: number, stop: number): void => {
      if (this.#error === '' && !this.#body.matches(this.#place, bytes, start, stop)) {
        this.#wrong = `the body differs between ${this.#place} and ${this.#place + stop - start}`
      }
      this.#place += stop - start
    }
    let at = from
    if (this.#framing === 'chunked') {
      at = this.#chunks.read(bytes, from, bytes.length, take)
      if (this.#chunks.broken) this.#wrong = 'the chunks are broken'
      else if (!this.#chunks.done && this.#wrong === '') return { at, ending: null }
    } else if (this.#framing !== 'none') {
      const left = this.#framing === 'length' ? this.#left : Number.POSITIVE_INFINITY
      at = Math.min(bytes.length, from + left)
      this.#left -= at - from
      if (at > from) take(from, at)
      const whole = this.#framing === 'length' && this.#left === 0
      if (!whole && this.#wrong === '') return { at, ending: null }
    }
    if (this.#wrong !== '') return this.#end(at, this.#wrong)
    return { at, ending: this.#whole(plan) }
  }

  #whole(plan: Plan): Ending {
    const { trailers } = this.#chunks
    const closes = this.#closes
    if (this.#error !== '') {
      return { is: 'fault', status: this.#status, error: this.#error, closes }
    }
    if (this.#framing !== 'none' && this.#place !== plan.bytes) {
      if (plan.framing === 'close') return { is: 'early' }
      return { is: 'wrong', text: `a body of ${this.#place} bytes looks whole` }
    }
    if (trailers !== '' && this.#framing === 'chunked') {
      const nonce = fieldOf(`\r\n${trailers}`, `\r\n${trailers.toLowerCase()}`, 'x-nonce-trailer')
      if (!plan.acceptsTrailers) return { is: 'wrong', text: 'trailers that were not asked for' }
      if (nonce !== nonceOf(plan.number)) return { is: 'wrong', text: `trailers of another` }
      this.#events.onTrailers()
    }
    return { is: 'right', closes }
  }
}

/** How Vertex must frame the planned answer for its client. */
function wantedFraming(plan: Plan): Body1 {
  if (plan.framing === 'length') return 'length'
  return plan.minor === 0 ? 'close' : 'chunked'
}
