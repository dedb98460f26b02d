// The head of a response: as strict as that of a request. A target that breaks the rules gives its
// client a 502 and loses its connection, since what it says next cannot be trusted either.
//
// A ResponseHead is scratch memory of the thread: what outlives the event that brought it is
// copied.

import { CLASSES, CR, LF, SP, VALUE } from './bytes.ts'
import { equalsIgnoringCase, FIELD, fieldSet, isIn } from './fields.ts'
import { FieldLines, MORE, REFUSED, readFieldLines } from './lines.ts'
import {
  BY_LENGTH,
  CHUNKED,
  type Framing,
  MAX_NAMED,
  NO_BODY,
  UNTIL_CLOSE,
} from './request-head.ts'
import { isPlainAt, listTokens, wholeNumberAt } from './values.ts'

export interface ResponseLimits {
  readonly responseHeadBytes: number
  readonly responseHeaderLines: number
}

export class ResponseHead {
  readonly lines = new FieldLines()
  /** Whether it answers a HEAD, and so has no body; set it before reading. */
  toHead = false
  status = 0
  reason = ''
  minor: 0 | 1 = 1
  framing: Framing = NO_BODY
  /** With BY_LENGTH; with a bodiless answer the length as information, or −1 without one. */
  contentLength = -1
  /** Where the status line begins in `lines.bytes`. */
  start = 0
  /** Whether the status line can go on as it came. */
  asItCame = false
  /** Whether the Content-Length line, if there is one, can go on as it came. */
  plainLength = true
  /** Whether the target lets the connection be used again. */
  keepAlive = true
  /** Seconds that the target promises to keep an idle connection, or −1. */
  keepAliveSeconds = -1
  /** The protocol of a 101, lower case (a list when there are several), or ''. */
  upgrade = ''
  named: readonly string[] = NO_NAMES
}

const NO_NAMES: readonly string[] = Object.freeze([])
const HTTP1 = Uint8Array.from('HTTP/1.', (char) => char.charCodeAt(0))

/**
 * Reads a response head from the bytes at [from, end).
 *
 * @returns the offset of the first byte after the head, MORE, or REFUSED
 */
export function readResponseHead(
  head: ResponseHead,
  bytes: Buffer,
  from: number,
  end: number,
  limits: ResponseLimits,
): number {
  const to = Math.min(end, from + limits.responseHeadBytes)
  head.lines.begin(bytes, from, to)
  let at = readStatusLine(head, bytes, from, to)
  if (at >= 0) at = readFieldLines(head.lines, at, to, limits.responseHeaderLines)
  if (at === MORE && to === from + limits.responseHeadBytes) return REFUSED
  if (at < 0) return at
  return interpret(head) ? at : REFUSED
}

function readStatusLine(head: ResponseHead, bytes: Buffer, from: number, to: number): number {
  head.start = from
  for (let i = 0; i < HTTP1.length; i++) {
    if (from + i >= to) return MORE
    if (bytes[from + i] !== HTTP1[i]) return REFUSED
  }
  let status = 0
  for (let i = 7; i < 12; i++) {
    if (from + i >= to) return MORE
    const byte = bytes[from + i] as number
    if (i === 8) {
      if (byte !== SP) return REFUSED
      continue
    }
    if (byte < 0x30 || byte > 0x39) return REFUSED
    if (i === 7) {
      head.minor = byte === 0x30 ? 0 : 1
      head.asItCame = byte === 0x31
    } else status = status * 10 + byte - 0x30
  }
  if (status < 100 || status > 599) return REFUSED
  head.status = status
  let at = from + 12
  if (at >= to) return MORE
  // RFC 9112 asks for a space even before an empty reason; many servers leave both out.
  if (bytes[at] !== SP && bytes[at] !== CR) return REFUSED
  if (bytes[at] === SP) at++
  else head.asItCame = false // it gets its space
  const reasonStart = at
  const table = CLASSES // see lines.ts
  while (at < to && ((table[bytes[at] as number] as number) & VALUE) !== 0) at++
  if (at >= to) return MORE
  if (bytes[at] !== CR) return REFUSED
  if (at + 1 >= to) return MORE
  if (bytes[at + 1] !== LF) return REFUSED
  head.reason = head.lines.part(reasonStart, at)
  return at + 2
}

