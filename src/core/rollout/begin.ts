// How a rollout begins: by `deploy`, in the place of a running one with `replace`. The candidate
// is made resident at 0 % first (phase `proving`, where gates run); the first raise follows
// when every edge thread knows it. Also: the file's routing block, which an operator has edited.

import type { Effect, ServiceDocument } from '../events.ts'
import type { Refusal, ServiceState, VersionRecord } from '../service.ts'
import { percentFromWeight } from '../weight.ts'
import { openManual } from './by-hand.ts'
import { noRaiseRefusal } from './no-raise.ts'
import { quarantineRefusal, sameTargets } from './quarantine.ts'
import { healthText, takenTarget } from './targets.ts'
import { gatesAgain } from './upkeep.ts'
import {
  assignmentOf,
  conflict,
  type EventOf,
  evacuationOf,
  moved,
  newRollout,
  NO_LIMITS,
  PERSIST,
  RESIDENCY,
  refuse,
  rolloutOf,
  type Stepped,
  triesOf,
  unchanged,
} from './transition.ts'

/** More versions than this are not remembered; those in use are never forgotten. */
const KNOWN_VERSIONS = 100

/** Versions that must not be forgotten, as something refers to them. */
export function versionsInUse(state: ServiceState): readonly string[] {
  const names = [state.stable, state.candidate, state.previous?.version ?? null]
  return [...new Set(names)].filter((name) => name !== null)
}

function withVersion(
  document: ServiceDocument,
  version: string,
  targets: readonly string[],
): Readonly<Record<string, VersionRecord>> {
  const { state } = document
  const others = Object.entries(state.versions).filter(([name]) => name !== version)
  const inUse = versionsInUse(state)
  while (others.length >= KNOWN_VERSIONS) {
    const oldest = others.findIndex(([name]) => !inUse.includes(name))
    if (oldest === -1) break
    others.splice(oldest, 1)
  }
  const tries = triesOf(state, version) + 1
  return Object.fromEntries([...others, [version, { targets, tries }]])
}

function otherTargets(version: string, now: readonly string[]): Refusal {
  return conflict(
    'other-targets',
    'Version has other targets',
    `Cannot deploy ${version} with other targets as it is in use: current value is ` +
      `${now.join(', ')}. Set its targets, or give the new version a name of its own`,
  )
}

/** What keeps a version from being deployed, apart from a running rollout; null when nothing. */
function deployRefusal(state: ServiceState, event: EventOf<'deploy'>): Refusal | null {
  const { version, targets } = event
  const known = state.versions[version]?.targets
  if (targets.length === 0 && known === undefined) {
    return refuse({
      status: 404,
      code: 'unknown-version',
      title: 'Unknown version',
      detail: `Cannot deploy ${version} as no targets were given and it is not known here`,
      allowed: Object.keys(state.versions),
    })
  }
  const inUse = versionsInUse(state).includes(version)
  const running = version !== state.candidate || state.rollout !== null
  if (
    inUse &&
    running &&
    known !== undefined &&
    targets.length > 0 &&
    !sameTargets(known, targets)
  ) {
    return otherTargets(version, known)
  }
  return quarantineRefusal(state, version, targets) ?? sharedWithStable(state, event)
}

function sharedWithStable(state: ServiceState, event: EventOf<'deploy'>): Refusal | null {
  const { version } = event
  if (version === state.stable) return null
  const targets =
    event.targets.length > 0 ? event.targets : (state.versions[version]?.targets ?? [])
  return takenTarget(state, { action: `deploy ${version}`, targets, other: state.stable })
}

/** The previous stable, unless the new candidate was started in its place: then it is gone. */
function previousAfter(state: ServiceState, targets: readonly string[]): ServiceState['previous'] {
  const { previous } = state
  if (previous === null) return null
  const old = state.versions[previous.version]?.targets ?? []
  return old.some((url) => targets.includes(url)) ? null : previous
}

