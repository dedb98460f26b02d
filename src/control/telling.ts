// The effects that tell people something: an entry of the journal, a page, the end of an incident.

import type { Effect } from '../core/events.ts'
import type { Clock } from './clock.ts'
import type { JournalFile } from './journal-file.ts'
import { namedIn } from './named-failures.ts'
import type { Pager } from './pages/pager.ts'
import type { Residency } from './residency.ts'

export interface TellingParts {
  readonly clock: Clock
  readonly journal: JournalFile
  readonly pager: Pager
  readonly residency: Residency
}

/** Of a decision's effects those that tell; resolves when the journal has it on the disk. */
export async function tell(
  parts: TellingParts,
  effect: Effect,
  { epoch, service }: { epoch: number; service: string },
): Promise<void> {
  const { clock, journal, pager, residency } = parts
  // What is told goes out with the names of the requests that failed; by now they have come.
  const named = (evidence: unknown): unknown => namedIn(evidence, { service, clock, residency })
  if (effect.effect === 'journal') {
    const { by, kind, text, weight } = effect
    const evidence = named(effect.evidence)
    const entry = { kind, service, epoch, text, by, weight: weight / 100 }
    await journal.append(evidence === undefined ? entry : { ...entry, evidence })
  }
  if (effect.effect === 'page') {
    const { incident, severity, text, version } = effect
    const at = clock.iso(clock.now())
    const evidence = named(effect.evidence)
    pager.page({ service, incident, version, severity, text, evidence, at })
  }
  if (effect.effect === 'resolve') {
    const { incident, text } = effect
    pager.resolve({ incident, text, at: clock.iso(clock.now()) })
  }
}
