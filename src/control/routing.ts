// The part of the config file that the ledger takes over: which versions there are and how they
// share the traffic. It is hashed, so that an edit of the file is noticed and an unchanged file,
// read again at every start, resets nothing.

import { createHash } from 'node:crypto'
import type { ServiceConfig } from '../config/config.ts'
import type { ServiceState } from '../core/service.ts'
import type { EventOf } from '../core/rollout/transition.ts'
import { readTargetAddress } from '../core/target.ts'

function hashOf(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 16)
}

/** The file's routing of a service as an event. */
export function routingEvent(config: ServiceConfig): EventOf<'routing'> {
  const { routing, strategy } = config
  const versions = Object.fromEntries(
    config.versions.map(({ name, targets }) => [
      name,
      targets.map((url) => readTargetAddress(url)?.url ?? url),
    ]),
  )
  const { stable, candidate, weight } = routing
  const hash = `${hashOf([stable, candidate, weight])}.${hashOf(versions)}`
  return { event: 'routing', versions, stable, candidate, weight, hash, strategy }
}

/** That a fleet's service is not routed as the file says; null when it began so, or by no file. */
export function notFollowed(config: ServiceConfig, { routingHash }: ServiceState): string | null {
  if (routingHash === null || routingEvent(config).hash === routingHash) return null
  return (
    `Service ${config.name} is not routed as the file of this node says, as the nodes of a fleet ` +
    'share what they have decided: change it by deploy, weight or targets'
  )
}
