// The latencies of a version since it became resident, in the few buckets of a Prometheus
// histogram, so that somebody else can add the nodes of a fleet up and ask for a quantile of any
// time. The verdict and the views have finer ones (core/window.ts). What comes in is already
// rounded to an HDR cell, so a value within 1 % of a bound may stand on the other side of it.

/** The upper bounds in milliseconds; what is slower is beyond them all. */
export const LATENCY_BOUNDS_MS: readonly number[] = [
  ...[1, 2.5, 5, 10, 25, 50, 100, 250, 500],
  ...[1000, 2500, 5000, 10_000, 30_000],
]

export interface LatencyTotalsView {
  /** How many lie at or below each bound and above the one before; the last: above all of them. */
  readonly counts: readonly number[]
  readonly sumMs: number
}

export class LatencyTotals {
  readonly #counts: number[] = Array.from({ length: LATENCY_BOUNDS_MS.length + 1 }, () => 0)
  #sumUs = 0

  /** Adds so many requests that took so many microseconds each. */
  add(us: number, times: number): void {
    const found = LATENCY_BOUNDS_MS.findIndex((ms) => us <= ms * 1000)
    const at = found < 0 ? LATENCY_BOUNDS_MS.length : found
    this.#counts[at] = (this.#counts[at] ?? 0) + times
    this.#sumUs += us * times
  }

  view(): LatencyTotalsView {
    return { counts: [...this.#counts], sumMs: this.#sumUs / 1000 }
  }
}
