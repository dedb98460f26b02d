// What requests took that were sent just after something happened, beside those sent when nothing
// had happened for a while.

import type { LoadResult } from './load.ts'

/** How long after an event a request counts as of it. */
export const BUSY_MS = 200

/** The latencies of requests that were sent soon after one of these times, and of all others. */
export function besideEvents(
  result: LoadResult,
  at: {
    readonly events: readonly number[]
    /** What else happened, and is neither; the same times when left out. */
    readonly all?: readonly number[]
    /** What was sent before is left out. */
    readonly sinceMs: number
  },
): { busy: number[]; quiet: number[] } {
  const { events, all = events, sinceMs } = at
  const busy: number[] = []
  const quiet: number[] = []
  const isAfter = (sentMs: number, times: readonly number[]): boolean =>
    times.some((atMs) => sentMs >= atMs && sentMs < atMs + BUSY_MS)
  for (const [n, sentMs] of result.sentMs.entries()) {
    const ms = result.latencyMs[n] ?? Number.NaN
    if (Number.isNaN(ms) || sentMs < sinceMs) continue
    if (isAfter(sentMs, events)) busy.push(ms)
    else if (!isAfter(sentMs, all)) quiet.push(ms)
  }
  return { busy, quiet }
}

/** The value that so large a share of the others does not exceed. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}
