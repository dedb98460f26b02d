// One service of a config file: its matches, versions, first split and strategy. It decides what
// makes sense together inside a service; what two services must not share is seen in load.ts. It
// works on what the check has left, so each part may be missing, and says nothing twice.

import type { HealthRules } from '../core/health.ts'
import type { Affinity, EvidenceRules, Match } from '../core/table.ts'
import { FULL_WEIGHT, percentFromWeight } from '../core/weight.ts'
import type { HealthCheckConfig, RoutingConfig, ServiceConfig, VersionConfig } from './config.ts'
import { agreedHealth, agreedHealthCheck } from './contradictions.ts'
import { VERDICT, VERDICT_EXCLUDE } from './evidence-settings.ts'
import { mirrorOf } from './mirror.ts'
import { quote, type Report, under } from './mistake.ts'
import type { ServiceDocument, Texts } from './schema.ts'
import {
  AFFINITY,
  AFFINITY_WORD,
  MATCH_HOST,
  MATCH_PATH,
  ROUTING,
  SERVICE,
  type Share,
  TARGET,
} from './service-settings.ts'
import { valueFrom, valuesFrom } from './setting.ts'
import { defaultStrategy, resolveStrategy } from './strategy.ts'
import { suggest } from './suggest.ts'
import { HEALTH, HEALTH_CHECK, HEALTH_CHECK_PATH, REPLAY, RESCUE_BUDGET } from './wire-settings.ts'
import { isName, NAME_RULE } from './words.ts'

export interface ServicePlace {
  readonly name: string
  /** The service's pointer; empty for a flat file. */
  readonly pointer: string
  readonly report: Report
}

export function resolveService(document: ServiceDocument, at: ServicePlace): ServiceConfig {
  const versions = resolveVersions(document.versions ?? {}, at)
  const matches = matchesOf(document).map(matchOf)
  return {
    name: at.name,
    matches,
    versions,
    routing: resolveRouting(document, versions, at),
    strategy: resolveStrategy(document.deploy_strategy, {
      pointer: `${at.pointer}/deploy_strategy`,
      base: defaultStrategy(),
      report: at.report,
    }),
    affinity: affinityOf(document.affinity),
    ...valuesFrom(SERVICE, document),
    verdict: evidenceRulesOf(document, { ...at, matches }),
    rescueBudget: valuesFrom(RESCUE_BUDGET, document.rescue_budget),
    replay: valuesFrom(REPLAY, document.replay),
    health: healthOf(document.health, at),
    healthCheck: healthCheckOf(document.health_check, at),
    mirror: mirrorOf(document.mirror, at),
  }
}

function healthOf(texts: Texts | undefined, at: ServicePlace): HealthRules {
  return agreedHealth(valuesFrom(HEALTH, texts), { ...at, texts })
}

/** The match blocks of a service, one or many; without any the service takes every request. */
function matchesOf(document: ServiceDocument): readonly (Texts | undefined)[] {
  const { match } = document
  if (match === undefined) return [{}]
  return isList(match) ? match : [match]
}

function isList<T>(value: T | readonly T[]): value is readonly T[] {
  return Array.isArray(value)
}

function matchOf(texts: Texts | undefined): Match {
  const host = texts?.host === undefined ? null : (MATCH_HOST.read(texts.host) ?? null)
  return { host, path: valueFrom(MATCH_PATH, texts?.path) }
}

/** The pointer of a service's match with this number, for messages. */
export function matchPointer(
  document: ServiceDocument,
  at: { pointer: string; index: number },
): string {
  const pointer = `${at.pointer}/match`
  return isList(document.match) ? under(pointer, at.index) : pointer
}

function healthCheckOf(texts: Texts | undefined, at: ServicePlace): HealthCheckConfig | null {
  const path = HEALTH_CHECK_PATH.read(texts?.path ?? '')
  if (path === undefined) return null
  return agreedHealthCheck({ path, ...valuesFrom(HEALTH_CHECK, texts) }, { ...at, texts })
}

function evidenceRulesOf(
  { verdict }: ServiceDocument,
  at: ServicePlace & { matches: readonly Match[] },
): EvidenceRules {
  const exclude: string[] = []
  verdict?.exclude?.forEach((text, index) => {
    const path = text === undefined ? undefined : VERDICT_EXCLUDE.read(text)
    if (path === undefined) return
    exclude.push(path)
    if (!at.matches.every((match) => isUnder(path, match.path))) return
    const rule = 'nothing of the service would be left to judge'
    const pointer = `${at.pointer}/verdict/exclude/${index}`
    at.report(pointer, `Cannot exclude this path as ${rule}: current value is ${quote(path)}`)
  })
  return { exclude, ...valuesFrom(VERDICT, verdict) }
}

/** Whether a path prefix covers every path under another one. */
function isUnder(prefix: string, path: string): boolean {
  return prefix === '/' || path === prefix || path.startsWith(`${prefix}/`)
}

