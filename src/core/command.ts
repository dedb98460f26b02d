// What an operator can ask of a node and what the node answers: the vocabulary between the admin
// API (which runs in a thread of its own) and the control loop. Everything here can be posted
// between threads: plain data, no functions. The admin API adds only HTTP to it.

import type { EvidenceView, Explanation, ProofView, RiskView } from './explanation.ts'
import type { Convergence, FleetEntry, FleetView } from './fleet/view.ts'
import type { GateKind, GateResult } from './gate.ts'
import type { MirrorTally } from './gate.ts'
import type { TargetStanding } from './health.ts'
import type { JournalEntry } from './journal.ts'
import type { LatencyTotalsView } from './latency-totals.ts'
import type { Outcome } from './outcome.ts'
import type { Problem } from './problem.ts'
import type { Ending, Phase, Quarantined } from './service.ts'
import type { Assertion, SyntheticReport } from './synthetic.ts'
import type { Hold } from './verdict/readiness.ts'
import type { Weight } from './weight.ts'

/** Commands that change something. `ifMatch` is the revision that the operator has seen. */
export type Change =
  | {
      readonly do: 'weight'
      readonly service: string
      readonly weight: Weight
      readonly force: boolean
      readonly ifMatch: number | null
    }
  | {
      readonly do: 'deploy'
      readonly service: string
      readonly version: string
      /** Empty: the version must be resident already. */
      readonly targets: readonly string[]
      readonly replace: boolean
      /** Changes to the configured strategy; the JSON form of the config file. */
      readonly strategy: unknown
      readonly ifMatch: number | null
    }
  | {
      readonly do: 'promote'
      readonly service: string
      /** Go to 100 % without gates and without watching the steps between. */
      readonly full: boolean
      readonly ifMatch: number | null
    }
  | { readonly do: 'pause'; readonly service: string; readonly ifMatch: number | null }
  | { readonly do: 'resume'; readonly service: string; readonly ifMatch: number | null }
  | { readonly do: 'abort'; readonly service: string; readonly ifMatch: number | null }
  | {
      readonly do: 'rollback'
      readonly service: string
      /** Even when the version to return to has no healthy target. */
      readonly force: boolean
      readonly ifMatch: number | null
    }
  | {
      readonly do: 'retry'
      readonly service: string
      readonly version: string
      readonly ifMatch: number | null
    }
  | {
      readonly do: 'targets'
      readonly service: string
      readonly version: string
      readonly targets: readonly string[]
      readonly ifMatch: number | null
    }

/** Commands that only look. */
export type Question =
  | { readonly do: 'services' }
  | { readonly do: 'service'; readonly service: string }
  | { readonly do: 'node' }
  /** The newest entries of a service in the fleet's journal. */
  | { readonly do: 'fleet-journal'; readonly service: string; readonly count: number }

/** Sends synthetic transactions to a version, at any weight; changes nothing. */
export interface Probe {
  readonly do: 'synthetic'
  readonly service: string
  readonly version: string
  readonly scenario: string
  /** Besides those of the scenario. */
  readonly assertions: readonly Assertion[]
  /** Transactions a second, and how long; null: as the scenario says. */
  readonly rate: number | null
  readonly durationMs: number | null
}

export type Command = Change | Question | Probe

/** Figures of a version over the rolling window (60 s). Latencies in milliseconds. */
export interface VersionStats {
  readonly requests: number
  readonly errors: number
  /** A fraction, 0 without requests. */
  readonly errorRate: number
  readonly p50: number | null
  readonly p90: number | null
  readonly p99: number | null
  readonly inFlight: number
  /** Requests a second over the last full seconds of the window. */
  readonly rate: number
  /** Requests drawn for this version that stable answered after all. */
  readonly rescued: number
}

/** Counts since the version became resident; they only grow. For the metrics of the admin API. */
export interface VersionTotals {
  readonly outcomes: Readonly<Record<Outcome, number>>
  readonly rescued: number
  /** Of its answers that count for the verdict; nothing is added while it cannot be measured. */
  readonly latency: LatencyTotalsView
}

export interface TargetView {
  readonly url: string
  readonly healthy: boolean
  readonly standing: TargetStanding
  /** Why it is not healthy; empty when it is. */
  readonly reason: string
  /** Until when its requests speak against it, ISO 8601; null when time does not decide. */
  readonly until: string | null
  /** Of its fair share: 0 when it is out, below 1 in slow start. */
  readonly share: number
  readonly inFlight: number
}

