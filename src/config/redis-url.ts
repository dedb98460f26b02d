// Where a Redis is, as text: the URL of a single one, and the host:port of a sentinel or of a node
// of a Redis Cluster. A URL may hold a user and a password, so it is a secret as a whole, and what
// is wrong with it is said without showing it.

import type { Address } from './config.ts'
import { readAddress } from './words.ts'

export interface RedisUrl extends Address {
  /** Whether the scheme is rediss. */
  readonly tls: boolean
  /** Null: none is written. */
  readonly db: number | null
  readonly username: string | null
  readonly password: string | null
}

/** Redis has 16 unless it is told otherwise; this is what a bound of ours may safely allow. */
export const MOST_DB = 65_535
export const USERNAME = /^[^\s\0]{1,128}$/
/** No control characters. Long, as some hosted Redises take tokens for passwords. */
export const PASSWORD = /^\P{Cc}{1,4096}$/u
const DEFAULT_PORT = 6379
const SCHEME = /^([a-z][a-z0-9+.-]*):\/\//i
const FORM = /^rediss?:\/\/(?:([^@/?#\s]*)@)?([^@/?#\s]+?)(?::(\d+))?(?:\/(\d{0,15}))?$/i

/** The address of a Redis that is to be connected to: all interfaces are no such place. */
export function readRedisAddress(text: string): Address | undefined {
  const place = text.startsWith(':') ? undefined : readAddress(text)
  return place === undefined || place.port === 0 ? undefined : place
}

/** The text, or undefined when it is no percent-encoding or decodes to what `form` refuses. */
function decoded(text: string, form: RegExp): string | undefined {
  try {
    const value = decodeURIComponent(text)
    return form.test(value) ? value : undefined
  } catch {
    return undefined // a lone % sign
  }
}

/** What stands before the @ sign; undefined when it cannot be used. */
function readLogin(
  text: string,
): { readonly username: string | null; readonly password: string | null } | undefined {
  const [name = '', ...rest] = text.split(':')
  const secret = rest.join(':')
  const username = name === '' ? null : decoded(name, USERNAME)
  const password = secret === '' ? null : decoded(secret, PASSWORD)
  return username === undefined || password === undefined ? undefined : { username, password }
}

/** `redis://host:port/db`, with TLS `rediss://`; port 6379 and no database unless written. */
export function readRedisUrl(text: string): RedisUrl | undefined {
  const [, before = '', host, port = DEFAULT_PORT, db = ''] = FORM.exec(text) ?? []
  if (host === undefined) return undefined
  const place = readRedisAddress(`${host}:${port}`)
  const login = readLogin(before)
  if (place === undefined || login === undefined || Number(db) > MOST_DB) return undefined
  const tls = text.toLowerCase().startsWith('rediss:')
  return { tls, ...place, db: db === '' ? null : Number(db), ...login }
}

/** Why a text is no URL of a Redis, where that can be said more exactly than by its form. */
export function redisUrlObjection(text: string): string | undefined {
  const [, scheme] = SCHEME.exec(text) ?? []
  if (scheme === undefined) return undefined
  if (!/^rediss?$/i.test(scheme)) return 'its scheme must be redis, or rediss for TLS'
  const [, before = '', , port = DEFAULT_PORT, db = ''] = FORM.exec(text) ?? []
  if (!(Number(port) >= 1 && Number(port) <= 65_535)) return 'its port must be from 1 to 65535'
  if (Number(db) > MOST_DB) return `its database must be from 0 to ${MOST_DB}`
  return readLogin(before) === undefined ? 'its user or password cannot be decoded' : undefined
}
