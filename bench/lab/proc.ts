// What the kernel says about a process, or about a process with all that it started: CPU time and
// memory. Linux only.

import { readdirSync, readFileSync } from 'node:fs'

const TICKS_PER_SECOND = 100 // USER_HZ, fixed on Linux

/** CPU time in seconds. */
export interface CpuTime {
  readonly user: number
  /** In the kernel. */
  readonly system: number
}

/** CPU time of a process with all its threads (and ended children) so far. */
function cpuTime(pid: number): CpuTime {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // The second field is the name in parentheses and may hold blanks, so counting starts behind it.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const [user, system] = [Number(fields[11]), Number(fields[12])]
  return { user: user / TICKS_PER_SECOND, system: system / TICKS_PER_SECOND }
}

/** The same in seconds, user and system. */
export function cpuSeconds(pid: number): number {
  const { system, user } = cpuTime(pid)
  return user + system
}

/**
 * CPU time of the main thread of a process so far, in seconds. The scheduler counts nanoseconds;
 * the ticks of `stat` are too coarse for a thread that mostly sleeps.
 */
export function mainThreadCpuSeconds(pid: number): number {
  const [ns] = readFileSync(`/proc/${pid}/task/${pid}/schedstat`, 'utf8').split(' ')
  return Number(ns) / 1e9
}

/** Resident memory of a process in bytes, now and at its highest. */
export function memoryBytes(pid: number): { rss: number; peak: number } {
  const text = readFileSync(`/proc/${pid}/status`, 'utf8')
  const field = (name: string): number => {
    const found = new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)
    return found === null ? Number.NaN : Number(found[1]) * 1024
  }
  return { rss: field('VmRSS'), peak: field('VmHWM') }
}

/** A process and all processes below it. */
export function processTree(pid: number): number[] {
  const pids = [pid]
  // The list grows while it is walked, so that children of children are found.
  for (const one of pids) {
    try {
      for (const task of readdirSync(`/proc/${one}/task`)) {
        const children = readFileSync(`/proc/${one}/task/${task}/children`, 'utf8')
        pids.push(...children.split(' ').filter(Boolean).map(Number))
      }
    } catch (error) {
      // A child or a thread may end while it is looked at; the process that is asked for may not.
      if (one === pid) throw error
    }
  }
  return pids
}

/** CPU time of a process and all below it so far. */
export function treeCpuTime(pid: number): CpuTime {
  const all = processTree(pid).map(cpuTime)
  return {
    user: all.reduce((sum, { user }) => sum + user, 0),
    system: all.reduce((sum, { system }) => sum + system, 0),
  }
}

/** Resident memory of a process and all below it, in bytes; shared pages count in each. */
export function treeRssBytes(pid: number): number {
  return processTree(pid).reduce((sum, one) => sum + memoryBytes(one).rss, 0)
}
