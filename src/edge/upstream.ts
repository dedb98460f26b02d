// A connection to a target: carries one request at a time, reads the answer strictly, and waits in
// its target's pool in between. It knows nothing of services and versions; it tells its exchange
// what came (head, body, end, failure) and forgets it.
//
// Response-queue poisoning: bytes that arrive while no request is out belong to nobody, so the
// connection is destroyed. It goes back to the pool when it has been read once more, for such
// bytes often come directly behind an answer (turns.ts). Most requests are written at a turn's
// end. When one is written in the middle of a turn, as it is sent again or came ahead of a large
// answer, bytes that arrive in that turn were there before.

import type { Socket } from 'node:net'
import { ChunkedDecoder } from '../http1/chunked.ts'
import type { Fault } from '../http1/fault.ts'
import { MORE, REFUSED } from '../http1/lines.ts'
import { BY_LENGTH, CHUNKED, type Framing, NO_BODY, UNTIL_CLOSE } from '../http1/request-head.ts'
import { readResponseHead } from '../http1/response-head.ts'
import { addConnections, addWaiting } from '../board/tallies.ts'
import { copyOf } from './body-sink.ts'
import { dial, isExhausted } from './dial.ts'
import type { Edge } from './edge.ts'
import { Idle } from './idle.ts'
import type { Exchange } from './request.ts'
import { RequestSink } from './request-sink.ts'
import type { Target } from './routes.ts'

const HEAD = 0
const BODY = 1
const TUNNEL = 2
const IDLE = 3

/** Later than this after an answer, a connection that says something is about to close (a 408). */
const UNASKED_MS = 1000
/** What is still to be written when a tunnel has ended gets so long. */
const LET_GO_MS = 2000

export class UpstreamConnection extends Idle {
  readonly target: Target
  readonly socket: Socket
  readonly out: RequestSink
  /** Requests that this connection carried before the present one. */
  uses = 0
  /** Whether a byte of the present answer has come. */
  answered = false
  idleSinceMs = 0

  readonly #edge: Edge
  readonly #decoder = new ChunkedDecoder()
  readonly #pass: (from: number, to: number) => void
  #exchange: Exchange | null = null
  #state = IDLE
  #connected = false
  #requestSent = false
  #pending: Buffer | null = null
  #bytes: Buffer = NOTHING
  #framing: Framing = NO_BODY
  #remaining = 0
  #reusable = true
  #idleLimitMs: number
  #interims = 0
  /** Where the answer that was read in this turn stands until its end; −1: there is none. */
  #staged = -1
  #stagedTo = 0
  /** The turn in whose middle the present request was written to a waiting connection, or −1. */
  #turn = -1
  #waiting = false
  #halfClosed = false
  /** Whether reading stands still since the client cannot take more. */
  #held = false
  /** Whether this system, not the target, is why there is no connection. */
  #exhausted = false
  #destroyed = false

