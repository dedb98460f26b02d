// A measuring origin: one app version as a process of its own. It answers small requests over raw
// sockets, so that it is not what a measurement measures; it can be told to fail, to be slow, to
// hang or to vanish; and it keeps for every request when its client sent it (header `x-sent-ns`),
// when it arrived and when it was answered, all on the machine's monotonic clock.
//
// It understands requests without a body or with Content-Length, one at a time per connection,
// which is what a proxy sends.

import net from 'node:net'
import { monotonicMs } from './clock.ts'
import type { Behaviour, OriginReport, OriginStart } from './origin.ts'
import { answerParent } from './rpc.ts'

/** 100 bytes each would be 400 MB: a measurement that needs more is wrong. */
const RECORDS_MAX = 4_000_000

let behaviour: Behaviour = {}
let start: OriginStart = { version: 'v1', record: true }
let good = Buffer.alloc(0)
let bad = Buffer.alloc(0)
let requests = 0
let failures = 0
const sentMs: number[] = []
const receivedMs: number[] = []
const answeredMs: number[] = []
const failed: number[] = []
const sockets = new Set<net.Socket>()

function response(status: string, body: string): Buffer<ArrayBuffer> {
  return Buffer.from(
    `HTTP/1.1 ${status}\r\ncontent-type: text/plain\r\nx-app-version: ${start.version}\r\n` +
      `content-length: ${body.length}\r\n\r\n${body}`,
  )
}

function delayMs(): number {
  const { latency, multiplier = 1 } = behaviour
  if (latency === undefined) return 0
  const random = latency.kind === 'fixed' ? 0 : -Math.log(1 - Math.random()) * latency.meanMs
  return (latency.floorMs + random) * multiplier
}

/** Keeps the request's record and returns its number, or −1 when nothing is recorded. */
function record(head: string): number {
  requests++
  if (!start.record || receivedMs.length >= RECORDS_MAX) return -1
  const at = head.indexOf('x-sent-ns: ')
  const sent = at === -1 ? Number.NaN : Number.parseInt(head.slice(at + 11, at + 31), 10) / 1e6
  sentMs.push(sent)
  answeredMs.push(Number.NaN)
  failed.push(0)
  return receivedMs.push(monotonicMs()) - 1
}

function answer(socket: net.Socket, number: number): void {
  const chance = Math.random()
  const { errorRate = 0, hangRate = 0, abortRate = 0 } = behaviour
  if (chance < hangRate) return
  const fails = chance < errorRate || chance < abortRate
  if (fails) failures++
  if (number >= 0) {
    failed[number] = fails ? 1 : 0
    answeredMs[number] = monotonicMs()
  }
  if (chance < abortRate) socket.destroy()
  else if (socket.writable) socket.write(chance < errorRate ? bad : good)
}

function lengthOf(head: string): number {
  const found = /\r\ncontent-length: *(\d+)/i.exec(head)
  return found === null ? 0 : Number(found[1])
}

class Connection {
  readonly #socket: net.Socket
  #text = ''
  #bodyBytes = 0
  #waiting = false

  constructor(socket: net.Socket) {
    this.#socket = socket
    socket.setNoDelay(true)
    socket.setEncoding('latin1')
    socket.on('data', (chunk) => this.#read(String(chunk)))
    // A proxy that goes away is not this process's concern.
    socket.on('error', () => socket.destroy())
    socket.on('close', () => sockets.delete(socket))
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
      this.#answerOne(record(head))
    }
  }

  #answerOne(number: number): void {
    const ms = delayMs()
    if (ms <= 0) {
      answer(this.#socket, number)
      return
    }
    this.#waiting = true
    setTimeout(() => {
      this.#waiting = false
      answer(this.#socket, number)
      this.#read('')
    }, ms)
  }
}

const server = net.createServer((socket) => {
  sockets.add(socket)
  new Connection(socket)
})

function listen(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host: '127.0.0.1', port, backlog: 1024 }, () => {
      resolve((server.address() as net.AddressInfo).port)
    })
  })
}

function report(): OriginReport {
  return {
    requests,
    failures,
    sentMs: Float64Array.from(sentMs),
    receivedMs: Float64Array.from(receivedMs),
    answeredMs: Float64Array.from(answeredMs),
    failed: Uint8Array.from(failed),
  }
}

function reset(): void {
  requests = 0
  failures = 0
  for (const list of [sentMs, receivedMs, answeredMs, failed]) list.length = 0
}

let port = 0
answerParent({
  start: async (argument) => {
    start = argument as OriginStart
    good = response('200 OK', 'x'.repeat(start.bodyBytes ?? 13))
    bad = response('500 Internal Server Error', 'broken')
    behaviour = start.behaviour ?? {}
    port = await listen(start.port ?? 0)
    return port
  },
  behave: (argument) => {
    behaviour = argument as Behaviour
    return monotonicMs()
  },
  refuse: () => {
    server.close()
    for (const socket of sockets) socket.destroy()
    return monotonicMs()
  },
  accept: () => listen(port),
  counts: () => ({ requests, failures }),
  report,
  reset,
})
