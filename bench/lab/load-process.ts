// A load generator as a process of its own: keep-alive connections over raw sockets, either open
// loop (requests become due at a fixed rate, whether earlier ones were answered or not, so that a
// stall of the proxy is not hidden by a pause of its clients) or closed loop (each connection
// sends its next request when the last was answered). It keeps for every request when it was sent,
// how long the answer took from the moment it was due, its status and the version that answered.

import net from 'node:net'
import { headOf } from './asks.ts'
import { monotonicMs } from './clock.ts'
import type { LoadResult, LoadSpec } from './load.ts'
import { answerParent } from './rpc.ts'

const BACKLOG_MAX = 20_000 // due requests that found no free connection; more are counted as unsent
const MESSAGES_MAX = 20
const STATUS_FAILED = 0
const LAST_CHUNK = '\r\n0\r\n\r\n' // of a body that has another chunk before it

let spec: LoadSpec
let startedMs = 0
let endedMs = 0
let stopping = false
let due = 0 // requests that became due
let unsent = 0
let open = 0 // requests sent and not finished
/** Without the field that tells when it was sent, and the bodies behind them. */
let requestHeads: readonly string[] = []
let requestBodies: readonly string[] = ['']
const free: Connection[] = []
const connections = new Set<Connection>()
const backlog: number[] = []
const sentMs: number[] = []
const latencyMs: number[] = []
const status: number[] = []
const version: number[] = []
const versions: string[] = []
const messages: string[] = []
let resolveDone: (result: LoadResult) => void
const done = new Promise<LoadResult>((resolve) => {
  resolveDone = resolve
})

class Connection {
  readonly #socket: net.Socket
  #number = -1 // the request in flight, −1 for none
  #dueMs = 0
  /** What has been read of a head, or of the end of a chunked body. */
  #text = ''
  /** The head of the answer whose body is being read. */
  #head = ''
  /** Bytes of the body that are still to come; NaN when only its end tells. */
  #left = 0
  #gone = false
  readonly #port: number

  constructor(port: number) {
    this.#port = port
    this.#socket = net.connect({ host: spec.host, port, noDelay: true })
    this.#socket.setEncoding('latin1')
    this.#socket.on('data', (chunk) => this.#read(String(chunk)))
    this.#socket.on('error', (error) => this.#close(error.message))
    this.#socket.on('close', () => this.#close('the connection was closed'))
    connections.add(this)
  }

