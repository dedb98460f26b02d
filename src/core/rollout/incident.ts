// What on-call is told is about an incident: one for each rollout, however many pages it causes.
// Open incidents are part of the service's state, so they are saved with the decision that opened
// or ended them; what a killed node had not sent yet is found again by comparing the two. An
// incident ends well with the next promotion of the service, or when an operator lifts the
// quarantine of its version. Who is told, and how, is control's business.

import type { Effect } from '../events.ts'
import type { Incident, Severity } from '../service.ts'
import type { Stepped } from './transition.ts'

/** Beyond it the oldest one is let go: rollback after rollback without any promotion. */
export const OPEN_INCIDENTS = 50

export interface Telling {
  /** The id of the rollout that it is about. */
  readonly incident: string
  readonly version: string | null
  readonly severity: Severity
  readonly text: string
  readonly evidence: unknown
  /** Milliseconds of the node's clock. */
  readonly now: number
}

/** The decision with a page behind it: the first one about a rollout opens its incident. */
export function tellOnCall(stepped: Stepped, telling: Telling): Stepped {
  const { document } = stepped
  const { evidence, incident, now, severity, text, version } = telling
  const known = document.state.incidents ?? {}
  const openedAt = known[incident]?.openedAt ?? new Date(now).toISOString()
  const opened: Incident = { version, openedAt, severity, text }
  const others = Object.entries(known).filter(([id]) => id !== incident)
  const left = others.slice(0, Math.max(0, others.length + 1 - OPEN_INCIDENTS))
  const kept = [...others.slice(left.length), [incident, opened] as const]
  const page: Effect = { effect: 'page', incident, version, severity, text, evidence }
  const letGo = left.map(([id]) => resolved(id, `${OPEN_INCIDENTS} later ones are open`))
  return {
    ...stepped,
    document: { ...document, state: { ...document.state, incidents: Object.fromEntries(kept) } },
    effects: [...stepped.effects, page, ...letGo],
  }
}

/** The decision with the end of all incidents that it ends well; `why` is one sentence. */
export function endIncidents(
  stepped: Stepped,
  end: { why: string; ends?: (incident: Incident, id: string) => boolean },
): Stepped {
  const { document } = stepped
  const { why, ends = () => true } = end
  const known = Object.entries(document.state.incidents ?? {})
  const over = known.filter(([id, incident]) => ends(incident, id))
  if (over.length === 0) return stepped
  const incidents = Object.fromEntries(known.filter(([id, incident]) => !ends(incident, id)))
  return {
    ...stepped,
    document: { ...document, state: { ...document.state, incidents } },
    effects: [...stepped.effects, ...over.map(([id]) => resolved(id, why))],
  }
}

function resolved(incident: string, text: string): Effect {
  return { effect: 'resolve', incident, text }
}
