// How a rollout ends: promoted (pointers are swapped and nothing else), aborted or rolled back
// (weight 0 first, whatever is slow afterwards), or superseded. And the one thing that can still
// happen after a promotion: swapping back to the previous stable.

import type { Effect, ServiceDocument } from '../events.ts'
import type { Ended, Quarantined, Refusal, ServiceState, Tombstone } from '../service.ts'
import { causeOf } from '../verdict/judge.ts'
import { FULL_WEIGHT, percentFromWeight } from '../weight.ts'
import { decisiveTextOf, explanationOf, journalEffect, textsOf } from './explanation.ts'
import { endIncidents, tellOnCall } from './incident.ts'
import { quarantineWith } from './quarantine.ts'
import { healthText } from './targets.ts'
import { noRaiseRefusal } from './no-raise.ts'
import { withTombstone } from './tombstone.ts'
import {
  assignmentOf,
  caseOf,
  conflict,
  type EventOf,
  evacuationOf,
  moved,
  outOfTraffic,
  NO_LIMITS,
  PERSIST,
  RESIDENCY,
  rolloutOf,
  type Stepped,
} from './transition.ts'

/** An end for the worse: what is known of it, who has decided it, and when. */
export interface Worse extends Omit<Ended, 'id'> {
  readonly ending: 'aborted' | 'rolled-back'
  readonly by: Tombstone['by']
  readonly now: number
}

/** The document with the rollout ended, its tombstone set, and the candidate at weight 0. */
export function endedDocument(document: ServiceDocument, worse: Worse): ServiceDocument {
  const { by, now, ...end } = worse
  const { state } = document
  const { id } = rolloutOf(document)
  const ended = moved(document, {
    evidence: null,
    state: { weight: 0, rollout: null, ended: { id, ...end } },
  })
  if (state.candidate === null) return ended
  const at = new Date(now).toISOString()
  const stone = { rollout: id, version: state.candidate, by, reason: end.reason, at }
  return { ...ended, state: { ...ended.state, tombstones: withTombstone(state, stone) } }
}

/** `abort`, and `rollback` before the promotion: weight 0 for good, by an operator. */
export function abort(
  document: ServiceDocument,
  event: EventOf<'abort'> | EventOf<'rollback'>,
  now: number,
): Stepped | Refusal {
  const { state, facts } = document
  if (state.stable === null && state.weight > 0) {
    return conflict(
      'no-stable',
      'No stable version',
      `Cannot ${event.event === 'abort' ? 'abort' : 'roll back'} as there is no stable version ` +
        `to return to: current value is ${state.candidate} at ` +
        `${percentFromWeight(state.weight)} %. Promote it, or give it other targets`,
    )
  }
  if (
    event.event === 'rollback' &&
    !event.force &&
    state.weight > 0 &&
    facts.stable.healthy === 0
  ) {
    return conflict(
      'stable-unhealthy',
      'Stable is not healthy',
      `Cannot roll back as ${state.stable} must have a healthy target: current value is ` +
        `${healthText(facts.stable)}. Use force, or abort`,
    )
  }
  const reason = `${state.candidate} was aborted at ${percentFromWeight(state.weight)} % by hand`
  const known = knownOf(document)
  const end = { ...known, ending: 'aborted', reason } as const
  const next = endedDocument(document, { ...end, by: 'operator', now })
  return {
    document: next,
    note: reason,
    effects: [
      ...outOfTraffic(next.state),
      journalEffect(document, { kind: 'aborted', text: reason, by: 'operator', weight: 0 }),
    ],
  }
}

/** What was known of the candidate at the end; nothing before its first raise. */
function knownOf(document: ServiceDocument): Pick<Ended, 'explanation'> {
  const explanation = explanationOf(document)
  return explanation === null ? {} : { explanation }
}

/** The verdict takes the candidate out: weight 0 at once, quarantine, one page. */
export function rollBackByVerdict(document: ServiceDocument, now: number): Stepped {
  const { state, evidence } = document
  const rollout = rolloutOf(document)
  if (evidence === null || state.candidate === null) throw new Error('no candidate to roll back')
  const explanation = explanationOf(document)
  if (explanation === null) throw new Error('a rollback has a reason')
  const text =
    `${state.candidate} was rolled back from ${percentFromWeight(state.weight)} % by its ` +
    causeOf(caseOf(document, rollout, evidence))
  const sentence = textsOf(explanation)
  const version = state.candidate
  const targets = state.versions[version]?.targets ?? []
  const at = new Date(now).toISOString()
  const reason = `${text}. ${sentence}`
  const end = { ending: 'rolled-back', reason, explanation } as const
  const closed = endedDocument(document, { ...end, by: 'verdict', now })
  const held: Quarantined = {
    reason: text,
    evidence: decisiveTextOf(explanation),
    at,
    targets,
  }
  const quarantine = quarantineWith(state, version, held)
  const next: ServiceDocument = { ...closed, state: { ...closed.state, quarantine } }
  const stepped = {
    document: next,
    note: text,
    effects: [
      ...outOfTraffic(next.state),
      journalEffect(document, { kind: 'rolled-back', text: reason, by: 'verdict', weight: 0 }),
      quarantined(version),
    ],
  }
  return tellOnCall(stepped, {
    ...{ incident: rollout.id, version, severity: 'error', now },
    text: `${state.service}: ${text}`,
    evidence: explanation,
  })
}

