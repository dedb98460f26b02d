// The handle of a load generator (load-process.ts).

import type { Ask } from './asks.ts'
import { endChild, type Pin, startModule } from './children.ts'
import { askChild } from './rpc.ts'

export interface LoadSpec {
  readonly host: string
  readonly port: number
  /** Connections take turns over these instead of `port`. */
  readonly ports?: readonly number[]
  /** Requests a second (open loop), or null: each connection as fast as it is answered. */
  readonly rate: number | null
  readonly connections: number
  /** Requests take turns over these. */
  readonly paths: readonly string[]
  readonly headers: Readonly<Record<string, string>>
  /** Takes turns over these instead of paths with headers. */
  readonly asks?: readonly Ask[]
  /** Until stopped when neither is given. */
  readonly durationMs?: number
  readonly requests?: number
  readonly timeoutMs: number
  /**
   * Never rests, so that each request is sent when it is due and not at the next millisecond with
   * all others of it. Only for a process that has its core for itself.
   */
  readonly sleepless?: boolean
}

/** One element a request, in the order of sending. */
export interface LoadResult {
  readonly startedMs: number
  readonly endedMs: number
  /** Requests that became due but found no connection. */
  readonly unsent: number
  readonly sentMs: Float64Array
  /** From the moment the request was due to its whole answer; NaN when there was none. */
  readonly latencyMs: Float64Array
  /** 0 when there was no answer. */
  readonly status: Uint16Array
  /** Index into `versions`, 255 for none. */
  readonly version: Uint8Array
  readonly versions: readonly string[]
  /** What went wrong, the first 20. */
  readonly messages: readonly string[]
}

export interface Load {
  /** Ends the load after the answers to what was sent. */
  stop(): Promise<LoadResult>
  /** The result of a load that has a duration or a number of requests. */
  done(): Promise<LoadResult>
}

/** The rest has defaults. */
export type LoadOptions = { port: number } & Partial<Omit<LoadSpec, 'port'>>
type Options = LoadOptions & Pin

/** A load against a port on loopback. */
export function loadSpec(options: LoadOptions): LoadSpec {
  return {
    host: '127.0.0.1',
    rate: 1000,
    connections: 32,
    paths: ['/'],
    headers: {},
    timeoutMs: 10_000,
    ...options,
  }
}

/** Starts a load against a port on loopback. */
export async function startLoad(options: Options): Promise<Load> {
  const { core, ...given } = options
  const spec = loadSpec(given)
  const child = startModule(new URL('./load-process.ts', import.meta.url), { core })
  await askChild(child, 'start', { with: spec })
  const end = async (ask: string): Promise<LoadResult> => {
    const result = (await askChild(child, ask, { withinMs: 600_000 })) as LoadResult
    await endChild(child)
    return result
  }
  return { stop: () => end('stop'), done: () => end('done') }
}

/** Runs a load to its end. */
export async function runLoad(options: Options): Promise<LoadResult> {
  return (await startLoad(options)).done()
}

export interface LoadSummary {
  readonly requests: number
  readonly failed: number
  /** Of those that failed: found no free connection, so that the proxy never saw them. */
  readonly unsent: number
  /** The others that failed: what users would have seen, however slow the generator is. */
  readonly failedSent: number
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly p999Ms: number
  /** Requests that each version answered. */
  readonly byVersion: Readonly<Record<string, number>>
}

export interface Counting {
  /** Latencies are of what was sent so much behind the start: a generator that begins is slow. */
  readonly afterMs?: number
  /** Latencies of requests under way between these two times are left out. */
  readonly without?: (fromMs: number, toMs: number) => boolean
}

/** A request fails when it got no answer or one with a status of 400 or more. */
export function summarise(result: LoadResult, options: Counting = {}): LoadSummary {
  const { afterMs = 0, without = () => false } = options
  const fromMs = result.startedMs + afterMs
  let failedSent = 0
  const byVersion: Record<string, number> = {}
  for (const [at, code] of result.status.entries()) {
    if (code === 0 || code >= 400) failedSent++
    const name = result.versions[result.version[at] ?? 255] ?? 'none'
    byVersion[name] = (byVersion[name] ?? 0) + 1
  }
  const counts = (ms: number, at: number): boolean => {
    const sentMs = result.sentMs[at] ?? 0
    return !Number.isNaN(ms) && sentMs >= fromMs && !without(sentMs, sentMs + ms)
  }
  const sorted = result.latencyMs.filter(counts).sort()
  const quantile = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
  const requests = result.status.length
  return {
    requests,
    failed: failedSent + result.unsent,
    unsent: result.unsent,
    failedSent,
    perSecond: (requests * 1000) / (result.endedMs - result.startedMs),
    p50Ms: quantile(0.5),
    p99Ms: quantile(0.99),
    p999Ms: quantile(0.999),
    byVersion,
  }
}
