// The handle of many measuring origins in one process (verdict-origins-process.ts). An origin is
// named by its number, in the order of `versions`.

import { endChild, startModule } from './children.ts'
import type { Behaviour, OriginCounts } from './origin.ts'
import { askChild } from './rpc.ts'

export interface OriginsStart {
  /** What each says it is, in `x-app-version`. */
  readonly versions: readonly string[]
}

export interface OriginsOrder {
  readonly which: readonly number[]
  readonly behaviour?: Behaviour
}

export interface Origins {
  readonly urls: readonly string[]
  /** Returns when the new behaviour is in force, on the monotonic clock. */
  behave(which: readonly number[], behaviour: Behaviour): Promise<number>
  /** Answers the requests that hang. */
  letGo(which: readonly number[]): Promise<void>
  counts(which: readonly number[]): Promise<readonly OriginCounts[]>
  reset(which: readonly number[]): Promise<void>
  end(): Promise<void>
}

/** Starts so many origins, all healthy and without latency. */
export async function startOrigins(start: OriginsStart): Promise<Origins> {
  const child = startModule(new URL('./verdict-origins-process.ts', import.meta.url))
  const ask = (what: string, order: OriginsOrder | OriginsStart): Promise<unknown> =>
    askChild(child, what, { with: order })
  const ports = (await ask('start', start)) as number[]
  return {
    urls: ports.map((port) => `http://127.0.0.1:${port}`),
    behave: async (which, behaviour) => Number(await ask('behave', { which, behaviour })),
    letGo: async (which) => void (await ask('letGo', { which })),
    counts: async (which) => (await ask('counts', { which })) as OriginCounts[],
    reset: async (which) => void (await ask('reset', { which })),
    end: async () => void (await endChild(child)),
  }
}
