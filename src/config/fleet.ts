// The `fleet` block: what this node is called, where the fleet's Redis is, and how it logs in
// there. Redis is found in one of three ways; user, password, database and TLS are said in the same
// words for each, and for a single Redis also in its URL, but never twice. A file without the block
// means a node that works alone.

import { createPrivateKey, X509Certificate } from 'node:crypto'
import { type BlockContext, readBeside, reportContent, secretIn } from './beside.ts'
import type { Address, FleetConfig, FleetTls, RedisPlace } from './config.ts'
import {
  FLEET_CLUSTER,
  FLEET_LOGIN,
  FLEET_NODE,
  FLEET_PREFIX,
  FLEET_REDIS,
  FLEET_TLS_WORD,
  SENTINEL,
  SENTINEL_NODE,
} from './fleet-settings.ts'
import { quote, under } from './mistake.ts'
import type { RedisUrl } from './redis-url.ts'
import type { FleetDocument, SentinelDocument, Texts } from './schema.ts'
import { type Setting, valueFrom } from './setting.ts'

const AT = '/fleet'
const WAYS = ['redis', 'sentinel', 'cluster'] as const
/** Keys whose value may stand in the URL of `redis` instead. */
const IN_URL = ['db', 'username', 'password'] as const

interface Login {
  readonly username: string | null
  readonly password: string | null
}

/**
 * The fleet that a file names; null when it names none. Reports what cannot be used.
 *
 * @param context.host the machine's name, by which a node is known that is given no other
 */
export function fleetOf(
  document: FleetDocument | undefined,
  context: BlockContext & { readonly host: string },
): FleetConfig | null {
  if (document === undefined) return null
  const url = document.redis === undefined ? null : (FLEET_REDIS.read(document.redis) ?? null)
  reportWays(context)
  if (url !== null) reportTwice(url, context)
  const node = nodeOf(document, context)
  const tls = tlsOf(document, { isUrlTls: url?.tls ?? false, context })
  const redis = redisOf(document, { url, tls, context })
  const login = loginOf(document, { url, context })
  if (redis === null) return null
  return { node, prefix: valueFrom(FLEET_PREFIX, document.prefix), redis, ...login }
}

function reportWays({ isWritten, report }: BlockContext): void {
  const [first, ...more] = WAYS.filter((way) => isWritten(under(AT, way)))
  if (first === undefined) {
    report(AT, `Cannot read fleet as it needs the key ${WAYS.join(' or ')}`, 'key')
  }
  for (const way of more) {
    const rule = `a fleet has one Redis and fleet.${first} names it: leave one of them out`
    report(under(AT, way), `Cannot use fleet.${way} as ${rule}`, 'key')
  }
}

/** What stands in the URL cannot stand beside it, also where both say the same. */
function reportTwice(url: RedisUrl, { isWritten, report }: BlockContext): void {
  const rule = 'it stands in the URL of fleet.redis: leave one of them out'
  for (const key of IN_URL) {
    if (url[key] === null) continue
    for (const written of key === 'password' ? [key, 'password_file'] : [key]) {
      const pointer = under(AT, written)
      if (isWritten(pointer)) report(pointer, `Cannot use fleet.${written} as ${rule}`, 'key')
    }
  }
}

function nodeOf(
  document: FleetDocument,
  context: BlockContext & { readonly host: string },
): string {
  const { host, isWritten, report } = context
  if (document.node !== undefined) return document.node
  const node = FLEET_NODE.read(host)
  if (node === undefined && !isWritten(`${AT}/node`)) {
    const rule = `it must be ${FLEET_NODE.rule}: current value is ${quote(host)}. Set fleet.node`
    report(AT, `Cannot name this node as its host is named as ${rule}`, 'key')
  }
  return node ?? ''
}

function redisOf(
  document: FleetDocument,
  ask: { url: RedisUrl | null; tls: FleetTls | null; context: BlockContext },
): RedisPlace | null {
  const { context, tls, url } = ask
  const db = valueFrom(FLEET_LOGIN.db, document.db)
  const { cluster, sentinel } = document
  if (url !== null) {
    const { host, port } = url
    return { kind: 'single', host, port, db: url.db ?? db, tls }
  }
  if (sentinel !== undefined) return { kind: 'sentinel', db, tls, ...sentinelOf(sentinel, context) }
  if (cluster === undefined) return null
  if (db !== 0) {
    const rule = `a Redis Cluster has only database 0: current value is ${db}`
    context.report(`${AT}/db`, `Cannot set fleet.db as ${rule}`)
  }
  return { kind: 'cluster', nodes: eachOf(cluster, FLEET_CLUSTER), tls }
}

