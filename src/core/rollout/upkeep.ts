// Changes that are not about the weight: targets of a version, a restart of the node, a raise that
// could not be saved, and a fault of our own.

import type { ServiceDocument } from '../events.ts'
import { restartRecord, weightRecord } from '../replay/record.ts'
import type { Refusal, Rollout, ServiceState } from '../service.ts'
import { noteWeightIn } from '../verdict/evidence.ts'
import { percentFromWeight } from '../weight.ts'
import { phaseOf } from './raise.ts'
import { takenTarget } from './targets.ts'
import {
  type EventOf,
  moved,
  PERSIST,
  RESIDENCY,
  refuse,
  rolloutOf,
  type Stepped,
  unchanged,
} from './transition.ts'

/** `targets`: scaling a version needs no rollout. */
export function setTargets(
  document: ServiceDocument,
  event: EventOf<'targets'>,
  now: number,
): Stepped | Refusal {
  const { state } = document
  const { version, targets } = event
  const known = state.versions[version]
  if (known === undefined) {
    return refuse({
      status: 404,
      code: 'unknown-version',
      title: 'Unknown version',
      detail: `Cannot set the targets of ${version} as it is not known here`,
      allowed: Object.keys(state.versions),
    })
  }
  if (targets.length === 0) {
    return refuse({
      status: 422,
      code: 'no-targets',
      title: 'No targets',
      detail: `Cannot set the targets of ${version} as at least one is needed: current value is none`,
    })
  }
  const taken = takenTarget(state, {
    action: `set the targets of ${version}`,
    targets,
    other: comparedWith(state, version),
  })
  if (taken !== null) return taken
  const text = `${version} has the targets ${targets.join(', ')} now`
  const versions = { ...state.versions, [version]: { ...known, targets } }
  // What its gates have seen were other targets.
  const rollout =
    state.rollout === null || version !== state.candidate
      ? state.rollout
      : { ...state.rollout, ...gatesAgain(state.rollout, now) }
  return {
    document: moved(document, { state: { versions, rollout } }),
    note: text,
    effects: [
      PERSIST,
      { effect: 'journal', kind: 'targets', text, by: 'operator', weight: state.weight },
      RESIDENCY,
    ],
  }
}

/** The version that this one is being compared with; null when it is not. */
function comparedWith({ candidate, rollout, stable }: ServiceState, version: string) {
  if (version === candidate) return stable
  return version === stable && rollout !== null ? candidate : null
}

/**
 * The node came up with this rollout: its step is watched again from the beginning, its evidence
 * goes on where it was saved. A warm-up begins again too, as the counters of the targets do. In a
 * fleet the other nodes have served and counted meanwhile, so the step goes on where it stands.
 */
export function restarted(
  document: ServiceDocument,
  event: Pick<EventOf<'restarted'>, 'watched'>,
  now: number,
): Stepped {
  const rollout = rolloutOf(document)
  const { evidence, state } = document
  const isWatched = event.watched === true && evidence !== null
  // What nobody has judged is not watched.
  const gapMs = evidence === null ? 0 : Math.max(0, now - evidence.seenMs)
  const warmUp = evidence?.warmUp
  const again =
    evidence === null
      ? null
      : {
          ...evidence,
          seenMs: now,
          warmUp:
            warmUp == null || isWatched ? (warmUp ?? null) : { sinceMs: now, given: warmUp.given },
        }
  const text =
    `rollout ${rollout.id} of ${state.candidate} goes on in phase ${rollout.phase} at ` +
    `${percentFromWeight(state.weight)} %`
  const next = moved(document, {
    evidence: again,
    state: {
      rollout: {
        ...rollout,
        ...gatesAgain(rollout, now),
        stepSinceMs: isWatched ? rollout.stepSinceMs + gapMs : now,
      },
    },
  })
  const { weight } = state
  const record = restartRecord(next, now)
  return {
    document: next,
    note: text,
    effects: [
      PERSIST,
      { effect: 'journal', kind: 'start', text, by: 'node', weight, evidence: record },
    ],
  }
}

/** Gates that were under way run again, from the first one on. */
export function gatesAgain(rollout: Rollout, now: number): Partial<Rollout> {
  if (rollout.gate == null) return {}
  const gateRuns = (rollout.gateRuns ?? 0) + 1
  const run = `${rollout.id}/${gateRuns}`
  return { gateRuns, gate: { ...rollout.gate, run, reports: [], passedMs: [], sinceMs: now } }
}

/**
 * A raise could not be saved: it did not happen. No other is tried until somebody looks; in a fleet
 * where the ledger is away, until it is back.
 */
export function takeBack(
  document: ServiceDocument,
  event: EventOf<'unsaved'>,
  now: number,
): Stepped {
  const rollout = rolloutOf(document)
  const { evidence, facts } = document
  const { weight } = event
  const step = rollout.strategy.steps.findLastIndex((one) => one.weight <= weight)
  const reason = `the weight could not be raised as it could not be saved: ${event.reason}`
  const change = { weight, nowMs: now, memoryMs: facts.memoryMs }
  const next = moved(document, {
    evidence: evidence === null ? null : noteWeightIn(evidence, change),
    state: {
      weight,
      rollout: {
        ...rollout,
        phase: rollout.phase === 'manual' ? 'manual' : phaseOf(weight),
        step,
        gate: null,
        pause: event.pauses ? { reason, sinceMs: now } : rollout.pause,
      },
    },
  })
  const kind = event.pauses ? 'pause' : 'hold'
  const record = weightRecord({ ...change, fold: 'taking-back', goesOn: !event.pauses }, next)
  return {
    document: next,
    note: reason,
    effects: [
      PERSIST,
      { effect: 'journal', kind, text: reason, by: 'node', weight, evidence: record },
    ],
  }
}

const FROZEN = 'frozen at 0 % after a fault of Vertex itself: '

/** Whether the rollout stands still since then. */
export function isFrozen({ state }: ServiceDocument): boolean {
  return state.rollout?.pause?.reason.startsWith(FROZEN) ?? false
}

/**
 * A fault of Vertex itself in this service: weight 0 and nothing moves until somebody looks. Kept
 * apart from `step`, which may be what failed; the caller stores the weight first.
 */
export function frozen(document: ServiceDocument, fault: string, now: number): ServiceDocument {
  const { rollout } = document.state
  const reason = `${FROZEN}${fault}`
  return moved(document, {
    evidence: null,
    state: {
      weight: document.state.stable === null ? document.state.weight : 0,
      rollout:
        rollout === null ? null : { ...rollout, gate: null, pause: { reason, sinceMs: now } },
    },
  })
}

export function ignore(document: ServiceDocument): Stepped {
  return unchanged(document)
}
