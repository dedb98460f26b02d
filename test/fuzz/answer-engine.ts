// The target's side of the edge without sockets: the same parser, decoder and writer in the same
// order as edge/upstream.ts and edge/relay.ts have them, fed with bytes that are cut anywhere. What
// comes out is what would stand on the wire to the client, and why it ended.

import { ChunkedDecoder } from '../../src/http1/chunked.ts'
import { interimHeadOut, responseHeadOut, switchingHeadOut } from '../../src/http1/forward.ts'
import { MORE, REFUSED } from '../../src/http1/lines.ts'
import { BY_LENGTH, CHUNKED, NO_BODY, UNTIL_CLOSE } from '../../src/http1/request-head.ts'
import {
  ResponseHead,
  type ResponseLimits,
  readResponseHead,
} from '../../src/http1/response-head.ts'
import { passingTrailers } from '../../src/http1/trailers.ts'

export interface AnswerSettings {
  readonly limits: ResponseLimits
  readonly toHead: boolean
  /** Whether the client speaks HTTP/1.0. */
  readonly oldClient: boolean
  /** The protocol offered to the target, or ''. */
  readonly offered: string
  /** Whether the client accepts trailers. */
  readonly trailers: boolean
}

export type AnswerEnd = 'whole' | 'malformed' | 'tunnel' | 'cut off'

export interface AnswerOutcome {
  /** What goes to the client. */
  readonly out: string
  /** The same without chunk framing that was put on piece by piece, which depends on the cuts. */
  readonly plain: string
  /** Offsets where the heads began: interim ones, and the final one when it came so far. */
  readonly heads: readonly number[]
  readonly end: AnswerEnd
  readonly used: number
}

const MAX_INTERIM = 16

class AnswerEngine {
  out = ''
  plain = ''
  heads: number[] = []
  used = 0
  readonly #head = new ResponseHead()
  readonly #decoder = new ChunkedDecoder()
  readonly #settings: AnswerSettings
  #final = false
  #left = 0

  constructor(settings: AnswerSettings) {
    this.#settings = settings
  }

  /** Reads on; null when more bytes may come. */
  read(view: Buffer): AnswerEnd | null {
    while (!this.#final) {
      const { limits, toHead } = this.#settings
      this.#head.toHead = toHead
      const end = readResponseHead(this.#head, view, this.used, view.length, limits)
      if (end === MORE) return null
      if (end === REFUSED) return 'malformed'
      const ends = this.#onHead(end)
      if (ends !== null) return ends
    }
    return this.#readBody(view)
  }

  #onHead(end: number): AnswerEnd | null {
    const head = this.#head
    const { offered, oldClient, trailers } = this.#settings
    if (head.status === 101) {
      if (offered === '' || head.upgrade !== offered) return 'malformed'
      this.#pass(switchingHeadOut(head))
    } else if (head.status < 200) {
      if (this.heads.length >= MAX_INTERIM) return 'malformed'
      if (!oldClient) this.#pass(interimHeadOut(head))
    } else {
      this.#final = true
      this.#pass(this.#headOut())
      const none = head.framing === NO_BODY
      this.#left = head.framing === BY_LENGTH ? head.contentLength : none ? 0 : -1
      if (head.framing === CHUNKED) this.#decoder.reset(trailers && !oldClient)
    }
    this.heads.push(this.used)
    this.used = end
    return head.status === 101 ? 'tunnel' : null
  }

  /** The framing of an answer on its way to the client, as edge/relay.ts chooses it. */
  #headOut(): string {
    const head = this.#head
    const { oldClient, trailers } = this.#settings
    const unsized = head.framing === CHUNKED || head.framing === UNTIL_CLOSE
    return responseHeadOut(head, {
      framing: !unsized ? 'length' : oldClient ? 'close' : 'chunked',
      keepAlive: !(unsized && oldClient),
      oldClient,
      dateLine: 'Date: now\r\n',
      extra: '',
      trailers: trailers && !oldClient && head.framing === CHUNKED,
    })
  }

  #readBody(view: Buffer): AnswerEnd | null {
    const { oldClient } = this.#settings
    const to = view.length
    if (this.#left >= 0) {
      const until = this.used + Math.min(this.#left, to - this.used)
      this.#pass(view.toString('latin1', this.used, until))
      this.#left -= until - this.used
      this.used = until
      return this.#left === 0 ? 'whole' : null
    }
    if (this.#head.framing === CHUNKED) return this.#readChunks(view)
    if (this.used < to) {
      const text = view.toString('latin1', this.used, to)
      this.plain += text
      this.out += oldClient ? text : `${text.length.toString(16)}\r\n${text}\r\n`
      this.used = to
    }
    return null
  }

  #readChunks(view: Buffer): AnswerEnd | null {
    const { oldClient, trailers } = this.#settings
    const decoder = this.#decoder
    this.used = decoder.decode(view, this.used, view.length, !oldClient, (from, until) =>
      this.#pass(view.toString('latin1', from, until)),
    )
    if (decoder.broken) return 'malformed'
    if (!decoder.done) return null
    if (trailers && !oldClient)
      this.#pass(`${passingTrailers(decoder.trailers, this.#head.named)}\r\n`)
    return 'whole'
  }

  #pass(text: string): void {
    this.out += text
    this.plain += text
  }

  /** The target has closed its connection. */
  ended(): AnswerEnd {
    if (!this.#final || this.#head.framing !== UNTIL_CLOSE) return 'cut off'
    if (!this.#settings.oldClient) this.out += '0\r\n\r\n'
    return 'whole'
  }
}

/** Reads what a target sends, in pieces that end at the cuts, and then its end. */
export function relayAnswer(
  bytes: Buffer,
  cuts: readonly number[],
  settings: AnswerSettings,
): AnswerOutcome {
  const engine = new AnswerEngine(settings)
  let end: AnswerEnd | null = null
  for (const to of cuts) {
    end = engine.read(to === bytes.length ? bytes : bytes.subarray(0, to))
    if (end !== null) break
  }
  end ??= engine.ended()
  const { heads, out, plain, used } = engine
  return { out, plain, heads, end, used }
}
