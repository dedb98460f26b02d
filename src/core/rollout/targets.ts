// Each target belongs to one version: a candidate that answers from stable's own targets would be
// compared with itself, and found harmless whatever it is. So no command may give one of the two
// compared versions what the other one has.

import type { Refusal, ServiceState } from '../service.ts'
import { conflict } from './transition.ts'

/** The refusal of `action` as a target is one of `other`'s; null when none is. */
export function takenTarget(
  state: ServiceState,
  order: { action: string; targets: readonly string[]; other: string | null },
): Refusal | null {
  const { action, other, targets } = order
  if (other === null) return null
  const shared = state.versions[other]?.targets.find((url) => targets.includes(url))
  if (shared === undefined) return null
  return conflict(
    'target-taken',
    'Target belongs to another version',
    `Cannot ${action} as each target belongs to one version: ${shared} is a target of ${other}`,
  )
}
