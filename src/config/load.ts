// A config file in; a frozen Config, or the full list of mistakes, out. It never throws for what a
// file or an environment says. The order: read the text, fill in variables, check the shape, then
// ask what makes sense together. Flags of the command line come later and win; the environment wins
// over the file.

import { readFileSync } from 'node:fs'
import { availableParallelism, hostname } from 'node:os'
import { dirname, resolve } from 'node:path'
import type { Transaction } from '../core/transaction/transaction.ts'
import { checkShape } from './check.ts'
import type { AccessLogConfig, Config, ServiceConfig } from './config.ts'
import { reportAccessLog } from './contradictions.ts'
import { type Environment, readDocument } from './document.ts'
import { fleetOf } from './fleet.ts'
import { idleSettings } from './idle.ts'
import { type Mistake, quote, type Report, under } from './mistake.ts'
import {
  ADMIN_TOKEN,
  ENVIRONMENT,
  LIMITS,
  NODE,
  TIMEOUTS,
  TRUSTED_PROXY,
  UPGRADE_PROTOCOL,
} from './node-settings.ts'
import { receiversOf } from './receivers.ts'
import type { NodeDocument, ServiceDocument } from './schema.ts'
import { lacksVersions, matchPointer, resolveService } from './service.ts'
import { keyOf, valueFrom, valuesFrom } from './setting.ts'
import { ACCEPT, ACCESS_LOG, ACCESS_LOG_REDACT, FORWARDING, HALF_CLOSE } from './wire-settings.ts'
import { loadTransactions } from './transactions.ts'
import { reportMissing } from './gates.ts'
import { isLoopback, isName, NAME_RULE } from './words.ts'

export type Loaded =
  | { readonly config: Config; readonly warnings: readonly string[] }
  | { readonly mistakes: readonly Mistake[] }

/** What is known while a file is being resolved. */
interface Context {
  readonly file: string
  readonly env: Environment
  /** The keys at the top of the file, also those whose values were cut away. */
  readonly keys: readonly string[]
  readonly isWritten: (pointer: string) => boolean
  readonly report: Report
  /** Those of other files are put here; `report` is about this one. */
  readonly mistakes: Mistake[]
  readonly warnings: string[]
}

/**
 * Loads a config file.
 *
 * @param source the file as the operator named it, and the environment to fill in from
 */
export function loadConfig(source: { readonly file: string; readonly env: Environment }): Loaded {
  const { file, env } = source
  const read = readText(resolve(file)) // so that what the system says names the whole path
  if ('failed' in read) {
    const message = `Cannot read the config file as the system refuses: ${read.failed}`
    return { mistakes: [{ file, line: 1, column: 1, message }] }
  }
  const document = readDocument({ file, text: read.text }, env)
  const mistakes = [...document.mistakes]
  const report: Report = (pointer, message, part = 'value') => {
    if (document.unfilled.has(pointer)) return
    mistakes.push({ file, ...document.placeOf(pointer, part), message })
  }
  if (document.value === null) {
    if (mistakes.length === 0) report('', 'Cannot start from this file as it is empty')
    return { mistakes }
  }
  const keys = Object.keys(document.value)
  checkShape(document.value, { as: 'document', report, base: '' })
  if (typeof document.value !== 'object' || Array.isArray(document.value)) return { mistakes }
  const warnings: string[] = []
  const { isWritten } = document
  const context = { file: resolve(file), env, keys, isWritten, report, mistakes, warnings }
  const config = resolveNode(document.value as unknown as NodeDocument, context)
  if (mistakes.length > 0) return { mistakes: inOrder(mistakes, file) }
  warnOfNeverSlow(config, warnings)
  return { config: freeze(config), warnings }
}

function readText(file: string): { text: string } | { failed: string } {
  try {
    return { text: readFileSync(file, 'utf8') }
  } catch (error) {
    return { failed: error instanceof Error ? error.message : String(error) }
  }
}

/** As an operator walks through a file, the config first; each sentence once a place. */
function inOrder(mistakes: readonly Mistake[], config: string): readonly Mistake[] {
  const fileOf = (mistake: Mistake) => (mistake.file === config ? '' : mistake.file)
  const sorted = mistakes.toSorted((a, b) => {
    if (fileOf(a) !== fileOf(b)) return fileOf(a) < fileOf(b) ? -1 : 1
    return a.line - b.line || a.column - b.column
  })
  return sorted.filter((mistake, index) => {
    const before = sorted[index - 1]
    const samePlace = before?.line === mistake.line && before.column === mistake.column
    if (before?.file !== mistake.file) return true
    return !samePlace || before.message !== mistake.message
  })
}

function freeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    for (const inner of Object.values(value)) freeze(inner)
    Object.freeze(value)
  }
  return value
}

function resolveNode(document: NodeDocument, context: Context): Config {
  const { report, warnings, keys } = context
  const { scenarios, state, threads, ...node } = valuesFrom(
    NODE,
    withEnvironment(document, context),
  )
  const cores = availableParallelism()
  if (threads !== 'auto' && threads > cores) {
    warnings.push(
      `threads is ${threads} on ${cores} cores: more threads than cores serve no faster`,
    )
  }
  const adminToken = adminTokenOf(document, context)
  if (adminToken === null && !keys.includes('admin_token') && !isLoopback(node.admin.host)) {
    const current = `current value is ${quote(document.admin)}`
    const rule = `other machines can reach it and there is no admin token: ${current}`
    const remedy = 'Set admin_token or VERTEX_ADMIN_TOKEN'
    report('/admin', `Cannot serve the admin API there as ${rule}. ${remedy}`)
  }
  const { listen, admin } = node
  const before = context.mistakes.length
  const transactions = loadTransactions(
    { directory: scenarios, isGiven: document.scenarios !== undefined },
    context,
  )
  const known = context.mistakes.length > before ? null : transactions
  if (listen.port !== 0 && listen.port === admin.port && listen.host === admin.host) {
    report('/admin', `Cannot serve the admin API there as listen has that address already`)
  }
  return {
    file: context.file,
    ...node,
    adminToken,
    threads: threads === 'auto' ? cores : threads,
    stateDir: resolve(dirname(context.file), state),
    timeouts: valuesFrom(TIMEOUTS, document.timeouts),
    limits: valuesFrom(LIMITS, document.limits),
    trustedProxies: readEach(document.trusted_proxies, TRUSTED_PROXY.read) ?? [],
    upgradeProtocols: readEach(document.upgrade_protocols, UPGRADE_PROTOCOL.read) ?? ['websocket'],
    accept: valuesFrom(ACCEPT, document.accept),
    forwarding: valuesFrom(FORWARDING, document.forwarding),
    halfClose: valueFrom(HALF_CLOSE, document.half_close),
    accessLog: accessLogOf(document, context),
    receivers: receiversOf(document.page, context),
    fleet: fleetOf(document.fleet, { ...context, host: hostname() }),
    scenarios: transactions,
    services: resolveServices(document, { ...context, scenarios: known }),
  }
}

/** What ends a request before it is slow leaves nothing that could be slow. */
function warnOfNeverSlow({ services, timeouts }: Config, warnings: string[]): void {
  const { responseHeadMs } = timeouts
  for (const { name, verdict } of services) {
    if (verdict.slowIsErrorMs === null || verdict.slowIsErrorMs < responseHeadMs) continue
    warnings.push(
      `verdict.slow_is_error of service ${name} never acts, as timeouts.response_head ends a ` +
        `request after ${responseHeadMs / 1000} s: current value is ${verdict.slowIsErrorMs / 1000} s`,
    )
  }
}

function readEach(
  texts: readonly (string | undefined)[] | undefined,
  read: (text: string) => string | undefined,
): readonly string[] | undefined {
  return texts?.map((text) => read(text ?? '')).filter((value) => value !== undefined)
}

/** The node's own settings, with those that the environment sets instead. */
function withEnvironment(document: NodeDocument, context: Context): Record<string, unknown> {
  const texts: Record<string, unknown> = { ...document }
  for (const [name, row] of Object.entries(ENVIRONMENT)) {
    const value = context.env[name]
    if (value === undefined || value === '') continue
    if (row.read(value) === undefined) {
      const rule = `it must be ${row.rule}: current value is ${quote(value)}`
      context.report('', `Cannot take ${row.name} from ${name} in the environment as ${rule}`)
    } else texts[keyOf(row)] = value
  }
  return texts
}

