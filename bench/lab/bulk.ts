// The handle of large bodies (bulk-process.ts).

import { startModule } from './children.ts'
import { askChild } from './rpc.ts'

export interface BulkSpec {
  /** The proxy's port. */
  readonly port: number
  /** `up`: in a request; `down`: in a response. */
  readonly way: 'up' | 'down'
  readonly bytes: number
  readonly chunked: boolean
  /** How often the reader stops reading, evenly spread over the body. */
  readonly pauses: number
  readonly pauseMs: number
}

export interface Bulk {
  readonly originUrl: string
  /** Sends one body through the proxy; returns the bytes that arrived as they were sent. */
  exchange(spec: BulkSpec): Promise<number>
}

export async function startBulk(): Promise<Bulk> {
  const module = new URL('./bulk-process.ts', import.meta.url)
  const [origin, client] = [startModule(module), startModule(module)]
  const originPort = Number(await askChild(origin, 'listen'))
  return {
    originUrl: `http://127.0.0.1:${originPort}`,
    exchange: async (spec) => {
      await askChild(origin, 'prepare', { with: spec })
      return Number(await askChild(client, 'exchange', { with: spec, withinMs: 300_000 }))
    },
  }
}
