// An answer as it is compared: status, the chosen headers, and the body without framing and content
// coding. Two servers compress the same text to other bytes, so codings are undone, up to a bound:
// what grows beyond it is no answer of an app but an attack on whoever unpacks it.

import zlib from 'node:zlib'
import type { AnswerBody, MirrorAnswer } from '../core/mirror/compare.ts'
import type { MirrorCopy, MirrorRules } from '../core/mirror/order.ts'
import { withoutChunks } from './outgoing.ts'
import type { Answered } from './sending.ts'

/** A decoded body gets so large. */
const DECODED_BYTES = 1_048_576
const BOUND = { maxOutputLength: DECODED_BYTES }

type Decode = (bytes: Buffer) => Buffer

const CODINGS: Readonly<Record<string, Decode>> = {
  gzip: (bytes) => zlib.gunzipSync(bytes, BOUND),
  'x-gzip': (bytes) => zlib.gunzipSync(bytes, BOUND),
  deflate: (bytes) => zlib.inflateSync(bytes, BOUND),
  br: (bytes) => zlib.brotliDecompressSync(bytes, BOUND),
  zstd: (bytes) => zlib.zstdDecompressSync(bytes, BOUND),
}

/** Stable's answer, as the edge kept it. */
export function stableAnswer(copy: MirrorCopy, rules: MirrorRules): MirrorAnswer {
  const { answer, contentEncoding, headers, isChunked, status } = copy
  if (!rules.compareBody) return { status, headers, body: { is: 'unknown' } }
  if (answer === null) return { status, headers, body: { is: 'long' } }
  const bytes = Buffer.from(answer, 'latin1')
  const body = bodyOf(isChunked ? withoutChunks(bytes) : bytes, contentEncoding)
  return { status, headers, body }
}

/** An answer to a request of our own. */
export function answerOf({ body, headers, status }: Answered, rules: MirrorRules): MirrorAnswer {
  const chosen = rules.headers.map((name) => listOf(headers[name]))
  if (!rules.compareBody) return { status, headers: chosen, body: { is: 'unknown' } }
  if (body === null) return { status, headers: chosen, body: { is: 'long' } }
  return { status, headers: chosen, body: bodyOf(body, listOf(headers['content-encoding']) ?? '') }
}

function listOf(value: string | readonly string[] | undefined): string | null {
  return value === undefined ? null : typeof value === 'string' ? value : value.join(', ')
}

/** @param coding the value of Content-Encoding; a list was applied in its order */
function bodyOf(bytes: Buffer, coding: string): AnswerBody {
  const codings = coding
    .toLowerCase()
    .split(',')
    .map((name) => name.trim())
  let plain = bytes
  // An answer to HEAD, or a 304, may name a coding and has no body.
  if (bytes.length > 0) {
    for (const name of codings.toReversed()) {
      if (name === '' || name === 'identity') continue
      const decode = CODINGS[name]
      if (decode === undefined) return { is: 'undecodable' }
      try {
        plain = decode(plain)
      } catch {
        return { is: 'undecodable' } // which is a difference when stable's can be
      }
    }
  }
  return { is: 'whole', bytes: plain.toString('latin1') }
}
