// A real edge for tests: real threads on a real port in front of real origins, with the board in
// the test's hands instead of a control loop. Origins and clients speak raw bytes.

import net from 'node:net'
import type { AddressInfo } from 'node:net'
import { type Board, createBoard } from '../../src/board/board.ts'
import { NO_SLOT, publishAssignment } from '../../src/board/assignment.ts'
import { setLatencyStripe } from '../../src/board/latency.ts'
import type { FailedRequest } from '../../src/core/outcome.ts'
import type { Table, TableService } from '../../src/core/table.ts'
import type { EdgeSettings } from '../../src/edge/edge-data.ts'
import { Supervisor } from '../../src/edge/supervisor.ts'

export const STABLE = 0
export const CANDIDATE = 1

export const SETTINGS: EdgeSettings = {
  timeouts: {
    connectMs: 1000,
    responseHeadMs: 2000,
    responseIdleMs: 2000,
    requestHeadMs: 1000,
    requestIdleMs: 1000,
    keepAliveMs: 5000,
    upstreamIdleMs: 4000,
    tunnelIdleMs: 10_000,
    tunnelDrainMs: 1000,
    drainDelayMs: 100,
    drainMs: 1000,
  },
  limits: {
    headBytes: 32_768,
    targetBytes: 16_384,
    headerLines: 100,
    responseHeadBytes: 65_536,
    responseHeaderLines: 256,
    connections: 10_000,
    inFlightPerTarget: 1024,
    connectionsPerTarget: 1024,
    waitingPerTarget: 1024,
    keptBodyBytes: 65_536,
    interimResponses: 16,
  },
  trustedProxies: [],
  upgradeProtocols: ['websocket'],
  readinessPath: '/__ready',
  accept: { nonAsciiTarget: false, doubleQuestionMark: false },
  forwarding: { via: 'vertex', forwarded: false, proxyAuthorization: false },
  halfClose: 'gone',
  accessLog: null,
}

export type Handler = (socket: net.Socket, request: string, count: number) => void

export interface Origin {
  readonly port: number
  /** Whole requests as they came, heads and bodies. */
  readonly requests: string[]
  readonly connections: Set<net.Socket>
  close(): Promise<void>
}

/** A raw origin: calls `handler` for each head (with what came behind it in the same packet). */
export async function startOrigin(handler: Handler): Promise<Origin> {
  const requests: string[] = []
  const connections = new Set<net.Socket>()
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    connections.add(socket)
    let text = ''
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
      for (;;) {
        const end = text.indexOf('\r\n\r\n')
        if (end < 0) return
        const head = text.slice(0, end + 4)
        const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0)
        let total = end + 4 + length
        if (/transfer-encoding: chunked/i.test(head)) {
          // The last chunk, trailers if there are any, and the empty line.
          const last = /(?:^|\r\n)0\r\n(?:[^\r\n]+\r\n)*\r\n/.exec(text.slice(end + 4))
          if (last === null) return
          total = end + 4 + last.index + last[0].length
        }
        if (text.length < total) return
        const request = text.slice(0, total)
        text = text.slice(total)
        requests.push(request)
        handler(socket, request, requests.length)
      }
    })
    socket.on('end', () => socket.end())
    socket.on('error', () => undefined)
    socket.on('close', () => connections.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    requests,
    connections,
    close: () =>
      new Promise((resolve) => {
        for (const socket of connections) socket.destroy()
        server.close(() => resolve())
      }),
  }
}

