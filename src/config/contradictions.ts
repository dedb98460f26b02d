// Settings that are each right and make no sense together: a mistake of the file, told where it was
// written, instead of a setting that silently does nothing.

import type { HealthRules } from '../core/health.ts'
import type { HealthCheckConfig } from './config.ts'
import { type Report, under } from './mistake.ts'
import type { Texts } from './schema.ts'

interface Pair {
  /** The setting that is too large, and the one that it must not exceed. */
  readonly large: string
  readonly limit: string
  readonly largeMs: number
  readonly limitMs: number
}

const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
] as const

/** A duration as a file would say it. */
function written(ms: number): string {
  const [unit, size] = UNITS.find(([, each]) => ms >= each && ms % each === 0) ?? ['ms', 1]
  return `${ms / size}${unit}`
}

/** Reports a setting that exceeds another one; a default that does gives way instead. */
function mustNotExceed(
  pair: Pair,
  at: { texts: Texts | undefined; group: string; pointer: string; report: Report },
): void {
  const { large, largeMs, limit, limitMs } = pair
  const { group, pointer, report, texts } = at
  if (largeMs <= limitMs || texts?.[large] === undefined || texts[limit] === undefined) return
  report(
    under(pointer, large),
    `Cannot set ${group}.${large} as it must not be more than ${group}.${limit}, which is ` +
      `${written(limitMs)}: current value is ${written(largeMs)}`,
  )
}

/** The health settings, in which a longer first ejection makes the longest one longer. */
export function agreedHealth(
  health: HealthRules,
  at: { texts: Texts | undefined; pointer: string; report: Report },
): HealthRules {
  const { ejectionMs, longestEjectionMs } = health
  const pair = { large: 'ejection', limit: 'longest_ejection' }
  const values = { largeMs: ejectionMs, limitMs: longestEjectionMs }
  const pointer = under(at.pointer, 'health')
  mustNotExceed({ ...pair, ...values }, { ...at, group: 'health', pointer })
  if (ejectionMs <= longestEjectionMs) return health
  return at.texts?.ejection === undefined
    ? { ...health, ejectionMs: longestEjectionMs }
    : { ...health, longestEjectionMs: ejectionMs }
}

/**
 * The check, which must be over when the next one is due: a shorter interval makes the time-out
 * shorter, a longer time-out the interval longer.
 */
export function agreedHealthCheck(
  check: HealthCheckConfig,
  at: { texts: Texts | undefined; pointer: string; report: Report },
): HealthCheckConfig {
  const { intervalMs, timeoutMs } = check
  const pair = { large: 'timeout', limit: 'interval' }
  const values = { largeMs: timeoutMs, limitMs: intervalMs }
  const pointer = under(at.pointer, 'health_check')
  mustNotExceed({ ...pair, ...values }, { ...at, group: 'health_check', pointer })
  if (timeoutMs <= intervalMs) return check
  return at.texts?.timeout === undefined
    ? { ...check, timeoutMs: intervalMs }
    : { ...check, intervalMs: timeoutMs }
}

/** What an access log leaves out means nothing without one. */
export function reportAccessLog(texts: object | undefined, report: Report): void {
  if (texts === undefined || 'to' in texts) return
  for (const key of Object.keys(texts)) {
    report(
      `/access_log/${key}`,
      `Cannot set access_log.${key} as there is no access log: set access_log.to, too`,
      'key',
    )
  }
}