/** The fields that mean something here. */
const READ = fieldSet([
  FIELD['content-length'],
  FIELD['transfer-encoding'],
  FIELD.connection,
  FIELD['keep-alive'],
  FIELD.upgrade,
])

function interpret(head: ResponseHead): boolean {
  const { lines } = head
  head.keepAlive = head.minor === 1
  head.keepAliveSeconds = -1
  head.upgrade = ''
  head.named = NO_NAMES
  head.contentLength = -1
  head.plainLength = true
  let lengths = 0
  let codings = 0
  let connection = false
  let upgrade = false
  for (let line = 0; line < lines.count; line++) {
    const field = lines.field(line)
    if (!isIn(READ, field)) continue
    if (field === FIELD['content-length']) {
      lengths++
      if (!readLength(head, line)) return false
    } else if (field === FIELD['transfer-encoding']) {
      codings++
      const from = lines.valueStart(line)
      if (!equalsIgnoringCase(lines.bytes, from, lines.valueEnd(line), 'chunked')) return false
    } else if (field === FIELD.connection) connection = true
    else if (field === FIELD['keep-alive']) readKeepAlive(head, line)
    else if (field === FIELD.upgrade) upgrade = true
  }
  if (lengths > 1 || codings > 1 || (lengths > 0 && codings > 0)) return false
  if (codings > 0 && head.minor === 0) return false
  if (connection && !readConnection(head, upgrade)) return false
  return frame(head, codings > 0)
}

/** How the body ends (RFC 9112 section 6.3); false where a framing field is not allowed. */
function frame(head: ResponseHead, chunked: boolean): boolean {
  const { status } = head
  const bodiless = status < 200 || status === 204
  if (bodiless && chunked) return false
  if (bodiless && head.contentLength > 0) return false
  if (bodiless || head.toHead || status === 304) head.framing = NO_BODY
  else if (chunked) head.framing = CHUNKED
  else if (head.contentLength >= 0) head.framing = BY_LENGTH
  else head.framing = UNTIL_CLOSE
  if (head.framing === UNTIL_CLOSE) head.keepAlive = false
  return true
}

function readLength(head: ResponseHead, line: number): boolean {
  const { lines } = head
  const from = lines.valueStart(line)
  head.contentLength = wholeNumberAt(lines.bytes, from, lines.valueEnd(line))
  head.plainLength = isPlainAt(lines.bytes, from, lines.valueEnd(line))
  return head.contentLength >= 0
}

/** The options of all Connection lines; false when they name more than anybody needs. */
function readConnection(head: ResponseHead, upgrades: boolean): boolean {
  const { lines } = head
  const named: string[] = []
  let close = false
  let keep = false
  for (let line = 0; line < lines.count; line++) {
    if (lines.field(line) !== FIELD.connection) continue
    const from = lines.valueStart(line)
    if (equalsIgnoringCase(lines.bytes, from, lines.valueEnd(line), 'keep-alive')) {
      keep = true // what nearly every answer says, without making a string
      continue
    }
    for (const token of listTokens(lines.value(line))) {
      if (token === 'close') close = true
      else if (token === 'keep-alive') keep = true
      else if (token === 'upgrade') {
        // Without this option the field says nothing (RFC 9110 section 7.8).
        if (upgrades) head.upgrade = lines.joined(FIELD.upgrade).toLowerCase()
      } else if (named.push(token) > MAX_NAMED) return false
    }
  }
  if (named.length > 0) head.named = named
  head.keepAlive = !close && (head.minor === 1 || keep)
  return true
}

const TIMEOUT = 'timeout='

function readKeepAlive(head: ResponseHead, line: number): void {
  const { lines } = head
  const from = lines.valueStart(line) + TIMEOUT.length
  const to = lines.valueEnd(line)
  // `timeout=5` alone is what Node says in every answer.
  if (
    to - from <= 6 &&
    wholeNumberAt(lines.bytes, from, to) >= 0 &&
    equalsIgnoringCase(lines.bytes, lines.valueStart(line), from, TIMEOUT)
  ) {
    head.keepAliveSeconds = wholeNumberAt(lines.bytes, from, to)
    return
  }
  const match = /\btimeout=(\d{1,6})\b/i.exec(head.lines.value(line))
  if (match !== null) head.keepAliveSeconds = Number(match[1])
}
