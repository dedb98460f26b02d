// A described scenario: how much traffic there is, how the two versions behave, and what changes
// when. Times count from the first raise. It is played by play.ts; config/scenario.ts reads it.

import type { Latency } from './latency.ts'

export interface Behaviour {
  /** Shares of the requests: those that fail at once, and those that are never answered. */
  readonly errors: number
  readonly hangs: number
  readonly latency: Latency
}

export interface Conditions {
  /** Requests a second of both versions together. */
  readonly rate: number
  readonly stable: Behaviour
  readonly candidate: Behaviour
}

export interface Change {
  readonly atMs: number
  /** How long it lasts; null: for good. */
  readonly forMs: number | null
  readonly rate?: number
  readonly stable?: Partial<Behaviour>
  readonly candidate?: Partial<Behaviour>
}

export interface Scenario extends Conditions {
  /** A run ends here at the latest. */
  readonly durationMs: number
  /** The share of the candidate's failures that stable answers in its place. */
  readonly rescued: number
  /** After this a request that is not answered has failed. */
  readonly responseHeadMs: number
  /** Those that hold at the same time win in their order. */
  readonly changes: readonly Change[]
}

/** What holds at a time. */
export function conditionsAt(scenario: Scenario, atMs: number): Conditions {
  let { candidate, rate, stable } = scenario
  for (const change of scenario.changes) {
    const over = change.forMs !== null && atMs >= change.atMs + change.forMs
    if (atMs < change.atMs || over) continue
    rate = change.rate ?? rate
    stable = { ...stable, ...change.stable }
    candidate = { ...candidate, ...change.candidate }
  }
  return { rate, stable, candidate }
}
