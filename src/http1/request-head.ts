// The head of a request: from bytes to the facts that routing and forwarding need. One pass over
// the bytes, then one over the list of field lines. A head that two parsers could read differently
// is refused with the fault that names the rule (RFC 9112, on the strict side wherever it says
// MAY).
//
// A RequestHead is scratch memory of the thread: what outlives the event that brought it is copied.

import { CLASSES, CR, HIGH, LF, METHOD, SP, TARGET, TOKEN } from './bytes.ts'
import type { Fault } from './fault.ts'
import { equalsIgnoringCase, FIELD, LOOKALIKE } from './fields.ts'
import { Hosts, isHost } from './host.ts'
import { FieldLines, MORE, REFUSED, readFieldLines } from './lines.ts'
import { listTokens, wholeNumberAt } from './values.ts'

export interface RequestLimits {
  readonly headBytes: number
  readonly targetBytes: number
  readonly headerLines: number
  /** Whether raw bytes outside ASCII pass in a target; false when left out. */
  readonly nonAsciiTarget?: boolean
  /** Whether a query may itself begin with `?`; false when left out. */
  readonly doubleQuestionMark?: boolean
}

/** How the body of a message is delimited. */
export const NO_BODY = 0
export const BY_LENGTH = 1
export const CHUNKED = 2
export const UNTIL_CLOSE = 3
export type Framing = typeof NO_BODY | typeof BY_LENGTH | typeof CHUNKED | typeof UNTIL_CLOSE

const MAX_METHOD_BYTES = 64
/** Each name costs a comparison a line, and no honest client names more than a few. */
export const MAX_NAMED = 16

export class RequestHead {
  readonly lines = new FieldLines()
  fault: Fault = 'bad-method'
  method = ''
  /** The target in origin-form or `*`, as it came (absolute-form is taken apart). */
  target = ''
  /** The Host field, or the authority of an absolute-form target; empty in HTTP/1.0 without one. */
  host = ''
  /** The version is HTTP/1.<minor>; 1 for any minor above 0. */
  minor: 0 | 1 = 1
  framing: Framing = NO_BODY
  /** With BY_LENGTH. */
  contentLength = 0
  /** Whether the client wants to use the connection again. */
  keepAlive = true
  /** What the Connection field offers to upgrade to (lower case, perhaps a list), or ''. */
  upgrade = ''
  expectsContinue = false
  acceptsTrailers = false
  /** On OPTIONS: how many more times it may be forwarded (RFC 9110 section 7.6.2), or −1. */
  maxForwards = -1
  /** Names in the Connection field that are to be removed besides the usual ones, lower case. */
  named: readonly string[] = NO_NAMES
  readonly #hosts = new Hosts()

  /** Whether `host` is one valid host, with or without a port. */
  hasHost(): boolean {
    return this.#hosts.isHost(this.host)
  }

  /** What services match against: `host` without its port, in lower case. */
  get matchedHost(): string {
    return this.#hosts.matched(this.host)
  }

  refuse(fault: Fault): typeof REFUSED {
    this.fault = fault
    return REFUSED
  }
}

const NO_NAMES: readonly string[] = Object.freeze([])

/**
 * Whether a head that ended within a run of bytes of class `open` (see FieldLines) still wants
 * more after `chunk`, which makes it `length` bytes long: then it need not be read again. False
 * when only reading tells.
 */
export function stillWantsMore(
  open: number,
  chunk: Buffer,
  length: number,
  limits: RequestLimits,
): boolean {
  if (open === 0 || length >= (open === TARGET ? limits.targetBytes : limits.headBytes))
    return false
  for (const byte of chunk) if (((CLASSES[byte] as number) & open) === 0) return false
  return true
}

/**
 * Reads a request head from `bytes`, beginning at `from`.
 *
 * @returns the offset of the first byte after the head, MORE, or REFUSED with `head.fault` set
 */
export function readRequestHead(
  head: RequestHead,
  bytes: Buffer,
  from: number,
  limits: RequestLimits,
): number {
  const to = Math.min(bytes.length, from + limits.headBytes)
  const end = readWithin(head, bytes, from, to, limits)
  if (end === MORE && to === from + limits.headBytes) return head.refuse('head-too-large')
  return end
}

