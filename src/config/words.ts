// The kinds of settings that are words with a form: addresses, URLs, header names, paths, version
// names. Each reads its text into the value that the rest of Vertex uses, or refuses it. The rules
// are no wider than what Vertex can serve: what is accepted here works later.

import { isIP } from 'node:net'
import { addressText } from '../core/address.ts'
import type { Address } from './config.ts'
import { type Row, type Setting, setting } from './setting.ts'

const HOST_NAME =
  /^(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*$/i
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/
const NAME = /^[A-Za-z0-9][A-Za-z0-9._+-]{0,127}$/

/** `host:port`, `[ipv6]:port` or `:port` (all interfaces). Port 0 lets the system choose. */
export function readAddress(text: string): Address | undefined {
  const [, bracketed, plain, digits] =
    /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]/\s]*)):(\d{1,5})$/.exec(text) ?? []
  if (digits === undefined) return undefined
  const port = Number(digits)
  if (port > 65_535) return undefined
  if (bracketed !== undefined) return isIP(bracketed) === 6 ? { host: bracketed, port } : undefined
  if (plain === '') return { host: '0.0.0.0', port }
  if (plain === undefined || !HOST_NAME.test(plain)) return undefined
  // A name of digits and dots only is a mistyped IPv4 address, not a host.
  if (/^[\d.]+$/.test(plain) && isIP(plain) === 0) return undefined
  return { host: plain, port }
}

/** Whether only this machine can reach a listener on `host`. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))
}

export function address(name: string, row: Row): Setting<Address> {
  return setting(name, {
    ...row,
    type: 'address',
    unit: 'host:port',
    rule: 'an address such as 127.0.0.1:8080, [::1]:8080 or :8080 with a port from 0 to 65535',
    schema: { type: 'string' },
    read: readAddress,
  })
}

/** Any text that fits a pattern. */
export function text(
  name: string,
  row: Row & { readonly type: string; readonly rule: string; readonly pattern: RegExp },
): Setting<string> {
  const { pattern, ...rest } = row
  return setting(name, {
    ...rest,
    unit: '',
    schema: { type: 'string', pattern: pattern.source },
    read: (value) => (pattern.test(value) ? value : undefined),
  })
}

/** A header's name, lower case. */
export function headerName(name: string, row: Row): Setting<string> {
  return setting(name, {
    ...row,
    type: 'header',
    unit: '',
    rule: 'the name of a header, such as x-tenant',
    schema: { type: 'string', pattern: TOKEN.source },
    read: (value) => (TOKEN.test(value) ? value.toLowerCase() : undefined),
  })
}

/** A token whose letters keep their case: a cookie's name. */
export function token(name: string, row: Row & { readonly rule: string }): Setting<string> {
  return text(name, { ...row, type: 'word', pattern: TOKEN })
}

/** A name of a service or a version: it appears in URLs, file names and metrics. */
export function isName(value: string): boolean {
  return NAME.test(value)
}

export const NAME_RULE =
  'a name has 1 to 128 letters, digits, dots, underscores, pluses and hyphens and ' +
  'begins with a letter or digit'

/** A host of a match, lower case: `shop.example.org` or `*.example.org`. */
export function readMatchHost(value: string): string | undefined {
  const host = value.toLowerCase()
  const rest = host.startsWith('*.') ? host.slice(2) : host
  return HOST_NAME.test(rest) ? host : undefined
}

/** A path prefix, without the slash at its end unless it is the root. */
export function readPathPrefix(value: string): string | undefined {
  if (!/^\/[!-"$->@-~]*$/.test(value)) return undefined // no space, control, `?` or `#`
  if (value.split('/').some((part) => part === '.' || part === '..')) return undefined
  if (value.includes('//')) return undefined
  return value.length > 1 && value.endsWith('/') ? value.slice(0, -1) : value
}

/** The target of a request of our own: a path, with a query or without. */
export function readRequestPath(value: string): string | undefined {
  return /^\/[!-"$-~]*$/.test(value) ? value : undefined // no space, control or `#`
}

/** An address or a CIDR block, as written. */
export function readBlock(value: string): string | undefined {
  const [, ip = '', bits] = /^([0-9a-fA-F.:]+)(?:\/(\d{1,3}))?$/.exec(value) ?? []
  const family = isIP(ip)
  if (family === 0) return undefined
  return bits === undefined || Number(bits) <= (family === 4 ? 32 : 128) ? value : undefined
}

export type Target =
  | { readonly is: 'target'; readonly url: string }
  | { readonly is: 'https' | 'wrong' }

/** A target as `http://host:port` with the port always written. */
export function readTarget(value: string): Target {
  const [, scheme, authority, rest] = /^([a-z]+):\/\/([^/?#\s]+)(.*)$/i.exec(value) ?? []
  if (scheme === undefined || authority === undefined || (rest !== '' && rest !== '/')) {
    return { is: 'wrong' }
  }
  if (scheme.toLowerCase() === 'https') return { is: 'https' }
  if (scheme.toLowerCase() !== 'http') return { is: 'wrong' }
  const place = readAddress(/:\d+$/.test(authority) ? authority : `${authority}:80`)
  if (place === undefined || place.port === 0 || authority.startsWith(':')) return { is: 'wrong' }
  return { is: 'target', url: `http://${addressText(place).toLowerCase()}` }
}

/** An http or https URL that a page is sent to. */
export function readUrl(value: string): string | undefined {
  if (!/^https?:\/\//i.test(value) || !URL.canParse(value)) return undefined
  return value
}
