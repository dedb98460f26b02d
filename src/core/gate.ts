// What a candidate must pass before it is given more traffic: the vocabulary of gates. A gate is a
// row of the strategy; its report is what came of it. Who carries one out is control/gates/; what
// follows from a report is decided in core/rollout/. A gate fails closed: no report is no pass.

import type { JournalEntry, JournalKind } from './journal.ts'
import type { Pause, Phase } from './service.ts'
import type { Assertion } from './synthetic.ts'
import type { Weight } from './weight.ts'

interface GateBase {
  /** As messages call it, e.g. `checkout`; unique within its list. */
  readonly name: string
  /** No report within this time is a failure. */
  readonly timeoutMs: number
}

export type Gate =
  /** A synthetic transaction against the candidate's targets. */
  | (GateBase & {
      readonly kind: 'synthetic'
      readonly scenario: string
      /** Besides those of the scenario. */
      readonly assertions: readonly Assertion[]
    })
  /** A program with its arguments; exit code 0 passes. */
  | (GateBase & { readonly kind: 'command'; readonly command: readonly string[] })
  /** A POST that must be answered with 2xx. */
  | (GateBase & {
      readonly kind: 'webhook'
      readonly url: string
      /** A file whose content is sent as a bearer token; it is read at each call. */
      readonly tokenFile: string | null
    })
  /** A person says `promote`. */
  | (GateBase & { readonly kind: 'manual' })
  /** What mirrored requests have shown. A null bound is not asked for. */
  | (GateBase & {
      readonly kind: 'mirror'
      readonly minRequests: number
      /** Fractions and milliseconds; at most. */
      readonly errorRate: number | null
      readonly p99Ms: number | null
      readonly mismatchRate: number | null
    })

export type GateKind = Gate['kind']

export interface GateReport {
  readonly gate: string
  readonly kind: GateKind
  readonly passed: boolean
  /** One sentence: what it came to, e.g. `scenario "checkout": p99_latency is 61.2 ms, …`. */
  readonly reason: string
  /** ISO 8601. */
  readonly startedAt: string
  readonly durationMs: number
  /** The whole report in JSON: a SyntheticReport, the tail of a command's output, a status. */
  readonly details: unknown
}

/** A report without its details, as the service's state keeps it; the journal has the whole. */
export type GateResult = Omit<GateReport, 'details'>

/** The raise that gates stand before: what is done when all have been passed. */
export interface GatedRaise {
  readonly weight: Weight
  readonly phase: Phase
  readonly step: number
  readonly by: JournalEntry['by']
  readonly kind: JournalKind
  /** One sentence about the raise. */
  readonly text: string
}

/**
 * Gates that are under way. The one that runs now is `gates[reports.length]`; when there is none,
 * all have been passed and the raise is due.
 */
export interface GateRun {
  /** Unique over time, e.g. `shop-7/2`: what is reported of another run is ignored. */
  readonly run: string
  readonly raise: GatedRaise
  /** The pause that a weight set by hand puts a rollout into. */
  readonly pause: Pause | null
  readonly gates: readonly Gate[]
  readonly reports: readonly GateResult[]
  /** When each of them was passed (the clock of `now`). */
  readonly passedMs: readonly number[]
  /** When the present gate began, or the last one was passed (the clock of `now`). */
  readonly sinceMs: number
}

/** What mirrored requests have shown of a candidate since its rollout began. */
export interface MirrorTally {
  readonly service: string
  readonly version: string
  /** Mirrored requests that have ended. */
  readonly requests: number
  readonly errors: number
  /** Chosen to be mirrored, and left out as the budget was used up. */
  readonly dropped: number
  /** Milliseconds; null when nothing was answered. */
  readonly p50Ms: number | null
  readonly p99Ms: number | null
  /** Pairs of answers compared with each other, and how many differed in more than noise. */
  readonly compared: number
  readonly mismatched: number
  /** Up to 10 kinds of difference in words, with how often each was seen. */
  readonly differences: readonly { readonly text: string; readonly count: number }[]
}
