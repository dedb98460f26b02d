// A version that the verdict has taken out stays out until an operator lifts it: deploying it
// again is refused with the evidence. The same name on other targets is another artifact and is
// not meant.

import type { ServiceDocument } from '../events.ts'
import type { Quarantined, Refusal, ServiceState } from '../service.ts'
import { endIncidents } from './incident.ts'
import { type EventOf, moved, PERSIST, refuse, type Stepped } from './transition.ts'

/** More versions than this are not remembered as bad; the oldest are let go. */
const HELD_VERSIONS = 1000

export function sameTargets(some: readonly string[], others: readonly string[]): boolean {
  return some.length === others.length && some.every((target) => others.includes(target))
}

/** The refusal for a version in quarantine, or null. `targets` empty means those that are known. */
export function quarantineRefusal(
  state: ServiceState,
  version: string,
  targets: readonly string[],
): Refusal | null {
  const held = state.quarantine[version]
  if (held === undefined) return null
  const meant = targets.length > 0 ? targets : (state.versions[version]?.targets ?? [])
  if (held.targets !== undefined && !sameTargets(held.targets, meant)) return null
  return refuse({
    status: 409,
    code: 'quarantined',
    title: 'Version is quarantined',
    detail:
      `Cannot send requests to ${version} as it is quarantined since ${held.at}: ` +
      `${held.reason}. ${held.evidence} Lift it with: vertex retry ${state.service} ${version}`,
  })
}

/** The quarantine with one version more. */
export function quarantineWith(
  state: ServiceState,
  version: string,
  held: Quarantined,
): ServiceState['quarantine'] {
  const others = Object.entries(state.quarantine).filter(([name]) => name !== version)
  return Object.fromEntries([...others.slice(1 - HELD_VERSIONS), [version, held]])
}

/** `retry`: lifts a quarantine. */
export function lift(document: ServiceDocument, event: EventOf<'retry'>): Stepped | Refusal {
  const { state } = document
  const { [event.version]: held, ...others } = state.quarantine
  if (held === undefined) {
    return refuse({
      status: 404,
      code: 'not-quarantined',
      title: 'Version is not quarantined',
      detail: `Cannot lift the quarantine of ${event.version} as it is not quarantined`,
      allowed: Object.keys(state.quarantine),
    })
  }
  const text = `the quarantine of ${event.version} was lifted (${held.reason})`
  const stepped: Stepped = {
    document: moved(document, { state: { quarantine: others } }),
    note: text,
    effects: [
      PERSIST,
      { effect: 'journal', kind: 'retry', text, by: 'operator', weight: state.weight },
    ],
  }
  return endIncidents(stepped, {
    why: `${state.service}: ${text}`,
    ends: ({ version }, id) => version === event.version && id !== state.rollout?.id,
  })
}
