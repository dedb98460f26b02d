// The handle of the soak's client (soak-client-process.ts): what it is told, and what it tells.

import { endChild, startModule } from './children.ts'
import { askChild } from './rpc.ts'
import type { AbortKind, Fault, Method, Profile } from './soak-plan.ts'

export interface ClientSpec {
  readonly port: number
  readonly connections: number
  /** Ends by itself after so many requests. */
  readonly requests: number
  readonly seed: number
  readonly profile: Profile
  /** The number of the first request: no two clients of the same targets may use the same. */
  readonly firstNumber: number
}

/** A request that got no right answer, though its client neither aborted nor marked it. */
export interface Failure {
  readonly number: number
  readonly method: Method
  readonly replayable: boolean
  readonly fault: Fault
  /** 0 when there was no head of a final answer. */
  readonly status: number
  /** The value of `x-vertex-error`, or what became of the connection. */
  readonly error: string
  /** Whether a byte of the final answer had come. */
  readonly begun: boolean
  /** On the monotonic clock. */
  readonly atMs: number
  /** The edge thread that served the connection, '' when that is not known. */
  readonly thread: string
}

/** A connection that ended without a word that it would. */
export interface Loss {
  readonly thread: string
  readonly atMs: number
  /** Whether a request was out on it. */
  readonly busy: boolean
}

export interface ClientReport {
  /** Requests with an end; those that were sent behind a closing answer count when sent again. */
  readonly done: number
  readonly right: number
  readonly aborted: Readonly<Record<AbortKind, number>>
  /** Marked requests that broke as they must: a 502, or a reset amid a right beginning. */
  readonly asMarked: number
  /** Marked requests whose answer ended with a FIN instead of a reset. */
  readonly markedEnded: number
  readonly failures: readonly Failure[]
  readonly failuresLost: number
  readonly wrong: readonly string[]
  readonly wrongCount: number
  /** Answers that only the connection's end delimits and that ended early, by their numbers. */
  readonly endedEarly: readonly number[]
  readonly connections: number
  /** Sent again, since the connection closed before their turn. */
  readonly requeued: number
  readonly interims: number
  readonly trailers: number
  readonly bytesDown: number
  readonly bytesUp: number
  readonly byMethod: Readonly<Record<string, number>>
  readonly losses: readonly Loss[]
}

export interface Progress {
  readonly done: number
  readonly failed: number
  readonly wrong: number
}

/** How many open connections each edge thread serves, as its answers tell. */
export interface Census {
  readonly byThread: Readonly<Record<string, number>>
  /** Those that have had no answer yet, or are being opened. */
  readonly unknown: number
}

export interface SoakClient {
  progress(): Promise<Progress>
  census(): Promise<Census>
  /** Connections lost so far. */
  losses(): Promise<readonly Loss[]>
  /** Closes every connection behind its present answer and opens it anew. */
  reshuffle(): Promise<void>
  /** Lets what is out be answered, closes everything, and ends. */
  finish(): Promise<ClientReport>
}

export async function startSoakClient(spec: ClientSpec): Promise<SoakClient> {
  const child = startModule(new URL('./soak-client-process.ts', import.meta.url))
  await askChild(child, 'start', { with: spec })
  return {
    progress: async () => (await askChild(child, 'progress')) as Progress,
    census: async () => (await askChild(child, 'census')) as Census,
    losses: async () => (await askChild(child, 'losses')) as Loss[],
    reshuffle: async () => void (await askChild(child, 'reshuffle')),
    finish: async () => {
      const report = (await askChild(child, 'finish')) as ClientReport
      await endChild(child)
      return report
    },
  }
}