function readWithin(
  head: RequestHead,
  bytes: Buffer,
  from: number,
  to: number,
  limits: RequestLimits,
): number {
  const { lines } = head
  lines.begin(bytes, from, to)
  head.method = '' // what is refused must not show the last head's
  head.target = ''
  head.host = ''
  let at = from
  if (at < to && bytes[at] === CR) {
    // One empty line before a request line is skipped (RFC 9112 section 2.2).
    if (at + 1 >= to) return MORE
    if (bytes[at + 1] !== LF) return head.refuse('bad-line-end')
    at += 2
  }
  at = readRequestLine(head, at, to, limits)
  if (at < 0) return at
  at = readFieldLines(lines, at, to, limits.headerLines)
  if (at === REFUSED) return head.refuse(lines.fault)
  if (at === MORE) return MORE
  return interpret(head) ? at : REFUSED
}

function readRequestLine(
  head: RequestHead,
  from: number,
  to: number,
  limits: RequestLimits,
): number {
  const { bytes } = head.lines
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
  while (at < to && ((table[bytes[at] as number] as number) & allowed) !== 0) {
    if (at - targetStart >= limits.targetBytes) return head.refuse('target-too-long')
    at++
  }
  if (at >= to) return head.lines.endWithin(TARGET)
  if (at === targetStart) return head.refuse('bad-target')
  if (bytes[at] !== SP) {
    return head.refuse(bytes[at] === CR || bytes[at] === LF ? 'bad-version' : 'bad-target')
  }
  const target = head.lines.part(targetStart, at)
  if (limits.doubleQuestionMark !== true && hasDoubleQuestionMark(target)) {
    return head.refuse('bad-target')
  }
  head.target = target
  return readVersion(head, at + 1, to)
}

/**
 * Whether the query itself begins with `?`. URLSearchParams (WHATWG URL) drops that one, while
 * other readers take it for the first letter of the first parameter's name: a filter and the
 * application behind it would see different parameters.
 */
