// What the calls of the SDK take, and what they give beyond the views of the core. Everything that
// is optional may also be `undefined`, so that a value of the environment can be handed on as it
// is. It decides nothing.

import type { ServiceView } from '../core/command.ts'
import type { Convergence } from '../core/fleet/view.ts'
import type { JournalEntry, JournalKind } from '../core/journal.ts'
import type { Assertion } from '../core/synthetic.ts'

export interface ClientOptions {
  /** Of the admin API, `http://127.0.0.1:9900` by default. A path before `/v1` is kept. */
  readonly url?: string | undefined
  /** The node's bearer token; none by default. */
  readonly token?: string | null | undefined
  /** The service that calls are about which name none; `default` by default. */
  readonly service?: string | undefined
  /** For a whole call, in milliseconds; 10,000 by default. Not for synthetic transactions. */
  readonly timeoutMs?: number | undefined
  /** Ends all calls of the client. */
  readonly signal?: AbortSignal | undefined
  /** Instead of the global fetch, e.g. one that goes through a proxy or trusts an own CA. */
  readonly fetch?: typeof fetch | undefined
}

export interface CallOptions {
  /** Ends this call: it rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined
  /** For this call, in milliseconds. */
  readonly timeoutMs?: number | undefined
}

export interface ServiceOptions extends CallOptions {
  /** The client's service by default. */
  readonly service?: string | undefined
}

export interface ChangeOptions extends ServiceOptions {
  /** The `revision` that the change is meant for: with any other it is refused with 412. */
  readonly ifMatch?: number | undefined
}

export interface WeightOptions extends ChangeOptions {
  /** A raise at once, past the gates and without a look at the candidate's targets. */
  readonly force?: boolean | undefined
}

export interface DeployOptions extends ChangeOptions {
  /** `http://host:port`, one or more; none for a version that is resident already. */
  readonly targets?: readonly string[] | undefined
  /** Supersede a rollout that runs. */
  readonly replace?: boolean | undefined
  /** Changes to the configured strategy, as `deploy_strategy` of the config file. */
  readonly strategy?: Readonly<Record<string, unknown>> | undefined
}

export interface PromoteOptions extends ChangeOptions {
  /** To 100 % at once, without gates and without watching the steps between. */
  readonly full?: boolean | undefined
}

export interface RollbackOptions extends ChangeOptions {
  /** Even when the version to return to has no healthy target. */
  readonly force?: boolean | undefined
}

/** A synthetic transaction that is asked for. */
export interface SyntheticTransaction extends ServiceOptions {
  readonly version: string
  /** The name of a scenario of the node. */
  readonly scenario: string
  /** Besides those of the scenario. */
  readonly assertions?: readonly Assertion[] | undefined
  /** Transactions a second; as the scenario says by default. */
  readonly rate?: number | undefined
  /** Such as `10s`; as the scenario says by default. */
  readonly duration?: string | undefined
}

export interface JournalOptions extends CallOptions {
  /** Entries of this service only; of all services and of the node by default. */
  readonly service?: string | undefined
  /** Entries with a greater `seq`, oldest first; without it the newest. */
  readonly after?: number | undefined
  /** 1 to 1000; 100 by default. */
  readonly limit?: number | undefined
  /** Entries of these kinds only. */
  readonly kinds?: readonly JournalKind[] | undefined
}

export interface FleetJournalOptions extends ServiceOptions {
  /** 1 to 1000; 100 by default. */
  readonly limit?: number | undefined
}

export interface EventsOptions {
  /** Entries of this service only; of all services and of the node by default. */
  readonly service?: string | undefined
  /** First what came after this `seq`, at most 10,000 entries of it; by default what is new. */
  readonly after?: number | undefined
  /** Ends the iteration; `break` does too. */
  readonly signal?: AbortSignal | undefined
  /** For the start of an answer, in milliseconds. */
  readonly timeoutMs?: number | undefined
  /** Connections in a row that may fail before the iteration does; 10 by default. */
  readonly reconnects?: number | undefined
}

/** A service after a change, with a sentence about what was done or why nothing had to be. */
export type Changed = ServiceView & {
  readonly note: string
  /** How far it has come in the fleet by now; null: the node works alone. */
  readonly convergence: Convergence | null
}

export interface JournalPage {
  readonly entries: readonly JournalEntry[]
  /** Where to go on: the next value of `after`; null at the end of the journal. */
  readonly next: number | null
  /** The newest `seq` that was looked at; null when there was none. */
  readonly last: number | null
}

export interface Readiness {
  readonly ready: boolean
  /** Why traffic should not come here; empty when it may. */
  readonly detail: string
}

/** The contract: an OpenAPI 3.1 document. */
export interface OpenApiDocument {
  readonly openapi: string
  readonly info: { readonly title: string; readonly version: string }
  /** By path, then by method in lower case. */
  readonly paths: Readonly<Record<string, Readonly<Record<string, unknown>>>>
  readonly [member: string]: unknown
}