/** `deploy` without a rollout. */
export function begin(
  document: ServiceDocument,
  event: EventOf<'deploy'>,
  now: number,
): Stepped | Refusal {
  const { state } = document
  const refusal = deployRefusal(state, event)
  if (refusal !== null) return refusal
  if (event.version === state.stable) {
    return unchanged(document, `${event.version} is stable already: nothing to do`)
  }
  const nowhere = noRaiseRefusal(document, `deploy ${event.version}`)
  if (nowhere !== null) return nowhere
  const targets =
    event.targets.length > 0 ? event.targets : (state.versions[event.version]?.targets ?? [])
  const rollout = newRollout(state, { phase: 'proving', strategy: event.strategy, now })
  const next = moved(document, {
    evidence: null,
    state: {
      versions: withVersion(document, event.version, targets),
      candidate: event.version,
      weight: 0,
      rollout,
      ended: null,
      previous: previousAfter(state, targets),
      rollouts: state.rollouts + 1,
    },
  })
  const steps = event.strategy.steps.map((step) => `${percentFromWeight(step.weight)} %`)
  const text = `rollout ${rollout.id} of ${event.version} begins: ${steps.join(', ')}`
  const facts = { ...next.facts, candidateResident: false }
  return {
    document: { ...next, facts },
    note: text,
    effects: [
      PERSIST,
      { effect: 'journal', kind: 'rollout', text, by: 'operator', weight: 0 },
      RESIDENCY,
    ],
  }
}

/** What is taken from the running candidate must have somewhere to go. */
function nowhereElse({ facts, state }: ServiceDocument, version: string): Refusal | null {
  const { candidate, stable, weight } = state
  if (weight === 0) return null
  if (stable === null) {
    return conflict(
      'no-stable',
      'No stable version',
      `Cannot deploy ${version} as there is no stable version to return to: current value is ` +
        `${candidate} at ${percentFromWeight(weight)} %. Promote it first`,
    )
  }
  if (facts.stable.healthy > 0) return null
  return conflict(
    'stable-unhealthy',
    'Stable is not healthy',
    `Cannot deploy ${version} in the place of ${candidate} as ${stable} must have a healthy ` +
      `target: current value is ${healthText(facts.stable)}. Abort first, or promote ${candidate}`,
  )
}

/**
 * `deploy` while a rollout runs: the same version goes on, another needs `replace`. A weight that
 * was set by hand is a rollout without steps: deploying its version gives it some.
 */
export function replace(
  document: ServiceDocument,
  event: EventOf<'deploy'>,
  now: number,
): Stepped | Refusal {
  const { state } = document
  const rollout = rolloutOf(document)
  const refusal = deployRefusal(state, event)
  if (refusal !== null) return refusal
  if (event.version === state.stable) {
    return unchanged(document, `${event.version} is stable already: nothing to do`)
  }
  if (event.version === state.candidate && rollout.phase !== 'manual') {
    return unchanged(document, `rollout ${rollout.id} of ${event.version} goes on`)
  }
  if (!event.replace && event.version !== state.candidate) {
    return conflict(
      'rollout-running',
      'A rollout is running',
      `Cannot deploy ${event.version} as rollout ${rollout.id} of ${state.candidate} is running: ` +
        `current value is ${rollout.phase} at ${percentFromWeight(state.weight)} %. ` +
        'Abort it, or replace it',
    )
  }
  const stuck =
    noRaiseRefusal(document, `deploy ${event.version}`) ?? nowhereElse(document, event.version)
  if (stuck !== null) return stuck
  const idle: ServiceDocument = {
    ...document,
    evidence: null,
    state: { ...state, weight: 0, rollout: null },
  }
  const begun = begin(idle, event, now)
  if ('refused' in begun) return begun
  const isSame = event.version === state.candidate
  const by = isSame ? 'a rollout with steps' : event.version
  const text = `rollout ${rollout.id} of ${state.candidate} was superseded by ${by}`
  const superseded: Effect[] = [
    assignmentOf(idle.state),
    NO_LIMITS,
    ...(isSame ? [] : evacuationOf(state)),
    { effect: 'journal', kind: 'aborted', text, by: 'operator', weight: 0 },
  ]
  return { ...begun, effects: [...superseded, ...begun.effects] }
}

