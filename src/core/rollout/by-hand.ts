// A weight set by an operator. Without a rollout it opens phase `manual`: no steps, the verdict
// armed. In a rollout it pauses the steps, and needs the revision that the operator has seen.
// Weight 0 sends nobody to the candidate any more; in phase `manual` it also ends it. Tunnels that
// are open go on until they end by themselves: only an abort closes them.

import type { Effect, ServiceDocument } from '../events.ts'
import { type FoldRecord, weightRecord } from '../replay/record.ts'
import type { GatedRaise } from '../gate.ts'
import type { Pause, Refusal, Rollout } from '../service.ts'
import { foldLowering, noteWeightIn, withControl } from '../verdict/evidence.ts'
import { FULL_WEIGHT, percentFromWeight, type Weight } from '../weight.ts'
import { endedDocument } from './end.ts'
import { noRaiseRefusal } from './no-raise.ts'
import { quarantineRefusal } from './quarantine.ts'
import { raiseGated } from './gates.ts'
import { phaseOf, raiseTo } from './raise.ts'
import { ejectedRefusal, takenTarget } from './targets.ts'
import {
  assignmentOf,
  conflict,
  type EventOf,
  limitsOf,
  moved,
  newRollout,
  NO_LIMITS,
  PERSIST,
  RESIDENCY,
  refuse,
  rolloutOf,
  type Stepped,
  unchanged,
  withTry,
} from './transition.ts'

function cannotServe(document: ServiceDocument, event: EventOf<'weight'>): Refusal | null {
  const { state } = document
  const { weight } = event
  if (state.candidate === null) {
    return conflict(
      'no-candidate',
      'No candidate',
      `Cannot set a weight as ${state.service} has no candidate: deploy a version first`,
    )
  }
  if (state.stable === null && weight < FULL_WEIGHT && weight !== state.weight) {
    return conflict(
      'no-stable',
      'No stable version',
      `Cannot set a weight below 100 % as there is no stable version for the rest: current value ` +
        `is ${percentFromWeight(state.weight)} %`,
    )
  }
  if (weight === 0) return null
  const quarantined = quarantineRefusal(state, state.candidate, [])
  if (quarantined !== null || weight <= state.weight) return quarantined
  return cannotRaise(document, { candidate: state.candidate, force: event.force })
}

function cannotRaise(
  document: ServiceDocument,
  { candidate, force }: { candidate: string; force: boolean },
): Refusal | null {
  const { facts, state } = document
  const nowhere = noRaiseRefusal(document, 'raise the weight')
  if (nowhere !== null) return nowhere
  const taken = takenTarget(state, {
    action: 'set the weight',
    targets: state.versions[candidate]?.targets ?? [],
    other: state.stable,
  })
  if (taken !== null) return taken
  if (!facts.candidateResident) {
    return conflict(
      'not-resident',
      'Candidate not resident',
      `Cannot raise the weight as not every edge thread knows ${candidate} yet: current ` +
        `value is ${percentFromWeight(state.weight)} %`,
    )
  }
  const instead = 'Force raises it all the same'
  return force ? null : ejectedRefusal(document, { action: 'raise the weight', instead })
}

function journalWeight(text: string, weight: Weight, record?: FoldRecord): Effect {
  const entry = { effect: 'journal', kind: 'weight', text, by: 'operator', weight } as const
  return record === undefined ? entry : { ...entry, evidence: record }
}

const BY_HAND = { phase: 'manual', step: -1, by: 'operator', kind: 'weight' } as const

/** A raise by hand runs the gates before it, unless it is forced. */
function raisedByHand(
  document: ServiceDocument,
  order: { raise: GatedRaise; event: EventOf<'weight'>; now: number; pause?: Pause },
): Stepped {
  const { event, now, pause = null, raise } = order
  // A file that names a weight has the last word about targets, not about gates.
  const isGated = event.gates === 'run' || !event.force
  if (isGated) return raiseGated(document, raise, { now, pause })
  const raised = raiseTo(document, { ...raise, now })
  if (pause === null) return raised
  const { state } = raised.document
  const paused = { ...state, rollout: { ...rolloutOf(raised.document), pause } }
  return { ...raised, document: { ...raised.document, state: paused } }
}

