// What is counted and seen of a service: the numbers that the verdict and the rollout are given.
// The control side measures them; nothing here decides anything.

/**
 * Latency is evidence only of requests that were sent whole so soon after their draw: then a slow
 * one is known to have been drawn at a recent weight, however long an upload takes.
 */
export const SENT_WITHIN_MS = 1000

/** Loop, wheel and tick are each late by a few milliseconds, by more when the machine is busy. */
const LATENESS_MS = 1000

/**
 * How long after its draw a request may fail at most: it waits for a connection, then for the head
 * of its answer. Too long only costs power; too short lets the failures of an earlier, larger
 * weight count as if the present one had drawn them.
 */
export function requestMemoryMs(timeouts: { connectMs: number; responseHeadMs: number }): number {
  return timeouts.connectMs + timeouts.responseHeadMs + LATENESS_MS
}

/** Where latency is not judged a request that waits longer than this for its answer is slow. */
export const SLOW_BY_DEFAULT_US = 1_000_000

/** What one version's judged requests added since the last tick. */
export interface ArmCounts {
  readonly good: number
  readonly bad: number
  /** Requests that passed the latency limit; counted when they pass it, not when they end. */
  readonly exceeded: number
  /** Failures that reached a user (the others were rescued). */
  readonly userErrors: number
  /** Of `bad` and `exceeded`: those drawn before the assignment in force; absent: none. */
  readonly earlierBad?: number
  readonly earlierExceeded?: number
  /**
   * Of `bad`: errors of affinity buckets that have had one, which are no news to the comparison
   * with stable; absent: none.
   */
  readonly repeatedBad?: number
}

export const NO_COUNTS: ArmCounts = { good: 0, bad: 0, exceeded: 0, userErrors: 0 }

export interface TargetCounts {
  readonly healthy: number
  readonly total: number
  /**
   * Of the healthy ones: those that nobody has reached yet. Asked only of a candidate before its
   * first raise; elsewhere a target of which nothing is known is taken to be well.
   */
  readonly unproven?: number
  /** The first one that is not healthy, and why. */
  readonly why?: string
}

export const NO_TARGETS: TargetCounts = { healthy: 0, total: 0 }

/** Figures of a version over the trigger's window, for mode `threshold`. */
export interface WindowFigures {
  readonly requests: number
  readonly errors: number
  readonly p99Us: number | null
}

export const NO_FIGURES: WindowFigures = { requests: 0, errors: 0, p99Us: null }

/** Where the tail of stable's latency lies, for the anchor of the latency test. */
export interface TailFigures {
  /** Measured requests of stable's last 60 s. */
  readonly requests: number
  readonly p99Us: number
  readonly overP99: number
  /** The tenth largest latency; equals the smallest when there are fewer than ten. */
  readonly tenthUs: number
  readonly overTenth: number
}

/** What control saw when it last looked, once a second and before every command. */
export interface Facts {
  /** Every live edge thread serves from a table that holds the candidate. */
  readonly candidateResident: boolean
  readonly stable: TargetCounts
  readonly candidate: TargetCounts
  readonly previous: TargetCounts
  /**
   * Requests that each candidate target has been given so far, by its URL: those it has answered
   * and those in flight, so that one that never answers gets as warm as any other.
   */
  readonly given: Readonly<Record<string, number>>
  /** Requests and tunnels of the candidate that are going on. */
  readonly candidateInFlight: number
  readonly tail: TailFigures | null
  /** How long before its end a request may have been drawn: the response-head time-out. */
  readonly memoryMs: number
  readonly windows: { readonly candidate: WindowFigures; readonly stable: WindowFigures }
  /** Requests of both versions together, a second, over the last full seconds. */
  readonly ratePerSecond: number
  /** With affinity one error of each bucket counts in ten minutes; only the explanation says so. */
  readonly perBucket?: boolean
  /**
   * Why no weight may be raised here, as a clause ("Redis has been away for 12 s"); absent: it may.
   */
  readonly mayNotRaise?: string
}
