// The handle of a client that honours `Connection: close` (drain-process.ts), and what its requests
// came to.

import { endChild, type Pin, startModule } from './children.ts'
import { askChild } from './rpc.ts'

export interface DrainSpec {
  readonly port: number
  /** Requests a second, whether earlier ones were answered or not. */
  readonly rate: number
  /** Connections that are kept open. */
  readonly connections: number
  /** The client closes a connection by itself after so many requests. */
  readonly perConnection: number
}

export interface FailedRequest {
  /** When it was sent, on the monotonic clock. */
  readonly sentMs: number
  readonly failedMs: number
  readonly cause: string
}

export interface DrainResult {
  readonly requests: number
  /** Connections that were opened. */
  readonly opened: number
  /** Answers that said `Connection: close`. */
  readonly toldToClose: number
  readonly failed: readonly FailedRequest[]
  /** When each request was sent, on the monotonic clock. */
  readonly sentMs: Float64Array
}

export interface DrainClient {
  stop(): Promise<DrainResult>
}

export async function startDrainClient(spec: DrainSpec, pin: Pin = {}): Promise<DrainClient> {
  const child = startModule(new URL('./drain-process.ts', import.meta.url), pin)
  await askChild(child, 'start', { with: spec })
  return {
    stop: async () => {
      const result = (await askChild(child, 'stop')) as DrainResult
      await endChild(child)
      return result
    },
  }
}
