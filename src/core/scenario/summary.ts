// What many runs of a scenario say together: how often each ending, and for each the median and the
// 95th percentile of the time and of the candidate's requests that it has cost.

import type { Run, RunEnding } from './play.ts'

export interface Figure {
  readonly median: number
  readonly p95: number
}

export interface EndingSummary {
  readonly ending: RunEnding
  readonly runs: number
  /** Of all runs. */
  readonly share: number
  /** Seconds since the first raise. */
  readonly seconds: Figure
  readonly candidateRequests: Figure
  readonly badRequests: Figure
  /** Bad ones that reached a user. */
  readonly userErrors: Figure
}

const ENDINGS: readonly RunEnding[] = ['promoted', 'rolled-back', 'paused', 'running']

/** The value below which a share of the values lies (nearest rank). */
function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0
}

function figureOf(values: readonly number[]): Figure {
  const sorted = values.toSorted((some, other) => some - other)
  return { median: percentile(sorted, 0.5), p95: percentile(sorted, 0.95) }
}

/** One row an ending; endings that no run had have `runs` 0. */
export function summarize(runs: readonly Run[]): readonly EndingSummary[] {
  return ENDINGS.map((ending) => {
    const those = runs.filter((run) => run.ending === ending)
    return {
      ending,
      runs: those.length,
      share: runs.length === 0 ? 0 : those.length / runs.length,
      seconds: figureOf(those.map((run) => run.atMs / 1000)),
      candidateRequests: figureOf(those.map((run) => run.candidate.requests)),
      badRequests: figureOf(those.map((run) => run.candidate.errors)),
      userErrors: figureOf(those.map((run) => run.candidate.userErrors)),
    }
  })
}