/** An origin that answers 200 with this body. */
export function answering(body: string): Handler {
  return (socket) =>
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`, 'latin1')
}

export interface TestEdge {
  readonly board: Board
  readonly supervisor: Supervisor
  readonly port: number
  readonly replaced: string[]
  readonly shared: string[]
  readonly notes: string[]
  /** Requests that counted against the candidate, as far as they are named. */
  readonly failed: FailedRequest[]
  /** Puts a weight in force (hundredths of a percent). */
  weight(weight: number): void
  publish(change: Partial<TableService>): Promise<void>
  close(): Promise<void>
}

export interface EdgeOptions {
  readonly stable: readonly number[]
  readonly candidate?: readonly number[]
  readonly threads?: number
  /** The system chooses when it is left out. */
  readonly port?: number
  readonly settings?: Partial<EdgeSettings>
  readonly service?: Partial<TableService>
}

/** A service as it is when a test says nothing of it. */
const PLAIN_SERVICE: Omit<TableService, 'versions'> = {
  name: 'default',
  index: 0,
  matches: [{ host: null, path: '/' }],
  affinity: null,
  salt: 'salt',
  versionOverride: null,
  rescue: true,
  mirror: null,
  rescueBudget: { share: 0.2, atLeast: 16 },
  replay: { putDelete: false, idempotencyKey: false },
  bodyLimitBytes: null,
  verdict: { exclude: [], clientErrors: 'ignore', slowIsErrorMs: null },
}

export async function startEdge(options: EdgeOptions): Promise<TestEdge> {
  const threads = options.threads ?? 1
  const board = createBoard({ threads, services: 4, slots: 32, targets: 32, latencyStripes: 8 })
  const replaced: string[] = []
  const shared: string[] = []
  const notes: string[] = []
  const failed: FailedRequest[] = []
  const supervisor = new Supervisor({
    board,
    settings: { ...SETTINGS, ...options.settings },
    onReplaced: (text) => replaced.push(text),
    onShared: (text) => shared.push(text),
    onNote: (text) => notes.push(text),
    onFailed: (one) => failed.push(one),
  })
  const candidate = options.candidate ?? []
  let next = 0
  const target = (port: number) => ({
    index: next++,
    host: '127.0.0.1',
    port,
    authority: `127.0.0.1:${port}`,
  })
  let revision = 0
  let service: TableService = {
    ...PLAIN_SERVICE,
    versions: [
      { name: 'v1', slot: STABLE, targets: options.stable.map(target) },
      ...(candidate.length > 0
        ? [{ name: 'v2', slot: CANDIDATE, targets: candidate.map(target) }]
        : []),
    ],
    ...options.service,
  }
  const publish = async (change: Partial<TableService>): Promise<void> => {
    service = { ...service, ...change }
    revision++
    const table: Table = { revision, services: [service] }
    await supervisor.publish(table)
  }
  setLatencyStripe(board, STABLE, 0)
  setLatencyStripe(board, CANDIDATE, 1)
  await publish({})
  const candidateSlot = candidate.length > 0 ? CANDIDATE : NO_SLOT
  const weight = (share: number): void => {
    publishAssignment(board, 0, { stableSlot: STABLE, candidateSlot, weight: share })
  }
  weight(0)
  const port = await supervisor.listen({ host: '127.0.0.1', port: options.port ?? 0 })
  return {
    board,
    supervisor,
    port,
    replaced,
    shared,
    notes,
    failed,
    weight,
    publish,
    close: () => supervisor.finish({ drainMs: 0, tunnelDrainMs: 0 }),
  }
}

export interface Raw {
  readonly text: string
  readonly status: number
  readonly closed: boolean
  readonly reset: boolean
}

/**
 * Sends raw bytes and collects the answer until `until` is true of it, the peer closes, or 3 s
 * pass. The pieces are sent one after the other, each in a packet of its own.
 */
export function exchange(
  port: number,
  pieces: string | readonly string[],
  until: (text: string) => boolean = isWhole,
): Promise<Raw> {
  return new Promise((resolve) => {
    const socket = net.connect({ port, host: '127.0.0.1', noDelay: true })
    let text = ''
    let reset = false
    const finish = (closed: boolean): void => {
      clearTimeout(limit)
      socket.destroy()
      resolve({ text, status: Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? 0), closed, reset })
    }
    const limit = setTimeout(() => finish(false), 3000)
    socket.on(
      'connect',
      () => void sendPieces(socket, typeof pieces === 'string' ? [pieces] : pieces),
    )
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
      if (until(text)) finish(false)
    })
    socket.on('error', (error: NodeJS.ErrnoException) => {
      reset = error.code === 'ECONNRESET'
    })
    socket.on('close', () => finish(true))
  })
}

async function sendPieces(socket: net.Socket, pieces: readonly string[]): Promise<void> {
  for (const piece of pieces) {
    if (socket.destroyed) return
    socket.write(piece, 'latin1')
    if (pieces.length > 1) await new Promise((resolve) => setImmediate(resolve))
  }
}

/** Whether the text holds one whole answer (with Content-Length or chunked). */
export function isWhole(text: string): boolean {
  const end = text.indexOf('\r\n\r\n')
  if (end < 0) return false
  const head = text.slice(0, end).toLowerCase()
  const length = /content-length: (\d+)/.exec(head)
  if (length !== null) return text.length >= end + 4 + Number(length[1])
  if (head.includes('transfer-encoding: chunked')) return text.endsWith('0\r\n\r\n')
  return false
}

/** Returns behind the end of the present turn: its own immediate was asked for before this one. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/** Waits until the condition holds; fails after `limitMs`. */
export async function eventually(condition: () => boolean, limitMs = 3000): Promise<void> {
  const until = performance.now() + limitMs
  while (!condition()) {
    if (performance.now() > until) throw new Error('The condition did not come true in time')
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
