// Closed-loop load over keep-alive connections: wrk where it is installed, else autocannon, which
// costs several times as much and so reaches less. wrk runs a script of ours, which sends the given
// requests in turn and says at its end what came of them in one line that is easy to read.

import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import autocannon from 'autocannon'
import { type Ask, headOf, LAB_HOST } from './asks.ts'
import { onExit } from './children.ts'
import { isInstalled } from './rivals.ts'

const run = promisify(execFile)
/** wrk ends by itself; once in hundreds of runs it was seen not to. */
const LATE_MS = 10_000

/** Sends requests to a port of loopback, each connection as fast as it is answered. */
export interface Closed {
  /** What did it: figures of the two must not be compared. */
  readonly by: 'wrk' | 'autocannon'
  /** Fails when any request got no answer, or one of 400 and above. */
  run(port: number, how: ClosedRun): Promise<ClosedResult>
}

export interface ClosedRun {
  readonly seconds: number
  readonly connections: number
  /** What takes longer counts as failed; 2 s when left out. */
  readonly timeoutSeconds?: number
}

export interface ClosedResult {
  readonly requests: number
  /** Of answers, heads included. */
  readonly bytes: number
  /** How long requests were sent and answered. */
  readonly seconds: number
}

/** A load of these requests, which runs on `core`, by the best that is there unless it is named. */
export function closedLoad(
  asks: readonly Ask[],
  options: { readonly core: number; readonly by?: Closed['by'] | undefined },
): Closed {
  const { core, by = isInstalled('wrk') ? 'wrk' : 'autocannon' } = options
  if (by === 'autocannon') {
    return { by: 'autocannon', run: (port, how) => runAutocannon(port, { asks, how }) }
  }
  const folder = mkdtempSync(path.join(tmpdir(), 'vertex-wrk-'))
  onExit(() => rmSync(folder, { recursive: true, force: true }))
  const file = path.join(folder, 'asks.lua')
  writeFileSync(file, script(asks))
  return { by: 'wrk', run: (port, how) => runWrk(port, { file, core, how }) }
}

/** A JSON text of ASCII is a Lua text too. */
function script(asks: readonly Ask[]): string {
  const texts = asks.map((ask) => JSON.stringify(`${headOf(ask)}\r\n${ask.body}`))
  return `
local asks = {
${texts.join(',\n')}
}
local at = 0
function request()
  at = at % #asks + 1
  return asks[at]
end
function done(summary)
  local e = summary.errors
  local failed = e.connect + e.read + e.write + e.timeout + e.status
  io.write(string.format("DONE %d %d %d %d\\n",
    summary.requests, summary.bytes, summary.duration, failed))
end
`
}

async function runWrk(
  port: number,
  at: { file: string; core: number; how: ClosedRun },
): Promise<ClosedResult> {
  const { connections, seconds, timeoutSeconds = 2 } = at.how
  const wrk = ['wrk', '-t1', `-c${connections}`, `-d${seconds}s`, '-s', at.file]
  wrk.push('--timeout', `${timeoutSeconds}s`)
  const command = ['-c', String(at.core), ...wrk, `http://127.0.0.1:${port}/`]
  const { stdout } = await run('taskset', command, {
    timeout: seconds * 1000 + LATE_MS,
    killSignal: 'SIGKILL',
  })
  const said = /^DONE (\d+) (\d+) (\d+) (\d+)$/m.exec(stdout)
  const [requests = 0, bytes = 0, us = 0, failed = 1] = said?.slice(1).map(Number) ?? []
  if (failed > 0 || requests === 0) throw new Error(`Cannot measure as requests failed: ${stdout}`)
  return { requests, bytes, seconds: us / 1e6 }
}

async function runAutocannon(
  port: number,
  at: { asks: readonly Ask[]; how: ClosedRun },
): Promise<ClosedResult> {
  const requests = at.asks.map(({ method, path: target, headers, body }) => ({
    method,
    path: target,
    headers: { host: LAB_HOST, ...headers },
    ...(body === '' ? {} : { body }),
  }))
  const { connections, seconds } = at.how
  const url = `http://127.0.0.1:${port}`
  const result = await autocannon({ url, connections, duration: seconds, requests })
  if (result.non2xx + result.errors + result.timeouts > 0) {
    throw new Error('Cannot measure as requests failed')
  }
  const { total } = result.requests
  return { requests: total, bytes: result.throughput.total, seconds: result.duration }
}