/** A weight without a rollout: opens phase `manual`. */
export function openManual(
  document: ServiceDocument,
  event: EventOf<'weight'>,
  now: number,
): Stepped | Refusal {
  const refusal = cannotServe(document, event)
  if (refusal !== null) return refusal
  const { state } = document
  if (event.weight === 0) return unchanged(document, `${state.candidate} is at 0 % already`)
  const rollout = newRollout(state, { phase: 'manual', strategy: event.strategy, now })
  const versions = withTry(state, state.candidate)
  const opened: ServiceDocument = {
    ...document,
    evidence: null,
    state: { ...state, versions, rollout, ended: null, rollouts: state.rollouts + 1 },
  }
  const { weight } = event
  const text = `${state.candidate} was set to ${percentFromWeight(weight)} % by hand`
  const raised = raisedByHand(opened, { raise: { ...BY_HAND, weight, text }, event, now })
  // The affinity is salted with the rollout's id, which is new.
  return { ...raised, effects: [...raised.effects, RESIDENCY] }
}

/** Lowers the weight: the store first, as less is always safe. */
export function lowered(
  document: ServiceDocument,
  order: { weight: Weight; rollout: Rollout; text: string; now: number },
): Stepped {
  const { evidence, facts } = document
  const { weight, now } = order
  const change = { weight, nowMs: now, memoryMs: facts.memoryMs }
  // From less than 100 % the largest weight of the last time-out explains what was drawn before.
  const fold = document.state.weight === FULL_WEIGHT ? foldLowering : noteWeightIn
  const { trigger } = order.rollout.strategy
  const noted = evidence === null ? null : fold(withControl(evidence, trigger), change)
  const next = moved(document, { evidence: noted, state: { weight, rollout: order.rollout } })
  return {
    document: next,
    note: order.text,
    effects: [
      assignmentOf(next.state),
      limitsOf(noted),
      PERSIST,
      journalWeight(order.text, weight, weightRecord({ fold: 'lowering', ...change }, next)),
    ],
  }
}

/** Another weight in phase `manual`; 0 ends it. */
export function changeManual(
  document: ServiceDocument,
  event: EventOf<'weight'>,
  now: number,
): Stepped | Refusal {
  const refusal = cannotServe(document, event)
  if (refusal !== null) return refusal
  const { state } = document
  const { weight } = event
  const rollout = { ...rolloutOf(document), reopened: false, gate: null }
  const text = `${state.candidate} was set to ${percentFromWeight(weight)} % by hand`
  if (weight === 0) {
    const next = endedDocument(document, { ending: 'aborted', reason: text, by: 'operator', now })
    return {
      document: next,
      note: text,
      effects: [assignmentOf(next.state), NO_LIMITS, PERSIST, journalWeight(text, 0)],
    }
  }
  const { reopened } = rolloutOf(document)
  if (weight === state.weight && !reopened) return unchanged(document, `the weight is as it was`)
  // The same weight in a reopened comparison: from now on it stays, by the operator's order.
  if (weight <= state.weight) return lowered(document, { weight, rollout, text, now })
  return raisedByHand(document, { raise: { ...BY_HAND, weight, text }, event, now })
}

/** A weight in the middle of a rollout: takes the steps' place, so it pauses them. */
export function takeOver(
  document: ServiceDocument,
  event: EventOf<'weight'>,
  now: number,
): Stepped | Refusal {
  const refusal = cannotServe(document, event)
  if (refusal !== null) return refusal
  const { state } = document
  if (event.ifMatch === null) {
    return refuse({
      status: 428,
      code: 'revision-required',
      title: 'Revision required',
      detail:
        `Cannot set the weight of a running rollout without If-Match: ` +
        `current revision is ${state.epoch}`,
    })
  }
  const { weight } = event
  const rollout = rolloutOf(document)
  const { steps } = rollout.strategy
  const pause = { reason: 'manual weight', sinceMs: now }
  const step = steps.findLastIndex((one) => one.weight <= weight)
  const text =
    `${state.candidate} was set to ${percentFromWeight(weight)} % by hand; ` +
    'the rollout is paused until it is resumed or promoted'
  const phase = phaseOf(weight)
  const paused: Rollout = { ...rollout, step, pause, reopened: false, phase, gate: null }
  if (weight <= state.weight) return lowered(document, { weight, rollout: paused, text, now })
  return raisedByHand(document, {
    raise: { ...BY_HAND, weight, phase, step, text },
    ...{ event, now, pause },
  })
}
