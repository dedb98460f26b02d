// The truth about one service, as it is kept in the ledger: which versions are resident, which of
// them is stable and which is the candidate, and the rollout between them. Plain JSON throughout.

import type { Explanation } from './explanation.ts'
import type { GateResult, GateRun } from './gate.ts'
import type { Problem } from './problem.ts'
import type { Strategy } from './strategy.ts'
import type { Weight } from './weight.ts'

/**
 * Where a rollout stands. proving: the candidate is resident at 0 % (gates run here); shifting: a
 * step's weight is in force; baking: 100 %, the old stable still ready; manual: a weight set by
 * hand, the verdict armed.
 */
export type Phase = 'proving' | 'shifting' | 'baking' | 'manual'

/** How a rollout ended. */
export type Ending = 'promoted' | 'aborted' | 'rolled-back' | 'superseded'

export interface Ended {
  /** The id of the rollout. */
  readonly id: string
  readonly ending: Ending
  readonly reason: string
  /** What was known when it ended; absent where it ended without a look at it. */
  readonly explanation?: Explanation
}

/** Why a rollout stands still; null while it moves. */
export interface Pause {
  readonly reason: string
  /** Milliseconds of the rollout's own clock at which it was paused. */
  readonly sinceMs: number
}

export interface Rollout {
  /** Unique over time, e.g. `default-7`; also salts the affinity hash. */
  readonly id: string
  readonly phase: Phase
  /** Index of the step in force, −1 before the first raise. */
  readonly step: number
  /** When the present step or phase began (the clock of `now`). */
  readonly stepSinceMs: number
  readonly startedMs: number
  readonly pause: Pause | null
  /** Weights granted so far; the i-th raise is entitled to γ = 0.7 / (i (i + 1)). */
  readonly raises: number
  readonly strategy: Strategy
  /** At 100 %: the comparison with stable has been reopened at 50/50. */
  readonly reopened: boolean
  /** How often it has been, in this rollout; absent: never. */
  readonly reopenings?: number
  /** The raise that waits for its gates; absent or null: none does. */
  readonly gate?: GateRun | null
  /** How often gates have been begun in this rollout; absent: never. */
  readonly gateRuns?: number
  /** What came of the gates that ran last; absent: none did. */
  readonly gateReports?: readonly GateResult[]
  /** What the last hold was journaled for, so that one hold is one line; null while it moves. */
  readonly held: string | null
}

export interface VersionRecord {
  readonly targets: readonly string[]
  /** Rollouts of it that began here: α is the risk of each, so many tries are wrong more often. */
  readonly tries?: number
}

export interface Quarantined {
  readonly reason: string
  /** The targets it had: the same name on other targets is another artifact. */
  readonly targets?: readonly string[]
  /** The sentence of the verdict that put it there. */
  readonly evidence: string
  /** ISO 8601. */
  readonly at: string
}

/** How bad it is for users: `critical` is bad and goes on. */
export type Severity = 'critical' | 'error' | 'warning'

/** What on-call was told of and has not ended well yet. */
export interface Incident {
  /** The candidate that it is about; null when it is about none. */
  readonly version: string | null
  /** ISO 8601. */
  readonly openedAt: string
  readonly severity: Severity
  /** The last page's sentence. */
  readonly text: string
}

/**
 * A rollout that ended aborted or rolled back. It is what an abort leaves behind in a fleet:
 * however histories are merged, a rollout with a tombstone has no traffic any more.
 */
export interface Tombstone {
  /** The id of the rollout. */
  readonly rollout: string
  /** Its candidate: histories that parted may have given one id twice. */
  readonly version: string
  readonly by: 'operator' | 'verdict' | 'rollout'
  readonly reason: string
  /** ISO 8601. */
  readonly at: string
}

export interface Previous {
  readonly version: string
  /** The rollout whose promotion has put it here; absent where that is not known. */
  readonly rollout?: string
  /** Until when `rollback` can return to it (the clock of `now`). */
  readonly retainedUntilMs: number
}

export interface ServiceState {
  readonly service: string
  /** Grows by one with every change; the `revision` of the API and the epoch of effects. */
  readonly epoch: number
  readonly versions: Readonly<Record<string, VersionRecord>>
  readonly stable: string | null
  readonly candidate: string | null
  readonly weight: Weight
  readonly rollout: Rollout | null
  /** How the last rollout ended, until the next begins. */
  readonly ended: Ended | null
  readonly previous: Previous | null
  readonly quarantine: Readonly<Record<string, Quarantined>>
  /** Open incidents by the id of their rollout, oldest first; absent: none. */
  readonly incidents?: Readonly<Record<string, Incident>>
  /** Rollouts that ended aborted or rolled back, the newest last; absent: none. */
  readonly tombstones?: readonly Tombstone[]
  /** A hash of the `routing` and `versions` block of the file that was applied last. */
  readonly routingHash: string | null
  /** Rollouts started so far; numbers their ids. */
  readonly rollouts: number
}

/** What a transition answers: a new state with effects, or a refusal that changes nothing. */
export type Refusal = { readonly refused: Problem }
