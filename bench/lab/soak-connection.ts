// One client connection of the soak: sends a request, or several in one go, reads their answers in
// order, and aborts where a plan says so. When the connection is gone it is opened anew; what was
// sent behind a request that broke it has not been looked at by anybody and is drawn again.

import net from 'node:net'
import { crc32 } from 'node:zlib'
import { monotonicMs } from './clock.ts'
import type { ClientSpec } from './soak-client.ts'
import { AnswerReader, type Ending } from './soak-answer.ts'
import { Body, type Dice, drawPlan, isMarked, pathOf, type Plan } from './soak-plan.ts'
import type { Tally } from './soak-tally.ts'
import { chunkOf } from './soak-wire.ts'

const ANSWER_MS = 20_000
const BATCH_SHARE = 0.15
const BATCH_MAX = 8
/** A client that has said its last by FIN waits so long for the other side's. */
const LAST_WORD_MS = 50

/** What all connections of the process share. */
export interface Shared {
  readonly spec: ClientSpec
  readonly tally: Tally
  /** The number of the next request. */
  draw(): number
  /** Whether another request may be sent. */
  wantsMore(): boolean
  onClosed(connection: SoakConnection): void
}

/** One of the connections that are kept busy; it stays the same when it is opened anew. */
export interface Seat {
  /** What is drawn on it, whatever happens on others. */
  readonly dice: Dice
  /** With pauses between the requests, or as fast as they are answered. */
  readonly paced: boolean
}

export class SoakConnection {
  /** The edge thread that serves this connection, once an answer has told. */
  thread = ''
  /** To be closed behind the present answer. */
  leaves = false

  readonly #shared: Shared
  readonly seat: Seat
  readonly #socket: net.Socket
  readonly #reader: AnswerReader
  #batch: readonly Plan[] = []
  #at = 0
  #pending: Buffer | null = null
  #sentMs = 0
  /** Nothing more is expected of this connection: we or an answer have said so. */
  #over = false
  #closed = false
  #ended = false
  #reset = false
  #waiting: NodeJS.Timeout | undefined
  #goOn: (() => void) | null = null
  /** Whether a part of the upload is still to be sent, whatever has been answered meanwhile. */
  #uploading = false