  send(dueMs: number): void {
    const now = monotonicMs()
    this.#number = sentMs.push(now) - 1
    latencyMs.push(Number.NaN)
    status.push(STATUS_FAILED)
    version.push(255)
    this.#dueMs = dueMs
    open++
    const head = requestHeads[this.#number % requestHeads.length] ?? ''
    const body = requestBodies[this.#number % requestBodies.length] ?? ''
    this.#socket.write(`${head}x-sent-ns: ${Math.round(now * 1e6)}\r\n\r\n${body}`)
  }

  /** Gives up a request that is older than the time limit. */
  expire(now: number): void {
    if (this.#number === -1 || now - (sentMs[this.#number] ?? 0) < spec.timeoutMs) return
    this.#close(`no answer within ${spec.timeoutMs} ms`)
  }

  destroy(): void {
    this.#gone = true
    this.#socket.destroy()
  }

  #read(chunk: string): void {
    if (this.#head !== '') {
      this.#readBody(chunk)
      return
    }
    this.#text += chunk
    const end = this.#text.indexOf('\r\n\r\n')
    if (end === -1 || this.#number === -1) return
    const head = this.#text.slice(0, end + 2)
    const body = this.#text.slice(end + 4)
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)
    if (length === null && !/\r\ntransfer-encoding: *chunked/i.test(head)) {
      this.#close(`an answer without Content-Length: ${head}`)
      return
    }
    this.#head = head
    this.#left = length === null ? Number.NaN : Number(length[1])
    this.#text = ''
    this.#readBody(body)
  }

  /** A body is counted and not kept: one of 1 MiB would cost more than what is measured. */
  #readBody(piece: string): void {
    if (Number.isNaN(this.#left)) {
      this.#text = (this.#text + piece).slice(-LAST_CHUNK.length)
      if (this.#text !== LAST_CHUNK) return
    } else {
      this.#left -= piece.length
      if (this.#left > 0) return
    }
    const head = this.#head
    this.#head = ''
    this.#text = ''
    this.#finish(head)
    if (/\r\nconnection: *close/i.test(head)) this.#close('')
    else next(this)
  }

  #finish(head: string): void {
    const number = this.#number
    this.#number = -1
    open--
    const code = Number.parseInt(head.slice(9, 12), 10)
    status[number] = code
    latencyMs[number] = monotonicMs() - this.#dueMs
    const name = /\r\nx-app-version: *([^\r]*)/i.exec(head)?.[1]
    if (name !== undefined) version[number] = versionIndex(name)
    if (code >= 400 && messages.length < MESSAGES_MAX) messages.push(head.slice(0, 300))
  }

  #close(why: string): void {
    if (this.#gone) return
    this.#gone = true
    connections.delete(this)
    this.#socket.destroy()
    if (this.#number !== -1) {
      open--
      if (messages.length < MESSAGES_MAX)
        messages.push(`${why}; had: ${(this.#head || this.#text).slice(0, 200)}`)
    }
    const at = free.indexOf(this)
    if (at !== -1) free.splice(at, 1)
    if (!stopping) replace(this.#port)
    else finishIfDone()
  }
}

/** A closed connection is replaced a little later, so that a dead proxy is not stormed. */
function replace(port: number): void {
  setTimeout(() => {
    if (stopping) return
    next(new Connection(port))
  }, 5)
}

function versionIndex(name: string): number {
  const at = versions.indexOf(name)
  return at === -1 ? versions.push(name) - 1 : at
}

function wantsMore(): boolean {
  return !stopping && (spec.requests === undefined || due < spec.requests)
}

/** A connection is free: it takes the oldest due request, or waits for one. */
function next(connection: Connection): void {
  const waiting = backlog.shift()
  if (waiting !== undefined) {
    connection.send(waiting)
  } else if (spec.rate === null && wantsMore()) {
    due++
    connection.send(monotonicMs())
  } else {
    free.push(connection)
    finishIfDone()
  }
}

function finishIfDone(): void {
  const all = spec.requests !== undefined && due >= spec.requests
  if ((stopping || all) && open === 0 && (stopping || backlog.length === 0)) finish()
}

function finish(): void {
  if (endedMs !== 0) return
  stopping = true
  endedMs = monotonicMs()
  clearInterval(timer)
  for (const connection of connections) connection.destroy()
  resolveDone({
    startedMs,
    endedMs,
    unsent,
    sentMs: Float64Array.from(sentMs),
    latencyMs: Float64Array.from(latencyMs),
    status: Uint16Array.from(status),
    version: Uint8Array.from(version),
    versions,
    messages,
  })
}

let expiredMs = 0
function tick(): void {
  const now = monotonicMs()
  if (spec.rate !== null) {
    while (wantsMore() && startedMs + (due * 1000) / spec.rate <= now) {
      const dueMs = startedMs + (due++ * 1000) / spec.rate
      const connection = free.shift()
      if (connection !== undefined) connection.send(dueMs)
      else if (backlog.length < BACKLOG_MAX) backlog.push(dueMs)
      else unsent++
    }
  }
  if (now - expiredMs > 250) {
    expiredMs = now
    for (const connection of connections) connection.expire(now)
  }
  if (spec.durationMs !== undefined && now - startedMs > spec.durationMs) stop()
}

function stop(): void {
  stopping = true
  unsent += backlog.length
  backlog.length = 0
  finishIfDone()
}

let timer: NodeJS.Timeout
answerParent({
  start: (argument) => {
    spec = argument as LoadSpec
    const extra = Object.entries(spec.headers).map(([name, value]) => `${name}: ${value}\r\n`)
    const fields = `host: ${spec.host}:${spec.port}\r\n${extra.join('')}`
    requestHeads = spec.asks
      ? spec.asks.map(headOf)
      : spec.paths.map((path) => `GET ${path} HTTP/1.1\r\n${fields}`)
    requestBodies = spec.asks?.map((ask) => ask.body) ?? ['']
    startedMs = monotonicMs()
    const ports = spec.ports ?? [spec.port]
    for (let i = 0; i < spec.connections; i++) {
      next(new Connection(ports[i % ports.length] ?? spec.port))
    }
    timer = setInterval(tick, 1)
    return startedMs
  },
  stop: () => {
    stop()
    return done
  },
  done: () => done,
})