function sentinelOf(
  sentinel: SentinelDocument,
  context: BlockContext,
): Omit<RedisPlace & { kind: 'sentinel' }, 'kind' | 'db' | 'tls'> {
  const at = `${AT}/sentinel`
  const { password, username } = writtenLogin(sentinel, { at, rows: SENTINEL, context })
  return {
    name: valueFrom(SENTINEL.name, sentinel.name),
    sentinels: eachOf(sentinel.nodes, SENTINEL_NODE),
    sentinelUsername: username,
    sentinelPassword: password,
  }
}

function eachOf(
  texts: readonly (string | undefined)[] | undefined,
  row: Setting<Address>,
): readonly Address[] {
  return (texts ?? []).flatMap((text) => row.read(text ?? '') ?? [])
}

function loginOf(
  document: FleetDocument,
  ask: { url: RedisUrl | null; context: BlockContext },
): Login {
  const { context, url } = ask
  const rows = FLEET_LOGIN
  const inUrl = { username: url?.username ?? null, password: url?.password ?? null }
  const login = writtenLogin(document, { at: AT, rows, context, inUrl })
  if (url !== null && url.username !== null && login.password === null) {
    const rule = 'it has no password: where it is one, write redis://:PASSWORD@host'
    context.report(`${AT}/redis`, `Cannot log in with the user of fleet.redis as ${rule}`)
  }
  return login
}

/** User and password of a block; a user without a password is reported, as Redis knows none. */
function writtenLogin(
  part: Texts | Readonly<Record<string, unknown>>,
  ask: {
    at: string
    rows: { readonly username: Setting<string>; readonly password: Setting<string> }
    context: BlockContext
    inUrl?: Login
  },
): Login {
  const { at, context, inUrl, rows } = ask
  const username = typeof part.username === 'string' ? part.username : null
  const written = secretIn(part, { at, key: 'password', row: rows.password, context })
  const password = written ?? inUrl?.password ?? null
  if (username !== null && password === null) {
    const rule = `it needs ${rows.password.name}, or its password_file, too`
    context.report(under(at, 'username'), `Cannot log in with ${rows.username.name} as ${rule}`)
  }
  return { username: username ?? inUrl?.username ?? null, password }
}

/** Null: without TLS. */
function tlsOf(
  { tls }: FleetDocument,
  ask: { isUrlTls: boolean; context: BlockContext },
): FleetTls | null {
  const { context, isUrlTls } = ask
  const plain = { ca: null, cert: null, key: null, serverName: null }
  if (tls !== undefined && typeof tls !== 'string') return tlsFrom(tls, context)
  const isOn = valueFrom(FLEET_TLS_WORD, tls)
  if (isUrlTls && tls !== undefined && !isOn) {
    const rule = `the URL of fleet.redis asks for it: current value is ${quote(tls)}`
    context.report(`${AT}/tls`, `Cannot do without TLS as ${rule}`)
  }
  return isOn || isUrlTls ? plain : null
}

function tlsFrom(texts: Texts, context: BlockContext): FleetTls {
  const at = `${AT}/tls`
  for (const [one, other] of [
    ['key_file', 'cert_file'],
    ['cert_file', 'key_file'],
  ] as const) {
    if (!context.isWritten(under(at, one)) || context.isWritten(under(at, other))) continue
    const rule = `it is of no use without fleet.tls.${other}`
    context.report(under(at, one), `Cannot use fleet.tls.${one} as ${rule}`, 'key')
  }
  const ca = pemOf(texts, { key: 'ca_file', form: CERTIFICATE, context })
  const cert = pemOf(texts, { key: 'cert_file', form: CERTIFICATE, context })
  const key = pemOf(texts, { key: 'key_file', form: PRIVATE_KEY, context })
  if (cert !== null && key !== null) {
    if (!new X509Certificate(cert).checkPrivateKey(createPrivateKey(key))) {
      const rule = 'it is not the key of the certificate in fleet.tls.cert_file'
      context.report(under(at, 'key_file'), `Cannot use fleet.tls.key_file as ${rule}`)
    }
  }
  return { ca, cert, key, serverName: texts.server_name ?? null }
}

interface PemForm {
  readonly rule: string
  /** Throws for what it cannot read. */
  readonly parse: (text: string) => unknown
}

const CERTIFICATE: PemForm = {
  rule: 'a certificate in PEM',
  parse: (text) => new X509Certificate(text),
}
const PRIVATE_KEY: PemForm = {
  rule: 'a private key in PEM without a passphrase',
  parse: createPrivateKey,
}

/** The content of a file, once it has been tried; null where there is none or it was reported. */
function pemOf(
  texts: Texts,
  ask: { key: string; form: PemForm; context: BlockContext },
): string | null {
  const { context, form, key } = ask
  const pointer = under(`${AT}/tls`, key)
  const file = texts[key]
  const text = file === undefined ? null : readBeside(file, { context, pointer })
  if (text === null) return null
  try {
    form.parse(text)
    return text
  } catch {
    reportContent(form.rule, { context, pointer })
    return null
  }
}
