// One round of small GETs through a proxy that is pinned to a core of its own, and the CPU time of
// the whole process per request. The load runs on the other core.

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import autocannon from 'autocannon'
import { cpuSeconds } from './proc.ts'
import { isInstalled, type Rival } from './rivals.ts'

export const PROXY_CORE = 0
export const LOAD_CORE = 1
const CONNECTIONS = 32
const run = promisify(execFile)

export interface Round {
  /** Microseconds of CPU per request. */
  readonly us: number
  readonly perSecond: number
  readonly requests: number
}

/** Loads a proxy for some seconds. Returns the number of answers; fails on any other than 2xx. */
async function load(port: number, seconds: number): Promise<number> {
  const url = `http://127.0.0.1:${port}/`
  if (isInstalled('wrk')) {
    const wrk = ['wrk', '-t1', `-c${CONNECTIONS}`, `-d${seconds}s`, url]
    const { stdout } = await run('taskset', ['-c', String(LOAD_CORE), ...wrk])
    if (/Non-2xx|Socket errors/.test(stdout)) throw new Error(`Cannot measure: ${stdout}`)
    return Number(/(\d+) requests in/.exec(stdout)?.[1])
  }
  const result = await autocannon({ url, connections: CONNECTIONS, duration: seconds })
  if (result.non2xx + result.errors > 0) throw new Error('Cannot measure as requests failed')
  return result.requests.total
}

export async function round(rival: Rival, seconds: number): Promise<Round> {
  const before = cpuSeconds(rival.pid)
  const requests = await load(rival.port, seconds)
  const used = cpuSeconds(rival.pid) - before
  return { us: (used * 1e6) / requests, perSecond: requests / seconds, requests }
}
