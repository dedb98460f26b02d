// A measuring origin: one app server. It answers small requests over raw sockets, so that it is not
// what a measurement measures; it can be told to fail, to be slow, to be cold, to hang or to
// vanish; and it keeps for every request when its client sent it (header `x-sent-ns`), when it
// arrived and when it was answered, all on the machine's monotonic clock.
//
// It understands requests without a body or with Content-Length, one at a time per connection,
// which is what a proxy sends.

import net from 'node:net'
import { monotonicMs } from './clock.ts'
import type { Behaviour, OriginCounts, OriginReport, OriginStart } from './origin.ts'
import { type Random, seeded } from './seeded.ts'

/** 100 bytes each would be 400 MB: a measurement that needs more is wrong. */
const RECORDS_MAX = 4_000_000

function response(status: string, content: { version: string; body: string }): Buffer<ArrayBuffer> {
  const { body, version } = content
  return Buffer.from(
    `HTTP/1.1 ${status}\r\ncontent-type: text/plain\r\nx-app-version: ${version}\r\n` +
      `content-length: ${body.length}\r\n\r\n${body}`,
  )
}

/** A good answer whose body comes in chunks of about the same size. */
function chunked(version: string, content: { body: string; chunks: number }): Buffer<ArrayBuffer> {
  const { body, chunks } = content
  const size = Math.ceil(body.length / chunks)
  let text = ''
  for (let at = 0; at < body.length; at += size) {
    const piece = body.slice(at, at + size)
    text += `${piece.length.toString(16)}\r\n${piece}\r\n`
  }
  return Buffer.from(
    `HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nx-app-version: ${version}\r\n` +
      `transfer-encoding: chunked\r\n\r\n${text}0\r\n\r\n`,
  )
}

function lengthOf(head: string): number {
  const found = /\r\ncontent-length: *(\d+)/i.exec(head)
  return found === null ? 0 : Number(found[1])
}

/** The loop accepts one connection of a listener a turn: see src/edge/listeners.ts. */
const LISTENERS = process.platform === 'linux' ? 32 : 1

function listenOn(server: net.Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    const reusePort = LISTENERS > 1
    server.listen({ host: '127.0.0.1', port, backlog: 4096, reusePort }, () => {
      server.off('error', reject)
      resolve((server.address() as net.AddressInfo).port)
    })
  })
}

export class OriginServer {
  readonly #start: OriginStart
  readonly #servers: readonly net.Server[]
  readonly #sockets = new Set<net.Socket>()
  readonly #good: Buffer
  readonly #bad: Buffer
  #behaviour: Behaviour
  #random: Random = Math.random
  /** Requests since it was told how to behave: it is cold for the first of them. */
  #since = 0
  #requests = 0
  #failures = 0
  #hung = 0
  #firstMs = Number.NaN
  readonly #sentMs: number[] = []
  readonly #receivedMs: number[] = []
  readonly #answeredMs: number[] = []
  readonly #failed: number[] = []
  /** Answers to requests that hang, should they be let go. */
  readonly #hanging: (() => void)[] = []