function affinityOf(value: ServiceDocument['affinity']): Affinity | null {
  if (value === undefined) return null
  if (typeof value === 'string') {
    return valueFrom(AFFINITY_WORD, value) === 'address' ? { by: 'address' } : null
  }
  const cookie = AFFINITY.cookie.read(value.cookie ?? '')
  if (cookie !== undefined) return { by: 'cookie', name: cookie }
  const header = AFFINITY.header.read(value.header ?? '')
  return header === undefined ? null : { by: 'header', name: header }
}

function resolveVersions(
  documents: NonNullable<ServiceDocument['versions']>,
  at: ServicePlace,
): readonly VersionConfig[] {
  const versions: VersionConfig[] = []
  const owners = new Map<string, string>()
  for (const [name, document] of Object.entries(documents)) {
    const pointer = under(`${at.pointer}/versions`, name)
    if (!isName(name)) {
      at.report(pointer, `Cannot name a version ${quote(name)} as ${NAME_RULE}`, 'key')
    }
    const targets: string[] = []
    document?.targets?.forEach((text, index) => {
      const url = text === undefined ? undefined : TARGET.read(text)
      if (url === undefined) return
      const owner = owners.get(url)
      if (owner !== undefined) {
        const rule = `each target belongs to one version: it is a target of ${owner} already`
        at.report(`${pointer}/targets/${index}`, `Cannot list ${url} as ${rule}`)
      }
      owners.set(url, name)
      targets.push(url)
    })
    versions.push({ name, targets })
  }
  return versions
}

/** Whether a service lacks the versions that its routing names; `stable: none` names none. */
export function lacksVersions(document: ServiceDocument): boolean {
  return document.versions === undefined && !hasNoStable(document, [])
}

/** `stable: none`, unless a version is called so. */
function hasNoStable(document: ServiceDocument, versions: readonly VersionConfig[]): boolean {
  const isNone = ROUTING.stable.read(document.routing?.stable ?? '')?.version === 'none'
  return isNone && !versions.some(({ name }) => name === 'none')
}

function resolveRouting(
  document: ServiceDocument,
  versions: readonly VersionConfig[],
  at: ServicePlace,
): RoutingConfig {
  const pointer = `${at.pointer}/routing`
  if (hasNoStable(document, versions)) {
    if (document.routing?.candidate !== undefined) {
      const rule = 'stable is none, so there is nothing to compare it with: deploy it instead'
      at.report(`${pointer}/candidate`, `Cannot name a candidate as ${rule}`)
    }
    return { stable: null, candidate: null, weight: 0 }
  }
  const stable = shareOf(document.routing, { part: 'stable', pointer, versions, report: at.report })
  const candidate = shareOf(document.routing, {
    part: 'candidate',
    pointer,
    versions,
    report: at.report,
  })
  const weight = candidate?.weight ?? (stable?.weight == null ? 0 : FULL_WEIGHT - stable.weight)
  if (stable !== null && candidate !== null) {
    if (stable.version === candidate.version) {
      const rule = `it is the stable version too: current value is ${stable.version}`
      at.report(`${pointer}/candidate`, `Cannot make this version the candidate as ${rule}`)
    }
  }
  checkSum({ stable, candidate }, pointer, at.report)
  if (candidate === null) return { stable: stable?.version ?? null, candidate: null, weight: 0 }
  return { stable: stable?.version ?? null, candidate: candidate.version, weight }
}

function checkSum(
  shares: { stable: Share | null; candidate: Share | null },
  pointer: string,
  report: Report,
): void {
  const { stable, candidate } = shares
  if (stable === null || stable.weight === null) return
  if (candidate !== null && candidate.weight === null) return // it gets what stable leaves
  const sum = stable.weight + (candidate?.weight ?? 0)
  if (sum === FULL_WEIGHT) return
  const rule = `stable and candidate must add up to 100%: current sum is ${percentFromWeight(sum)}%`
  report(`${pointer}/stable`, `Cannot split the traffic so as ${rule}`)
}

function shareOf(
  routing: Texts | undefined,
  at: {
    part: 'stable' | 'candidate'
    pointer: string
    versions: readonly VersionConfig[]
    report: Report
  },
): Share | null {
  const share = ROUTING[at.part].read(routing?.[at.part] ?? '') ?? null
  if (share === null || at.versions.length === 0) return share // what is missing has been reported
  const names = at.versions.map((version) => version.name)
  if (!names.includes(share.version)) {
    const guess = suggest(share.version, names)
    const hint = guess === null ? `known are ${names.join(', ')}` : `did you mean ${guess}?`
    const rule = `no such version is listed under versions: ${hint}`
    at.report(`${at.pointer}/${at.part}`, `Cannot route to ${quote(share.version)} as ${rule}`)
  }
  return share
}
