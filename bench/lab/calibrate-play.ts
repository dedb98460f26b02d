// Plays one rollout through the real state machine, `step(document, event, now)`, on a virtual
// clock: a tick of 100 ms with what the traffic brought, a survey each second. Effects are not
// carried out, except that the traffic follows the weight and the limits of the document. What is
// kept is what the bars ask for, and at each raise the numbers by which it can be checked from
// outside that it was proven and not merely waited for.

import type { RolloutEvent, ServiceDocument } from '../../src/core/events.ts'
import { type ArmCounts, type Facts, NO_COUNTS } from '../../src/core/facts.ts'
import { step } from '../../src/core/rollout.ts'
import { blankDocument, NO_FACTS } from '../../src/core/rollout/transition.ts'
import type { Strategy } from '../../src/core/strategy.ts'
import { readEvidence } from '../../src/core/verdict/evidence.ts'
import { FULL_WEIGHT } from '../../src/core/weight.ts'
import type { Dice } from './calibrate-dice.ts'
import { isProven } from './calibrate-oracle.ts'
import {
  type Counted,
  type Limits,
  TICK_MS,
  Traffic,
  type TrafficModel,
} from './calibrate-traffic.ts'

const SURVEY_MS = 1000
const STALE_MS = 10_000
const TARGET = 'http://127.0.0.1:2'
/** Connect, response head and lateness of the default settings. */
export const MEMORY_MS = 36_000

export interface Setup {
  readonly strategy: Strategy
  readonly traffic: TrafficModel
  /** Requests a second. */
  readonly rate: number
  readonly untilMs: number
  /** Keep the largest e-values; costs a little. */
  readonly suprema?: boolean
  /** The candidate's errors are counted from here on; from the beginning when absent. */
  readonly countFromMs?: number
  /** What the control side really gets to see of the counts; as they are when absent. */
  readonly carrier?: (dice: Dice) => Carrier
}

/** Brings counts from the nodes to the one that judges. */
export interface Carrier {
  carry(counted: Counted, nowMs: number): Counted
}

/** A raise behind the first one, or the promotion. */
export interface Advance {
  readonly atMs: number
  readonly weight: number
  /** Whether a second opinion finds it proven. */
  readonly proven: boolean
}

export interface Suprema {
  absolute: number
  relative: number
  errors: number
  tail: number
}

export interface Played {
  readonly ending: 'rolled-back' | 'promoted' | 'paused' | 'running'
  readonly atMs: number
  /** The weight at the end, before it was taken away. */
  readonly weight: number
  /** Of the candidate, counted by the traffic. */
  readonly requests: number
  readonly errors: number
  readonly advances: readonly Advance[]
  /** When 100 % was reached; null when it was not. */
  readonly fullMs: number | null
  readonly suprema: Suprema
  readonly reopened: boolean
  readonly text: string
}

export class Rollout {
  readonly #setup: Setup
  readonly #traffic: Traffic
  readonly #carrier: Carrier | null
  readonly #advances: Advance[] = []
  readonly #suprema: Suprema = { absolute: 0, relative: 0, errors: 0, tail: 0 }
  #facts: Facts = NO_FACTS
  #fullMs: number | null = null
  #reopened = false
  #errors = 0
  requests = 0
  now = 0
  document: ServiceDocument = blankDocument('s')

  constructor(setup: Setup, dice: Dice) {
    this.#setup = setup
    this.#traffic = new Traffic(setup.traffic, setup.rate, dice)
    this.#carrier = setup.carrier?.(dice) ?? null
    const { strategy } = setup
    const versions = { a: ['http://127.0.0.1:1'], b: [TARGET] }
    const routing = { versions, stable: 'a', candidate: null, weight: 0, hash: 'r.v', strategy }
    this.#send({ event: 'routing', ...routing })
    const deploy = { version: 'b', targets: [], replace: false, strategy, ifMatch: null }
    this.#send({ event: 'deploy', ...deploy })
    this.#survey()
  }

  get isOver(): boolean {
    return this.document.state.rollout === null
  }

  get weight(): number {
    return this.document.state.weight / FULL_WEIGHT
  }

