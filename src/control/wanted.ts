// Which versions of a service the next table must hold: those that its document refers to, and
// those that the row in force still sends requests to. A thread that meets a slot which its table
// lacks has nothing to answer with, so a version leaves the table only when no row names it.

import type { ServiceDocument } from '../core/events.ts'
import { versionsInUse } from '../core/rollout/begin.ts'
import type { Keeper } from './keeper.ts'
import type { Wanted } from './residency.ts'

export function wantedOf({ config, document, inForce }: Keeper): Wanted {
  const { versions } = document.state
  const names = new Set(versionsInUse(document.state))
  if (inForce.stable !== null) names.add(inForce.stable)
  if (inForce.candidate !== null && inForce.weight > 0) names.add(inForce.candidate)
  return {
    config,
    salt: saltOf(document),
    versions: [...names].map((name) => ({ name, targets: versions[name]?.targets ?? [] })),
  }
}

/** The same customers stay together for as long as a rollout runs, and meet no two candidates. */
function saltOf({ state }: ServiceDocument): string {
  return state.rollout?.id ?? `${state.service}-${state.rollouts}`
}