  constructor(start: OriginStart) {
    this.#start = start
    const { version, chunks } = start
    const body = 'x'.repeat(start.bodyBytes ?? 13)
    this.#good =
      chunks === undefined
        ? response('200 OK', { version, body })
        : chunked(version, { body, chunks })
    this.#bad = response('500 Internal Server Error', { version, body: 'broken' })
    this.#behaviour = start.behaviour ?? {}
    const accept = (socket: net.Socket): void => {
      this.#sockets.add(socket)
      socket.on('close', () => this.#sockets.delete(socket))
      new Connection(socket, this)
    }
    this.#servers = Array.from({ length: LISTENERS }, () => net.createServer(accept))
  }

  async listen(port: number): Promise<number> {
    let bound = port
    for (const server of this.#servers) bound = await listenOn(server, bound)
    return bound
  }

  /** Stops listening and cuts all connections. */
  refuse(): void {
    for (const server of this.#servers) server.close()
    for (const socket of this.#sockets) socket.destroy()
  }

  behave(behaviour: Behaviour): void {
    this.#behaviour = behaviour
    this.#random = behaviour.seed === undefined ? Math.random : seeded(behaviour.seed)
    this.#since = 0
  }

  /** Answers the requests that hang. */
  letGo(): void {
    for (const answer of this.#hanging.splice(0)) answer()
  }

  counts(): OriginCounts {
    const [requests, failures, hung, firstMs] = [
      this.#requests,
      this.#failures,
      this.#hung,
      this.#firstMs,
    ]
    return { requests, failures, hung, firstMs }
  }

  report(): OriginReport {
    return {
      requests: this.#requests,
      failures: this.#failures,
      sentMs: Float64Array.from(this.#sentMs),
      receivedMs: Float64Array.from(this.#receivedMs),
      answeredMs: Float64Array.from(this.#answeredMs),
      failed: Uint8Array.from(this.#failed),
    }
  }

  reset(): void {
    this.#requests = 0
    this.#failures = 0
    this.#hung = 0
    this.#firstMs = Number.NaN
    for (const list of [this.#sentMs, this.#receivedMs, this.#answeredMs, this.#failed]) {
      list.length = 0
    }
  }

  /** How long the next request takes. */
  delayMs(): number {
    const { cold, latency, multiplier = 1 } = this.#behaviour
    const nth = this.#since++
    if (latency === undefined) return 0
    const random = latency.kind === 'fixed' ? 0 : -Math.log(1 - Math.random()) * latency.meanMs
    const left = cold === undefined ? 0 : Math.max(0, 1 - nth / cold.requests)
    const times = cold === undefined ? 1 : 1 + left * (cold.multiplier - 1)
    return (latency.floorMs + random) * multiplier * times
  }

  /** Keeps the request's record and returns its number, or −1 when nothing is recorded. */
  record(head: string): number {
    this.#requests++
    const nowMs = monotonicMs()
    if (this.#requests === 1) this.#firstMs = nowMs
    if (!this.#start.record || this.#receivedMs.length >= RECORDS_MAX) return -1
    const at = head.indexOf('x-sent-ns: ')
    const sent = at === -1 ? Number.NaN : Number.parseInt(head.slice(at + 11, at + 31), 10) / 1e6
    this.#sentMs.push(sent)
    this.#answeredMs.push(Number.NaN)
    this.#failed.push(0)
    return this.#receivedMs.push(nowMs) - 1
  }

  answer(socket: net.Socket, number: number): void {
    const chance = this.#random()
    const { errorRate = 0, hangRate = 0, abortRate = 0 } = this.#behaviour
    if (chance < hangRate) {
      this.#hung++
      this.#hanging.push(() => {
        if (socket.writable) socket.write(this.#good)
      })
      return
    }
    const fails = chance < errorRate || chance < abortRate
    if (fails) this.#failures++
    if (number >= 0) {
      this.#failed[number] = fails ? 1 : 0
      this.#answeredMs[number] = monotonicMs()
    }
    if (chance < abortRate) socket.destroy()
    else if (socket.writable) socket.write(chance < errorRate ? this.#bad : this.#good)
  }
}

class Connection {
  readonly #socket: net.Socket
  readonly #server: OriginServer
  #text = ''
  #bodyBytes = 0
  #waiting = false

  constructor(socket: net.Socket, server: OriginServer) {
    this.#socket = socket
    this.#server = server
    socket.setNoDelay(true)
    socket.setEncoding('latin1')
    socket.on('data', (chunk) => this.#read(String(chunk)))
    // A proxy that goes away is not this process's concern.
    socket.on('error', () => socket.destroy())
  }

  #read(chunk: string): void {
    this.#text += chunk
    while (!this.#waiting && this.#text !== '') {
      const skip = Math.min(this.#bodyBytes, this.#text.length)
      this.#bodyBytes -= skip
      if (skip > 0) this.#text = this.#text.slice(skip)
      if (this.#bodyBytes > 0) return
      const end = this.#text.indexOf('\r\n\r\n')
      if (end === -1) return
      const head = this.#text.slice(0, end + 2)
      this.#text = this.#text.slice(end + 4)
      this.#bodyBytes = lengthOf(head)
      this.#answerOne(this.#server.record(head))
    }
  }

  #answerOne(number: number): void {
    const ms = this.#server.delayMs()
    if (ms <= 0) {
      this.#server.answer(this.#socket, number)
      return
    }
    this.#waiting = true
    setTimeout(() => {
      this.#waiting = false
      this.#server.answer(this.#socket, number)
      this.#read('')
    }, ms)
  }
}