export interface VersionView {
  readonly version: string
  /** Percent. */
  readonly weight: number
  readonly targets: readonly TargetView[]
  readonly stats: VersionStats
  readonly totals: VersionTotals
  /** Rollouts of it that began here: each may be wrong with probability alpha. */
  readonly tries: number
}

export interface GateView {
  readonly name: string
  readonly kind: GateKind
  readonly state: 'passed' | 'running' | 'waiting'
}

/** Gates that are under way. */
export interface GatesView {
  /** The weight in percent that they stand before. */
  readonly before: number
  /** When the one that is running began. */
  readonly sinceAt: string
  readonly gates: readonly GateView[]
}

export interface RolloutView {
  readonly id: string
  readonly phase: Phase
  /** 1-based; 0 before the first raise. */
  readonly step: number
  readonly steps: readonly { readonly weight: number; readonly observeSeconds: number }[]
  readonly paused: boolean
  /** What it waits for, or why it stands still: one sentence. */
  readonly reason: string
  /** The same as a word: `operator` when only a person can let it go on; null: for nothing. */
  readonly waitsFor: Hold['word'] | 'operator' | null
  readonly startedAt: string
  /** The gates that the next raise waits for; null while none run. */
  readonly gates: GatesView | null
  /** What came of the gates that ran last; their whole reports stand in the journal. */
  readonly gateReports: readonly GateResult[]
  /** What speaks against the candidate; empty before the first raise. */
  readonly evidence: readonly EvidenceView[]
  /** What has to be shown before the present step, or the bake, ends; empty when nothing has. */
  readonly proofs: readonly ProofView[]
  /** How bad the candidate may be in spite of all that was seen; null before the first raise. */
  readonly residualRisk: RiskView | null
  /** What mirrored requests have shown of the candidate; null: none was mirrored. */
  readonly mirror: MirrorTally | null
}

export interface EndedView {
  readonly id: string
  readonly ending: Ending
  readonly reason: string
  /** What was known when it ended; null where nothing was. */
  readonly explanation: Explanation | null
}

export interface ServiceView {
  readonly name: string
  readonly revision: number
  readonly stable: VersionView | null
  readonly candidate: VersionView | null
  readonly rollout: RolloutView | null
  readonly ended: EndedView | null
  readonly previous: {
    readonly version: string
    readonly healthy: boolean
    readonly retainedUntil: string
  } | null
  readonly quarantine: Readonly<Record<string, Quarantined>>
}

export interface ThreadView {
  readonly thread: number
  readonly connections: number
  /** How often it had to be replaced. */
  readonly restarts: number
}

export interface NodeView {
  readonly version: string
  readonly pid: number
  readonly ready: boolean
  readonly draining: boolean
  /** Sentences about what does not work as it should; empty when all is well. */
  readonly degraded: readonly string[]
  readonly startedAt: string
  readonly listen: string
  readonly threads: readonly ThreadView[]
  /** Null: it works alone. */
  readonly fleet: FleetView | null
}

export type Answer =
  | {
      readonly ok: true
      readonly answer: 'service'
      readonly service: ServiceView
      readonly note: string
      /** How far a change has come in the fleet by now; null for a look, and for a node alone. */
      readonly convergence: Convergence | null
    }
  | { readonly ok: true; readonly answer: 'services'; readonly services: readonly ServiceView[] }
  | { readonly ok: true; readonly answer: 'node'; readonly node: NodeView }
  | { readonly ok: true; readonly answer: 'synthetic'; readonly report: SyntheticReport }
  /** Oldest first. */
  | {
      readonly ok: true
      readonly answer: 'fleet-journal'
      readonly entries: readonly FleetEntry[]
    }
  | { readonly ok: false; readonly problem: Problem }

/** From the admin thread to the control thread. */
export interface Ask {
  readonly id: number
  readonly command: Command
}

/** Nobody waits any more for the answer to this question, which changes nothing (a Probe). */
export interface Cancel {
  readonly cancel: number
}

/** From the control thread to the admin thread. */
export type Tell =
  | { readonly tell: 'answer'; readonly id: number; readonly answer: Answer }
  | { readonly tell: 'event'; readonly entry: JournalEntry }
  | { readonly tell: 'listen' }
  | { readonly tell: 'listening'; readonly port: number }
  | { readonly tell: 'stop' }
