// The handles of slow attacks: our own (slow-process.ts), those of Debian's slowhttptest, the
// origin behind them, and the newcomers: ordinary clients that come with a connection of their own
// each, which is what an attack on connections is to keep out.

import net from 'node:net'
import { stripVTControlCharacters } from 'node:util'
import { endChild, startModule, startProgram } from './children.ts'
import { monotonicMs } from './clock.ts'
import { askChild } from './rpc.ts'

export type AttackKind = 'long-head' | 'ahead' | 'dribble' | 'sip' | 'stalled-body' | 'stalled-read'

export interface AttackSpec {
  readonly kind: AttackKind
  readonly port: number
  readonly connections: number
  /** How often each connection sends or reads its next piece. */
  readonly everyMs: number
  /** Whether a connection that the proxy has closed is replaced. */
  readonly reopen: boolean
}

export interface AttackCount {
  readonly opened: number
  /** As far as the attackers have noticed: those that do not read do not. */
  readonly closedByProxy: number
  readonly pieces: number
  /** Answers by status. */
  readonly statuses: Readonly<Record<string, number>>
}

/** Begins an attack; the function that is returned ends it. */
export async function startAttack(spec: AttackSpec): Promise<() => Promise<AttackCount>> {
  const child = startModule(new URL('./slow-process.ts', import.meta.url))
  await askChild(child, 'start', { with: spec })
  return async () => {
    const count = (await askChild(child, 'stop')) as AttackCount
    await endChild(child)
    return count
  }
}

/** Starts the origin; returns its URL. */
export async function startSlowOrigin(): Promise<string> {
  const child = startModule(new URL('./slow-origin-process.ts', import.meta.url))
  return `http://127.0.0.1:${Number(await askChild(child, 'listen'))}`
}

/** What slowhttptest said last about its connections. */
export interface ToolCount {
  readonly connected: number
  readonly closed: number
  /** Whether its own probes were answered each time. */
  readonly available: boolean
}

/** Begins an attack of slowhttptest; the function that is returned ends it. */
export function startTool(args: readonly string[]): () => Promise<ToolCount> {
  const child = startProgram(['slowhttptest', ...args])
  let text = ''
  let available = true
  child.stdout?.setEncoding('latin1').on('data', (chunk: string) => {
    text = (text + chunk).slice(-8192)
    if (/service available: *\S*NO/.test(stripVTControlCharacters(chunk))) available = false
  })
  child.stderr?.resume()
  const last = (name: string): number => {
    const found = [
      ...stripVTControlCharacters(text).matchAll(new RegExp(`^${name}: +(\\d+)`, 'gm')),
    ].at(-1)
    return found === null || found === undefined ? Number.NaN : Number(found[1])
  }
  return async () => {
    await endChild(child, { signal: 'SIGINT' })
    return { connected: last('connected'), closed: last('closed'), available }
  }
}

export interface Newcomers {
  readonly latencyMs: readonly number[]
  readonly failed: number
}

const NEWCOMER_LIMIT_MS = 10_000

/** One GET on a connection of its own: milliseconds from connecting to the whole answer, or NaN. */
function visit(port: number): Promise<number> {
  return new Promise((resolve) => {
    const began = monotonicMs()
    const socket = net.connect({ host: '127.0.0.1', port, noDelay: true })
    let text = ''
    const finish = (ms: number): void => {
      clearTimeout(timer)
      socket.destroy()
      resolve(ms)
    }
    const timer = setTimeout(() => finish(Number.NaN), NEWCOMER_LIMIT_MS)
    socket.setEncoding('latin1')
    socket.on('data', (chunk) => {
      text += String(chunk)
    })
    socket.on('error', () => finish(Number.NaN))
    socket.on('end', () => {
      const whole = text.startsWith('HTTP/1.1 200 ') && text.endsWith('hello, world\n')
      finish(whole ? monotonicMs() - began : Number.NaN)
    })
    socket.write('GET / HTTP/1.1\r\nhost: newcomer.example\r\nconnection: close\r\n\r\n')
  })
}

/** Newcomers at a fixed rate, whether earlier ones were answered or not, until stopped. */
export function startNewcomers(port: number, perSecond: number): () => Promise<Newcomers> {
  const visits: Promise<number>[] = []
  const began = monotonicMs()
  const timer = setInterval(() => {
    while (visits.length < ((monotonicMs() - began) * perSecond) / 1000) visits.push(visit(port))
  }, 1)
  return async () => {
    clearInterval(timer)
    const all = await Promise.all(visits)
    const latencyMs = all.filter((ms) => !Number.isNaN(ms))
    return { latencyMs, failed: all.length - latencyMs.length }
  }
}
