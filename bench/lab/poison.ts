// The handle of the process that is both ends of a poisoning attempt (poison-process.ts): the
// origin that says more than it was asked, and the client that notices whose answer it got.

import { endChild, type Pin, startModule } from './children.ts'
import { askChild } from './rpc.ts'

/** When the second, unasked answer leaves the origin, after the first. */
export type Delay =
  /** In the same write. */
  | 'joined'
  /** In the next turn of the origin's loop, some ten microseconds later. */
  | 'turn'
  /** Milliseconds. */
  | number

export interface Attempt {
  /** The proxy's port. */
  readonly port: number
  readonly delay: Delay
  /** Client connections; each sends its next request as soon as it is answered. */
  readonly clients: number
  readonly requests: number
  /** Ends earlier than after `requests`. */
  readonly limitMs: number
}

export interface Harm {
  readonly requests: number
  /** Answers that were not meant for the request that got them. */
  readonly wrong: number
  /** Requests that got no answer, or one of the proxy's own. */
  readonly failed: number
  readonly seconds: number
}

export interface Poisoner {
  readonly originPort: number
  attempt(attempt: Attempt): Promise<Harm>
  end(): Promise<void>
}

export async function startPoisoner(pin: Pin): Promise<Poisoner> {
  const child = startModule(new URL('./poison-process.ts', import.meta.url), pin)
  return {
    originPort: Number(await askChild(child, 'start')),
    attempt: async (attempt) => (await askChild(child, 'attempt', { with: attempt })) as Harm,
    end: async () => void (await endChild(child)),
  }
}
