// At 100 % there is no control any more, so on suspicion the comparison with stable is opened
// again, and closed when the suspicion has gone. When both has happened too often, a person has to
// look.

import type { Effect, ServiceDocument } from '../events.ts'
import { type FoldRecord, reopeningRecord, weightRecord } from '../replay/record.ts'
import { foldLowering, foldRaise, noteWeightIn } from '../verdict/evidence.ts'
import { FULL_WEIGHT, percentFromWeight, type Weight } from '../weight.ts'
import { explanationOf, journalEffect } from './explanation.ts'
import { tellOnCall } from './incident.ts'
import { assignmentOf, limitsOf, moved, PERSIST, rolloutOf, type Stepped } from './transition.ts'

/** Half the requests: the split at which a comparison needs the fewest of them. */
const REOPENED_WEIGHT: Weight = 5000

/** So often the comparison is reopened and closed again; then a person has to look. */
const MOST_REOPENINGS = 3

/** At 100 % something looks bad: compare with stable again. Counts as a raise. */
export function reopen(document: ServiceDocument, now: number): Stepped {
  const rollout = rolloutOf(document)
  const { evidence, facts, state } = document
  if (evidence === null) throw new Error('cannot reopen without evidence')
  const raises = rollout.raises + 1
  const reopenings = (rollout.reopenings ?? 0) + 1
  const isTooOften = reopenings > MOST_REOPENINGS
  const tooOften =
    `the comparison of ${state.candidate} with stable was reopened ${reopenings} times: it stays ` +
    'at 50 % until somebody has looked'
  const pause = isTooOften ? { reason: tooOften, sinceMs: now } : rollout.pause
  const raise = {
    weight: REOPENED_WEIGHT,
    number: raises,
    nowMs: now,
    memoryMs: facts.memoryMs,
    tail: facts.tail,
    stableWindow: facts.windows.stable,
    given: facts.given,
    provesAnew: false,
  }
  const folded = foldRaise(evidence, raise, rollout.strategy)
  const change = { weight: REOPENED_WEIGHT, nowMs: now, memoryMs: facts.memoryMs }
  // The candidate has served at 100 % and is warm.
  const compared = foldLowering({ ...folded, warmUp: evidence.warmUp }, change)
  const next = moved(document, {
    evidence: compared,
    state: {
      weight: REOPENED_WEIGHT,
      rollout: { ...rollout, raises, reopened: true, reopenings, pause, gate: null },
    },
  })
  const text =
    `${state.candidate} looks bad at 100 %: the comparison with ${state.stable} is reopened at ` +
    `${percentFromWeight(REOPENED_WEIGHT)} %`
  const stepped = {
    document: next,
    note: text,
    effects: [
      assignmentOf(next.state),
      limitsOf(compared),
      PERSIST,
      journalWeight(document, { text, weight: REOPENED_WEIGHT }, reopeningRecord(raise, next)),
    ],
  }
  if (!isTooOften) return stepped
  return tellOnCall(stepped, {
    ...{ incident: rollout.id, version: state.candidate, severity: 'warning', now },
    text: `${state.service}: ${tooOften}`,
    evidence: explanationOf(document),
  })
}

function journalWeight(
  before: ServiceDocument,
  entry: { text: string; weight: Weight },
  record: FoldRecord,
): Effect {
  return journalEffect(before, { kind: 'weight', by: 'verdict', ...entry }, record)
}

/** The suspicion has gone: 100 % again. No new γ, as no new suspicion is entitled to it. */
export function restore(document: ServiceDocument, now: number): Stepped {
  const rollout = rolloutOf(document)
  const { evidence, facts, state } = document
  if (evidence === null) throw new Error('cannot restore without evidence')
  const change = { weight: FULL_WEIGHT, nowMs: now, memoryMs: facts.memoryMs }
  const noted = noteWeightIn(evidence, change)
  const next = moved(document, {
    evidence: noted,
    state: {
      weight: FULL_WEIGHT,
      // The bake goes on: the candidate has been looked at all the time.
      rollout: { ...rollout, reopened: false },
    },
  })
  const record = weightRecord({ fold: 'restoring', ...change }, next)
  const text = `${state.candidate} is back at 100 %: the suspicion has gone`
  return {
    document: next,
    note: text,
    effects: [
      journalWeight(document, { text, weight: FULL_WEIGHT }, record),
      PERSIST,
      assignmentOf(next.state),
    ],
  }
}
