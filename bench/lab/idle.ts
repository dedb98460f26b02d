// The handle of a crowd of idle clients (idle-process.ts).

import { endChild, startModule } from './children.ts'
import { askChild } from './rpc.ts'

export interface CrowdSpec {
  /** The proxy's port. */
  readonly port: number
  readonly connections: number
  readonly requestsEach: number
}

export interface Crowd {
  /** Opens connections, lets each ask its requests; returns how many are open then. */
  gather(spec: CrowdSpec): Promise<number>
  count(): Promise<number>
  /** Closes all connections. */
  disperse(): Promise<void>
  end(): Promise<void>
}

export function startCrowd(): Crowd {
  const child = startModule(new URL('./idle-process.ts', import.meta.url))
  return {
    gather: async (spec) => Number(await askChild(child, 'gather', { with: spec })),
    count: async () => Number(await askChild(child, 'count')),
    disperse: async () => void (await askChild(child, 'disperse')),
    end: async () => void (await endChild(child)),
  }
}
