// What is told of a fault of Vertex itself, which froze a service: a line of the journal and a
// page, and the end of that incident when somebody has looked. Not under the id of a rollout, as a
// fault is none of its candidate's.

import type { Clock } from './clock.ts'
import type { JournalFile } from './journal-file.ts'
import type { Pager } from './pages/pager.ts'
import type { ServiceState } from '../core/service.ts'

interface FaultParts {
  readonly clock: Clock
  readonly journal: JournalFile
  readonly pager: Pager
}

/** No rollout's id: the sign is not part of names. */
function incidentOf(service: string): string {
  return `${service}~fault`
}

/** Tells of a fault; `state` is the one that it froze. */
export function tellOfFault(
  { clock, journal, pager }: FaultParts,
  { state, text }: { state: ServiceState; text: string },
): void {
  const { epoch, service, weight } = state
  const sentence = `service ${service} is frozen after a fault of Vertex itself: ${text}`
  const entry = { kind: 'hold', service, epoch, text: sentence, by: 'node' } as const
  void journal.append({ ...entry, weight: weight / 100 })
  pager.page({
    ...{ service, incident: incidentOf(service), version: null, severity: 'critical' },
    ...{ text: sentence, evidence: null, at: clock.iso(clock.now()) },
  })
}

/** Somebody has looked at the fault. */
export function endFault({ clock, pager }: FaultParts, service: string): void {
  const text = `service ${service}: an operator has looked`
  pager.resolve({ incident: incidentOf(service), text, at: clock.iso(clock.now()) })
}
