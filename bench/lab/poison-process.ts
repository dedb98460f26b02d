// Both ends of a poisoning attempt in one process with one loop, so that no scheduler stands
// between them and a delay of a tenth of a millisecond is one: while an answer is due, the loop
// turns without rest. The origin answers each request with the nonce of its path, and a while
// later sends a second answer that nobody asked for. The client compares nonces.

import net from 'node:net'
import { monotonicMs } from './clock.ts'
import type { Attempt, Delay, Harm } from './poison.ts'
import { answerParent } from './rpc.ts'

const HEAD_END = '\r\n\r\n'
const POISON = answer('nobody')

function answer(nonce: string): string {
  return `HTTP/1.1 200 OK\r\nContent-Length: ${nonce.length}\r\n\r\n${nonce}`
}

// --- the origin -------------------------------------------------------------------------------

let delay: Delay = 'joined'
let every = 1
let answers = 0
let unasked = 0
/** What is to be sent and when, the next first, as all of one attempt have the same delay. */
const due: { readonly socket: net.Socket; readonly atMs: number }[] = []

function sendDue(): void {
  const now = monotonicMs()
  while (due[0] !== undefined && due[0].atMs <= now) {
    const { socket } = due.shift() ?? due[0]
    if (!socket.writable) continue
    socket.write(POISON)
    unasked++
  }
  if (due.length > 0) setImmediate(sendDue)
}

function sendLater(socket: net.Socket, ms: number): void {
  if (due.push({ socket, atMs: monotonicMs() + ms }) === 1) setImmediate(sendDue)
}

function answerOne(socket: net.Socket, nonce: string): void {
  if (++answers % every !== 0) {
    socket.write(answer(nonce))
    return
  }
  if (delay === 'joined') {
    unasked++
    socket.write(answer(nonce) + POISON)
    return
  }
  socket.write(answer(nonce))
  sendLater(socket, delay === 'turn' ? 0 : delay)
}

function serve(socket: net.Socket): void {
  let text = ''
  socket.setNoDelay(true)
  socket.setEncoding('latin1')
  socket.on('error', () => socket.destroy()) // that a proxy closes or resets it is the point
  socket.on('data', (chunk) => {
    text += String(chunk)
    for (let end = text.indexOf(HEAD_END); end >= 0; end = text.indexOf(HEAD_END)) {
      const nonce = /^GET \/(\S*)/.exec(text)?.[1] ?? ''
      text = text.slice(end + HEAD_END.length)
      answerOne(socket, nonce)
    }
  })
}

function listen(): Promise<number> {
  const server = net.createServer(serve)
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host: '127.0.0.1', port: 0, backlog: 1024 }, () => {
      resolve((server.address() as net.AddressInfo).port)
    })
  })
}

// --- the client -------------------------------------------------------------------------------

let nonces = 0

/** One attempt: how much was asked and what came of it. */
class Run {
  readonly attempt: Attempt
  readonly #startedMs = monotonicMs()
  readonly #unaskedBefore = unasked
  readonly #done: (harm: Harm) => void
  #asked = 0
  #open = 0
  #wrong = 0
  #failed = 0

  constructor(attempt: Attempt, done: (harm: Harm) => void) {
    this.attempt = attempt
    this.#done = done
  }

  /** Whether another request may be sent; it must then be ended. */
  begin(): boolean {
    const late = monotonicMs() - this.#startedMs > this.attempt.limitMs
    if (late || this.#asked >= this.attempt.requests) return false
    this.#asked++
    this.#open++
    return true
  }

  end(how: 'right' | 'wrong' | 'failed'): void {
    if (how === 'wrong') this.#wrong++
    if (how === 'failed') this.#failed++
    this.#open--
  }

  /** A client has no more to send; the last one ends the attempt. */
  stop(): void {
    if (this.#open > 0) return
    this.#done({
      requests: this.#asked,
      unasked: unasked - this.#unaskedBefore,
      wrong: this.#wrong,
      failed: this.#failed,
      seconds: (monotonicMs() - this.#startedMs) / 1000,
    })
  }
}

/** A closed loop: the next request goes out as soon as the last is answered. */
class Client {
  readonly #run: Run
  #socket: net.Socket | null = null
  #nonce = ''
  #text = ''

  constructor(run: Run) {
    this.#run = run
  }

  next(): void {
    if (!this.#run.begin()) {
      this.#drop()
      return this.#run.stop()
    }
    this.#nonce = `n${nonces++}`
    this.#text = ''
    this.#socket ??= this.#connect()
    const { host } = this.#run.attempt
    this.#socket.write(`GET /${this.#nonce} HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
  }

  #connect(): net.Socket {
    const socket = net.connect({ host: '127.0.0.1', port: this.#run.attempt.port, noDelay: true })
    socket.setEncoding('latin1')
    socket.on('data', (chunk) => {
      if (this.#socket === socket) this.#onData(String(chunk))
    })
    socket.on('error', () => undefined) // 'close' follows and does the work
    socket.on('close', () => {
      if (this.#socket === socket) this.#onFailure()
    })
    return socket
  }

  #onData(chunk: string): void {
    this.#text += chunk
    const end = this.#text.indexOf(HEAD_END)
    const length = Number(/\r\ncontent-length: *(\d+)/i.exec(this.#text)?.[1] ?? 0)
    if (end < 0 || this.#text.length < end + HEAD_END.length + length) return
    if (!this.#text.startsWith('HTTP/1.1 200')) return this.#onFailure()
    const right = this.#text.slice(end + HEAD_END.length) === this.#nonce
    this.#run.end(right ? 'right' : 'wrong')
    if (/\r\nconnection: *close/i.test(this.#text)) this.#drop()
    this.next()
  }

  #onFailure(): void {
    this.#drop()
    this.#run.end('failed')
    this.next()
  }

  #drop(): void {
    const socket = this.#socket
    this.#socket = null
    socket?.destroy()
  }
}

function attempt(argument: unknown): Promise<Harm> {
  const wanted = argument as Attempt
  delay = wanted.delay
  every = wanted.every
  return new Promise((resolve) => {
    const run = new Run(wanted, resolve)
    const clients = Array.from({ length: wanted.clients }, () => new Client(run))
    for (const client of clients) client.next()
  })
}

answerParent({
  start: (ports) => Promise.all(Array.from({ length: Number(ports) }, listen)),
  attempt,
})
