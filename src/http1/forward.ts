// Rewriting heads on their way through: what passes, what goes, what is added (RFC 9110 section
// 7.6, RFC 7230 section 6.1). Hop-by-hop fields go before our own are added. What passes is copied
// in as few pieces as can be, since joining texts costs more than reading them: a first line that
// can go on as it came and all lines behind it that pass are one piece, as a rule. Only a line with
// untidy white space is written anew.

import { FIELD, type FieldSet, fieldSet, isIn } from './fields.ts'
import type { FieldLines } from './lines.ts'
import { CHUNKED, type RequestHead } from './request-head.ts'
import type { ResponseHead } from './response-head.ts'
import { inOnePiece } from './values.ts'

const HOP_BY_HOP = [
  FIELD.connection,
  FIELD['keep-alive'],
  FIELD['proxy-connection'],
  FIELD.te,
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
// An app may skip what customers would notice for a mirrored request, so no customer may mark one,
// nor through a trusted peer, which passes on what it does not know.
const OURS = [FIELD.host, FIELD['x-vertex-mirror']]
const UNTRUSTED = [...HOP_BY_HOP, ...FORWARDED, ...OURS]
const TRUSTED = [...HOP_BY_HOP, FIELD['x-forwarded-for'], ...OURS]
const RESPONSE = [...HOP_BY_HOP, FIELD['proxy-authenticate']]
// Trailer announces what only a chunked body can bring.
const RESPONSE_DROPS = fieldSet([...RESPONSE, FIELD.trailer])
const RESPONSE_DROPS_WITH_TRAILERS = fieldSet(RESPONSE)
const HOST_FIELD = fieldSet([FIELD.host])
const LENGTH_FIELD = fieldSet([FIELD['content-length']])

/** What a node adds to requests, and what it lets through. */
export interface ForwardingOptions {
  /** The name under which we appear in Via, a token. */
  readonly via: string
  /** Whether Forwarded (RFC 7239) is written. */
  readonly forwarded: boolean
  /** Whether Proxy-Authorization passes. */
  readonly proxyAuthorization: boolean
}

type Drops = readonly [FieldSet, FieldSet, FieldSet]

/** The same, worked out once for all requests. */
export interface ForwardingRules {
  readonly via: RegExp
  /** What stands behind the request's id: the end of its line, and a line of our own. */
  readonly via10: string
  readonly via11: string
  readonly forwarded: boolean
  /** The fields that go, of HTTP/1.0, HTTP/1.1 and chunked requests. */
  readonly untrusted: Drops
  readonly trusted: Drops
}

/** Works the options out. */
export function forwardingRules(options: ForwardingOptions): ForwardingRules {
  const { forwarded, proxyAuthorization, via } = options
  const always = proxyAuthorization ? [] : [FIELD['proxy-authorization']]
  const name = via.replace(/[.*+?^${}|]/g, '\\$&')
  return {
    via: new RegExp(`^[ \\t]*(HTTP/)?\\d(\\.\\d)?[ \\t]+${name}[ \\t]*$`, 'i'),
    via10: inOnePiece(`\r\nVia: 1.0 ${via}\r\n`),
    via11: inOnePiece(`\r\nVia: 1.1 ${via}\r\n`),
    forwarded,
    untrusted: dropsOf([...UNTRUSTED, ...always]),
    trusted: dropsOf([...TRUSTED, ...always]),
  }
}

function dropsOf(fields: readonly number[]): Drops {
  return [
    // HTTP/1.0 has no expectations: the field must not reach an HTTP/1.1 target.
    fieldSet([...fields, FIELD.trailer, FIELD.expect]),
    fieldSet([...fields, FIELD.trailer]),
    fieldSet(fields),
  ]
}

const DEFAULT_RULES = forwardingRules({
  via: 'vertex',
  forwarded: false,
  proxyAuthorization: false,
})

/**
 * The lines that pass, with their line ends.
 *
 * @param first where the first line of the head begins that passes before them, or −1
 */
function passingLines(
  lines: FieldLines,
  drops: FieldSet,
  named: readonly string[],
  first: number,
): string {
  const { bytes, count } = lines
  if (count === 0) return ''
  if (lines.tidy && named.length === 0 && (lines.seen & drops) === 0) {
    return lines.part(first < 0 ? lines.lineStart(0) : first, lines.lineEnd(count - 1))
  }
  let out = ''
  let runStart = first
  let runEnd = lines.lineStart(0)
  for (let line = 0; line < count; line++) {
    const goes =
      isIn(drops, lines.field(line)) ||
      (named.length > 0 && named.includes(lines.name(line).toLowerCase()))
    const nameEnd = lines.nameEnd(line)
    const tidy =
      lines.valueStart(line) === nameEnd + 2 &&
      bytes[nameEnd + 1] === 0x20 &&
      lines.valueEnd(line) === lines.lineEnd(line) - 2
    if (!goes && tidy) {
      if (runStart < 0) runStart = lines.lineStart(line)
      runEnd = lines.lineEnd(line)
      continue
    }
    if (runStart >= 0) {
      out += lines.part(runStart, runEnd)
      runStart = -1
    }
    if (!goes) out += `${lines.name(line)}: ${lines.value(line)}\r\n`
  }
  return runStart >= 0 ? out + lines.part(runStart, runEnd) : out
}

/** What the edge knows about the peer and adds to each of its requests. */
export class ForwardedBy {
  /** The client's address as it appears in X-Forwarded-For. */
  readonly address: string
  readonly proto: 'http' | 'https'
  /** Whether the peer's own forwarding fields are believed and kept. */
  readonly trusted: boolean
  #host: string | null = null
  #lines = ''

  constructor(address: string, proto: 'http' | 'https', trusted: boolean) {
    this.address = address
    this.proto = proto
    this.trusted = trusted
  }

  /**
   * Says who asks and for which host, up to the name of the field for the request's id: the same
   * for nearly all requests of a connection.
   */
  linesFor(host: string): string {
    if (host === this.#host) return this.#lines
    const forwardedHost = host === '' ? '' : `X-Forwarded-Host: ${host}\r\n`
    const text = `X-Forwarded-For: ${this.address}\r\n${protoLine(this)}${forwardedHost}X-Request-Id: `
    this.#host = host // in one piece already: see Hosts
    this.#lines = inOnePiece(text)
    return this.#lines
  }
}

function protoLine({ proto }: ForwardedBy): string {
  return proto === 'http' ? 'X-Forwarded-Proto: http\r\n' : 'X-Forwarded-Proto: https\r\n'
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
  rules: ForwardingRules = DEFAULT_RULES,
): string {
  const { lines } = head
  const kind = head.minor === 0 ? 0 : head.framing === CHUNKED ? 2 : 1
  let drops = (by.trusted ? rules.trusted : rules.untrusted)[kind]
  if (head.plainLength) drops &= ~LENGTH_FIELD
  // Clients should send Host first (RFC 9110 section 7.2), and we do.
  const passesWhole = head.asItCame && lines.field(0) === FIELD.host
  if (passesWhole) drops &= ~HOST_FIELD
  // HTTP/1.0 may come without a host; HTTP/1.1 then has an empty field (RFC 9112 section 3.2).
  let out = passesWhole ? '' : `${head.method} ${head.target} HTTP/1.1\r\nHost: ${head.host}\r\n`
  const first = passesWhole ? head.start : -1
  if (head.maxForwards < 0) out += passingLines(lines, drops, head.named, first)
  else {
    // One hop less (RFC 9110 section 7.6.2); at 0 we would have answered ourselves.
    out += passingLines(lines, drops, [...head.named, 'max-forwards'], first)
    out += `Max-Forwards: ${head.maxForwards - 1}\r\n`
  }
  out += forwardingFields(head, by, requestId, rules)
  if (head.framing === CHUNKED) out += 'Transfer-Encoding: chunked\r\n'
  else if (!head.plainLength) out += `Content-Length: ${head.contentLength}\r\n`
  if (upgrade !== '') return `${out}Connection: Upgrade\r\nUpgrade: ${upgrade}\r\n\r\n`
  if (head.acceptsTrailers) return `${out}TE: trailers\r\nConnection: TE\r\n\r\n`
  return `${out}\r\n`
}

function forwardingFields(
  head: RequestHead,
  by: ForwardedBy,
  requestId: string,
  rules: ForwardingRules,
): string {
  const { lines } = head
  const via = head.minor === 1 ? rules.via11 : rules.via10
  const forwarded = rules.forwarded ? forwardedField(head, by) : ''
  if (!by.trusted) return forwarded + by.linesFor(head.host) + requestId + via
  let chain = ''
  for (let line = 0; line < lines.count; line++) {
    if (lines.field(line) === FIELD['x-forwarded-for']) chain += `${lines.value(line)}, `
  }
  let out = `X-Forwarded-For: ${chain}${by.address}\r\n`
  if (!isIn(lines.seen, FIELD['x-forwarded-proto'])) out += protoLine(by)
  if (!isIn(lines.seen, FIELD['x-forwarded-host']) && head.host !== '') {
    out += `X-Forwarded-Host: ${head.host}\r\n`
  }
  if (!isIn(lines.seen, FIELD['x-request-id'])) out += `X-Request-Id: ${requestId}\r\n`
  return out + forwarded + via.slice(2)
}

/** The element of this hop (RFC 7239 section 4), behind those of trusted peers. */
function forwardedField(head: RequestHead, by: ForwardedBy): string {
  // An IPv6 address has colons, so it is bracketed and quoted (section 6).
  const node = by.address.includes(':') ? `"[${by.address}]"` : by.address
  const host = head.host === '' ? '' : `;host="${head.host}"`
  return `Forwarded: for=${node};proto=${by.proto}${host}\r\n`
}

/** How often our own name stands in Via: twice is a loop. */
export function timesInVia(head: RequestHead, rules: ForwardingRules = DEFAULT_RULES): number {
  if (!isIn(head.lines.seen, FIELD.via)) return 0
  let times = 0
  for (let line = 0; line < head.lines.count; line++) {
    if (head.lines.field(line) !== FIELD.via) continue
    for (const member of head.lines.value(line).split(',')) {
      if (rules.via.test(member)) times++
    }
  }
  return times
}

/** How the client's side of an answer is framed and what happens to the connection after it. */
export interface ResponseOut {
  /** `length`: the target's own; `chunked`; `close`: until the connection closes. */
  readonly framing: 'length' | 'chunked' | 'close'
  /** Whether the client's connection stays open. */
  readonly keepAlive: boolean
  /** Whether the client speaks HTTP/1.0 (which must be told that the connection stays open). */
  readonly oldClient: boolean
  /** The line to add when the target sent no Date. */
  readonly dateLine: string
  /** Whole lines to add, e.g. `Set-Cookie: …\r\n`, or ''. */
  readonly extra: string
  /** Whether the body's trailers go on, and with them what announces them. */
  readonly trailers: boolean
}

/** The head that goes to the client, ready to be written as latin1. */
export function responseHeadOut(head: ResponseHead, out: ResponseOut): string {
  const { lines, named } = head
  let drops = out.trailers ? RESPONSE_DROPS_WITH_TRAILERS : RESPONSE_DROPS
  const hasLength = out.framing !== 'chunked' && head.contentLength >= 0 && head.status !== 204
  const lengthPasses = hasLength && head.plainLength && named.length === 0
  if (lengthPasses) drops &= ~LENGTH_FIELD
  const passesWhole = head.asItCame && lines.count > 0
  let text = passesWhole ? '' : `HTTP/1.1 ${head.status} ${head.reason}\r\n`
  text += passingLines(lines, drops, named, passesWhole ? head.start : -1)
  if (!isIn(lines.seen, FIELD.date) || named.includes('date')) text += out.dateLine
  text += out.extra
  if (out.framing === 'chunked') text += 'Transfer-Encoding: chunked\r\n'
  else if (hasLength && !lengthPasses) text += `Content-Length: ${head.contentLength}\r\n`
  if (!out.keepAlive) return `${text}Connection: close\r\n\r\n`
  return out.oldClient ? `${text}Connection: keep-alive\r\n\r\n` : `${text}\r\n`
}

/** An interim answer (1xx except 101) on its way to the client. */
export function interimHeadOut(head: ResponseHead): string {
  const passing = passingLines(head.lines, RESPONSE_DROPS, head.named, -1)
  return `HTTP/1.1 ${head.status} ${head.reason}\r\n${passing}\r\n`
}

/** A 101: the head after which the connection is a tunnel. */
export function switchingHeadOut(head: ResponseHead): string {
  const passing = passingLines(head.lines, RESPONSE_DROPS, head.named, -1)
  const switching = `Connection: Upgrade\r\nUpgrade: ${head.upgrade}\r\n\r\n`
  return `HTTP/1.1 101 ${head.reason}\r\n${passing}${switching}`
}
