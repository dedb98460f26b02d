// The path that routes are matched against: a normalised copy, made so that a client cannot step
// around a route by spelling it differently. The request itself is forwarded as it came.
//
// Dot segments are resolved (RFC 3986 section 5.2.4), double slashes are joined, and
// percent-encoded unreserved characters are decoded, once. %2F and %5C are never decoded: a route
// prefix matches only literal slashes. Raw bytes outside ASCII, where they are let in at all,
// become their encodings, so that both spellings match the same route. A path that climbs above
// the root or hides NUL, CR or LF is refused.

import { hexValue } from './bytes.ts'
import type { RequestHead } from './request-head.ts'

/** `%`, `//`, `/.` and bytes outside ASCII are the only beginnings of something to normalise. */
const NEEDS_WORK = /%|\/\/|\/\.|[\x80-\xff]/
const ENCODED = /[%\x80-\xff]/

/** The path that the routes of a request are looked up by, or null when it must be refused. */
export function pathOf(head: RequestHead): string | null {
  if (head.plainPath !== '') return head.plainPath
  return head.target === '*' ? '/' : normalisePath(head.target)
}

/** The normalised path of an origin-form target, or null when it must be refused. */
export function normalisePath(target: string): string | null {
  const query = target.indexOf('?')
  const path = query < 0 ? target : target.slice(0, query)
  if (!NEEDS_WORK.test(path)) return path
  const decoded = ENCODED.test(path) ? decodeUnreserved(path) : path
  return decoded === null ? null : resolveSegments(decoded)
}

const UNRESERVED = /[A-Za-z0-9\-._~]/

function decodeUnreserved(path: string): string | null {
  let out = ''
  for (let at = 0; at < path.length; at++) {
    const char = path.charAt(at)
    if (char !== '%') {
      const code = char.charCodeAt(0)
      out += code < 0x80 ? char : `%${code.toString(16).toUpperCase()}`
      continue
    }
    const high = hexValue(path.charCodeAt(at + 1))
    const low = hexValue(path.charCodeAt(at + 2))
    if (high < 0 || low < 0) {
      out += char // not an encoding; it passes as it came and matches only itself
      continue
    }
    const code = high * 16 + low
    if (code === 0 || code === 0x0d || code === 0x0a) return null
    const plain = String.fromCharCode(code)
    out += UNRESERVED.test(plain) ? plain : path.slice(at, at + 3).toUpperCase()
    at += 2
  }
  return out
}

function resolveSegments(path: string): string | null {
  const segments = path.split('/')
  const kept: string[] = []
  const last = segments.length - 1
  for (let i = 1; i <= last; i++) {
    const segment = segments[i] as string
    if (segment === '..') {
      if (kept.pop() === undefined) return null
    } else if (segment !== '.' && segment !== '') kept.push(segment)
  }
  const tail = segments[last]
  const directory = tail === '' || tail === '.' || tail === '..'
  return `/${kept.join('/')}${directory && kept.length > 0 ? '/' : ''}`
}