  #send(event: RolloutEvent): void {
    const before = this.document
    const stepped = step(before, event, this.now)
    if ('refused' in stepped) throw new Error(stepped.refused.detail)
    this.document = stepped.document
    if (stepped.document.state.epoch === before.state.epoch) return
    this.#note(before, event.event === 'tick' ? event.candidate : NO_COUNTS)
  }

  /** Keeps what a raise or the promotion was built on. */
  #note(before: ServiceDocument, last: ArmCounts): void {
    const { rollout, weight } = this.document.state
    const was = before.state.rollout
    if (rollout?.reopened === true) this.#reopened = true
    const raised = rollout !== null && was !== null && rollout.step > was.step && was.step >= 0
    const promoted = rollout === null && this.document.state.ended?.ending === 'promoted'
    if (raised || promoted) {
      const relative = this.document.evidence?.proof.relative ?? null
      const proven = isProven(before, { last, relative })
      this.#advances.push({ atMs: this.now, weight, proven })
    }
    if (weight === FULL_WEIGHT) this.#fullMs ??= this.now
  }

  #limits(): Limits | null {
    const { evidence } = this.document
    if (evidence === null || evidence.anchor === null || evidence.warmUp !== null) return null
    return evidence.anchor
  }

  #survey(): void {
    const stable = { ...this.#traffic.stableMinute(), p99Us: null }
    this.#facts = {
      ...NO_FACTS,
      candidateResident: true,
      stable: { healthy: 1, total: 1 },
      candidate: { healthy: 1, total: 1 },
      given: { [TARGET]: this.requests },
      tail: this.#isTailWanted() ? this.#traffic.tail() : this.#facts.tail,
      memoryMs: MEMORY_MS,
      windows: { ...NO_FACTS.windows, stable },
      ratePerSecond: this.#traffic.ratePerSecond(),
    }
    this.#send({ event: 'survey', facts: this.#facts })
  }

  /**
   * Stable's tail is only read where a limit may be fixed, or fixed anew because hardly anything
   * passes it; drawing it in vain would cost time.
   */
  #isTailWanted(): boolean {
    const { evidence, state } = this.document
    if (evidence === null || state.rollout === null || evidence.anchor === null) return true
    // At 100 % a limit is fixed when the comparison is reopened, from what is left of stable's
    // past.
    if (state.weight === FULL_WEIGHT) return this.now % STALE_MS === 0
    if (evidence.anchor.over < 0.006 * evidence.anchor.requests) return true
    const least = state.rollout.strategy.steps[state.rollout.step]?.observeMs ?? 0
    return this.now - state.rollout.stepSinceMs >= least - SURVEY_MS
  }

  /** One tick; false when the rollout is over. */
  tick(): boolean {
    this.now += TICK_MS
    const at = { nowMs: this.now, weight: this.weight, limits: this.#limits() }
    const drawn = this.#traffic.tick(at)
    this.requests += drawn.candidate.good + drawn.candidate.bad
    if (this.now > (this.#setup.countFromMs ?? 0)) this.#errors += drawn.candidate.bad
    const { candidate, stable, stableSlow } = this.#carrier?.carry(drawn, this.now) ?? drawn
    this.#send({ event: 'tick', candidate, stable, stableSlow })
    if (this.#setup.suprema === true) this.#keepSuprema()
    if (this.isOver) return false
    if (this.now % SURVEY_MS === 0) this.#survey()
    return !this.isOver
  }

  #keepSuprema(): void {
    const { evidence } = this.document
    if (evidence === null) {
      // The evidence has gone with the rollout, which had reached the bar.
      if (this.document.state.ended?.ending === 'rolled-back') this.#suprema.errors = Infinity
      return
    }
    const values = readEvidence(evidence)
    const kept = this.#suprema
    kept.absolute = Math.max(kept.absolute, values.absolute)
    kept.relative = Math.max(kept.relative, values.relative)
    kept.errors = Math.max(kept.errors, values.errors)
    kept.tail = Math.max(kept.tail, values.tail)
  }

  result(weight: number): Played {
    const { ended, rollout } = this.document.state
    const over = ended?.ending === 'promoted' ? 'promoted' : 'rolled-back'
    const open = rollout?.pause === null ? 'running' : 'paused'
    return {
      ending: rollout === null ? over : open,
      atMs: this.now,
      weight,
      requests: this.requests,
      errors: this.#errors,
      advances: this.#advances,
      fullMs: this.#fullMs,
      suprema: this.#suprema,
      reopened: this.#reopened,
      text: ended?.reason ?? '',
    }
  }
}

/** Plays a rollout until it is over or the time is. */
export function playRollout(setup: Setup, dice: Dice): Played {
  const rollout = new Rollout(setup, dice)
  return rollout.result(playOut(rollout, setup.untilMs))
}

/** The last weight before the end; a loop of its own, which the compiler likes best. */
function playOut(rollout: Rollout, untilMs: number): number {
  let { weight } = rollout
  while (rollout.now < untilMs && rollout.tick()) weight = rollout.weight
  return weight
}
