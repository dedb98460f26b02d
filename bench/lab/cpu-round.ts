// One round of load through a proxy that is pinned to a core of its own, and the CPU time of all
// its processes per request. The load and the origins run on the other core, and so does the
// script that measures, once it has asked for it: CPU time is compared, not throughput, but what
// shares the core of the proxies would empty their caches.

import { execFileSync } from 'node:child_process'
import { smallGets } from './asks.ts'
import { treeCpuTime } from './proc.ts'
import type { Rival } from './rivals.ts'
import { type Closed, type ClosedRun, closedLoad } from './wrk.ts'

export const PROXY_CORE = 0
export const LOAD_CORE = 1
export const CONNECTIONS = 32

export interface Round {
  /** Microseconds of CPU per request. */
  readonly us: number
  /** So much of it is the kernel's. */
  readonly kernelUs: number
  readonly perSecond: number
  readonly requests: number
  readonly bytesPerSecond: number
  /** The share of its core that the proxy used: below 0.9 the load was what limited it. */
  readonly busy: number
}

let usual: Closed | null = null

/** Small GETs of 64 heads, for measurements that have no requests of their own. */
function usualLoad(): Closed {
  usual ??= closedLoad(smallGets(), { core: LOAD_CORE })
  return usual
}

/** Moves this very process, with the threads it has, to the core of the load. */
export function joinLoadCore(): void {
  execFileSync('taskset', ['-a', '-c', '-p', String(LOAD_CORE), String(process.pid)], {
    stdio: 'ignore',
  })
}

export async function round(
  rival: Rival,
  options: { load?: Closed } & Partial<ClosedRun> & Pick<ClosedRun, 'seconds'>,
): Promise<Round> {
  const { load = usualLoad(), ...how } = options
  const before = treeCpuTime(rival.pid)
  const beganMs = performance.now()
  const done = await load.run(rival.port, { connections: CONNECTIONS, ...how })
  const tookSeconds = (performance.now() - beganMs) / 1000
  const after = treeCpuTime(rival.pid)
  const inKernel = after.system - before.system
  const used = after.user - before.user + inKernel
  return {
    us: (used * 1e6) / done.requests,
    kernelUs: (inKernel * 1e6) / done.requests,
    perSecond: done.requests / done.seconds,
    requests: done.requests,
    bytesPerSecond: done.bytes / done.seconds,
    busy: used / tookSeconds,
  }
}
