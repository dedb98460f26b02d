// The request line: method, target and version (RFC 9112 section 3), byte by byte.

import {
  CLASSES,
  CR,
  DOT,
  HIGH,
  LF,
  METHOD,
  PERCENT,
  QUERY,
  SLASH,
  SP,
  TARGET,
  TOKEN,
} from './bytes.ts'
import { MORE } from './lines.ts'
import type { RequestHead, RequestLimits } from './request-head.ts'

const MAX_METHOD_BYTES = 64

/**
 * Reads a request line from `from`.
 *
 * @param to the end of the bytes that may be looked at
 * @returns the offset after it, MORE, or REFUSED with `head.fault` set
 */
export function readRequestLine(
  head: RequestHead,
  from: number,
  to: number,
  limits: RequestLimits,
): number {
  const { bytes } = head.lines
  head.start = from
  const table = CLASSES // reading an imported constant in a loop doubles the time it takes
  let at = from
  let classes = METHOD
  while (at < to) {
    const bits = table[bytes[at] as number] as number
    if ((bits & TOKEN) === 0) break
    if (at - from >= MAX_METHOD_BYTES) return head.refuse('bad-method')
    classes &= bits
    at++
  }
  if (at >= to) return MORE
  if (at === from || bytes[at] !== SP) return head.refuse('bad-method')
  // A lenient origin could read `get` as GET although methods are case-sensitive.
  if (classes === 0) return head.refuse('method-unknown')
  head.method = methodAt(bytes, from, at)
  const targetStart = ++at
  const allowed = limits.nonAsciiTarget === true ? TARGET | HIGH : TARGET
  const limit = Math.min(to, targetStart + limits.targetBytes)
  let marks = 0
  let pairs = 0
  let before = 0
  while (at < limit) {
    const bits = table[bytes[at] as number] as number
    if ((bits & allowed) === 0) break
    marks |= bits
    pairs |= bits & (before | (before << 1)) // a slash behind a slash, or a dot
    before = bits
    at++
  }
  if (at >= to) return head.lines.endWithin(TARGET)
  if (at === limit && ((table[bytes[at] as number] as number) & allowed) !== 0) {
    return head.refuse('target-too-long')
  }
  if (at === targetStart) return head.refuse('bad-target')
  if (bytes[at] !== SP) {
    return head.refuse(bytes[at] === CR || bytes[at] === LF ? 'bad-version' : 'bad-target')
  }
  const target = head.lines.part(targetStart, at)
  const query = (marks & QUERY) === 0 ? -1 : target.indexOf('?')
  // Of a query that itself begins with `?` URLSearchParams (WHATWG URL) drops that one, while other
  // readers take it for the first letter of the first parameter's name: a filter and the
  // application behind it would see different parameters.
  if (query >= 0 && limits.doubleQuestionMark !== true && target[query + 1] === '?') {
    return head.refuse('bad-target')
  }
  head.target = target
  const isPlain =
    bytes[targetStart] === 0x2f && ((marks & (PERCENT | HIGH)) | (pairs & (SLASH | DOT))) === 0
  head.plainPath = !isPlain ? '' : query < 0 ? target : target.slice(0, query)
  return readVersion(head, at + 1, to)
}

const HTTP = Uint8Array.from('HTTP/', (char) => char.charCodeAt(0))

function readVersion(head: RequestHead, from: number, to: number): number {
  const { bytes } = head.lines
  for (let i = 0; i < HTTP.length; i++) {
    if (from + i >= to) return MORE
    if (bytes[from + i] !== HTTP[i]) return head.refuse('bad-version')
  }
  if (from + 5 >= to) return MORE
  const major = (bytes[from + 5] as number) - 0x30
  if (major < 0 || major > 9) return head.refuse('bad-version')
  if (from + 6 >= to) return MORE
  if (bytes[from + 6] !== 0x2e) return head.refuse('bad-version')
  if (from + 7 >= to) return MORE
  const minor = (bytes[from + 7] as number) - 0x30
  if (minor < 0 || minor > 9) return head.refuse('bad-version')
  if (from + 8 >= to) return MORE
  if (bytes[from + 8] !== CR) {
    return head.refuse(bytes[from + 8] === LF ? 'bad-line-end' : 'bad-version')
  }
  if (from + 9 >= to) return MORE
  if (bytes[from + 9] !== LF) return head.refuse('bad-line-end')
  if (major !== 1) return head.refuse('version-unsupported')
  head.minor = minor === 0 ? 0 : 1
  head.asItCame = minor === 1
  return from + 10
}

/** The common methods without making a new string. */
function methodAt(bytes: Buffer, from: number, to: number): string {
  if (
    to - from === 3 &&
    bytes[from] === 0x47 &&
    bytes[from + 1] === 0x45 &&
    bytes[from + 2] === 0x54
  )
    return 'GET'
  return bytes.toString('latin1', from, to)
}
