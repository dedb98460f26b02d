// What an operator wants of a rollout, after defaults: the steps, how long each is watched, and
// what makes a candidate bad. It is plain data: the config produces it, a rollout keeps its own
// copy of it, and the verdict and the state machine read it.

import type { Gate } from './gate.ts'
import type { Weight } from './weight.ts'

/** One raise and how long it is watched before the next. */
export interface Step {
  readonly weight: Weight
  /** The least time in milliseconds that passes before the next raise. */
  readonly observeMs: number
  /** What has to be passed before the raise to this step; absent: the strategy's. */
  readonly gates?: readonly Gate[]
}

/** When a candidate is bad. The letters are those of the verdict's literature. */
export interface Trigger {
  /**
   * `evidence`: tests that stay sound however often one looks. `threshold`: the literal reading.
   */
  readonly mode: 'evidence' | 'threshold'
  /** θ: the tolerated share of failed requests, a fraction in (0, 0.5); 0.001 is 0.1 %. */
  readonly errorRateThreshold: number
  /** λ − 1: the tolerated increase of p99, a fraction above 0; 0.2 is 20 %. */
  readonly p99LatencyIncrease: number
  /** α: the accepted probability that a whole rollout is rolled back falsely. */
  readonly alpha: number
  /** So many failures that reached a user end the rollout, whatever the rate; null: no limit. */
  readonly maxUserErrors: number | null
  /** In mode `threshold`: no judgement before the window holds so many candidate requests. */
  readonly minRequests: number
  /** In mode `threshold`: the length of the window in milliseconds. */
  readonly windowMs: number
}

export interface Strategy {
  readonly type: 'canary'
  /** At least one, weights rising, the last one 100 %. */
  readonly steps: readonly Step[]
  /** What has to be passed before every raise, in order. */
  readonly gates: readonly Gate[]
  /** What a gate that is not passed leads to. */
  readonly onGateFailure: 'rollback' | 'pause'
  /** How long the old stable stays ready at 100 % before the candidate is promoted. */
  readonly bakeMs: number
  /** Latency is ignored after a raise for this time … */
  readonly warmUpMs: number
  /** … and until each candidate target has answered so many requests (at most 3 × warmUpMs). */
  readonly warmUpRequests: number
  /** A step never ends before the candidate has had so many requests in it. */
  readonly minRequests: number
  /** β: the accepted probability that a raise is granted to a candidate that is harmful. */
  readonly beta: number
  /**
   * Errors that the candidate may cost in the next step's window: a rate that costs no more need
   * not be excluded before the raise.
   */
  readonly harmBudget: number
  /** How long a step that proves nothing is held behind its least time … */
  readonly maxHoldMs: number
  /** … and what happens then. */
  readonly onInconclusive: 'pause' | 'promote' | 'rollback'
  /** No raise while an evidence value stands above this. */
  readonly suspicion: number
  /**
   * How long the previous stable is kept after a promotion, so that `rollback` can return to it.
   */
  readonly retainMs: number
  readonly trigger: Trigger
}

/** The strategy with no gates, for what only plays a rollout: there nobody could pass them. */
export function withoutGates(strategy: Strategy): Strategy {
  const steps = strategy.steps.map(({ weight, observeMs }) => ({ weight, observeMs }))
  return { ...strategy, steps, gates: [] }
}
