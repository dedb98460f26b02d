// The cast of the cold-arm measurement: an origin process with many ports that each close idle
// connections after their own time (cold-origin-process.ts), and a client that sends one POST to
// each arm now and then, at the worst moments that it can think of (cold-load-process.ts).

import { endChild, startModule } from './children.ts'
import { askChild } from './rpc.ts'

/** One arm: a service behind a name of its own, with one target. */
export interface Arm {
  readonly name: string
  /** The target closes a connection so long after its last answer. */
  readonly closesAfterMs: number
  /** Whether its answers say so in a Keep-Alive field, in whole seconds. */
  readonly hints: boolean
  readonly posts: number
}

/** The distance of a POST from the answer to the one before it. */
export type Gap =
  /** Within 2 ms of the time at which the target closes. */
  | 'at the close'
  /** Within 100 ms of it. */
  | 'near the close'
  /** 1 to 6 s. */
  | 'any'
  /** Less than 1 s: here a proxy is expected to reuse the connection. */
  | 'short'

export interface ColdOrigin {
  /** One for each arm. */
  readonly ports: readonly number[]
  counts(): Promise<OriginCounts>
  end(): Promise<void>
}

export interface OriginCounts {
  readonly posts: number
  /** POSTs that came a second time: somebody repeated what must not be repeated. */
  readonly repeated: number
  /** Connections that were opened; fewer than POSTs means that some were reused. */
  readonly connections: number
  /** Connections that were closed as they had been idle for their time. */
  readonly closedIdle: number
}

export interface ColdSpec {
  readonly port: number
  readonly arms: readonly Arm[]
  readonly seed: number
}

export interface ColdFailure {
  readonly arm: string
  readonly gap: Gap
  readonly gapMs: number
  /** What came instead of the right answer. */
  readonly cause: string
}

export interface ColdResult {
  readonly posts: number
  readonly failures: readonly ColdFailure[]
  readonly seconds: number
}

export async function startColdOrigin(
  arms: readonly Arm[],
  options: { computeMs: number },
): Promise<ColdOrigin> {
  const child = startModule(new URL('./cold-origin-process.ts', import.meta.url))
  const ports = (await askChild(child, 'start', { with: { arms, ...options } })) as number[]
  return {
    ports,
    counts: async () => (await askChild(child, 'counts')) as OriginCounts,
    end: async () => void (await endChild(child)),
  }
}

export interface ColdLoad {
  /** Sends all POSTs of all arms through a proxy. */
  run(spec: ColdSpec): Promise<ColdResult>
  end(): Promise<void>
}

export function startColdLoad(): ColdLoad {
  const child = startModule(new URL('./cold-load-process.ts', import.meta.url))
  return {
    run: async (spec) =>
      (await askChild(child, 'run', { with: spec, withinMs: 150_000 })) as ColdResult,
    end: async () => void (await endChild(child)),
  }
}
