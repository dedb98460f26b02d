// The syntax of `host[:port]` (RFC 3986 section 3.2.2, RFC 9110 section 7.2): a name, an IPv4
// address or a bracketed IPv6 address. No user information, no path, no list, never empty.

import { CLASSES, HOST, hexValue } from './bytes.ts'
import type { FieldLines } from './lines.ts'
import { inOnePiece } from './values.ts'

const MAX_HOST_CHARS = 255

/** Whether the text, which was read as latin1, is one valid `host` or `host:port`. */
export function isHost(text: string): boolean {
  const { length } = text
  if (length === 0 || length > MAX_HOST_CHARS) return false
  if (text.charCodeAt(0) === 0x5b) {
    const end = text.indexOf(']')
    return end > 0 && isIpv6(text.slice(1, end)) && portIsValid(text, end + 1)
  }
  const table = CLASSES // see lines.ts
  let at = 0
  for (; at < length; at++) {
    const code = text.charCodeAt(at)
    if (((table[code] as number) & HOST) === 0) break
    if (code === PERCENT && !isEncoded(text, at)) return false
  }
  return at > 0 && portIsValid(text, at)
}

const PERCENT = 0x25

function isEncoded(text: string, at: number): boolean {
  return hexValue(text.charCodeAt(at + 1)) >= 0 && hexValue(text.charCodeAt(at + 2)) >= 0
}

const GROUPS = /^[0-9a-f]{1,4}(:[0-9a-f]{1,4})*$/i
const IPV4 = /^(25[0-5]|2[0-4]\d|1?\d?\d)(\.(25[0-5]|2[0-4]\d|1?\d?\d)){3}$/

/** Whether the text is an IPv6 address without a zone (RFC 4291 section 2.2). */
function isIpv6(text: string): boolean {
  // An IPv4 tail stands for the last two groups.
  const tail = text.slice(text.lastIndexOf(':') + 1)
  const plain = IPV4.test(tail) ? `${text.slice(0, text.length - tail.length)}0:0` : text
  const sides = plain.split('::')
  if (sides.length > 2) return false
  let groups = 0
  for (const side of sides) {
    if (side === '' && sides.length === 2) continue
    if (!GROUPS.test(side)) return false
    groups += side.split(':').length
  }
  return sides.length === 2 ? groups <= 7 : groups === 8
}

/** Whether the rest from `at` is empty or `:` with a port (which may be empty, RFC 3986). */
function portIsValid(text: string, at: number): boolean {
  if (at === text.length) return true
  if (text.charCodeAt(at) !== 0x3a || text.length - at > 6) return false
  for (let i = at + 1; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code < 0x30 || code > 0x39) return false
  }
  return Number(text.slice(at + 1)) <= 65_535
}

/**
 * The host without its port, in lower case, without a trailing dot: what services match against.
 */
export function matchHost(text: string): string {
  const bracket = text.lastIndexOf(']')
  const colon = text.indexOf(':', bracket + 1)
  const host = (colon < 0 ? text : text.slice(0, colon)).toLowerCase()
  return host.endsWith('.') ? host.slice(0, -1) : host
}

interface Known {
  /** In one piece, so that it keeps no head alive. */
  readonly host: string
  readonly matched: string
}

/** So many hosts are known at a time; most nodes serve no more, or one of them mostly. */
const KNOWN_MOST = 8

/** The same for the hosts of many requests: those that were met last are not looked at anew. */
export class Hosts {
  readonly #known: Known[] = []
  #last: Known = { host: '', matched: '' }
  /** The place of the next one. */
  #next = 0

  /** The host at [from, to) of the bytes of a head. */
  read(lines: FieldLines, from: number, to: number): string {
    if (stands(this.#last.host, lines.bytes, from, to)) return this.#last.host
    for (const known of this.#known) {
      if (!stands(known.host, lines.bytes, from, to)) continue
      this.#last = known
      return known.host
    }
    return lines.part(from, to)
  }

  /** A host as it may be kept for longer than its head, or null when it is none. */
  keep(text: string): string | null {
    if (text === this.#last.host && text !== '') return text
    if (!isHost(text)) return null
    const host = inOnePiece(text)
    this.#last = { host, matched: matchHost(host) }
    this.#known[this.#next] = this.#last
    this.#next = (this.#next + 1) % KNOWN_MOST
    return host
  }

  matched(text: string): string {
    return text === this.#last.host ? this.#last.matched : matchHost(text)
  }
}

/** Whether the host, which is latin1, stands at [from, to). */
function stands(host: string, bytes: Uint8Array, from: number, to: number): boolean {
  if (to - from !== host.length) return false
  for (let at = 0; at < host.length; at++) {
    if (bytes[from + at] !== host.charCodeAt(at)) return false
  }
  return true
}
