// A node of a fleet may be where no weight is raised: it is cut off from the ledger, or another
// node decides. What lowers a weight goes on there, what raises one waits or is refused.

import type { ServiceDocument } from '../events.ts'
import type { Refusal } from '../service.ts'
import type { Hold } from '../verdict/readiness.ts'
import { conflict } from './transition.ts'

/** The refusal of `action`, which raises a weight; null where that may be. */
export function noRaiseRefusal({ facts }: ServiceDocument, action: string): Refusal | null {
  if (facts.mayNotRaise === undefined) return null
  const detail = `Cannot ${action} as no weight may be raised here: ${facts.mayNotRaise}`
  return conflict('no-raise', 'No raise here', detail)
}

/** The same for what a rollout does by itself; null too where it would raise nothing now. */
export function noRaiseHold({ facts, state }: ServiceDocument): Hold | null {
  const { rollout } = state
  if (facts.mayNotRaise === undefined || rollout === null) return null
  const waits = rollout.gate != null
  if (!waits && (rollout.pause !== null || rollout.phase === 'manual')) return null
  return { word: 'fleet', text: `holds as no weight may be raised here: ${facts.mayNotRaise}` }
}
