// The vocabulary of synthetic transactions: what is ordered, what must hold, and what is reported.
// Plain data, so that the admin API, control, the thread that runs them and the SDK speak of the
// same things. Who runs one is synthetic/.

/** What an assertion is about: milliseconds, a fraction of the requests, requests a second. */
export type Metric = 'p99_latency' | 'error_rate' | 'throughput'

/** At most `threshold`, or at least `min`. */
export type Assertion =
  | { readonly metric: 'p99_latency' | 'error_rate'; readonly threshold: number }
  | { readonly metric: 'throughput'; readonly min: number }

export interface AssertionResult {
  readonly metric: Metric
  /** The threshold or the minimum, in the metric's unit. */
  readonly bound: number
  /** What was measured; null when nothing was. */
  readonly value: number | null
  readonly passed: boolean
  /** One sentence, e.g. `p99_latency is 61.2 ms, at most 50 ms is asked`. */
  readonly text: string
}

/** A run that is asked for. What is null comes from the scenario. */
export interface SyntheticOrder {
  readonly service: string
  readonly version: string
  /** `http://host:port`, at least one; the run goes straight to them, whatever the weight. */
  readonly targets: readonly string[]
  readonly scenario: string
  /** Besides those of the scenario. */
  readonly assertions: readonly Assertion[]
  /** Transactions a second. */
  readonly rate: number | null
  readonly durationMs: number | null
  /** Somebody wants to know, and no rollout waits for it: gates go before it. */
  readonly isProbe?: boolean
}

/** Latencies in milliseconds, from the time at which a request was due. */
export interface LatencySummary {
  readonly min: number
  readonly mean: number
  readonly p50: number
  readonly p90: number
  readonly p99: number
  readonly p999: number
  readonly max: number
}

/** The answer to "can this version process requests": what `probe.result` is. */
export interface HealthResult {
  readonly healthy: boolean
  readonly service: string
  readonly version: string
  readonly scenario: string
  /** One sentence for each thing that is not as it must be; empty when healthy. */
  readonly failures: readonly string[]
}

export interface StepReport {
  readonly name: string
  readonly requests: number
  readonly errors: number
  /** Null when nothing was answered. */
  readonly latency: LatencySummary | null
}

export interface SyntheticReport {
  /** The value of `x-vertex-synthetic` on each of its requests. */
  readonly run: string
  readonly service: string
  readonly version: string
  readonly scenario: string
  /** ISO 8601. */
  readonly startedAt: string
  /** Until the last answer, without the warm-up. */
  readonly durationMs: number
  /** Whole transactions: begun and failed. One that was due and could not be sent has failed. */
  readonly transactions: number
  readonly failed: number
  /** What was sent before those to warm the version up; it is in no other figure. */
  readonly warmUp: { readonly transactions: number; readonly failed: number } | null
  readonly requests: number
  readonly errors: number
  /** errors / requests; 1 when no request was made. */
  readonly errorRate: number
  /**
   * Requests answered as expected, a second: of each step, those within one duration from its
   * first answer on.
   */
  readonly throughput: number
  readonly latency: LatencySummary | null
  /** Upper edges in ms with how many requests lie at or below; for a spectrum. */
  readonly spectrum: readonly { readonly ms: number; readonly count: number }[]
  readonly steps: readonly StepReport[]
  readonly assertions: readonly AssertionResult[]
  /** Up to 10 kinds of failure in words, most frequent first, each with its count. */
  readonly failures: readonly { readonly text: string; readonly count: number }[]
  readonly result: HealthResult
}
