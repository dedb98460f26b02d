// Raising the weight, whoever asks for it: every raise goes through `raiseTo`, so that it is
// counted, anchored, warmed up, journaled and saved in the same way, and before its weight is
// stored. Also its contrary: a pause, in which nothing is raised.

import type { ServiceDocument } from '../events.ts'
import type { GatedRaise } from '../gate.ts'
import type { JournalEntry } from '../journal.ts'
import { raiseRecord } from '../replay/record.ts'
import type { Phase } from '../service.ts'
import type { Strategy } from '../strategy.ts'
import { type Evidence, foldRaise, noEvidence, withControl } from '../verdict/evidence.ts'
import { settleEarlier } from '../verdict/settle.ts'
import { FULL_WEIGHT, percentFromWeight, type Weight } from '../weight.ts'
import { journalEffect } from './explanation.ts'
import {
  assignmentOf,
  limitsOf,
  moved,
  PERSIST,
  rolloutOf,
  type Stepped,
  unchanged,
} from './transition.ts'

export type RaiseOrder = GatedRaise & { readonly now: number }

/** Nothing is known; what an earlier rollout of this candidate drew is not this one's fault. */
function firstEvidence({ facts, state }: ServiceDocument, nowMs: number): Evidence {
  const rollout = rolloutOf({ facts, state, evidence: null })
  const theta = rollout.strategy.trigger.errorRateThreshold
  const blank = noEvidence(rollout.id, { nowMs, theta })
  const { candidateInFlight, memoryMs } = facts
  if (state.weight > 0 || !(candidateInFlight > 0)) return blank
  return { ...blank, settling: settleEarlier(nowMs + memoryMs) }
}

/** Grants a weight that is larger than the one in force. */
export function raiseTo(document: ServiceDocument, order: RaiseOrder): Stepped {
  const rollout = rolloutOf(document)
  const { strategy } = rollout
  const { facts } = document
  const known = document.evidence ?? firstEvidence(document, order.now)
  const compared = order.weight < FULL_WEIGHT ? withControl(known, strategy.trigger) : known
  const raise = {
    weight: order.weight,
    number: rollout.raises + 1,
    nowMs: order.now,
    memoryMs: facts.memoryMs,
    tail: facts.tail,
    stableWindow: facts.windows.stable,
    given: facts.given,
    provesAnew: order.kind === 'resume',
  }
  const evidence = foldRaise(compared, raise, strategy)
  const next = moved(document, {
    evidence,
    state: {
      weight: order.weight,
      rollout: {
        ...rollout,
        phase: order.phase,
        step: order.step,
        stepSinceMs: order.now,
        raises: rollout.raises + 1,
        pause: null,
        reopened: false,
        reopenings: 0,
        held: null,
        gate: null,
        gateReports: rollout.gate?.reports ?? [],
      },
    },
  })
  const { by, kind, text, weight } = order
  const record = raiseRecord(raise, { before: document, after: next })
  return {
    document: next,
    note: order.text,
    effects: [
      journalEffect(document, { kind, text, by, weight }, record),
      PERSIST,
      assignmentOf(next.state),
      limitsOf(evidence),
    ],
  }
}

/** The phase of a rollout with steps at this weight. */
export function phaseOf(weight: Weight): Phase {
  if (weight === 0) return 'proving'
  return weight === FULL_WEIGHT ? 'baking' : 'shifting'
}

/** The raise to a step of the strategy. */
export function stepRaise(
  { state }: ServiceDocument,
  order: { strategy: Strategy; step: number; by: JournalEntry['by']; why: string },
): GatedRaise {
  const { by, step, strategy, why } = order
  const weight = strategy.steps[step]?.weight ?? FULL_WEIGHT
  const text =
    `${state.candidate} goes to ${percentFromWeight(weight)} % ` +
    `(step ${step + 1} of ${strategy.steps.length}): ${why}`
  return { weight, phase: phaseOf(weight), step, by, kind: 'raise', text }
}

/** Straight to 100 %, by an operator's word or because there is no stable. */
export function fullRaise(
  document: ServiceDocument,
  order: { strategy: Strategy; by: JournalEntry['by']; why: string },
): GatedRaise {
  return stepRaise(document, { ...order, step: order.strategy.steps.length - 1 })
}

/** `pause`: no raise until it is resumed. The tests go on. */
export function pause(document: ServiceDocument, _event: unknown, now: number): Stepped {
  const rollout = rolloutOf(document)
  if (rollout.pause !== null && rollout.gate == null) {
    return unchanged(document, 'the rollout is paused already')
  }
  return pauseWith(document, { reason: 'paused by an operator', by: 'operator', now })
}

export function pauseWith(
  document: ServiceDocument,
  order: { reason: string; by: JournalEntry['by']; now: number },
): Stepped {
  const rollout = rolloutOf(document)
  const next = moved(document, {
    state: {
      rollout: { ...rollout, gate: null, pause: { reason: order.reason, sinceMs: order.now } },
    },
  })
  const { weight } = next.state
  return {
    document: next,
    note: order.reason,
    effects: [
      PERSIST,
      journalEffect(document, { kind: 'pause', text: order.reason, by: order.by, weight }),
    ],
  }
}