/** VERTEX_ADMIN_TOKEN, else the content of the file in VERTEX_ADMIN_TOKEN_FILE, else the file's. */
function adminTokenOf(document: NodeDocument, context: Context): string | null {
  const { env, report } = context
  const name = env.VERTEX_ADMIN_TOKEN ? 'VERTEX_ADMIN_TOKEN' : 'VERTEX_ADMIN_TOKEN_FILE'
  const given = env[name]
  if (given === undefined || given === '') return document.admin_token ?? null
  const read = name === 'VERTEX_ADMIN_TOKEN' ? { text: given } : readText(given)
  if ('failed' in read) {
    report('', `Cannot read the admin token from ${name} as the system refuses: ${read.failed}`)
    return null
  }
  const token = ADMIN_TOKEN.read(read.text.trim())
  if (token === undefined) {
    const rule = `it must be ${ADMIN_TOKEN.rule}: current value is not shown here`
    report('', `Cannot take the admin token from ${name} as ${rule}`)
  }
  return token ?? null
}

function accessLogOf(document: NodeDocument, context: Context): AccessLogConfig | null {
  reportAccessLog(document.access_log, context.report)
  const { to, sample } = valuesFrom(ACCESS_LOG, document.access_log)
  if (to === 'off') return null
  const redact = readEach(document.access_log?.redact, ACCESS_LOG_REDACT.read) ?? []
  return {
    to: to === 'stdout' ? to : resolve(dirname(context.file), to),
    sample,
    redact: redact.map((name) => name.toLowerCase()),
  }
}

/** What only one service can be told; beside `services` nobody could say whose it is. */
const FLAT_KEYS: readonly string[] = [
  'match',
  'versions',
  'routing',
  'deploy_strategy',
  'affinity',
  'version_override',
  'rescue',
  'body_limit',
  'verdict',
  'rescue_budget',
  'replay',
  'health',
  'health_check',
  'mirror',
]

function resolveServices(
  document: NodeDocument,
  context: Context & { readonly scenarios: readonly Transaction[] | null },
): readonly ServiceConfig[] {
  const { report, keys } = context
  const documents = new Map<string, { document: ServiceDocument; pointer: string }>()
  if (!keys.includes('services')) {
    documents.set('default', { document, pointer: '' })
    const needed = [...(lacksVersions(document) ? ['versions'] : []), 'routing']
    const missing = needed.filter((key) => !keys.includes(key))
    if (missing.length > 0) {
      const rule = `it needs ${missing.join(' and ')}, or services`
      report('', `Cannot know what to serve from this file as ${rule}`)
    }
  } else {
    for (const key of FLAT_KEYS.filter((key) => keys.includes(key))) {
      const rule = 'it belongs to one service: move it below the service in services'
      report(`/${key}`, `Cannot use ${key} beside services as ${rule}`, 'key')
    }
  }
  for (const [name, inner] of Object.entries(document.services ?? {})) {
    const pointer = under('/services', name)
    if (!isName(name))
      report(pointer, `Cannot name a service ${quote(name)} as ${NAME_RULE}`, 'key')
    if (inner === undefined) continue
    documents.set(name, { document: inner, pointer })
    if (!lacksVersions(inner)) continue
    report(pointer, `Cannot read services.${name} as it needs the key versions`, 'key')
  }
  const services: ServiceConfig[] = []
  const owners = new Map<string, string>()
  for (const [name, found] of documents) {
    const service = resolveService(found.document, { name, pointer: found.pointer, report })
    services.push(service)
    reportMissing(found.document.deploy_strategy, {
      ...{ scenarios: context.scenarios, isMirrored: found.document.mirror !== undefined, report },
      pointer: under(found.pointer, 'deploy_strategy'),
    })
    context.warnings.push(...idleSettings(service, found.document))
    claimMatches(service, { ...found, owners, report })
  }
  return services
}

/** Two services with the same match would make it a matter of luck which one serves. */
function claimMatches(
  service: ServiceConfig,
  at: {
    document: ServiceDocument
    pointer: string
    owners: Map<string, string>
    report: Report
  },
): void {
  service.matches.forEach((match, index) => {
    const words = `host ${match.host ?? 'any'}, path ${match.path}`
    const owner = at.owners.get(words)
    if (owner !== undefined) {
      const rule = `a match belongs to one service: ${owner} has it already`
      const pointer = matchPointer(at.document, { pointer: at.pointer, index })
      at.report(pointer, `Cannot match ${words} for ${service.name} as ${rule}`)
    }
    at.owners.set(words, service.name)
  })
}
