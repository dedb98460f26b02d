// What every transition of a rollout is made of: the document before, the document after, the
// effects in between, and the refusals. A change of the state raises the epoch by one; evidence
// and facts may change without it.

import type { Effect, EventName, RolloutEvent, ServiceDocument } from '../events.ts'
import { type Facts, NO_FIGURES, NO_TARGETS } from '../facts.ts'
import type { Problem } from '../problem.ts'
import type { Phase, Refusal, Rollout, ServiceState } from '../service.ts'
import type { Strategy } from '../strategy.ts'
import type { Evidence } from '../verdict/evidence.ts'
import type { Case } from '../verdict/judge.ts'

export interface Stepped {
  readonly document: ServiceDocument
  readonly effects: readonly Effect[]
  /** One sentence for the operator who asked; empty when nobody did. */
  readonly note: string
}

export type EventOf<K extends EventName> = Extract<RolloutEvent, { event: K }>

/** One cell of the table: what an event does to a service that stands where the cell is. */
export type Transition<K extends EventName> = (
  document: ServiceDocument,
  event: EventOf<K>,
  now: number,
) => Stepped | Refusal

/** Where a service stands: a phase of its rollout, or idle without one. */
export type Standing = 'idle' | Phase

export function standingOf(state: ServiceState): Standing {
  return state.rollout === null ? 'idle' : state.rollout.phase
}

export const NO_FACTS: Facts = {
  candidateResident: false,
  stable: NO_TARGETS,
  candidate: NO_TARGETS,
  previous: NO_TARGETS,
  given: {},
  candidateInFlight: 0,
  tail: null,
  memoryMs: 30_000,
  windows: { candidate: NO_FIGURES, stable: NO_FIGURES },
  ratePerSecond: 0,
}

/** A service of which nothing is known yet. */
export function blankDocument(service: string): ServiceDocument {
  return {
    state: {
      service,
      epoch: 0,
      versions: {},
      stable: null,
      candidate: null,
      weight: 0,
      rollout: null,
      ended: null,
      previous: null,
      quarantine: {},
      routingHash: null,
      rollouts: 0,
    },
    evidence: null,
    facts: NO_FACTS,
  }
}

export interface Change {
  readonly state: Partial<ServiceState>
  /** Left as it is when absent. */
  readonly evidence?: Evidence | null
  readonly note?: string
}

/** The document after a decision, one epoch later. */
export function moved(document: ServiceDocument, change: Change): ServiceDocument {
  const { state } = document
  return {
    ...document,
    state: { ...state, ...change.state, epoch: state.epoch + 1 },
    evidence: change.evidence === undefined ? document.evidence : change.evidence,
  }
}

export function unchanged(document: ServiceDocument, note = ''): Stepped {
  return { document, effects: [], note }
}

/** The row that a state asks for. */
export function assignmentOf(state: ServiceState): Effect {
  const { stable, candidate, weight } = state
  return { effect: 'assign', stable, candidate, weight }
}

export const PERSIST: Effect = { effect: 'persist' }
export const RESIDENCY: Effect = { effect: 'residency' }
export const NO_LIMITS: Effect = { effect: 'limits', stableUs: 0, candidateUs: 0 }

/** The limits that in-flight requests are measured against now. */
export function limitsOf(evidence: Evidence | null): Effect {
  if (evidence === null || evidence.anchor === null || evidence.warmUp !== null) return NO_LIMITS
  const { stableUs, candidateUs } = evidence.anchor
  return { effect: 'limits', stableUs, candidateUs }
}

export function evacuationOf(state: ServiceState): readonly Effect[] {
  return state.candidate === null ? [] : [{ effect: 'evacuate', version: state.candidate }]
}

/**
 * Takes the candidate out of traffic: the weight first, then limits and tunnels, and only then what
 * waits for the disk. Whatever tells of it follows.
 */
export function outOfTraffic(state: ServiceState): readonly Effect[] {
  return [assignmentOf(state), NO_LIMITS, ...evacuationOf(state), PERSIST]
}

/** A rollout of the service's that begins now, before its first raise. */
export function newRollout(
  state: ServiceState,
  begin: { phase: Phase; strategy: Strategy; now: number },
): Rollout {
  return {
    id: `${state.service}-${state.rollouts + 1}`,
    phase: begin.phase,
    step: -1,
    stepSinceMs: begin.now,
    startedMs: begin.now,
    pause: null,
    raises: 0,
    strategy: begin.strategy,
    reopened: false,
    held: null,
  }
}

/** How many rollouts of a version have begun here. */
export function triesOf(state: ServiceState, version: string): number {
  return state.versions[version]?.tries ?? 0
}

/** The versions with one try more of the candidate. */
export function withTry(state: ServiceState, candidate: string | null): ServiceState['versions'] {
  const known = candidate === null ? undefined : state.versions[candidate]
  if (candidate === null || known === undefined) return state.versions
  const tries = triesOf(state, candidate) + 1
  return { ...state.versions, [candidate]: { ...known, tries } }
}

/** What the judge is shown. */
export function caseOf(document: ServiceDocument, rollout: Rollout, evidence: Evidence): Case {
  return {
    evidence,
    strategy: rollout.strategy,
    reopened: rollout.reopened,
    windows: document.facts.windows,
  }
}

/** The rollout of a service that the table says has one. */
export function rolloutOf(document: ServiceDocument): Rollout {
  const { rollout } = document.state
  if (rollout === null) throw new Error(`service ${document.state.service} has no rollout`)
  return rollout
}

export function refuse(problem: Problem): Refusal {
  return { refused: problem }
}

export function conflict(code: string, title: string, detail: string): Refusal {
  return refuse({ status: 409, code, title, detail })
}
