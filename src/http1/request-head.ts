// The head of a request: from bytes to the facts that routing and forwarding need. One pass over
// the bytes, then one over the list of field lines. A head that two parsers could read differently
// is refused with the fault that names the rule (RFC 9112, on the strict side wherever it says
// MAY).
//
// A RequestHead is scratch memory of the thread: what outlives the event that brought it is copied.

import { CLASSES, CR, LF, TARGET } from './bytes.ts'
import type { Fault } from './fault.ts'
import { equalsIgnoringCase, FIELD, fieldSet, isIn, LOOKALIKE } from './fields.ts'
import { Hosts } from './host.ts'
import { FieldLines, MORE, REFUSED, readFieldLines } from './lines.ts'
import { readRequestLine } from './request-line.ts'
import { isPlainAt, listTokens, wholeNumberAt } from './values.ts'

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

/** Each name costs a comparison a line, and no honest client names more than a few. */
export const MAX_NAMED = 16

export class RequestHead {
  readonly lines = new FieldLines()
  fault: Fault = 'bad-method'
  method = ''
  /** The target in origin-form or `*`, as it came (absolute-form is taken apart). */
  target = ''
  /** The path of the target where it is normalised as it is (path.ts), else ''. */
  plainPath = ''
  /** The Host field, or the authority of an absolute-form target; empty in HTTP/1.0 without one. */
  host = ''
  /** The version is HTTP/1.<minor>; 1 for any minor above 0. */
  minor: 0 | 1 = 1
  framing: Framing = NO_BODY
  /** With BY_LENGTH. */
  contentLength = 0
  /** Where the request line begins in `lines.bytes`. */
  start = 0
  /** Whether the request line can go on as it came. */
  asItCame = false
  /** Whether the Content-Length line, if there is one, can go on as it came. */
  plainLength = true
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

  readHost(line: number): void {
    const { lines } = this
    this.host = this.#hosts.read(lines, lines.valueStart(line), lines.valueEnd(line))
  }

  /** Takes over a host, with or without a port, unless it is none. */
  takeHost(text: string): boolean {
    const host = this.#hosts.keep(text)
    if (host !== null) this.host = host
    return host !== null
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
  head.plainPath = ''
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

/** The fields that mean something here. */
const READ = fieldSet([
  FIELD.host,
  FIELD['content-length'],
  FIELD['transfer-encoding'],
  FIELD.connection,
  FIELD.te,
  FIELD.expect,
  FIELD['max-forwards'],
  LOOKALIKE,
])

/** Reads the meaning of the field lines; false when the head is refused. */
function interpret(head: RequestHead): boolean {
  const { lines } = head
  head.framing = NO_BODY
  head.contentLength = 0
  head.plainLength = true
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
    if (!isIn(READ, field)) continue
    if (field === LOOKALIKE) return refuse(head, 'lookalike-field')
    if (field === FIELD.host) {
      hosts++
      head.readHost(line)
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
  head.plainLength = isPlainAt(lines.bytes, lines.valueStart(line), lines.valueEnd(line))
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
  if (hosts === 1 && !head.takeHost(head.host)) return refuse(head, 'bad-host')
  if (target.charCodeAt(0) === 0x2f) return true
  if (target === '*') return method === 'OPTIONS' || refuse(head, 'bad-target')
  return readAbsoluteForm(head)
}

function readAbsoluteForm(head: RequestHead): boolean {
  const match = /^https?:\/\/([^/?]*)(.*)$/i.exec(head.target)
  if (match === null) return refuse(head, 'bad-target')
  const authority = match[1] as string
  // It replaces the Host field (RFC 9112 section 3.2.2).
  if (!head.takeHost(authority)) return refuse(head, 'bad-target')
  const rest = match[2] as string
  head.asItCame = false
  if (rest === '' && head.method === 'OPTIONS') head.target = '*'
  else head.target = rest.charCodeAt(0) === 0x2f ? rest : `/${rest}`
  return true
}
