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

/** Reports a setting that exceeds another one, at whichever of the two is written. */
function mustNotExceed(
  pair: Pair,
  at: { texts: Texts | undefined; group: string; pointer: string; report: Report },
): void {
  if (pair.largeMs <= pair.limitMs) return
  const { group, pointer, report, texts } = at
  const { large, largeMs, limit, limitMs } = pair
  if (texts?.[large] !== undefined) {
    report(
      under(pointer, large),
      `Cannot set ${group}.${large} as it must not be more than ${group}.${limit}, which is ` +
        `${written(limitMs)}: current value is ${written(largeMs)}`,
    )
  } else {
    report(
      under(pointer, limit),
      `Cannot set ${group}.${limit} as it must not be less than ${group}.${large}, which is ` +
        `${written(largeMs)}: current value is ${written(limitMs)}`,
    )
  }
}

/** @param at the service's pointer */
export function reportHealth(
  health: HealthRules,
  at: { texts: Texts | undefined; pointer: string; report: Report },
): void {
  const { ejectionMs, longestEjectionMs } = health
  const pair = { large: 'ejection', limit: 'longest_ejection' }
  const values = { largeMs: ejectionMs, limitMs: longestEjectionMs }
  const pointer = under(at.pointer, 'health')
  mustNotExceed({ ...pair, ...values }, { ...at, group: 'health', pointer })
}

/** A check that may last longer than the time to the next one would never be the last word. */
export function reportHealthCheck(
  check: HealthCheckConfig | null,
  at: { texts: Texts | undefined; pointer: string; report: Report },
): void {
  if (check === null) return
  const pair = { large: 'timeout', limit: 'interval' }
  const values = { largeMs: check.timeoutMs, limitMs: check.intervalMs }
  const pointer = under(at.pointer, 'health_check')
  mustNotExceed({ ...pair, ...values }, { ...at, group: 'health_check', pointer })
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