  /** @param open how a connection is opened; tests have a socket of their own */
  constructor(edge: Edge, target: Target, open = dial) {
    super()
    this.#edge = edge
    this.target = target
    this.#idleLimitMs = edge.settings.timeouts.upstreamIdleMs
    this.#pass = (from, to) => this.#exchange?.onBody(this.#bytes, from, to)
    const socket = open(target, edge.readBuffer, (length) => this.#onData(length))
    this.socket = socket
    this.out = new RequestSink(socket)
    socket.on('connect', () => this.#onConnect())
    socket.on('drain', () => this.#onDrain())
    socket.on('end', () => this.#onEnd())
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.#exhausted = isExhausted(error)
      if (this.#exchange === null) this.destroy() // before a request of this turn gets it
    })
    socket.on('close', () => this.#onClose())
    edge.wheel.arm(this, edge.now() + edge.settings.timeouts.connectMs)
    addConnections(edge.board, edge.thread, target.index, 1)
    edge.turns.socketOpened()
  }

  /** Begins a request; its body, if any, and its end follow. */
  begin(exchange: Exchange, head: string): void {
    this.#exchange = exchange
    this.#state = HEAD
    this.out.begin(head)
    this.#requestSent = false
    this.answered = false
    this.#interims = 0
    if (this.#connected) {
      this.#turn = this.#edge.turns.ofWrite
      this.#edge.wheel.disarm(this)
      exchange.onConnected()
    } else this.#wait(true)
  }

  /** Counts the request among those that wait for a connection, or not any more. */
  #wait(waits: boolean): void {
    if (this.#waiting === waits) return
    this.#waiting = waits
    addWaiting(this.#edge.board, this.#edge.thread, this.target.index, waits ? 1 : -1)
  }

  /** The request is whole; from now on the answer is waited for. */
  endRequest(): void {
    this.out.flush()
    this.#requestSent = true
    if (this.#connected) this.#waitForHead()
  }

  #waitForHead(): void {
    const exchange = this.#exchange
    // What came before the request's end may be its answer, which then has no latency.
    if (exchange === null || this.#state !== HEAD || this.#staged >= 0) return
    const now = this.#edge.now()
    this.#edge.wheel.arm(this, now + this.#edge.settings.timeouts.responseHeadMs)
    exchange.requestSent(now)
  }

  #onConnect(): void {
    this.#connected = true
    this.#wait(false)
    if (this.#state === IDLE) return
    this.#edge.wheel.disarm(this)
    this.#exchange?.onConnected()
    if (this.#requestSent) this.#waitForHead()
  }

  #onDrain(): void {
    this.out.drained()
    this.#exchange?.onUpstreamDrain()
  }

  /** @param length of what has been read into the thread's buffer; it stays there for the call */
  #onData(length: number): void {
    const { readBuffer, turns } = this.#edge
    turns.serving()
    this.workOnAnswer() // there is more of it
    if (this.#destroyed) return // its exchange was done with it
    if (this.#exchange === null) return this.#onUnasked()
    if (this.#turn >= 0) {
      if (!turns.isLater(this.#turn)) return this.#onUnasked()
      this.#turn = -1
    }
    this.answered = true
    if (this.#state === HEAD && this.#pending === null) {
      this.#staged = turns.staging.keep(readBuffer, length)
      this.#stagedTo = this.#staged + length
      if (this.#staged >= 0) return turns.answerRead(this)
    }
    this.#read(this.#exchange, readBuffer, 0, length)
  }

  /** Works on what was read of an answer in this turn, if that has not been done yet. */
  workOnAnswer(): void {
    const from = this.#staged
    if (from < 0) return
    this.#staged = -1
    if (this.#exchange === null) return
    this.#read(this.#exchange, this.#edge.turns.staging.bytes, from, this.#stagedTo)
    // It was no final head, and the request has ended meanwhile.
    if (this.#requestSent && this.deadlineMs === Number.POSITIVE_INFINITY) this.#waitForHead()
  }

  #read(exchange: Exchange, read: Buffer, from: number, end: number): void {
    this.#edge.responseHead.lines.forget() // its text is of what the buffer held before
    if (this.#state === TUNNEL) return exchange.tunnel?.fromUpstream(copyOf(read, from, end))
    const pending = this.#pending
    const bytes = pending === null ? read : joined(pending, read, from, end)
    const to = pending === null ? end : bytes.length
    this.#pending = null
    let at = pending === null ? from : 0
    while (this.#state === HEAD) {
      const end = this.#readHead(exchange, bytes, at, to)
      if (end === MORE) this.#pending = copyOf(bytes, at, to)
      if (end < 0 || this.#exchange !== exchange) return
      at = end
    }
    this.#readBody(exchange, bytes, at, to)
  }

  /**
   * Bytes that are nobody's answer. A target that sends them once does so again, and a little later
   * they would be taken for the next answer: so its connections carry one request each for a while.
   */
  #onUnasked(): void {
    const now = this.#edge.now()
    if (this.#exchange !== null || now - this.idleSinceMs < UNASKED_MS)
      this.#edge.distrust(this.target)
    this.#fail('upstream-reset')
  }

  /**
   * Reads one head; returns the offset after it, MORE, or REFUSED when the connection is done for.
   */
  #readHead(exchange: Exchange, bytes: Buffer, from: number, to: number): number {
    const edge = this.#edge
    const head = edge.responseHead
    head.toHead = exchange.isHead
    const end = readResponseHead(head, bytes, from, to, edge.settings.limits)
    if (end === MORE) return MORE
    if (end === REFUSED) {
      this.#fail('upstream-malformed')
      return REFUSED
    }
    if (head.status === 101) {
      const offered = exchange.upgrade
      if (offered === '' || head.upgrade !== offered) this.#fail('upstream-malformed')
      else {
        this.#state = TUNNEL
        this.touchTunnel()
        exchange.onSwitch(head, copyOf(bytes, end, to))
      }
      return REFUSED
    }
    if (head.status < 200) {
      if (++this.#interims > edge.settings.limits.interimResponses) {
        this.#fail('upstream-malformed')
        return REFUSED
      }
      exchange.onInterim(head)
      return end
    }
    this.#state = BODY
    this.#framing = head.framing
    this.#remaining = head.contentLength
    this.#reusable = head.keepAlive
    if (head.framing === CHUNKED) this.#decoder.reset(exchange.trailersOut)
    if (head.keepAliveSeconds >= 0) {
      // One second less than the target's own limit, so that we close first.
      const hintMs = Math.max(0, head.keepAliveSeconds * 1000 - 1000)
      this.#idleLimitMs = Math.min(hintMs, edge.settings.timeouts.upstreamIdleMs)
    }
    exchange.onHead(head)
    return end
  }

  #readBody(exchange: Exchange, bytes: Buffer, from: number, to: number): void {
    if (this.#framing === NO_BODY) return this.#complete(exchange, from < to)
    if (this.#framing === BY_LENGTH) {
      const take = Math.min(this.#remaining, to - from)
      this.#remaining -= take
      if (take > 0) exchange.onBody(bytes, from, from + take)
      if (this.#exchange !== exchange) return
      if (this.#remaining === 0) return this.#complete(exchange, from + take < to)
    } else if (this.#framing === CHUNKED) {
      this.#bytes = bytes
      const end = this.#decoder.decode(bytes, from, to, exchange.framedOut, this.#pass)
      this.#bytes = NOTHING
      if (this.#exchange !== exchange) return
      if (this.#decoder.broken) return this.#fail('upstream-malformed')
      if (this.#decoder.done) {
        if (exchange.trailersOut) exchange.onTrailers(this.#decoder.trailers)
        return this.#complete(exchange, end < to)
      }
    } else if (from < to) exchange.onBody(bytes, from, to)
    if (this.#exchange !== exchange) return
    this.#edge.wheel.arm(this, this.#edge.now() + this.#edge.settings.timeouts.responseIdleMs)
    exchange.flush()
  }

  /** The answer is whole. `extra`: bytes came behind it that nobody asked for. */
  #complete(exchange: Exchange, extra: boolean): void {
    this.#exchange = null
    this.#state = IDLE
    this.idleSinceMs = Number.POSITIVE_INFINITY // it does not wait yet
    this.#edge.wheel.disarm(this)
    if (extra) this.#edge.distrust(this.target)
    this.resume() // a connection that is not read would hide poison, and the next answer
    if (this.#reusable && !extra && this.#requestSent && !this.#destroyed) {
      this.uses++
      this.#edge.turns.freed(this)
    } else this.destroy()
    exchange.onEnd()
  }

  joinPool(): void {
    if (this.#destroyed) return
    if (this.target.gone || this.#idleLimitMs <= 0) return this.destroy()
    this.idleSinceMs = this.#edge.recentMs
    if (this.idleSinceMs < this.target.distrustedUntilMs) return this.destroy()
    // Threads share the cap: one must not fill it with connections that only wait.
    const share = this.#edge.settings.limits.connectionsPerTarget / this.#edge.board.layout.threads
    if (this.target.idle.size >= Math.floor(share)) return this.destroy()
    this.target.idle.push(this)
    this.#edge.wheel.arm(this, this.idleSinceMs + this.#idleLimitMs)
  }

  /** Bytes went through the tunnel, in either direction: its idle time begins anew. */
  touchTunnel(): void {
    const { tunnelDrainMs, tunnelIdleMs } = this.#edge.settings.timeouts
    const idleMs = this.#halfClosed ? Math.min(tunnelDrainMs, tunnelIdleMs) : tunnelIdleMs
    this.#edge.wheel.arm(this, this.#edge.now() + idleMs)
  }

  /**
   * One side has ended: the other may finish what it says, but many servers never end theirs, and
   * the tunnel must not wait for them as long as for a living one.
   */
  halfCloseTunnel(): void {
    this.#halfClosed = true
    this.touchTunnel()
  }

  /** The client cannot take more of the answer now. */
  hold(): void {
    this.#held = true
    this.socket.pause()
  }

  /** The client can take more of the answer again. */
  resume(): void {
    if (!this.#held) return
    this.#held = false
    this.socket.resume()
    if (this.#state !== BODY || this.#exchange === null) return
    this.#edge.wheel.arm(this, this.#edge.now() + this.#edge.settings.timeouts.responseIdleMs)
  }

  #onEnd(): void {
    this.#edge.turns.serving()
    this.workOnAnswer()
    const exchange = this.#exchange
    if (exchange === null) return this.destroy()
    if (this.#state === TUNNEL) return exchange.tunnel?.endFromUpstream()
    if (this.#state === BODY && this.#framing === UNTIL_CLOSE) {
      this.#reusable = false
      return this.#complete(exchange, false)
    }
    this.#fail('upstream-reset')
  }

  #onClose(): void {
    this.workOnAnswer()
    this.#edge.turns.socketClosed()
    if (this.#exchange === null) this.destroy()
    else if (this.#connected) this.#fail('upstream-reset')
    else this.#fail(this.#exhausted ? 'overload' : 'upstream-refused')
  }

  override onDeadline(): void {
    const exchange = this.#exchange
    if (exchange === null) this.destroy()
    else if (this.#state === TUNNEL) exchange.tunnel?.close()
    else if (this.#held) exchange.onClientStalled()
    else this.#fail(this.#connected ? 'response-timeout' : 'connect-timeout')
  }

  /** The target has not taken the request's body for too long. */
  stalled(): void {
    this.#fail(this.#connected ? 'response-timeout' : 'connect-timeout')
  }

  #fail(fault: Fault): void {
    const exchange = this.#exchange
    this.#exchange = null
    this.destroy()
    exchange?.onFailure(fault, this)
  }

  /** Ends a tunnel whose both sides have said their last: what is still on its way arrives. */
  letGo(): void {
    this.#exchange = null
    this.socket.end()
    this.#edge.wheel.arm(this, this.#edge.now() + LET_GO_MS)
  }

  /** Ends the connection without a word to its exchange. */
  destroy(): void {
    if (this.#destroyed) return
    this.#destroyed = true
    this.#exchange = null
    this.#wait(false)
    addConnections(this.#edge.board, this.#edge.thread, this.target.index, -1)
    this.#edge.wheel.remove(this)
    this.target.idle.remove(this)
    this.socket.destroy()
  }
}

const NOTHING = Buffer.alloc(0)

function joined(before: Buffer, bytes: Buffer, from: number, to: number): Buffer {
  return Buffer.concat([before, bytes.subarray(from, to)])
}
