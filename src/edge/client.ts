// A client's HTTP/1.1 connection: reads one request at a time, in order, hands it to an exchange
// and writes what the exchange answers. What a client sends ahead is kept up to a bound, then
// reading stops. After any framing error the answer says `Connection: close` and no later byte is
// read.

import type { Socket } from 'node:net'
import { addConnection } from '../board/liveness.ts'
import { faultAnswer, readinessAnswer, wantsProblemJson } from '../http1/answer.ts'
import { CR } from '../http1/bytes.ts'
import type { Fault } from '../http1/fault.ts'
import type { ForwardedBy } from '../http1/forward.ts'
import { MORE, REFUSED } from '../http1/lines.ts'
import { type RequestHead, readRequestHead } from '../http1/request-head.ts'
import { BodySink } from './body-sink.ts'
import { BUSY, CLOSED, HEAD, LINGER, REST, TUNNEL, WAIT } from './client-states.ts'
import type { ClientSide } from './client-side.ts'
import type { Edge } from './edge.ts'
import { AHEAD, HELD, MAX_AHEAD_BYTES, MAX_UNREAD_BYTES, Pauses, UNREAD } from './pauses.ts'
import { Dribble } from './dribble.ts'
import { Exchange } from './request.ts'
import { RequestBody } from './request-body.ts'
import { Timed } from './wheel.ts'

/** After a refusal we read and discard for so long, so that a reset does not eat the answer. */
const LINGER_MS = 2000
const LINGER_BYTES = 1_048_576

export class ClientConnection extends Timed implements ClientSide {
  by: ForwardedBy
  readonly #edge: Edge
  readonly #socket: Socket
  readonly #sink: BodySink
  readonly #body = new RequestBody()
  #state = HEAD
  #exchange: Exchange | null = null
  /** Bytes read but not yet used: a head in part, or requests sent ahead. */
  #pending: Buffer | null = null
  /** How the present head dribbles in; null while none has come in part. */
  #dribble: Dribble | null = null
  /** A body that is not sent before we ask for it may as well never come. */
  #expects = false
  /** The client has ended its side but is still served (`half_close: serve`). */
  #ended = false
  /** The turn in which the last request was done with. */
  #readyTurn = -1
  /** Whether bytes stand behind the head that is being read. */
  #behind = false
  readonly #pauses: Pauses
  #reading = false
  #lingered = 0

