// A rollout has ended for the worse where another node has decided, and its tombstone has come
// here. It wins over whatever was decided without knowing of it: a rollout that runs is taken out
// as an abort would, one that was promoted meanwhile is swapped back. That is never refused, since
// it was decided already; where there is nothing to go back to, a person is called.

import type { Effect, ServiceDocument } from '../events.ts'
import type { Severity } from '../service.ts'
import { percentFromWeight } from '../weight.ts'
import { endedDocument, returned } from './end.ts'
import { explanationOf, journalEffect } from './explanation.ts'
import { tellOnCall } from './incident.ts'
import { quarantineWith } from './quarantine.ts'
import { healthText } from './targets.ts'
import { hasTombstone, withTombstone } from './tombstone.ts'
import { type EventOf, moved, outOfTraffic, PERSIST } from './transition.ts'
import { rolloutOf, type Stepped, unchanged } from './transition.ts'

type Entombed = EventOf<'entombed'>

/** With a rollout: the one that is meant, or a later one. */
export function entomb(document: ServiceDocument, event: Entombed, now: number): Stepped {
  const { state } = document
  const { tombstone } = event
  const { id } = rolloutOf(document)
  const isMeant = id === tombstone.rollout && state.candidate === tombstone.version
  if (!isMeant) return noted(document, event, now)
  if (state.stable === null && state.weight > 0) return stuck(document, event, now)
  const reason =
    `${state.candidate} was taken out at ${percentFromWeight(state.weight)} % as ` +
    `rollout ${id} had ended on ${event.node}: ${tombstone.reason}`
  const explanation = explanationOf(document)
  const known = explanation === null ? {} : { explanation }
  const ending = tombstone.by === 'operator' ? 'aborted' : 'rolled-back'
  const ended = endedDocument(document, { ...known, ending, reason, by: tombstone.by, now })
  const next = withStone(ended, event)
  return {
    document: next,
    note: reason,
    effects: [
      ...outOfTraffic(next.state),
      journalEffect(document, { kind: ending, text: reason, by: 'node', weight: 0 }),
    ],
  }
}

/** Without a rollout: it may have been promoted. */
export function entombIdle(document: ServiceDocument, event: Entombed, now: number): Stepped {
  const { facts, state } = document
  const { tombstone } = event
  const { previous } = state
  if (hasTombstone(state, tombstone) || !isPromoted(document, event)) {
    return noted(document, event, now)
  }
  const targets = previous === null ? [] : (state.versions[previous.version]?.targets ?? [])
  const isOut = facts.previous.total > 0 && facts.previous.healthy === 0
  if (previous === null || targets.length === 0 || isOut) return noted(document, event, now)
  const text =
    `went back from ${tombstone.version} to ${previous.version} as rollout ${tombstone.rollout} ` +
    `had ended on ${event.node} when it was promoted: ${tombstone.reason}`
  const swapped = returned(document, { text, by: 'node', stone: tombstone, now })
  const stepped = { ...swapped, document: withStone(swapped.document, event) }
  return tell(stepped, { event, severity: 'error', text, now })
}

/** Whether the version is what all requests go to, by the promotion of this rollout. */
function isPromoted({ state }: ServiceDocument, { tombstone }: Entombed): boolean {
  const { ended, previous, stable } = state
  if (stable !== tombstone.version) return false
  if (previous?.rollout !== undefined) return previous.rollout === tombstone.rollout
  return ended?.id === tombstone.rollout && ended.ending === 'promoted'
}

/** The state with the tombstone, and what the other node holds against the version. */
function withStone(document: ServiceDocument, { quarantine, tombstone }: Entombed) {
  const { state } = document
  const isHeld = quarantine === undefined || state.quarantine[tombstone.version] !== undefined
  return {
    ...document,
    state: {
      ...state,
      tombstones: withTombstone(state, tombstone),
      quarantine: isHeld ? state.quarantine : quarantineWith(state, tombstone.version, quarantine),
    },
  }
}

/** Nothing is to be taken out here, or nothing can be: then on-call is told. */
function noted(document: ServiceDocument, event: Entombed, now: number): Stepped {
  const { facts, state } = document
  const { tombstone } = event
  if (hasTombstone(state, tombstone)) return unchanged(document)
  const next = withStone(moved(document, { state: {} }), event)
  const stepped = { document: next, note: '', effects: [PERSIST] }
  if (!isPromoted(document, event)) return stepped
  const { previous, rollout } = state
  const why =
    rollout !== null
      ? `rollout ${rollout.id} of ${state.candidate} runs by now`
      : previous === null
        ? 'no previous stable is kept'
        : `${previous.version} must have a healthy target: current value is ` +
          healthText(facts.previous)
  const text =
    `${tombstone.version} is stable, though rollout ${tombstone.rollout} had ended on ` +
    `${event.node} when it was promoted (${tombstone.reason}). Nothing is moved as ${why}`
  const { weight } = state
  const entry: Effect = { effect: 'journal', kind: 'hold', text, by: 'node', weight }
  const told = { ...stepped, note: text, effects: [PERSIST, entry] }
  return tell(told, { event, severity: 'critical', text, now })
}

/** The candidate must go, and there is no stable version: it stays, and a person has to look. */
function stuck(document: ServiceDocument, event: Entombed, now: number): Stepped {
  const { state } = document
  const { tombstone } = event
  if (hasTombstone(state, tombstone)) return unchanged(document)
  const text =
    `${state.candidate} stays at ${percentFromWeight(state.weight)} % as there is no stable ` +
    `version, though rollout ${tombstone.rollout} had ended on ${event.node}: ${tombstone.reason}`
  const pause = { reason: text, sinceMs: now }
  const rollout = { ...rolloutOf(document), gate: null, pause }
  const next = withStone(moved(document, { state: { rollout } }), event)
  const { weight } = state
  const told = journalEffect(document, { kind: 'pause', text, by: 'node', weight })
  const stepped = { document: next, note: text, effects: [PERSIST, told] }
  return tell(stepped, { event, severity: 'critical', text, now })
}

function tell(
  stepped: Stepped,
  telling: { event: Entombed; severity: Severity; text: string; now: number },
): Stepped {
  const { event, now, severity, text } = telling
  const { reason, rollout, version } = event.tombstone
  const { service } = stepped.document.state
  return tellOnCall(stepped, {
    ...{ incident: rollout, version, severity, now, text: `${service}: ${text}` },
    evidence: { tombstone: reason },
  })
}
