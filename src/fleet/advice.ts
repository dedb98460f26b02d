// What Redis does wrong, in sentences for an operator: what does not work, the rule, the value.
// Nothing is decided here. What a server or the system says is passed on, as it names the cause
// best; passwords are struck out of it.

import { addressText } from '../core/address.ts'
import type { FleetOptions, RedisAddress } from './options.ts'

/** What Redis is, without secrets. */
export function redisText(redis: RedisAddress): string {
  const secure = redis.tls === null ? '' : 's'
  const list = (endpoints: readonly { host: string; port: number }[]): string =>
    endpoints.map(addressText).join()
  switch (redis.kind) {
    case 'single':
      return `redis${secure}://${list([redis])}/${redis.db}`
    case 'sentinel':
      return `redis${secure}+sentinel://${list(redis.sentinels)}/${redis.name}/${redis.db}`
    case 'cluster':
      return `redis${secure}+cluster://${list(redis.nodes)}`
  }
}

/** Rules by what the server says first, or the system's code. */
const RULES: Readonly<Record<string, string>> = {
  WRONGPASS: 'Redis refuses the user name or the password',
  NOAUTH: 'Redis wants a password and none is configured',
  NOPERM: "the user's ACL does not allow it",
  READONLY: 'the server is a read-only replica',
  OOM: 'its memory is full',
  MISCONF: 'it cannot save its data to disk and so accepts no writes',
  NOREPLICAS: 'too few of its replicas are connected',
  LOADING: 'it is loading its data',
  MASTERDOWN: 'it is a replica without its master',
  CLUSTERDOWN: 'the cluster is down',
  BUSY: 'a script keeps it busy',
  WRONGTYPE: 'a key holds another type',
  ECONNREFUSED: 'the connection is refused',
  ECONNRESET: 'the connection was reset',
  ENOTFOUND: 'its name is not known',
  EAI_AGAIN: 'its name cannot be resolved now',
  ETIMEDOUT: 'it does not answer',
  EHOSTUNREACH: 'there is no way to it',
  ENETUNREACH: 'there is no way to it',
  EPROTO: 'TLS fails',
  MOVED: 'it is part of a cluster and configured as a single server',
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error.message !== '') return error.message
  // A name with several addresses fails with an error of errors, which says nothing itself.
  const { errors = [], code = error.name } = error as { errors?: unknown[]; code?: string }
  return errors.length > 0 ? errors.map(messageOf).join(', ') : code
}

/** The first word of what a server says, or the system's code; also when it is only cited. */
export function codeOf(error: unknown): string {
  const { code } = error as { code?: unknown }
  if (typeof code === 'string') return code
  const words = messageOf(error).match(/\b[A-Z]{3,}\b/g) ?? []
  return words.find((word) => Object.hasOwn(RULES, word) || word === 'NOSCRIPT') ?? ''
}

function ruleOf(error: unknown): string {
  const code = codeOf(error)
  const rule = RULES[code]
  if (rule !== undefined) return rule
  if (error instanceof Error && error.name === 'Overdue') return 'it does not answer'
  if (/user executing the script can't/.test(messageOf(error))) return RULES.NOPERM ?? ''
  if (/CERT|TLS|SSL|VERIFY|ISSUER/.test(code)) return 'its certificate is not trusted'
  return 'it fails'
}

export type Secrets = Pick<FleetOptions, 'password' | 'redis'>

function withoutSecrets(text: string, { password, redis }: Secrets): string {
  const second = redis.kind === 'sentinel' ? redis.sentinelPassword : null
  return [password, second]
    .filter((secret) => secret !== null && secret !== '')
    .reduce<string>((cleaned, secret) => cleaned.replaceAll(secret as string, '***'), text)
}

/** "Cannot reach Redis at … as the connection is refused: connect ECONNREFUSED …". */
export function failureSentence(error: unknown, options: Secrets & { action: string }): string {
  const said = withoutSecrets(messageOf(error), options).replaceAll(/\s+/g, ' ').slice(0, 300)
  return `Cannot ${options.action} as ${ruleOf(error)}: ${said}`
}

export interface ServerFacts {
  readonly address: string
  /** `master` or `slave`, as the server calls itself. */
  readonly role: string
  /** Of the process. */
  readonly run: string
  readonly evictionPolicy: string
}

export function readInfo(address: string, info: string): ServerFacts {
  const textOf = (name: string): string =>
    new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1] ?? ''
  return {
    address,
    role: textOf('role'),
    run: textOf('run_id'),
    evictionPolicy: textOf('maxmemory_policy'),
  }
}

/** Why no node may lead with these servers, as a clause; null when nothing is against it. */
export function evictionClause(servers: readonly ServerFacts[]): string | null {
  const evicting = servers.find(({ evictionPolicy }) => evictionPolicy !== 'noeviction')
  if (evicting === undefined) return null
  const policy = evicting.evictionPolicy === '' ? 'not told' : evicting.evictionPolicy
  return `Redis must not evict keys, and the maxmemory-policy of ${evicting.address} is ${policy}`
}

/** The same about this node's clock. */
export function clockClause({ aheadMs, slackMs }: { aheadMs: number; slackMs: number }) {
  if (Math.abs(aheadMs) - slackMs <= CLOCK_MAX_MS) return null
  const off = `${(Math.abs(aheadMs) / 1_000).toFixed(1)} s ${aheadMs > 0 ? 'ahead' : 'behind'}`
  return `its clock must be within ${CLOCK_MAX_MS / 1_000} s of the one of Redis, and is ${off}`
}

export const CLOCK_MAX_MS = 5_000
