// A load generator: keep-alive connections over raw sockets, either open loop (requests become due
// at a fixed rate, whether earlier ones were answered or not, so that a stall of the proxy is not
// hidden by a pause of its clients) or closed loop (each connection sends its next request when the
// last was answered). It keeps for every request when it was sent, how long the answer took from
// the moment it was due, its status and the version that answered.

import net from 'node:net'
import { headOf } from './asks.ts'
import { monotonicMs } from './clock.ts'
import type { LoadResult, LoadSpec } from './load.ts'
import { Sent } from './load-sent.ts'

const BACKLOG_MAX = 20_000 // due requests that found no free connection; more are counted as unsent
const TICK_MS = 1
const EXPIRE_MS = 250
const MESSAGES_MAX = 20
const LAST_CHUNK = '\r\n0\r\n\r\n' // of a body that has another chunk before it

/** One run of a load. */
export class LoadGenerator {
  readonly spec: LoadSpec
  /** What becomes of each request. */
  readonly sent: Sent
  /** Requests sent and not finished. */
  open = 0
  readonly #free: Connection[] = []
  readonly #connections = new Set<Connection>()
  readonly #backlog: number[] = []
  readonly #messages: string[] = []
  /** Without the field that tells when it was sent, and the bodies behind them. */
  readonly #heads: readonly string[]
  readonly #bodies: readonly string[]
  readonly #done = Promise.withResolvers<LoadResult>()
  #timer: NodeJS.Timeout | undefined
  #startedMs = 0
  #endedMs = 0
  #expiredMs = 0
  #stopping = false
  #due = 0 // requests that became due
  #unsent = 0

  constructor(spec: LoadSpec) {
    this.spec = spec
    const extra = Object.entries(spec.headers).map(([name, value]) => `${name}: ${value}\r\n`)
    const fields = `host: ${spec.host}:${spec.port}\r\n${extra.join('')}`
    this.#heads = spec.asks
      ? spec.asks.map(headOf)
      : spec.paths.map((path) => `GET ${path} HTTP/1.1\r\n${fields}`)
    this.#bodies = spec.asks?.map((ask) => ask.body) ?? ['']
    this.sent = new Sent(spec)
  }

  /** Opens the connections and begins; returns when, on the monotonic clock. */
  start(): number {
    this.#startedMs = monotonicMs()
    const { connections, port } = this.spec
    const ports = this.spec.ports ?? [port]
    for (let i = 0; i < connections; i++) this.#connect(ports[i % ports.length] ?? port)
    if (this.spec.sleepless) this.#turn()
    else this.#timer = setInterval(() => this.#tick(), TICK_MS)
    return this.#startedMs
  }

  /** Ends the load after the answers to what was sent. */
  stop(): Promise<LoadResult> {
    this.#stop()
    return this.#done.promise
  }

  /** The result of a load that has a duration or a number of requests. */
  done(): Promise<LoadResult> {
    return this.#done.promise
  }

  /** What is sent as the request of this number. */
  text(number: number, nowMs: number): string {
    const head = this.#heads[number % this.#heads.length] ?? ''
    const body = this.#bodies[number % this.#bodies.length] ?? ''
    return `${head}x-sent-ns: ${Math.round(nowMs * 1e6)}\r\n\r\n${body}`
  }

