// When a step may end. The passing of time is not enough: a raise needs the candidate to have been
// seen at work, nothing suspicious, all its targets in service, and the proof that it is harmless
// (proof.ts). The first thing that is missing is what the rollout waits for, in one sentence.

import type { Facts } from '../facts.ts'
import type { Strategy } from '../strategy.ts'
import { FULL_WEIGHT } from '../weight.ts'
import { type Evidence, readEvidence } from './evidence.ts'
import { suspicionOf } from './judge.ts'
import { isErrorsProven, isTailProven, type Proving, proofMissing } from './proof-missing.ts'
import type { Demand } from './proof.ts'
import { amount, count, seconds } from './words.ts'

/** Why a step does not end; the word is stable, the sentence is for people. */
export interface Hold {
  readonly word:
    | 'watching'
    | 'warming'
    | 'resident'
    | 'ejected'
    | 'unproven'
    | 'suspicion'
    | 'no-data'
    | 'requests'
    | 'errors-proof'
    | 'latency-proof'
    | 'reopened'
    | 'no-refuge'
    | 'gate'
    | 'fleet'
  readonly text: string
}

export interface Standstill {
  readonly evidence: Evidence
  readonly strategy: Strategy
  readonly facts: Facts
  /** What is left of the least time of the step. */
  readonly restMs: number
  readonly reopened: boolean
  /** What has to be excluded before the step ends; null: nothing has. */
  readonly demand: Demand | null
}

/** What a raise waits for on the side of the targets; null when nothing. */
export function targetsHold(facts: Facts): Hold | null {
  if (!facts.candidateResident) {
    return { word: 'resident', text: 'waits until every edge thread knows the candidate' }
  }
  const { healthy, total, unproven = 0, why } = facts.candidate
  const some = (number: number): string => `${number} of the candidate's ${count(total, 'target')}`
  if (healthy < total || total === 0) {
    const failing = total - healthy
    const verb = failing === 1 ? 'fails' : 'fail'
    const known = `holds as ${some(failing)} ${verb}: ${why}`
    const text = why === undefined ? `holds as ${some(failing)} is ejected` : known
    return { word: 'ejected', text }
  }
  if (unproven === 0) return null
  const verb = unproven === 1 ? 'has' : 'have'
  return { word: 'unproven', text: `waits as ${some(unproven)} ${verb} not been reached yet` }
}

/** What the end of a step waits for; null when it may end. */
export function stepHold(still: Standstill): Hold | null {
  if (still.reopened) {
    return { word: 'reopened', text: 'compares with stable again, as the candidate looks bad' }
  }
  if (still.restMs > 0) return new Watching(still.restMs)
  const ejected = targetsHold(still.facts)
  if (ejected !== null) return ejected
  const { evidence, strategy } = still
  const compared = evidence.weights.current < FULL_WEIGHT
  if (compared && strategy.trigger.mode === 'evidence' && evidence.warmUp !== null) {
    return {
      word: 'warming',
      text: 'waits until the candidate is warm, as latency is not judged yet',
    }
  }
  const suspicion = suspicionOf(readEvidence(evidence))
  if (strategy.trigger.mode === 'evidence' && suspicion > strategy.suspicion) {
    const limit = amount(strategy.suspicion)
    return {
      word: 'suspicion',
      text: `holds as the evidence against the candidate is ${amount(suspicion)}, above ${limit}`,
    }
  }
  return dataHold(still)
}

const NO_DATA =
  'holds as the candidate has had no request in this step, from which nothing can be concluded'

/** In mode `threshold`: no step ends on a window that is too small to be judged. */
function thresholdHold({ facts, strategy }: Standstill): Hold | null {
  const { minRequests, mode } = strategy.trigger
  if (mode === 'evidence') return null
  const few = minRequests - facts.windows.candidate.requests
  if (few <= 0) return null
  const text = `holds as the window needs ${count(few, 'more request')} of the candidate to be judged`
  return { word: 'requests', text }
}

/** What is still to be seen of the candidate before the step may end. */
function dataHold(still: Standstill): Hold | null {
  const { demand, evidence, facts, strategy } = still
  const { requests } = evidence.step
  if (requests === 0 && (demand !== null || strategy.minRequests > 0)) {
    return { word: 'no-data', text: NO_DATA }
  }
  const unjudged = thresholdHold(still)
  if (unjudged !== null) return unjudged
  const few = strategy.minRequests - requests
  if (few > 0) {
    const text = `holds as the candidate needs ${count(few, 'more request')} in this step`
    return { word: 'requests', text }
  }
  if (demand === null) return null
  const on = { demand, evidence, facts, strategy }
  if (!isErrorsProven(on)) return new ProofHold('errors-proof', on)
  return isTailProven(on) ? null : new ProofHold('latency-proof', on)
}

/** The first hold of every step: asked for at each tick, and told only when somebody looks. */
class Watching implements Hold {
  readonly word = 'watching'
  readonly #restMs: number

  constructor(restMs: number) {
    this.#restMs = restMs
  }

  get text(): string {
    return `watches for another ${seconds(this.#restMs)}`
  }
}

/**
 * It is asked for at each tick and told once: the numbers of the sentence cost more than the
 * answer. (A getter in an object literal would be defined anew each time, which costs as much.)
 */
class ProofHold implements Hold {
  readonly word: Hold['word']
  readonly #on: Proving

  constructor(word: Hold['word'], on: Proving) {
    this.word = word
    this.#on = on
  }

  get text(): string {
    return proofMissing(this.#on)
  }
}