/** Only targets in the file's `versions` block have changed: a rollout that runs goes on. */
function adoptTargets(document: ServiceDocument, event: EventOf<'routing'>, now: number): Stepped {
  const { state } = document
  const { candidate } = state
  const named = candidate === null ? undefined : event.versions[candidate]
  const known = candidate === null ? undefined : state.versions[candidate]?.targets
  const isOther = named !== undefined && known !== undefined && !sameTargets(known, named)
  // What the gates of the candidate have seen were other targets.
  const rollout =
    state.rollout === null || !isOther
      ? state.rollout
      : { ...state.rollout, ...gatesAgain(state.rollout, now) }
  const text = "the targets of the file's versions were applied"
  const versions = { ...state.versions, ...recordsOf(state, event) }
  return {
    document: moved(document, { state: { versions, rollout, routingHash: event.hash } }),
    note: text,
    effects: [
      PERSIST,
      { effect: 'journal', kind: 'config', text, by: 'operator', weight: state.weight },
      RESIDENCY,
    ],
  }
}

function recordsOf(
  state: ServiceState,
  event: EventOf<'routing'>,
): Readonly<Record<string, VersionRecord>> {
  return Object.fromEntries(
    Object.entries(event.versions).map(([name, targets]) => [
      name,
      { ...state.versions[name], targets },
    ]),
  )
}

/** The hash of the routing block alone; what follows the dot is that of the versions. */
function routingPart(hash: string | null): string | null {
  return hash?.split('.')[0] ?? null
}

/** The file's routing block was edited: it is applied as an operator's change, whatever runs. */
export function adopt(document: ServiceDocument, event: EventOf<'routing'>, now: number): Stepped {
  const { state } = document
  if (routingPart(state.routingHash) === routingPart(event.hash)) {
    return adoptTargets(document, event, now)
  }
  // A file that names none says that there is none yet, not that the one there is has to go.
  const stable = event.stable ?? state.stable
  const kept = {
    ...document,
    evidence: null,
    state: {
      ...state,
      versions: { ...state.versions, ...recordsOf(state, event) },
      stable,
      candidate: event.candidate,
      weight: 0,
      rollout: null,
      ended: null,
      previous: stable === state.stable ? state.previous : null,
      routingHash: event.hash,
    },
  }
  const candidate = event.candidate === null ? '' : `, candidate ${event.candidate}`
  const running = state.rollout === null ? '' : `; rollout ${state.rollout.id} is superseded`
  const text = `the file's routing was applied: stable ${stable ?? 'none'}${candidate}${running}`
  const next = moved(kept, { state: {} })
  const noted: Effect = { effect: 'journal', kind: 'config', text, by: 'operator', weight: 0 }
  const rows: Effect[] = [assignmentOf(next.state), NO_LIMITS]
  // The first table knows the versions before and after, the second one forgets those before.
  const alone: Effect[] = [noted, PERSIST, RESIDENCY, ...rows, RESIDENCY]
  if (event.weight === 0) return { document: next, note: text, effects: alone }
  const { weight, strategy } = event
  // Residency comes before the store in the list, so by then every thread knows the candidate.
  const facts = { ...next.facts, candidateResident: true }
  // What is known of targets is about the candidate of before.
  const forced = { force: true, gates: 'run', ifMatch: null } as const
  const order = { event: 'weight', weight, strategy, ...forced } as const
  const opened = openManual({ ...next, facts }, order, now)
  if ('refused' in opened) {
    const note = `${text}. ${opened.refused.detail}`
    return { document: next, note, effects: alone }
  }
  const journaled = opened.effects.filter(({ effect }) => effect === 'journal')
  const stored = opened.effects.filter(({ effect }) => effect === 'assign' || effect === 'limits')
  // With gates before it nothing is raised yet.
  const inForce = stored.length === 0 ? rows : stored
  const effects = [noted, ...journaled, PERSIST, RESIDENCY, ...inForce, RESIDENCY]
  return { document: opened.document, note: text, effects }
}
