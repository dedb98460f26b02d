// The handle of a measuring origin (origin-server.ts, origin-process.ts): start it, tell it how to
// behave, ask it what it has seen.

import type { ChildProcess } from 'node:child_process'
import { endChild, type Pin, startModule } from './children.ts'
import { type LoadOptions, type LoadResult, loadSpec } from './load.ts'
import { askChild } from './rpc.ts'

const LOAD_MS = 600_000

export type Latency =
  | { readonly kind: 'fixed'; readonly floorMs: number }
  | { readonly kind: 'exponential'; readonly floorMs: number; readonly meanMs: number }

/** How an origin answers. Shares are of all requests, from 0 to 1; the default is 0 or none. */
export interface Behaviour {
  /** Answered with 500. */
  readonly errorRate?: number
  /** Never answered. */
  readonly hangRate?: number
  /** The connection is cut instead of an answer. */
  readonly abortRate?: number
  readonly latency?: Latency
  /** Applied to the latency. */
  readonly multiplier?: number
  /** The first of so many requests takes so many times as long, and each later one less. */
  readonly cold?: { readonly requests: number; readonly multiplier: number }
  /** The same requests fail, hang or are cut whenever it is told this seed anew. */
  readonly seed?: number
}

export interface OriginStart {
  readonly version: string
  /** Keep a record of each request. */
  readonly record: boolean
  readonly port?: number
  readonly bodyBytes?: number
  /** Sends the body in so many chunks and without its length. */
  readonly chunks?: number
  readonly behaviour?: Behaviour
}

/** Since the start or the last reset. */
export interface OriginCounts {
  readonly requests: number
  readonly failures: number
  /** Requests that were not answered. */
  readonly hung: number
  /** When the first request came, on the monotonic clock; NaN without one. */
  readonly firstMs: number
}

/** Times in milliseconds of the monotonic clock, NaN where there is none; one element a request. */
export interface OriginReport {
  readonly requests: number
  readonly failures: number
  readonly sentMs: Float64Array
  readonly receivedMs: Float64Array
  readonly answeredMs: Float64Array
  readonly failed: Uint8Array
}

export interface Origin {
  readonly version: string
  readonly port: number
  readonly url: string
  readonly child: ChildProcess
  /** Returns when the new behaviour is in force, on the monotonic clock. */
  behave(behaviour: Behaviour): Promise<number>
  /** Stops listening and cuts all connections. */
  refuse(): Promise<void>
  accept(): Promise<void>
  counts(): Promise<OriginCounts>
  report(): Promise<OriginReport>
  reset(): Promise<void>
  /**
   * Runs a load in the process of the origin itself: on one core two processes would wait for each
   * other's slice of it, some milliseconds each time, and that would be measured.
   */
  load(options: LoadOptions): Promise<LoadResult>
  end(): Promise<void>
}

export async function startOrigin(
  options: Omit<OriginStart, 'record'> & { record?: boolean } & Pin,
): Promise<Origin> {
  const { core, ...start } = options
  const child = startModule(new URL('./origin-process.ts', import.meta.url), { core })
  const ask = (what: string, argument?: unknown): Promise<unknown> =>
    askChild(child, what, { with: argument })
  const port = Number(await ask('start', { record: true, ...start } satisfies OriginStart))
  return {
    version: options.version,
    port,
    url: `http://127.0.0.1:${port}`,
    child,
    behave: async (behaviour) => Number(await ask('behave', behaviour)),
    refuse: async () => void (await ask('refuse')),
    accept: async () => void (await ask('accept')),
    counts: async () => (await ask('counts')) as OriginCounts,
    report: async () => (await ask('report')) as OriginReport,
    reset: async () => void (await ask('reset')),
    load: async (options) => {
      const spec = loadSpec(options)
      return (await askChild(child, 'load', { with: spec, withinMs: LOAD_MS })) as LoadResult
    },
    end: async () => void (await endChild(child)),
  }
}