function quarantined(version: string): Effect {
  const text = `${version} is quarantined until it is retried`
  return { effect: 'journal', kind: 'quarantine', text, by: 'verdict', weight: 0 }
}

/** The bake is over, or an operator says so: candidate becomes stable. */
export function promoted(
  document: ServiceDocument,
  end: { by: 'operator' | 'rollout'; why: string; now: number },
): Stepped {
  const { state } = document
  const rollout = rolloutOf(document)
  const text = `${state.candidate} is stable now: ${end.why}`
  const next = moved(document, {
    evidence: null,
    state: {
      stable: state.candidate,
      candidate: null,
      weight: 0,
      rollout: null,
      ended: { ...knownOf(document), id: rollout.id, ending: 'promoted', reason: text },
      previous:
        state.stable === null
          ? null
          : {
              version: state.stable,
              rollout: rollout.id,
              retainedUntilMs: end.now + rollout.strategy.retainMs,
            },
    },
  })
  // At 100 % the row before and the row after send every request to the same version, so nothing
  // needs to be saved before it; a reopened comparison is a raise.
  const rows = [assignmentOf(next.state), NO_LIMITS]
  const stepped = {
    document: next,
    note: text,
    effects: [
      ...(state.weight === FULL_WEIGHT ? rows : [PERSIST, ...rows]),
      PERSIST,
      journalEffect(document, { kind: 'promoted', text, by: end.by, weight: 0 }),
      RESIDENCY,
    ],
  }
  return endIncidents(stepped, { why: `${state.service}: ${text}` })
}

/** `promote` at 100 %: the bake ends now. */
export function promoteNow(
  document: ServiceDocument,
  _event: unknown,
  now: number,
): Stepped | Refusal {
  return (
    noRaiseRefusal(document, 'promote') ??
    promoted(document, { by: 'operator', why: 'promoted by hand', now })
  )
}

/** Nothing is kept to return to; an earlier version can still be deployed. */
function noPrevious(state: ServiceState): Refusal {
  const { quarantine, service, stable, versions } = state
  const others = Object.keys(versions).filter(
    (version) => version !== stable && quarantine[version] === undefined,
  )
  const known = others.length === 0 ? 'none' : others.join(', ')
  return conflict(
    'no-previous',
    'No previous version',
    `Cannot roll back as no previous stable of ${service} is kept: current value is stable ` +
      `${stable ?? 'none'}, previous none. Known versions that can be deployed: ${known}`,
  )
}

/** `rollback` after a promotion: stable and previous change places, at once. */
export function swapBack(
  document: ServiceDocument,
  event: EventOf<'rollback'>,
  now: number,
): Stepped | Refusal {
  const { state, facts } = document
  const { previous } = state
  if (previous === null) return noPrevious(state)
  const { targets } = state.versions[previous.version] ?? { targets: [] }
  if (targets.length === 0) {
    return conflict(
      'no-previous',
      'No previous version',
      `Cannot roll back as the targets of ${previous.version} are not known any more: deploy it`,
    )
  }
  if (!event.force && facts.previous.healthy === 0) {
    return conflict(
      'previous-unhealthy',
      'Previous version is not healthy',
      `Cannot roll back as ${previous.version} at ${targets.join(', ')} must have a healthy ` +
        `target: current value is ${healthText(facts.previous)}. Start it again, or use force`,
    )
  }
  const text = `went back from ${state.stable} to ${previous.version} by hand`
  return returned(document, { text, by: 'operator', now })
}

/** Stable and previous change places; the rollout that had put stable there has a tombstone. */
export function returned(
  document: ServiceDocument,
  order: { text: string; by: 'operator' | 'node'; stone?: Tombstone; now: number },
): Stepped {
  const { state } = document
  const { by, now, text } = order
  const { previous, stable: left } = state
  if (previous === null || left === null) throw new Error('nothing is kept to return to')
  const isOfPromotion = state.ended === null || state.ended.ending === 'promoted'
  const id = state.ended?.id ?? `${state.service}-${state.rollouts}`
  const promoted = { rollout: previous.rollout ?? id, version: left, reason: text }
  const at = new Date(now).toISOString()
  const stone = order.stone ?? { ...promoted, by: 'operator', at }
  const next = moved(document, {
    evidence: null,
    state: {
      stable: previous.version,
      candidate: left,
      weight: 0,
      previous: null,
      // How a later rollout ended stays told; this is about the one that was promoted.
      ended: isOfPromotion ? { id, ending: 'rolled-back', reason: text } : state.ended,
      tombstones: withTombstone(state, stone),
    },
  })
  return {
    document: next,
    note: text,
    effects: [
      assignmentOf(next.state),
      ...evacuationOf(next.state),
      PERSIST,
      { effect: 'journal', kind: 'rolled-back', text, by, weight: 0 },
      RESIDENCY,
    ],
  }
}