  tell(message: string): void {
    if (this.#messages.length < MESSAGES_MAX) this.#messages.push(message)
  }

  /** A connection is free: it takes the oldest due request, or waits for one. */
  next(connection: Connection): void {
    const waiting = this.#backlog.shift()
    if (waiting !== undefined) {
      connection.send(waiting)
    } else if (this.spec.rate === null && this.#wantsMore()) {
      this.#due++
      connection.send(monotonicMs())
    } else {
      this.#free.push(connection)
      this.#finishIfDone()
    }
  }

  /**
   * A connection has ended by itself. It is replaced a little later: a dead proxy is not stormed.
   */
  gone(connection: Connection, port: number): void {
    this.#connections.delete(connection)
    const at = this.#free.indexOf(connection)
    if (at !== -1) this.#free.splice(at, 1)
    if (this.#stopping) this.#finishIfDone()
    else setTimeout(() => this.#stopping || this.#connect(port), 5)
  }

  #connect(port: number): void {
    const connection = new Connection(this, port)
    this.#connections.add(connection)
    this.next(connection)
  }

  #wantsMore(): boolean {
    const { requests } = this.spec
    return !this.#stopping && (requests === undefined || this.#due < requests)
  }

  #tick(): void {
    const now = monotonicMs()
    const { durationMs, rate } = this.spec
    if (rate !== null) this.#sendDue(rate, now)
    if (now - this.#expiredMs > EXPIRE_MS) {
      this.#expiredMs = now
      for (const connection of this.#connections) connection.expire(now)
    }
    if (durationMs !== undefined && now - this.#startedMs > durationMs) this.#stop()
  }

  /** Looks what is due in every turn of the loop. */
  #turn(): void {
    this.#tick()
    if (this.#endedMs === 0) setImmediate(() => this.#turn())
  }

  #sendDue(rate: number, now: number): void {
    while (this.#wantsMore() && this.#startedMs + (this.#due * 1000) / rate <= now) {
      const dueMs = this.#startedMs + (this.#due++ * 1000) / rate
      const connection = this.#free.shift()
      if (connection !== undefined) connection.send(dueMs)
      else if (this.#backlog.length < BACKLOG_MAX) this.#backlog.push(dueMs)
      else this.#unsent++
    }
  }

  #stop(): void {
    this.#stopping = true
    this.#unsent += this.#backlog.length
    this.#backlog.length = 0
    this.#finishIfDone()
  }

  #finishIfDone(): void {
    const { requests } = this.spec
    const all = requests !== undefined && this.#due >= requests
    if (this.open > 0 || this.#endedMs !== 0) return
    if (!this.#stopping && !(all && this.#backlog.length === 0)) return
    this.#stopping = true
    this.#endedMs = monotonicMs()
    clearInterval(this.#timer)
    for (const connection of this.#connections) connection.destroy()
    this.#done.resolve({
      startedMs: this.#startedMs,
      endedMs: this.#endedMs,
      unsent: this.#unsent,
      ...this.sent.result(),
      messages: this.#messages,
    })
  }
}

class Connection {
  readonly #load: LoadGenerator
  readonly #port: number
  readonly #socket: net.Socket
  #number = -1 // the request in flight, −1 for none
  #sentMs = 0
  #dueMs = 0
  /** What has been read of a head, or of the end of a chunked body. */
  #text = ''
  /** The head of the answer whose body is being read. */
  #head = ''
  /** Bytes of the body that are still to come; NaN when only its end tells. */
  #left = 0
  #gone = false

  constructor(load: LoadGenerator, port: number) {
    this.#load = load
    this.#port = port
    this.#socket = net.connect({ host: load.spec.host, port, noDelay: true })
    this.#socket.setEncoding('latin1')
    this.#socket.on('data', (chunk) => this.#read(String(chunk)))
    this.#socket.on('error', (error) => this.#close(error.message))
    this.#socket.on('close', () => this.#close('the connection was closed'))
  }

  send(dueMs: number): void {
    const now = monotonicMs()
    this.#number = this.#load.sent.add(now)
    this.#sentMs = now
    this.#dueMs = dueMs
    this.#load.open++
    this.#socket.write(this.#load.text(this.#number, now), 'latin1')
  }

  /** Gives up a request that is older than the time limit. */
  expire(now: number): void {
    const { timeoutMs } = this.#load.spec
    if (this.#number === -1 || now - this.#sentMs < timeoutMs) return
    this.#close(`no answer within ${timeoutMs} ms`)
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
    const text = this.#text + chunk
    const end = text.indexOf('\r\n\r\n')
    if (end === -1 || this.#number === -1) {
      this.#text = text
      return
    }
    const head = text.slice(0, end + 2)
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)
    if (length === null && !/\r\ntransfer-encoding: *chunked/i.test(head)) {
      this.#close(`an answer without Content-Length: ${head}`)
      return
    }
    this.#head = head
    this.#left = length === null ? Number.NaN : Number(length[1])
    this.#text = ''
    this.#readBody(text.slice(end + 4))
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
    else this.#load.next(this)
  }

  #finish(head: string): void {
    const number = this.#number
    this.#number = -1
    this.#load.open--
    const status = Number.parseInt(head.slice(9, 12), 10)
    const version = /\r\nx-app-version: *([^\r]*)/i.exec(head)?.[1]
    this.#load.sent.answered(number, { latencyMs: monotonicMs() - this.#dueMs, status, version })
    if (status >= 400) this.#load.tell(head.slice(0, 300))
  }

  #close(why: string): void {
    if (this.#gone) return
    this.#gone = true
    this.#socket.destroy()
    if (this.#number !== -1) {
      this.#load.open--
      this.#load.tell(`${why}; had: ${(this.#head || this.#text).slice(0, 200)}`)
    }
    this.#load.gone(this, this.#port)
  }
}
