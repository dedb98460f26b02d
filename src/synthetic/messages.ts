// What goes between the main thread and the thread that runs synthetic transactions: a run with
// everything it needs, and its report.

import type { SyntheticOrder, SyntheticReport } from '../core/synthetic.ts'
import type { Transaction } from '../core/transaction/transaction.ts'

/** A run with its numbers settled: nothing is left to the scenario. */
export interface RunOrder {
  /** Unique; the value of `x-vertex-synthetic`. */
  readonly run: string
  /** From 1; its number in `checking`. */
  readonly number: number
  readonly order: SyntheticOrder
  readonly transaction: Transaction
  /** Transactions a second. */
  readonly rate: number
  readonly durationMs: number
}

/** Whose answer is being checked, by number; 0 between answers. It says who holds a thread up. */
export type Checking = Int32Array<SharedArrayBuffer>

/** What the thread begins with. */
export interface Beginning {
  readonly checking: Checking
  readonly rehearses: boolean
}

export type ToThread =
  | { readonly do: 'run'; readonly run: RunOrder }
  /** Ends a run at once, without a report; that is acknowledged. */
  | { readonly do: 'stop'; readonly run: string }

/** A run has ended. */
export interface FromThread {
  readonly run: string
  /** Null: it was stopped. */
  readonly report: SyntheticReport | null
}
