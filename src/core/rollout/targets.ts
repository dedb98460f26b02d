// What targets keep an operator from. Each target belongs to one version: a candidate that answers
// from stable's own targets would be compared with itself, and found harmless whatever it is. So no
// command may give one of the two compared versions what the other one has. And no command gives a
// candidate more traffic while one of its targets is out, unless it is forced to.

import type { ServiceDocument } from '../events.ts'
import type { TargetCounts } from '../facts.ts'
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

/** `0 of 2`, with what is said against the first that is not well. */
export function healthText({ healthy, total, why }: TargetCounts): string {
  return `${healthy} of ${total}${why === undefined ? '' : ` (${why})`}`
}

/**
 * The refusal of a raise by hand as a target of the candidate is not well; null when all are.
 * Before the first raise the targets are tried by control, which knows more of them.
 *
 * @param order what cannot be done, and a sentence about what can
 */
export function ejectedRefusal(
  { facts, state }: ServiceDocument,
  { action, instead }: { action: string; instead: string },
): Refusal | null {
  const { candidate } = facts
  if (state.weight === 0 || candidate.healthy === candidate.total) return null
  return conflict(
    'target-ejected',
    'Candidate target is out',
    `Cannot ${action} as all targets of ${state.candidate} must be healthy: current value is ` +
      `${healthText(candidate)}. ${instead}`,
  )
}
