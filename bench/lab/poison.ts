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
  /** The Host of the requests. */
  readonly host: string
  readonly delay: Delay
  /** Of so many answers one is followed by an unasked one; 1 is each. */
  readonly every: number
  /** Client connections; each sends its next request as soon as it is answered. */
  readonly clients: number
  readonly requests: number
  /** Ends earlier than after `requests`. */
  readonly limitMs: number
}

export interface Harm {
  readonly requests: number
  /** Unasked answers that were sent. */
  readonly unasked: number
  /** Answers that were not meant for the request that got them. */
  readonly wrong: number
  /** Requests that got no answer, or one of the proxy's own. */
  readonly failed: number
  readonly seconds: number
}

export interface Poisoner {
  /** The origin listens on all of these and behaves the same on each. */
  readonly originPorts: readonly number[]
  attempt(attempt: Attempt): Promise<Harm>
  end(): Promise<void>
}

export async function startPoisoner(how: Pin & { ports: number }): Promise<Poisoner> {
  const { ports, ...pin } = how
  const child = startModule(new URL('./poison-process.ts', import.meta.url), pin)
  return {
    originPorts: (await askChild(child, 'start', { with: ports })) as number[],
    attempt: async (attempt) => (await askChild(child, 'attempt', { with: attempt })) as Harm,
    end: async () => void (await endChild(child)),
  }
}
