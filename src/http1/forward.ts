// Rewriting heads on their way through: what passes, what goes, what is added (RFC 9110 section
// 7.6, RFC 7230 section 6.1). Hop-by-hop fields go before our own are added. Runs of lines that
// pass are copied in one piece; only a line with untidy white space is written anew.

import { FIELD } from './fields.ts'
import type { FieldLines } from './lines.ts'
import { BY_LENGTH, CHUNKED, type RequestHead } from './request-head.ts'
import type { ResponseHead } from './response-head.ts'

/** The name under which we appear in Via. */
export const VIA_NAME = 'vertex'

function flags(ids: readonly number[]): Uint8Array {
  const set = new Uint8Array(64)
  for (const id of ids) set[id] = 1
  return set
}

const HOP_BY_HOP = [
  FIELD.connection,
  FIELD['keep-alive'],
  FIELD['proxy-connection'],
  FIELD.te,
  FIELD.trailer,
  FIELD['transfer-encoding'],
  FIELD.upgrade,
  FIELD['http2-settings'],
  FIELD['content-length'],
]
const FORWARDED = [
  FIELD['x-forwarded-for'],
  FIELD['x-forwarded-proto'],
  FIELD['x-forwarded-host'],
  FIELD.forwarded,
  FIELD['x-request-id'],
]
const UNTRUSTED = [...HOP_BY_HOP, ...FORWARDED, FIELD['proxy-authorization'], FIELD.host]
const TRUSTED = [...HOP_BY_HOP, FIELD['x-forwarded-for'], FIELD['proxy-authorization'], FIELD.host]
const REQUEST_DROPS_UNTRUSTED = flags(UNTRUSTED)
const REQUEST_DROPS_TRUSTED = flags(TRUSTED)
// An HTTP/1.0 client does not know what it expects: the field must not reach an HTTP/1.1 target.
const OLD_DROPS_UNTRUSTED = flags([...UNTRUSTED, FIELD.expect])
const OLD_DROPS_TRUSTED = flags([...TRUSTED, FIELD.expect])
const RESPONSE_DROPS = flags([...HOP_BY_HOP, FIELD['proxy-authenticate']])

/** The lines that pass, with their line ends. */
function passingLines(lines: FieldLines, drops: Uint8Array, named: readonly string[]): string {
  const { bytes, count } = lines
  let out = ''
  let runStart = -1
  let runEnd = -1
  for (let line = 0; line < count; line++) {
    const start = lines.lineStart(line)
    const goes =
      drops[lines.field(line)] === 1 ||
      (named.length > 0 && named.includes(lines.name(line).toLowerCase()))
    const nameEnd = lines.nameEnd(line)
    const tidy =
      lines.valueStart(line) === nameEnd + 2 &&
      bytes[nameEnd + 1] === 0x20 &&
      lines.valueEnd(line) === lines.lineEnd(line) - 2
    if (!goes && tidy) {
      if (runStart < 0) runStart = start
      runEnd = lines.lineEnd(line)
      continue
    }
    if (runStart >= 0) {
      out += bytes.toString('latin1', runStart, runEnd)
      runStart = -1
    }
    if (!goes) out += `${lines.name(line)}: ${lines.value(line)}\r\n`
  }
  return runStart >= 0 ? out + bytes.toString('latin1', runStart, runEnd) : out
}

/** What the edge knows about the peer and adds to each of its requests. */
export interface ForwardedBy {
  /** The client's address as it appears in X-Forwarded-For. */
  readonly address: string
  readonly proto: 'http' | 'https'
  /** Whether the peer's own forwarding fields are believed and kept. */
  readonly trusted: boolean
}

/**
 * The head that goes to the target, ready to be written as latin1.
 *
 * @param requestId used unless a trusted peer sent one
 * @param upgrade the protocol to offer to the target, or '' to serve an ordinary request
 */
export function requestHeadOut(
  head: RequestHead,
  by: ForwardedBy,
  requestId: string,
  upgrade: string,
): string {
  const { lines } = head
  const drops = dropsFor(head, by.trusted)
  // HTTP/1.0 may come without a host; HTTP/1.1 then has an empty field (RFC 9112 section 3.2).
  let out = `${head.method} ${head.target} HTTP/1.1\r\nHost: ${head.host}\r\n`
  out += passingLines(lines, drops, head.named)
  out += forwardingFields(head, by, requestId)
  if (head.framing === CHUNKED) out += 'Transfer-Encoding: chunked\r\n'
  else if (head.framing === BY_LENGTH) out += `Content-Length: ${head.contentLength}\r\n`
  if (upgrade !== '') return `${out}Connection: Upgrade\r\nUpgrade: ${upgrade}\r\n\r\n`
  if (head.acceptsTrailers) return `${out}TE: trailers\r\nConnection: TE\r\n\r\n`
  return `${out}\r\n`
}

