// The whole vocabulary of a rollout: what can happen to it (events) and what it can ask to be done
// (effects). `rollout.ts` turns the one into the other and does nothing itself; control/ carries
// the effects out, one after the other, in the order in which they stand.
//
// Effects are data. Each list belongs to one epoch (the revision of the service after the
// decision): an `assign` that is reached when the service has moved on to a later epoch is left
// out, and a result that comes back with an earlier epoch is ignored. That one rule is what lets
// an abort overtake a raise that still waits for the disk.
//
// The order says what must survive what. A raise is journaled and persisted before its weight is
// stored, so that a node killed in between comes back with less, never with more. A rollback stores
// the weight first, and whatever is slow (ledger, journal, page) follows.

import type { ArmCounts, Facts } from './facts.ts'
import type { GateReport } from './gate.ts'
import type { JournalEntry, JournalKind } from './journal.ts'
import type { Quarantined, ServiceState, Severity, Tombstone } from './service.ts'
import type { Strategy } from './strategy.ts'
import type { Evidence } from './verdict/evidence.ts'
import type { Weight } from './weight.ts'

/** All that is kept of a service: the ledger's document. Plain JSON. */
export interface ServiceDocument {
  readonly state: ServiceState
  /** The tests of the rollout that runs; null without one. */
  readonly evidence: Evidence | null
  readonly facts: Facts
}

interface FromOperator {
  /** The revision that the operator has seen, or null. */
  readonly ifMatch: number | null
}

/** What can happen. The first group comes from operators, the second from control. */
export type RolloutEvent =
  | (FromOperator & {
      readonly event: 'deploy'
      readonly version: string
      /** Empty: the version is known already. */
      readonly targets: readonly string[]
      readonly replace: boolean
      readonly strategy: Strategy
    })
  | (FromOperator & {
      readonly event: 'weight'
      readonly weight: Weight
      /** A raise also when a target of the candidate is out; gates are passed over, too. */
      readonly force: boolean
      /** Gates are run although it is forced: the weight comes from the file. */
      readonly gates?: 'run'
      /** Used when this opens phase `manual`. */
      readonly strategy: Strategy
    })
  | (FromOperator & { readonly event: 'promote'; readonly full: boolean })
  | (FromOperator & { readonly event: 'pause' })
  | (FromOperator & { readonly event: 'resume' })
  | (FromOperator & { readonly event: 'abort' })
  | (FromOperator & { readonly event: 'rollback'; readonly force: boolean })
  | (FromOperator & { readonly event: 'retry'; readonly version: string })
  | (FromOperator & {
      readonly event: 'targets'
      readonly version: string
      readonly targets: readonly string[]
    })
  /** The file's `routing` or `versions` block is not the one that was applied last. */
  | {
      readonly event: 'routing'
      readonly versions: Readonly<Record<string, readonly string[]>>
      readonly stable: string | null
      readonly candidate: string | null
      readonly weight: Weight
      /** `<hash of routing>.<hash of versions>`. */
      readonly hash: string
      readonly strategy: Strategy
    }
  /** Requests were counted, or 20 ms passed. */
  | {
      readonly event: 'tick'
      readonly candidate: ArmCounts
      readonly stable: ArmCounts
      /** Stable's slow requests in flight, read before the counts. */
      readonly stableSlow: number
    }
  /** A gate has come to an end; `run` is the run that it was part of. */
  | { readonly event: 'gated'; readonly run: string; readonly report: GateReport }
  /** Control looked at targets and windows. */
  | { readonly event: 'survey'; readonly facts: Facts }
  /** The process came up and found this rollout in its state. */
  | {
      readonly event: 'restarted'
      /** Another node has watched until now: this one goes on with the step where it stands. */
      readonly watched?: boolean
    }
  /** A raise could not be saved; `weight` is the one that is still in force. */
  | {
      readonly event: 'unsaved'
      readonly epoch: number
      readonly weight: Weight
      readonly reason: string
      /** No other raise is tried until somebody looks; else as soon as one may be saved again. */
      readonly pauses: boolean
    }
  /** A rollout has ended for the worse on a node of the fleet, and here it is not known yet. */
  | {
      readonly event: 'entombed'
      readonly tombstone: Tombstone
      /** The node that knew of it. */
      readonly node: string
      /** What that node holds against the version. */
      readonly quarantine?: Quarantined
    }

export type EventName = RolloutEvent['event']

/** What can be asked to be done. */
export type Effect =
  /** Publish the assignment row: synchronous, one atomic store. */
  | {
      readonly effect: 'assign'
      readonly stable: string | null
      readonly candidate: string | null
      readonly weight: Weight
    }
  /** Save the document in the ledger; what follows waits for it. */
  | { readonly effect: 'persist' }
  | {
      readonly effect: 'journal'
      readonly kind: JournalKind
      readonly text: string
      readonly by: JournalEntry['by']
      readonly weight: Weight
      readonly evidence?: unknown
    }
  /** Send on-call a page; nothing waits for it. The first of an incident opens it. */
  | {
      readonly effect: 'page'
      /** The id of the rollout. */
      readonly incident: string
      readonly version: string | null
      readonly severity: Severity
      readonly text: string
      readonly evidence: unknown
    }
  /** Tell on-call that an incident has ended well. */
  | { readonly effect: 'resolve'; readonly incident: string; readonly text: string }
  /** Make the versions of the state resident in all edge threads; what follows waits for it. */
  | { readonly effect: 'residency' }
  /** Latency limits in microseconds that in-flight requests are measured against; 0 is none. */
  | { readonly effect: 'limits'; readonly stableUs: number; readonly candidateUs: number }
  /** Close the tunnels of a version after the tunnel drain time. */
  | { readonly effect: 'evacuate'; readonly version: string }

/** How many of these effects are of a kind. */
export function countOf(effects: readonly Effect[], kind: Effect['effect']): number {
  return effects.filter(({ effect }) => effect === kind).length
}
