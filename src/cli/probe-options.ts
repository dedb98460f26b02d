// The options of `vertex probe`, and how each is read.

import { InvalidArgumentError } from 'commander'
import type { Assertion } from '../core/synthetic.ts'
import { readDuration } from './duration.ts'

export const PROBE_HELP = `
A scenario is a file of the config's scenarios directory. It goes straight to the targets of the
version, whatever its weight. Assertions, besides those of the scenario: p99_latency=50ms,
error_rate=0.1%, throughput=10000. Exit: 0 healthy, 1 not, 6 the admin API cannot be reached.`

export interface ProbeFlags {
  readonly scenario: string
  readonly assert?: readonly Assertion[]
  /** Transactions a second. */
  readonly rate?: number
  /** As `10s`. */
  readonly duration?: string
}

export function readRate(text: string): number {
  if (/^\d{1,9}(\.\d{1,6})?$/.test(text) && Number(text) > 0) return Number(text)
  throw new InvalidArgumentError('It must be a number above 0.')
}

/** Stays text, which the admin API reads. */
export function readRunDuration(text: string): string {
  if (/^\d+(\.\d+)?(ms|s|m)$/.test(text)) return text
  throw new InvalidArgumentError('It must be like 500ms, 10s or 2m.')
}

/** One more assertion behind those before it. */
export function readAssertion(
  text: string,
  before: readonly Assertion[] | undefined,
): readonly Assertion[] {
  const assertion = assertionOf(text)
  if (assertion !== null) return [...(before ?? []), assertion]
  const rule = 'It must be like p99_latency=50ms, error_rate=0.1% or throughput=10000.'
  throw new InvalidArgumentError(rule)
}

function assertionOf(text: string): Assertion | null {
  const [, metric = '', value = ''] = /^([^=]*)=(.*)$/.exec(text) ?? []
  if (metric === 'p99_latency') {
    const threshold = /^\d+(\.\d+)?(ms|s)$/.test(value) ? readDuration(value) : null
    return threshold === null ? null : { metric, threshold }
  }
  if (metric === 'error_rate') {
    const [, percent] = /^(\d{1,3}(?:\.\d+)?) ?%$/.exec(value) ?? []
    const threshold = Number(`${percent}e-2`)
    return threshold >= 0 && threshold <= 1 ? { metric, threshold } : null
  }
  const min = /^\d{1,9}(\.\d+)?$/.test(value) ? Number(value) : 0
  return metric === 'throughput' && min > 0 ? { metric, min } : null
}