function dropsFor(head: RequestHead, trusted: boolean): Uint8Array {
  if (head.minor === 0) return trusted ? OLD_DROPS_TRUSTED : OLD_DROPS_UNTRUSTED
  return trusted ? REQUEST_DROPS_TRUSTED : REQUEST_DROPS_UNTRUSTED
}

const VIA_1_1 = `Via: 1.1 ${VIA_NAME}\r\n`
const VIA_1_0 = `Via: 1.0 ${VIA_NAME}\r\n`

function forwardingFields(head: RequestHead, by: ForwardedBy, requestId: string): string {
  const { lines } = head
  const proto = by.proto === 'http' ? 'X-Forwarded-Proto: http\r\n' : 'X-Forwarded-Proto: https\r\n'
  const forwardedHost = head.host === '' ? '' : `X-Forwarded-Host: ${head.host}\r\n`
  const via = head.minor === 1 ? VIA_1_1 : VIA_1_0
  if (!by.trusted) {
    const peer = `X-Forwarded-For: ${by.address}\r\n`
    return `${peer}${proto}${forwardedHost}X-Request-Id: ${requestId}\r\n${via}`
  }
  let chain = ''
  for (let line = 0; line < lines.count; line++) {
    if (lines.field(line) === FIELD['x-forwarded-for']) chain += `${lines.value(line)}, `
  }
  let out = `X-Forwarded-For: ${chain}${by.address}\r\n`
  if (lines.find(FIELD['x-forwarded-proto']) < 0) out += proto
  if (lines.find(FIELD['x-forwarded-host']) < 0) out += forwardedHost
  if (lines.find(FIELD['x-request-id']) < 0) out += `X-Request-Id: ${requestId}\r\n`
  return out + via
}

const OUR_VIA = new RegExp(`^\\s*(HTTP/)?\\d(\\.\\d)?\\s+${VIA_NAME}\\s*$`, 'i')

/** How often our own name stands in Via: twice is a loop. */
export function timesInVia(head: RequestHead): number {
  let times = 0
  for (let line = 0; line < head.lines.count; line++) {
    if (head.lines.field(line) !== FIELD.via) continue
    for (const member of head.lines.value(line).split(',')) {
      if (OUR_VIA.test(member)) times++
    }
  }
  return times
}

/** How the client's side of an answer is framed and what happens to the connection after it. */
export interface ResponseOut {
  /** `length`: the target's own; `chunked`; `close`: until the connection closes; `none`. */
  readonly framing: 'length' | 'chunked' | 'close' | 'none'
  /** Whether the client's connection stays open. */
  readonly keepAlive: boolean
  /** Whether the client speaks HTTP/1.0 (which must be told that the connection stays open). */
  readonly oldClient: boolean
  /** The Date field to add when the target sent none. */
  readonly date: string
  /** Whole lines to add, e.g. `Set-Cookie: …\r\n`, or ''. */
  readonly extra: string
}

/** The head that goes to the client, ready to be written as latin1. */
export function responseHeadOut(head: ResponseHead, out: ResponseOut): string {
  const { lines } = head
  let text = `HTTP/1.1 ${head.status} ${head.reason}\r\n`
  text += passingLines(lines, RESPONSE_DROPS, head.named)
  if (lines.find(FIELD.date) < 0) text += `Date: ${out.date}\r\n`
  text += out.extra
  if (out.framing === 'chunked') text += 'Transfer-Encoding: chunked\r\n'
  else if (head.contentLength >= 0 && head.status >= 200 && head.status !== 204) {
    text += `Content-Length: ${head.contentLength}\r\n`
  }
  if (!out.keepAlive) return `${text}Connection: close\r\n\r\n`
  return out.oldClient ? `${text}Connection: keep-alive\r\n\r\n` : `${text}\r\n`
}

/** An interim answer (1xx except 101) on its way to the client. */
export function interimHeadOut(head: ResponseHead): string {
  const passing = passingLines(head.lines, RESPONSE_DROPS, head.named)
  return `HTTP/1.1 ${head.status} ${head.reason}\r\n${passing}\r\n`
}

/** A 101: the head after which the connection is a tunnel. */
export function switchingHeadOut(head: ResponseHead): string {
  const passing = passingLines(head.lines, RESPONSE_DROPS, head.named)
  const switching = `Connection: Upgrade\r\nUpgrade: ${head.upgrade}\r\n\r\n`
  return `HTTP/1.1 101 ${head.reason}\r\n${passing}${switching}`
}