  constructor(edge: Edge, socket: Socket) {
    super()
    this.#edge = edge
    this.#socket = socket
    this.#sink = new BodySink(socket)
    this.#pauses = new Pauses(socket)
    this.by = edge.peer(socket.remoteAddress ?? '')
    edge.connections.add(this)
    addConnection(edge.board, edge.thread, 1)
    edge.turns.socketOpened()
    socket.on('data', (chunk: Buffer) => this.#onData(chunk))
    socket.on('drain', () => this.#onDrain())
    socket.on('finish', () => this.#onFinish())
    socket.on('end', () => this.#onEnd())
    socket.on('error', () => undefined) // 'close' follows and does the work
    socket.on('close', () => this.#onClose())
    edge.wheel.arm(this, edge.now() + edge.settings.timeouts.keepAliveMs)
  }

  #onDrain(): void {
    this.#sink.drained()
    this.#exchange?.onClientDrain()
    if (!this.#pauses.has(UNREAD)) return
    this.#pauses.lift(UNREAD)
    if (this.#state === HEAD && this.#pending !== null) this.#wait()
  }

  get tunnelled(): boolean {
    return this.#state === TUNNEL
  }

  /** Whether not a byte has come yet: its first request is on its way, as a rule. */
  get unused(): boolean {
    return this.#socket.bytesRead === 0 && this.#state === HEAD
  }

  get idle(): boolean {
    return this.#state === HEAD && this.#dribble === null && this.#socket.writableLength === 0
  }

  #onData(chunk: Buffer): void {
    if (this.#state === BUSY && !this.#body.done) return this.#readBody(chunk, 0)
    if (this.#state === TUNNEL) return this.#exchange?.tunnel?.fromClient(chunk)
    if (this.#state === LINGER) return this.#discard(chunk)
    if (this.#state === REST) return this.#readRest(chunk)
    if (this.#state === CLOSED) return
    this.#keep(chunk)
    if (this.#state !== HEAD) return
    // A head that dribbles in is not read anew for each of its bytes.
    const when = this.#dribble?.whenToRead(chunk, this.#edge.requestLimits) ?? 'now'
    if (when === 'now') this.#wait()
    else if (when === 'soon') this.#edge.readLater(this)
  }

  #keep(chunk: Buffer): void {
    const pending = this.#pending
    if (pending === null) this.#pending = chunk
    else this.#pending = this.#dribble?.join(pending, chunk) ?? Buffer.concat([pending, chunk])
    if (this.#state !== HEAD && this.#pending.length > MAX_AHEAD_BYTES) this.#pauses.add(AHEAD)
  }

  /** Lets what has come wait until the turn ends: no client begins a request in its middle. */
  #wait(): void {
    this.#state = WAIT
    this.#edge.turns.requestRead(this)
  }

  workOnRequest(): void {
    if (this.#state !== WAIT || this.#socket.destroyed) return
    // It became ready in this turn, too, and the connection of its answer may not be free yet: with
    // thousands of sockets a turn is long, and each request in it would open another one.
    if (this.#readyTurn === this.#edge.turns.present) return this.#edge.turns.requestRead(this)
    this.#state = HEAD
    this.#pauses.lift(AHEAD)
    this.#readHeads()
  }

  /** A head that dribbles in is to be read. */
  readDribble(): void {
    if (this.#state === HEAD && this.#pending !== null) this.#wait()
  }

  /** Reads requests as long as there are bytes and no exchange is under way. */
  #readHeads(): void {
    if (this.#reading) return // an answer that was given at once has led back here
    this.#reading = true
    while (this.#state === HEAD && this.#pending !== null) {
      if (this.#socket.writableLength > MAX_UNREAD_BYTES) {
        this.#pauses.add(UNREAD) // until 'drain'; the keep-alive time is the limit of it
        break
      }
      const bytes = this.#pending
      this.#pending = null
      if (!this.#readHead(bytes)) break
    }
    this.#reading = false
  }

  /** Reads one head and begins its exchange; false when more bytes are needed. */
  #readHead(bytes: Buffer): boolean {
    const edge = this.#edge
    const head = edge.requestHead
    const end = readRequestHead(head, bytes, 0, edge.requestLimits)
    if (end === MORE) {
      if (this.#ended) {
        this.#linger() // the rest of it will never come
        return false
      }
      this.#pending = bytes
      if (bytes.length <= 2 && bytes[0] === CR) return false // an empty line begins no head
      // The clock of a head runs from its first byte, not from its last.
      if (this.#dribble === null) {
        edge.wheel.arm(this, edge.now() + edge.settings.timeouts.requestHeadMs)
        this.#dribble = new Dribble()
      }
      this.#dribble.wasRead(bytes.length, head.lines.open)
      return false
    }
    this.#dribble = null
    if (end === REFUSED) {
      this.#refuse(head.fault, wantsProblemJson(head.lines))
      return true
    }
    edge.wheel.disarm(this)
    this.#state = BUSY
    this.#body.begin(head)
    this.#expects = head.expectsContinue
    this.#behind = end < bytes.length
    if (head.target === edge.settings.readinessPath) this.#answerReadiness(head)
    else this.#begin(head, bytes, end)
    this.#behind = false
    if (this.#exchange !== null || end === bytes.length) return true
    const rest = bytes.subarray(end) // what came behind a request that was answered at once
    if (this.#state === HEAD) this.#pending = rest
    else if (this.#state === REST) this.#readRest(rest)
    return true
  }

  #begin(head: RequestHead, bytes: Buffer, end: number): void {
    this.by = this.#edge.peerNow(this.by)
    const exchange = new Exchange(this.#edge, this, head)
    this.#exchange = exchange
    exchange.start(head)
    if (this.#exchange !== exchange) return // it was answered at once
    this.#body.limitBytes = exchange.bodyLimitBytes
    if (this.#body.done) {
      exchange.onRequestEnd()
      if (end < bytes.length) this.#keep(bytes.subarray(end))
      return
    }
    if (end < bytes.length) {
      this.#behind = false // it is read now
      return this.#readBody(bytes, end)
    }
    this.#awaitBody()
    exchange.onRequestPause()
  }

  #awaitBody(): void {
    if (this.#ended && !this.#behind) return this.destroy() // the rest of it will never come
    this.#edge.wheel.arm(this, this.#edge.now() + this.#edge.settings.timeouts.requestIdleMs)
  }

  #readBody(bytes: Buffer, from: number): void {
    const exchange = this.#exchange
    if (exchange === null) return
    this.#expects = false
    const end = this.#body.read(bytes, from, exchange)
    if (this.#exchange !== exchange) return // the target failed while we wrote to it
    const { fault } = this.#body
    if (fault !== null) return exchange.onRequestFault(fault)
    if (!this.#body.done) {
      this.#awaitBody()
      return exchange.onRequestPause()
    }
    this.#edge.wheel.disarm(this)
    exchange.onRequestEnd()
    if (end < bytes.length) this.#onData(bytes.subarray(end))
  }

  /** The rest of a request that was answered before it was whole. */
  #readRest(bytes: Buffer): void {
    const end = this.#body.skip(bytes, 0)
    if (!this.#body.done) return this.#ended ? this.destroy() : undefined
    this.#behind = end < bytes.length
    this.#becomeReady()
    if (this.#behind) this.#onData(bytes.subarray(end))
    this.#behind = false
  }

  #answerReadiness(head: RequestHead): void {
    const { draining, date } = this.#edge
    const keepAlive = head.keepAlive && !draining && this.canFollow
    const toHead = head.method === 'HEAD'
    const options = { keepAlive, oldClient: head.minor === 0, toHead, problemJson: false, date }
    this.writeText(readinessAnswer(draining, options))
    this.finished(keepAlive)
  }

  /** Answers a fault of the request itself and closes after lingering. */
  #refuse(fault: Fault, problemJson: boolean): void {
    const { date, requestHead } = this.#edge
    const options = { keepAlive: false, oldClient: false, toHead: false, date }
    this.writeText(faultAnswer(fault, { ...options, problemJson }))
    this.#edge.accessLog?.refused(fault, requestHead, this.by)
    this.#linger()
  }

  #linger(): void {
    this.#state = LINGER
    this.#pending = null
    this.#dribble = null
    this.#exchange = null
    this.#lingered = 0
    this.#pauses.lift(AHEAD | HELD | UNREAD)
    const { responseIdleMs } = this.#edge.settings.timeouts
    const unread = this.#socket.writableLength > 0
    this.#socket.end()
    this.#edge.wheel.arm(this, this.#edge.now() + (unread ? responseIdleMs : LINGER_MS))
  }

  /** The whole answer has gone out: the time to linger begins. */
  #onFinish(): void {
    if (this.#state === LINGER) this.#edge.wheel.arm(this, this.#edge.now() + LINGER_MS)
  }

  #discard(chunk: Buffer): void {
    this.#lingered += chunk.length
    // To close now would be a reset, which eats the answer.
    if (this.#lingered > LINGER_BYTES) this.#pauses.add(UNREAD)
  }

  // --- ClientSide ----------------------------------------------------------------------------

  writeText(text: string): boolean {
    return this.#socket.write(text, 'latin1')
  }

  writeBytes(bytes: Buffer): boolean {
    return this.#sink.write(bytes)
  }

  pauseRequest(): void {
    this.#pauses.add(HELD)
  }

  resumeRequest(): void {
    this.#pauses.lift(HELD)
    if (this.#state === BUSY && !this.#body.done) this.#awaitBody()
  }

  get canFollow(): boolean {
    if (this.#ended && this.#pending === null && !this.#behind) return false
    return this.#body.done || (this.#body.isShort && !this.#expects)
  }

  finished(keepAlive: boolean): void {
    this.#exchange = null
    if (!keepAlive) return this.#linger()
    if (this.#body.done) return this.#becomeReady()
    this.#state = REST
    this.#pauses.lift(AHEAD | HELD)
    this.#awaitBody()
  }

  #becomeReady(): void {
    this.#state = HEAD
    this.#readyTurn = this.#edge.turns.mark()
    this.#pauses.lift(AHEAD | HELD)
    this.#edge.wheel.arm(this, this.#edge.recentMs + this.#edge.settings.timeouts.keepAliveMs)
    if (this.#pending !== null) this.#readHeads()
    else if (this.#ended && !this.#behind) this.#linger()
  }

  reset(): void {
    this.#exchange = null
    this.#state = CLOSED
    this.#socket.resetAndDestroy()
  }

  becomeTunnel(): void {
    this.#state = TUNNEL
    this.#edge.wheel.disarm(this) // the target's side keeps the idle time of a tunnel
    const early = this.#pending
    this.#pending = null
    this.#pauses.lift(AHEAD)
    if (early !== null) this.#exchange?.tunnel?.fromClient(early)
    if (this.#ended) this.#exchange?.tunnel?.endFromClient()
  }

  endTunnel(): void {
    this.#socket.end()
  }

  // --- the end of a connection ---------------------------------------------------------------

  #onEnd(): void {
    if (this.#state === TUNNEL) return this.#exchange?.tunnel?.endFromClient()
    if (this.#state === LINGER) {
      // What is still to be written goes out first; then the socket ends by itself.
      if (this.#socket.writableLength === 0) this.#socket.destroy()
      return
    }
    if (this.#edge.settings.halfClose === 'serve') {
      this.#ended = true
      if (this.#state === WAIT || (this.#state === BUSY && this.#body.done)) return
      if (this.#state === HEAD && this.#socket.writableLength > 0) return this.#linger()
    }
    // A FIN after a request cannot be told from a close: gone, and what waits is never begun.
    this.#gone()
    this.#socket.destroy()
  }

  #onClose(): void {
    this.#gone()
    this.#state = CLOSED
    this.#pending = null
    this.#edge.wheel.remove(this)
    if (!this.#edge.connections.delete(this)) return
    addConnection(this.#edge.board, this.#edge.thread, -1)
    this.#edge.turns.socketClosed()
  }

  #gone(): void {
    const exchange = this.#exchange
    this.#exchange = null
    exchange?.onClientGone()
  }

  override onDeadline(): void {
    const exchange = this.#exchange
    if (this.#state === BUSY && !this.#body.done && exchange !== null) {
      // Who was not asked to go on may be waiting for it.
      const waits = this.#expects && !exchange.interimSent
      return exchange.onRequestStalled(waits || this.#pauses.has(HELD))
    }
    if (this.#state === HEAD && this.#dribble !== null && !this.#pauses.any) {
      return this.#refuse('request-timeout', false)
    }
    // An answer that the client did not take in time must not look whole.
    if (this.#socket.writableLength > 0) this.reset()
    else this.destroy()
  }

  destroy(): void {
    this.#gone()
    this.#socket.destroy()
  }
}
