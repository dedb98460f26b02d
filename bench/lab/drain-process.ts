// A client as a drain expects it: an open loop over kept connections, which closes a connection
// when an answer says `Connection: close` and opens another one at once. Of each request that gets
// no answer it keeps when it was sent and what happened, and whether on a new connection or a kept
// one: a new one that is reset has waited in the queue of a listener that closed.

import net from 'node:net'
import { monotonicMs } from './clock.ts'
import type { DrainResult, DrainSpec, FailedRequest } from './drain.ts'
import { answerParent } from './rpc.ts'

const TIMEOUT_MS = 10_000
const WAITING_MAX = 20_000
/** A port that refused is asked again after so long, as a storm of attempts would take the CPU. */
const REFUSED_MS = 50

let spec: DrainSpec
let startedMs = 0
let stopping = false
let due = 0
let opened = 0
let toldToClose = 0
const sentMs: number[] = []
const failed: FailedRequest[] = []
const connections = new Set<Connection>()
/** Connections without a request, the one that has been free for longest first. */
const free: Connection[] = []
/** Requests that are due and found no connection. */
let waiting = 0
let resolveStopped: (() => void) | null = null

class Connection {
  readonly #socket: net.Socket
  #sentMs = Number.NaN
  #text = ''
  #uses = 0
  #gone = false

  constructor() {
    opened++
    this.#socket = net.connect({ host: '127.0.0.1', port: spec.port, noDelay: true })
    this.#socket.setEncoding('latin1')
    this.#socket.on('data', (chunk) => this.#read(String(chunk)))
    this.#socket.on('error', (error: NodeJS.ErrnoException) => this.#lost(error.code ?? ''))
    this.#socket.on('close', () => this.#lost('closed'))
    connections.add(this)
  }

  get busy(): boolean {
    return !Number.isNaN(this.#sentMs)
  }

  send(): void {
    this.#sentMs = monotonicMs()
    sentMs.push(this.#sentMs)
    this.#uses++
    this.#socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  }

  expire(now: number): void {
    if (now - this.#sentMs > TIMEOUT_MS) this.#lost('no answer in 10 s')
  }

  end(): void {
    this.#gone = true
    connections.delete(this)
    this.#socket.destroy()
  }

  #read(chunk: string): void {
    this.#text += chunk
    const end = this.#text.indexOf('\r\n\r\n')
    const length = Number(/\r\ncontent-length: *(\d+)/i.exec(this.#text)?.[1] ?? 0)
    if (!this.busy || end < 0 || this.#text.length < end + 4 + length) return
    const status = this.#text.slice(9, 12)
    if (status !== '200') this.#fail(`status ${status}`)
    const told = /\r\nconnection: *close/i.test(this.#text)
    if (told) toldToClose++
    this.#text = ''
    this.#sentMs = Number.NaN
    if (told || this.#uses >= spec.perConnection) this.#replace()
    else takeNext(this)
  }

  #fail(cause: string): void {
    failed.push({ sentMs: this.#sentMs, failedMs: monotonicMs(), cause })
  }

  #lost(what: string): void {
    if (this.#gone) return
    const where = this.#uses > 1 ? 'kept connection' : 'new connection'
    const part = this.#text === '' ? '' : ', in the answer'
    if (this.busy) this.#fail(`${what}, ${where}${part}`)
    this.#replace()
  }

  #replace(): void {
    this.end()
    const at = free.indexOf(this)
    if (at >= 0) free.splice(at, 1)
    if (stopping) return stopWhenDone()
    if (failed.at(-1)?.cause.startsWith('ECONNREFUSED')) setTimeout(openAnother, REFUSED_MS)
    else openAnother()
  }
}

function openAnother(): void {
  if (!stopping) takeNext(new Connection())
}

function takeNext(connection: Connection): void {
  if (waiting > 0) {
    waiting--
    connection.send()
  } else {
    free.push(connection)
    stopWhenDone()
  }
}

function stopWhenDone(): void {
  for (const connection of connections) if (connection.busy) return
  if (stopping) resolveStopped?.()
}

function tick(): void {
  const now = monotonicMs()
  for (const connection of connections) connection.expire(now)
  if (stopping) return
  while (startedMs + (due * 1000) / spec.rate <= now) {
    due++
    const connection = free.shift()
    if (connection !== undefined) connection.send()
    else if (waiting < WAITING_MAX) waiting++
  }
}

async function stop(): Promise<DrainResult> {
  stopping = true
  await new Promise<void>((resolve) => {
    resolveStopped = resolve
    stopWhenDone()
  })
  for (const connection of connections) connection.end()
  const requests = sentMs.length
  return { requests, opened, toldToClose, failed, sentMs: Float64Array.from(sentMs) }
}

answerParent({
  start: (argument) => {
    spec = argument as DrainSpec
    startedMs = monotonicMs()
    for (let i = 0; i < spec.connections; i++) openAnother()
    setInterval(tick, 1)
  },
  stop,
})