function hasDoubleQuestionMark(target: string): boolean {
  const query = target.indexOf('?')
  return query >= 0 && target.charCodeAt(query + 1) === 0x3f
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

/** Reads the meaning of the field lines; false when the head is refused. */
function interpret(head: RequestHead): boolean {
  const { lines } = head
  head.framing = NO_BODY
  head.contentLength = 0
  head.keepAlive = head.minor === 1
  head.upgrade = ''
  head.expectsContinue = false
  head.acceptsTrailers = false
  head.maxForwards = -1
  head.named = NO_NAMES
  head.host = ''
  let hosts = 0
  let lengths = 0
  let codings = 0
  let connection = false
  for (let line = 0; line < lines.count; line++) {
    const field = lines.field(line)
    if (field === 0) continue
    if (field === LOOKALIKE) return refuse(head, 'lookalike-field')
    if (field === FIELD.host) {
      hosts++
      head.host = lines.value(line)
    } else if (field === FIELD['content-length']) {
      lengths++
      if (!readLength(head, line)) return false
    } else if (field === FIELD['transfer-encoding']) {
      codings++
      if (!readCoding(head, line)) return false
    } else if (field === FIELD.connection) connection = true
    else if (field === FIELD.te) readTe(head, line)
    else if (field === FIELD.expect && !readExpect(head, line)) return false
    else if (field === FIELD['max-forwards'] && !readMaxForwards(head, line)) return false
  }
  if (codings > 0 && lengths > 0) return refuse(head, 'length-and-encoding')
  if (codings > 1) return refuse(head, 'encoding-unsupported')
  if (lengths > 1) return refuse(head, 'bad-content-length')
  if (connection && !readConnection(head)) return false
  return readTarget(head, hosts)
}

function refuse(head: RequestHead, fault: Fault): false {
  head.fault = fault
  return false
}

function readLength(head: RequestHead, line: number): boolean {
  const { lines } = head
  const length = wholeNumberAt(lines.bytes, lines.valueStart(line), lines.valueEnd(line))
  if (length < 0) return refuse(head, 'bad-content-length')
  head.contentLength = length
  head.framing = BY_LENGTH
  return true
}

function readCoding(head: RequestHead, line: number): boolean {
  const { lines } = head
  if (head.minor === 0) return refuse(head, 'encoding-in-1.0')
  if (!equalsIgnoringCase(lines.bytes, lines.valueStart(line), lines.valueEnd(line), 'chunked')) {
    const both = lines.find(FIELD['content-length']) >= 0
    return refuse(head, both ? 'length-and-encoding' : 'encoding-unsupported')
  }
  head.framing = CHUNKED
  return true
}

function readExpect(head: RequestHead, line: number): boolean {
  const { lines } = head
  if (head.minor === 0) return true
  const isContinue = equalsIgnoringCase(
    lines.bytes,
    lines.valueStart(line),
    lines.valueEnd(line),
    '100-continue',
  )
  // A second line makes a list, which is another expectation than the one that is known.
  if (!isContinue || head.expectsContinue) return refuse(head, 'expectation-failed')
  head.expectsContinue = true
  return true
}

function readTe(head: RequestHead, line: number): void {
  if (listTokens(head.lines.value(line)).includes('trailers')) head.acceptsTrailers = true
}

/** It means something to OPTIONS and TRACE only, and TRACE is refused. */
function readMaxForwards(head: RequestHead, line: number): boolean {
  if (head.method !== 'OPTIONS') return true
  const { lines } = head
  const times = wholeNumberAt(lines.bytes, lines.valueStart(line), lines.valueEnd(line))
  if (times < 0 || head.maxForwards >= 0) return refuse(head, 'bad-max-forwards')
  head.maxForwards = times
  return true
}

/** Fields that a Connection header must not name: we set them, or framing hangs on them. */
const NOT_REMOVABLE = new Set([
  'host',
  'content-length',
  'transfer-encoding',
  'x-forwarded-for',
  'x-forwarded-proto',
  'x-forwarded-host',
  'forwarded',
  'via',
  'x-request-id',
  'expect',
  'max-forwards',
  'cookie',
  'authorization',
  'idempotency-key',
])

/** The options of all Connection lines (RFC 9110 section 7.6.1). */
function readConnection(head: RequestHead): boolean {
  const { lines } = head
  const named: string[] = []
  let close = false
  let keep = false
  let upgrade = false
  for (let line = 0; line < lines.count; line++) {
    if (lines.field(line) !== FIELD.connection) continue
    const from = lines.valueStart(line)
    const to = lines.valueEnd(line)
    if (equalsIgnoringCase(lines.bytes, from, to, 'keep-alive')) {
      keep = true
      continue
    }
    for (const token of listTokens(lines.value(line))) {
      if (token === 'close') close = true
      else if (token === 'keep-alive') keep = true
      else if (token === 'upgrade') upgrade = true
      else if (NOT_REMOVABLE.has(token)) return refuse(head, 'bad-connection')
      else if (token !== 'te' && named.push(token) > MAX_NAMED) {
        return refuse(head, 'bad-connection')
      }
    }
  }
  if (named.length > 0) head.named = named
  head.keepAlive = !close && (head.minor === 1 || keep)
  if (upgrade && head.minor === 1) head.upgrade = lines.joined(FIELD.upgrade).toLowerCase()
  return true
}

/** The four forms of a target (RFC 9112 section 3.2) and the one host. */
function readTarget(head: RequestHead, hosts: number): boolean {
  const { target, method } = head
  // PRI is a part of the HTTP/2 preface and never a method (RFC 9113 section 3.4).
  if (method === 'CONNECT' || method === 'TRACE' || method === 'PRI') {
    return refuse(head, 'method-not-allowed')
  }
  if (hosts > 1 || (hosts === 0 && head.minor === 1)) return refuse(head, 'bad-host')
  if (hosts === 1 && !head.hasHost()) return refuse(head, 'bad-host')
  if (target.charCodeAt(0) === 0x2f) return true
  if (target === '*') return method === 'OPTIONS' || refuse(head, 'bad-target')
  return readAbsoluteForm(head)
}

function readAbsoluteForm(head: RequestHead): boolean {
  const match = /^https?:\/\/([^/?]*)(.*)$/i.exec(head.target)
  if (match === null) return refuse(head, 'bad-target')
  const authority = match[1] as string
  if (!isHost(authority)) return refuse(head, 'bad-target')
  const rest = match[2] as string
  head.host = authority // it replaces the Host field (RFC 9112 section 3.2.2)
  if (rest === '' && head.method === 'OPTIONS') head.target = '*'
  else head.target = rest.charCodeAt(0) === 0x2f ? rest : `/${rest}`
  return true
}
