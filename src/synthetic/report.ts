// From what a run has counted to its report. The throughput is what the target keeps up: of each
// step, the good answers of one duration, from its first answer on. So latency alone takes nothing
// from it, as every answer is as late as the first; and a target that falls behind what becomes
// due is told by what it did in that time, however long it then takes for the rest. It never
// exceeds what became due.

import type { Histogram } from '../core/histogram.ts'
import { complaints, judge, type RunFigures } from '../core/assertion.ts'
import type { LatencySummary, StepReport, SyntheticReport } from '../core/synthetic.ts'
import type { RunOrder } from './messages.ts'
import type { StepTally, Tally } from './tally.ts'

const MOST_KINDS = 10
/** Where a spectrum is cut, in percent. */
const CUTS = [0, 10, 25, 50, 75, 90, 95, 99, 99.9, 99.99, 100]
/** A pause of our own that can have made answers late. */
const OWN_PAUSE_MS = 100

function milliseconds(us: number): number {
  return Math.round(us) / 1000
}

function summaryOf(latency: Histogram, answered: number): LatencySummary | null {
  if (answered === 0) return null
  const at = (percentile: number): number => {
    // A cell of the histogram reaches a little beyond what was measured.
    return milliseconds(Math.min(latency.getValueAtPercentile(percentile), latency.maxValue))
  }
  return {
    min: milliseconds(latency.minNonZeroValue),
    mean: milliseconds(latency.mean),
    ...{ p50: at(50), p90: at(90), p99: at(99), p999: at(99.9), max: at(100) },
  }
}

function spectrumOf(latency: Histogram): SyntheticReport['spectrum'] {
  if (latency.totalCount === 0) return []
  const edges: { ms: number; count: number }[] = []
  let cell = 0
  let count = 0
  for (const cut of CUTS) {
    const us = latency.getValueAtPercentile(cut)
    for (const last = latency.countsArrayIndex(us); cell <= last; cell++) {
      count += latency.getCountAtIndex(cell)
    }
    if (edges.at(-1)?.count !== count) {
      edges.push({ ms: milliseconds(Math.min(us, latency.maxValue)), count })
    }
  }
  return edges
}

function stepReport(step: StepTally): StepReport {
  const { answered, errors, latency, name, requests } = step
  return { name, requests, errors, latency: summaryOf(latency, answered) }
}

export interface Measured {
  readonly tally: Tally
  /** Of the warm-up, which counts for nothing. */
  readonly warmUp: Tally
  readonly startedAt: Date
  /** Until the last answer. */
  readonly elapsedMs: number
  /** The longest time for which our own thread did not come to send. */
  readonly lateMs: number
}

function sum(
  steps: readonly StepTally[],
  of: 'requests' | 'errors' | 'answered' | 'goodInTime',
): number {
  return steps.reduce((total, step) => total + step[of], 0)
}

export function reportOf({ durationMs, order, run, transaction }: RunOrder, measured: Measured) {
  const { elapsedMs, lateMs, startedAt, tally, warmUp } = measured
  const { failed, steps, transactions } = tally
  const [requests, errors] = [sum(steps, 'requests'), sum(steps, 'errors')]
  const all = tally.latency()
  const failures = tally.failures()
  const figures: RunFigures = {
    ...{ transactions, failed, failures },
    errorRate: requests === 0 ? 1 : errors / requests,
    throughput: (sum(steps, 'goodInTime') * 1000) / durationMs,
    latency: summaryOf(all, sum(steps, 'answered')),
  }
  const asked = [...transaction.assertions, ...order.assertions]
  const assertions = asked.map((assertion) => judge(assertion, figures))
  const found = [...complaints(figures, assertions)]
  if (found.length > 0 && lateMs >= OWN_PAUSE_MS) {
    found.push(`Vertex itself stood still for ${Math.round(lateMs)} ms in this run`)
  }
  const { scenario, service, version } = order
  const { errorRate, latency, throughput } = figures
  return {
    ...{ run, service, version, scenario },
    startedAt: startedAt.toISOString(),
    durationMs: Math.round(elapsedMs - transaction.warmUpMs),
    ...{ transactions, failed, requests, errors, errorRate, throughput, latency },
    warmUp:
      transaction.warmUpMs === 0
        ? null
        : { transactions: warmUp.transactions, failed: warmUp.failed },
    spectrum: spectrumOf(all),
    steps: steps.map(stepReport),
    assertions,
    failures: failures.slice(0, MOST_KINDS),
    result: { healthy: found.length === 0, service, version, scenario, failures: found },
  } satisfies SyntheticReport
}
