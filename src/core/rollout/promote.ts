// What an operator asks of a rollout's raises: the next step now, or 100 %; and to go on after a
// pause. How a weight is raised is the business of raise.ts.

import type { ServiceDocument } from '../events.ts'
import type { Refusal } from '../service.ts'
import { percentFromWeight } from '../weight.ts'
import { nextStepOf } from './demand.ts'
import { phaseOf, raiseFully, raiseTo, raiseToStep } from './raise.ts'
import { ejectedRefusal } from './targets.ts'
import {
  conflict,
  type EventOf,
  moved,
  PERSIST,
  rolloutOf,
  type Stepped,
  unchanged,
} from './transition.ts'

function notResident(document: ServiceDocument): Refusal | null {
  if (document.facts.candidateResident) return null
  return conflict(
    'not-resident',
    'Candidate not resident',
    `Cannot raise the weight as not every edge thread knows the candidate yet: current value is ` +
      `${percentFromWeight(document.state.weight)} %`,
  )
}

/** `promote` before 100 %: to the next step now, or to 100 %. */
export function promoteStep(
  document: ServiceDocument,
  event: EventOf<'promote'>,
  now: number,
): Stepped | Refusal {
  const instead = 'A full promotion passes over it'
  const ejected = event.full ? null : ejectedRefusal(document, { action: 'promote', instead })
  const refusal = notResident(document) ?? ejected
  if (refusal !== null) return refusal
  const rollout = rolloutOf(document)
  const goesOn = rollout.pause === null ? '' : '; the rollout is paused no longer and goes on'
  const order = { by: 'operator', why: `promoted by hand${goesOn}`, now } as const
  // Without stable the first step is the last: the rest of the requests would have nowhere to go.
  if (event.full || document.state.stable === null) return raiseFully(document, order)
  return raiseToStep(document, { ...order, step: nextStepOf(document.state, rollout) })
}

/** `promote` of a weight that was set by hand: there are no steps, only 100 %. */
export function promoteManual(
  document: ServiceDocument,
  event: EventOf<'promote'>,
  now: number,
): Stepped | Refusal {
  if (!event.full) {
    return conflict(
      'no-steps',
      'No steps',
      'Cannot promote to the next step as a weight set by hand has no steps: deploy the version, ' +
        'or promote it fully',
    )
  }
  return promoteStep(document, event, now)
}

/** `resume`: the weight of the step again, and its time from the beginning. Counts as a raise. */
export function resume(document: ServiceDocument, _event: unknown, now: number): Stepped | Refusal {
  const rollout = rolloutOf(document)
  const { state } = document
  if (rollout.pause === null) return unchanged(document, 'the rollout is not paused')
  if (rollout.phase === 'proving') {
    const next = moved(document, { state: { rollout: { ...rollout, pause: null } } })
    const text = 'resumed before the first step'
    const by = 'operator'
    return {
      document: next,
      note: text,
      effects: [PERSIST, { effect: 'journal', kind: 'resume', text, by, weight: state.weight }],
    }
  }
  const step = Math.max(0, rollout.step)
  const ofStep = rollout.strategy.steps[step]?.weight ?? 0
  const weight = Math.max(ofStep, state.weight)
  const instead = 'Set the weight with force, or wait until all are back'
  const ejected =
    weight > state.weight ? ejectedRefusal(document, { action: 'resume', instead }) : null
  const refusal = notResident(document) ?? ejected
  if (refusal !== null) return refusal
  return raiseTo(document, {
    weight,
    phase: phaseOf(weight),
    step,
    by: 'operator',
    kind: 'resume',
    text: `resumed at ${percentFromWeight(weight)} %`,
    now,
  })
}

/** `resume` of a weight that was set by hand and could not be saved. */
export function resumeManual(document: ServiceDocument): Stepped {
  const rollout = rolloutOf(document)
  if (rollout.pause === null) return unchanged(document, 'there is nothing to resume')
  const next = moved(document, { state: { rollout: { ...rollout, pause: null } } })
  return { document: next, note: 'resumed', effects: [PERSIST] }
}
