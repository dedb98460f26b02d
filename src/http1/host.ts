// The syntax of `host[:port]` (RFC 3986 section 3.2.2, RFC 9110 section 7.2): a name, an IPv4 address
// or a bracketed IPv6 address. No user information, no path, no list, never empty.

import { CLASSES, HOST } from './bytes.ts'

const IPV6 = /^\[[0-9a-fA-F:.]{2,45}\](:\d{1,5})?$/
const MAX_HOST_CHARS = 255

/** Whether the text is one valid `host` or `host:port`. */
export function isHost(text: string): boolean {
  const { length } = text
  if (length === 0 || length > MAX_HOST_CHARS) return false
  if (text.charCodeAt(0) === 0x5b)
    return IPV6.test(text) && portIsValid(text, text.indexOf(']') + 1)
  let at = 0
  while (at < length && ((CLASSES[text.charCodeAt(at)] ?? 0) & HOST) !== 0) at++
  return at > 0 && portIsValid(text, at)
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

/** The host without its port, in lower case, without a trailing dot: what services match against. */
export function matchHost(text: string): string {
  const bracket = text.lastIndexOf(']')
  const colon = text.indexOf(':', bracket + 1)
  const host = (colon < 0 ? text : text.slice(0, colon)).toLowerCase()
  return host.endsWith('.') ? host.slice(0, -1) : host
}
