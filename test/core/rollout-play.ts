// Plays rollouts against the real state machine on a virtual clock, with fake traffic. Used by the
// simulations; it carries out no effect except that it remembers the weight that was assigned.

import type { RolloutEvent, ServiceDocument } from '../../src/core/events.ts'
import type { ArmCounts, Facts } from '../../src/core/facts.ts'
import { step } from '../../src/core/rollout.ts'
import { blankDocument, NO_FACTS, type Stepped } from '../../src/core/rollout/transition.ts'
import type { Strategy } from '../../src/core/strategy.ts'
import type { Random } from './random.ts'

export const STRATEGY: Strategy = {
  type: 'canary',
  steps: [
    { weight: 500, observeMs: 30_000 },
    { weight: 2500, observeMs: 60_000 },
    { weight: 10_000, observeMs: 60_000 },
  ],
  gates: [],
  onGateFailure: 'rollback',
  bakeMs: 60_000,
  warmUpMs: 10_000,
  warmUpRequests: 30,
  minRequests: 30,
  beta: 0.05,
  harmBudget: 10,
  maxHoldMs: 600_000,
  onInconclusive: 'pause',
  suspicion: 10,
  retainMs: 3_600_000,
  trigger: {
    mode: 'evidence',
    errorRateThreshold: 0.001,
    p99LatencyIncrease: 0.2,
    alpha: 0.01,
    maxUserErrors: null,
    minRequests: 100,
    windowMs: 60_000,
  },
}

export const GOOD_FACTS: Facts = {
  ...NO_FACTS,
  candidateResident: true,
  stable: { healthy: 1, total: 1 },
  candidate: { healthy: 1, total: 1 },
  given: { 'http://b:1': 0 },
  tail: { requests: 10_000, p99Us: 200_000, overP99: 100, tenthUs: 400_000, overTenth: 9 },
  memoryMs: 30_000,
}

/** How a version behaves: shares of its requests at a time. */
export interface Behaviour {
  readonly errors: (nowMs: number) => number
  /** Share over the version's own latency limit. */
  readonly slow: (nowMs: number) => number
}

export class Play {
  document: ServiceDocument = blankDocument('s')
  now = 0
  candidateRequests = 0
  candidateErrors = 0
  /** Requests a second, as the node would measure them. */
  ratePerSecond = 0

  constructor(strategy: Strategy = STRATEGY) {
    const versions = { a: ['http://a:1'], b: ['http://b:1'] }
    this.send({
      event: 'routing',
      versions,
      stable: 'a',
      candidate: null,
      weight: 0,
      hash: 'r.v',
      strategy,
    })
    this.send({
      event: 'deploy',
      version: 'b',
      targets: [],
      replace: false,
      strategy,
      ifMatch: null,
    })
    this.survey()
  }

  get weight(): number {
    return this.document.state.weight / 10_000
  }

  get isOver(): boolean {
    return this.document.state.rollout === null
  }

  get ending(): string {
    return this.document.state.ended?.ending ?? 'running'
  }

  send(event: RolloutEvent): Stepped {
    const stepped = step(this.document, event, this.now)
    if ('refused' in stepped) throw new Error(stepped.refused.detail)
    this.document = stepped.document
    return stepped
  }

  survey(changes: Partial<Facts> = {}): void {
    const given = { 'http://b:1': this.candidateRequests }
    this.send({
      event: 'survey',
      facts: { ...GOOD_FACTS, given, ratePerSecond: this.ratePerSecond, ...changes },
    })
  }

  tick(candidate: ArmCounts, stable: ArmCounts): void {
    this.candidateRequests += candidate.good + candidate.bad
    this.candidateErrors += candidate.bad
    this.send({ event: 'tick', candidate, stable, stableSlow: 0 })
  }

  /** Lets Poisson traffic flow until the rollout is over or the time is. */
  run(
    traffic: { rate: number; candidate: Behaviour; stable: Behaviour },
    options: { random: Random; tickMs: number; untilMs: number },
  ): void {
    const { random, tickMs, untilMs } = options
    let surveyedMs = this.now
    this.ratePerSecond = traffic.rate
    while (!this.isOver && this.now < untilMs) {
      this.now += tickMs
      const arrivals = (traffic.rate * tickMs) / 1000
      const arm = (share: number, behaviour: Behaviour): ArmCounts => {
        const requests = arrivals * share
        const bad = random.poisson(requests * behaviour.errors(this.now))
        const good = random.poisson(requests * (1 - behaviour.errors(this.now)))
        const measured = this.document.evidence?.warmUp === null
        const exceeded = measured ? random.poisson(requests * behaviour.slow(this.now)) : 0
        return { good, bad, exceeded, userErrors: 0 }
      }
      const { weight } = this
      this.tick(arm(weight, traffic.candidate), arm(1 - weight, traffic.stable))
      if (this.isOver || this.now - surveyedMs < 1000) continue
      surveyedMs = this.now
      this.survey()
    }
  }
}
