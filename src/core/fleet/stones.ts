// The tombstones of one side, applied to the document of the other: what has ended for the worse
// anywhere has ended here, too.

import type { Effect, ServiceDocument } from '../events.ts'
import { step } from '../rollout.ts'
import { hasTombstone } from '../rollout/tombstone.ts'
import type { Quarantined, ServiceState, Tombstone } from '../service.ts'

export interface Entombed {
  readonly document: ServiceDocument
  /** Words and pages about it; what leads to the document is reckoned as a whole elsewhere. */
  readonly told: readonly Effect[]
  /** Those that it lacked. */
  readonly stones: readonly Tombstone[]
}

/**
 * The document with each tombstone of `from` that it lacks.
 *
 * @param side the state with the tombstones, and the node that it is of
 */
export function withStones(
  document: ServiceDocument,
  side: { from: ServiceState; node: string },
  now: number,
): Entombed {
  const { from, node } = side
  const stones = (from.tombstones ?? []).filter((stone) => !hasTombstone(document.state, stone))
  let next = document
  const told: Effect[] = []
  for (const tombstone of stones) {
    const held = heldFor(tombstone, from)
    const event = { event: 'entombed', tombstone, node } as const
    const stepped = step(next, held === null ? event : { ...event, quarantine: held }, now)
    if ('refused' in stepped) throw new Error(`a tombstone was refused: ${stepped.refused.detail}`)
    next = stepped.document
    told.push(...stepped.effects.filter(isTold))
  }
  return { document: next, told, stones }
}

/** The quarantine that came with a tombstone. */
function heldFor({ by, version }: Tombstone, from: ServiceState): Quarantined | null {
  return by === 'verdict' ? (from.quarantine[version] ?? null) : null
}

function isTold({ effect }: Effect): boolean {
  return effect === 'journal' || effect === 'page' || effect === 'resolve'
}
