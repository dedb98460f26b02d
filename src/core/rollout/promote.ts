// What an operator asks of a rollout's raises: the next step now, or 100 %; and to go on after a
// pause. How a weight is raised is the business of raise.ts.

import type { ServiceDocument } from '../events.ts'
import type { Refusal } from '../service.ts'
import { percentFromWeight } from '../weight.ts'
import { nextStepOf } from './demand.ts'
import { approve, raiseGated } from './gates.ts'
import { noRaiseRefusal } from './no-raise.ts'
import { fullRaise, phaseOf, raiseTo, stepRaise } from './raise.ts'
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
import { afterReport } from './watch.ts'

function notResident(document: ServiceDocument): Refusal | null {
  if (document.facts.candidateResident) return null
  return conflict(
    'not-resident',
    'Candidate not resident',
    `Cannot raise the weight as not every edge thread knows the candidate yet: current value is ` +
      `${percentFromWeight(document.state.weight)} %`,
  )
}

/**
 * `promote` before 100 %: to the next step now, gates included, or to 100 % without any. Where a
 * manual gate waits for a person, this is the person's word.
 */
export function promoteStep(
  document: ServiceDocument,
  event: EventOf<'promote'>,
  now: number,
): Stepped | Refusal {
  const instead = 'A full promotion passes over it'
  const ejected = event.full ? null : ejectedRefusal(document, { action: 'promote', instead })
  const refusal = noRaiseRefusal(document, 'promote') ?? notResident(document) ?? ejected
  if (refusal !== null) return refusal
  const rollout = rolloutOf(document)
  const { strategy } = rollout
  const goesOn = rollout.pause === null ? '' : '; the rollout is paused no longer and goes on'
  const order = { strategy, by: 'operator', why: `promoted by hand${goesOn}` } as const
  if (event.full) return raiseTo(document, { ...fullRaise(document, order), now })
  const approved = approve(document, now)
  if (approved !== null) return afterReport(approved, now)
  const step = nextStepOf(document.state, rollout)
  // Without stable the first step is the last: the rest of the requests would have nowhere to go.
  const raise =
    document.state.stable === null
      ? fullRaise(document, order)
      : stepRaise(document, { ...order, step })
  return raiseGated(document, raise, { now })
}

/** `promote` of a weight that was set by hand: there are no steps, only 100 %. */
export function promoteManual(
  document: ServiceDocument,
  event: EventOf<'promote'>,
  now: number,
): Stepped | Refusal {
  const refusal = noRaiseRefusal(document, 'promote')
  if (refusal !== null) return refusal
  const approved = event.full ? null : approve(document, now)
  if (approved !== null) return afterReport(approved, now)
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
  const refusal = noRaiseRefusal(document, 'resume') ?? notResident(document) ?? ejected
  if (refusal !== null) return refusal
  const text = `resumed at ${percentFromWeight(weight)} %`
  const order = { weight, phase: phaseOf(weight), step, by: 'operator', kind: 'resume' } as const
  const raise = { ...order, text }
  if (weight <= state.weight) return raiseTo(document, { ...raise, now })
  return raiseGated(document, raise, { now })
}

/** `resume` of a weight that was set by hand and could not be saved. */
export function resumeManual(document: ServiceDocument): Stepped {
  const rollout = rolloutOf(document)
  if (rollout.pause === null) return unchanged(document, 'there is nothing to resume')
  const next = moved(document, { state: { rollout: { ...rollout, pause: null } } })
  return { document: next, note: 'resumed', effects: [PERSIST] }
}