  constructor(shared: Shared, seat: Seat) {
    this.#shared = shared
    this.seat = seat
    this.#reader = new AnswerReader({
      onInterim: (status) => this.#onInterim(status),
      onTrailers: () => shared.tally.trailers++,
      onHead: (seenId) => {
        const end = seenId.indexOf('-')
        if (end > 0) this.thread = seenId.slice(0, end)
      },
    })
    shared.tally.connections++
    const socket = net.connect({ host: '127.0.0.1', port: shared.spec.port, noDelay: true })
    this.#socket = socket
    socket.on('data', (chunk: Buffer) => this.#onData(chunk))
    socket.on('end', () => {
      this.#ended = true
    })
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.#reset = error.code === 'ECONNRESET' || error.code === 'EPIPE'
    })
    socket.on('close', () => this.#onClose())
    this.#next()
  }

  get #plan(): Plan | null {
    return this.#batch[this.#at] ?? null
  }

  get busy(): boolean {
    return this.#plan !== null
  }

  // --- sending -------------------------------------------------------------------------------

  #next(): void {
    const { dice, paced } = this.seat
    if (!this.#shared.wantsMore() || this.leaves) return this.#close()
    const idleMs = dice.chance(0.05) ? dice.whole(200, 1500) : dice.whole(0, 50)
    if (paced) this.#waiting = setTimeout(() => this.#send(), idleMs)
    else this.#send()
  }

  #send(): void {
    if (this.#closed || this.#over) return
    if (this.leaves || !this.#shared.wantsMore()) return this.#close()
    const { dice } = this.seat
    const { profile } = this.#shared.spec
    const light = dice.chance(BATCH_SHARE)
    const count = light ? dice.whole(2, BATCH_MAX) : 1
    const draw = (): Plan => drawPlan(dice, { number: this.#shared.draw(), profile, light })
    this.#batch = Array.from({ length: count }, draw)
    this.#at = 0
    this.#sentMs = monotonicMs()
    this.#expect()
    const [first] = this.#batch
    if (light) {
      const all = this.#batch.map((plan) => [headOf(plan), ...uploadPieces(plan)])
      this.#socket.write(Buffer.concat(all.flat()))
    } else if (first !== undefined) this.#sendOne(first)
  }

  #sendOne(plan: Plan): void {
    const abort = plan.abort
    const pieces = uploadPieces(plan)
    if (abort?.kind === 'upload') pieces.splice(Math.max(1, pieces.length >> 1))
    if (abort?.kind === 'upload' && pieces.length === 1) pieces[0] = halfOf(pieces[0])
    this.#socket.cork()
    this.#socket.write(headOf(plan))
    this.#uploading = pieces.length > 0
    if (plan.expectContinue) this.#goOn = () => this.#sendPieces(pieces, 0)
    else this.#sendPieces(pieces, 0)
    this.#socket.uncork()
    if (abort === null || abort.kind === 'answer') return
    this.#waiting = setTimeout(() => this.#abort(plan), abort.afterMs)
  }

  #sendPieces(pieces: readonly Buffer[], at: number): void {
    const piece = pieces[at]
    if (piece === undefined || this.#over || this.#closed) return
    this.#socket.write(piece)
    if (at + 1 === pieces.length) {
      this.#uploading = false
      if (!this.busy) this.#next() // it was answered early, and the connection stays
      return
    }
    if (at % 2 === 0) setImmediate(() => this.#sendPieces(pieces, at + 1))
    else setTimeout(() => this.#sendPieces(pieces, at + 1), 1)
  }

  #expect(): void {
    const plan = this.#plan
    if (plan !== null) this.#reader.expect(plan, uploadMark(plan))
  }

  #onInterim(status: number): void {
    this.#shared.tally.interims++
    if (status !== 100 || this.#goOn === null) return
    const goOn = this.#goOn
    this.#goOn = null
    goOn()
  }

  // --- reading -------------------------------------------------------------------------------

  #onData(chunk: Buffer): void {
    if (this.#over) return
    const bytes = this.#pending === null ? chunk : Buffer.concat([this.#pending, chunk])
    this.#pending = null
    let at = 0
    while (at < bytes.length && !this.#over) {
      const plan = this.#plan
      if (plan === null) {
        this.#shared.tally.stray(`bytes that nobody asked for: ${bytes.toString('latin1', at)}`)
        return this.#close()
      }
      const read = this.#reader.read(bytes, at)
      at = read.at
      if (read.ending === null) {
        if (at < bytes.length) this.#pending = bytes.subarray(at)
        if (plan.abort?.kind === 'answer' && this.#reader.begun) this.#abort(plan)
        return
      }
      this.#finish(plan, read.ending)
    }
  }

  #finish(plan: Plan, ending: Ending): void {
    const { tally } = this.#shared
    clearTimeout(this.#waiting)
    this.#at++
    if (ending.is === 'wrong') {
      tally.wrong(plan, ending.text)
      return this.#close()
    }
    if (ending.is === 'early') {
      tally.endedEarly(plan)
      return this.#close()
    }
    if (ending.is === 'fault') {
      const { error, status } = ending
      if (isMarked(plan)) tally.asMarked(plan, false)
      else tally.failed(plan, { status, error, begun: true, thread: this.thread })
    } else if (isMarked(plan)) tally.wrong(plan, 'a whole answer, though its target died')
    else tally.right(plan)
    // Of an upload to be aborted only a part went out: what followed would be taken for the rest.
    if (ending.closes || plan.abort?.kind === 'upload') return this.#close()
    if (this.#plan !== null) return this.#expect()
    if (!this.#uploading) return this.#next()
    // An early answer: the rest must be sent all the same, as the connection is to stay.
    const goOn = this.#goOn
    this.#goOn = null
    goOn?.()
  }

  // --- the end -------------------------------------------------------------------------------

  #abort(plan: Plan): void {
    const { abort } = plan
    if (this.#over || abort === null || this.#plan !== plan) return
    this.#shared.tally.aborted(plan, abort.kind)
    this.#at++
    this.#over = true
    if (abort.reset) this.#socket.resetAndDestroy()
    else if (plan.number % 2 === 0) this.#socket.destroy()
    else {
      this.#socket.end()
      setTimeout(() => this.#socket.destroy(), LAST_WORD_MS)
    }
  }

  #close(): void {
    this.#over = true
    clearTimeout(this.#waiting)
    this.#socket.destroy()
  }

  /** Gives up when an answer takes too long: a hang. */
  expire(now: number): void {
    if (this.busy && now - this.#sentMs > ANSWER_MS) this.#socket.destroy()
  }

  #onClose(): void {
    if (this.#closed) return
    this.#closed = true
    clearTimeout(this.#waiting)
    const { tally } = this.#shared
    if (!this.#over) this.#onCut(this.#plan)
    tally.requeued += Math.max(0, this.#batch.length - this.#at)
    this.#shared.onClosed(this)
  }

  /** The connection was ended by the other side without a word that it would. */
  #onCut(plan: Plan | null): void {
    const { tally } = this.#shared
    const ending = this.#ended ? this.#reader.end() : null
    if (plan !== null && ending !== null) return this.#finish(plan, ending)
    tally.lost(this.thread, plan !== null)
    if (plan === null) return
    this.#at++
    if (isMarked(plan)) return tally.asMarked(plan, !this.#reset)
    const { begun, status } = this.#reader
    const error = this.#reset ? 'cut by a reset' : this.#ended ? 'cut by an end' : 'no answer'
    tally.failed(plan, { status, error, begun, thread: this.thread })
  }
}

// --- requests on the wire ------------------------------------------------------------------------

function headOf(plan: Plan): Buffer {
  let head = `${plan.method} ${pathOf(plan)} HTTP/1.${plan.minor}\r\nHost: soak.test\r\n`
  if (plan.acceptsTrailers) head += 'TE: trailers\r\nConnection: TE\r\n'
  if (plan.keyed) head += `Idempotency-Key: ${plan.number}\r\n`
  if (plan.expectContinue) head += 'Expect: 100-continue\r\n'
  if (plan.uploadChunked) head += 'Transfer-Encoding: chunked\r\n'
  else if (plan.upload > 0 || plan.method === 'POST') head += `Content-Length: ${plan.upload}\r\n`
  return Buffer.from(`${head}\r\n`, 'latin1')
}

/** What goes up behind the head, in as many pieces as planned, framed. */
function uploadPieces(plan: Plan): Buffer[] {
  const { upload, uploadChunked, uploadPieces: count } = plan
  if (upload === 0) return []
  const body = new Body(plan.number, { bytes: upload, upload: true })
  const step = Math.ceil(upload / count)
  const pieces: Buffer[] = []
  for (let from = 0; from < upload; from += step) {
    const bytes = body.slice(from, Math.min(upload, from + step))
    const last = from + step >= upload
    if (!uploadChunked) pieces.push(bytes)
    else pieces.push(Buffer.concat([...chunkOf(bytes), ...(last ? [LAST_CHUNK] : [])]))
  }
  return pieces
}

const LAST_CHUNK = Buffer.from('0\r\n\r\n')
const NOTHING = Buffer.alloc(0)

/** Too little of a piece to be whole. */
function halfOf(piece: Buffer | undefined): Buffer {
  return piece === undefined ? NOTHING : piece.subarray(0, piece.length >> 1)
}

/** What the target says about the body that it received. */
function uploadMark(plan: Plan): string {
  if (plan.upload === 0) return '0-0'
  const body = new Body(plan.number, { bytes: plan.upload, upload: true })
  return `${plan.upload}-${crc32(body.slice(0, plan.upload))}`
}
