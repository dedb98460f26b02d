// A target of the soak: does for each request what its path asks for (soak-plan.ts), over raw
// sockets. It keeps what nobody else can know: which requests it has seen that no target may see
// twice, which came upon a connection that it had just closed, and, when it is about to be killed,
// which it had begun to answer. Whatever reads otherwise than the client wrote it is a violation.

import net from 'node:net'
import { crc32 } from 'node:zlib'
import { answerParent } from './rpc.ts'
import type { OriginState } from './soak-targets.ts'
import { type AnswerPlan, Body, nonceOf, readPath } from './soak-plan.ts'
import { ChunkReader, chunkOf, fieldOf, headEnd } from './soak-wire.ts'

const VIOLATIONS_MAX = 20
/** A stop lets requests finish for so long. */
const STOP_MS = 2000
const LAST_CHUNK = '0\r\n'

let frozen = false
let stopping = false
let requests = 0
let staleFaults = 0
let idleResets = 0
let idleEnds = 0
const violations: string[] = []
const once: number[] = []
const raced: number[] = []
const connections = new Set<Connection>()
let whenEmpty = (): void => undefined

function violate(text: string): void {
  if (violations.length < VIOLATIONS_MAX) violations.push(text)
}

/** A request as far as it has been read. */
interface Asked {
  readonly plan: AnswerPlan
  readonly method: string
  readonly seenId: string
  /** Bytes of the body by Content-Length that are still to come, or −1: chunked. */
  left: number
  received: number
  checksum: number
}

class Connection {
  readonly socket: net.Socket
  /** The request in hand, from its head to the last write of its answer. */
  asked: Asked | null = null
  /** The request whose answer was written last. */
  answering = -1
  /** Whether a byte of the answer in hand, or of an interim one, has been written. */
  begun = false
  /** We have said that nothing more will come. */
  #ended = false
  #uses = 0
  #pending: Buffer | null = null
  #reading = false
  #idle: NodeJS.Timeout | undefined
  readonly #chunks = new ChunkReader()
  #upload = new Body(0, { bytes: 0, upload: true })

  constructor(socket: net.Socket) {
    this.socket = socket
    socket.setNoDelay(true)
    socket.on('data', (chunk: Buffer) => this.#onData(chunk))
    // A proxy that goes away in the middle is what its clients asked for.
    socket.on('error', () => socket.destroy())
    socket.on('close', () => this.#onClose())
    connections.add(this)
  }

  #onData(chunk: Buffer): void {
    if (frozen) return
    const bytes = this.#pending === null ? chunk : Buffer.concat([this.#pending, chunk])
    this.#pending = null
    if (this.#ended) return this.#noteRace(bytes)
    let at = 0
    if (this.asked === null) {
      const end = headEnd(bytes, 0)
      if (end === -1) {
        this.#pending = bytes
        return
      }
      if (!this.#readHead(bytes.toString('latin1', 0, end - 2))) return
      at = end
    }
    if (this.#reading) at = this.#readBody(bytes, at)
    if (at < bytes.length && !this.#ended) violate(`bytes behind request ${this.answering}`)
  }

  /** A request that came while we were closing: its client may see a failure of ours. */
  #noteRace(bytes: Buffer): void {
    const plan = readPath(bytes.toString('latin1', 0, 300).split(' ')[1] ?? '')
    if (plan === null || this.asked !== null) return
    raced.push(plan.number)
    if (plan.once) once.push(plan.number)
  }

  /** False when there is nothing left to read on this connection. */
  #readHead(head: string): boolean {
    clearTimeout(this.#idle)
    requests++
    const [method = '', path = ''] = head.split(' ', 2)
    const plan = readPath(path)
    if (plan === null) {
      violate(`a path that no client asked for: ${path.slice(0, 200)}`)
      this.socket.destroy()
      return false
    }
    if (plan.once) once.push(plan.number)
    if (this.#uses++ > 0 && this.#isStale(plan)) return false
    const lowered = head.toLowerCase()
    const length = fieldOf(head, lowered, 'content-length')
    const chunked = fieldOf(head, lowered, 'transfer-encoding') !== null
    this.asked = {
      plan,
      method,
      seenId: fieldOf(head, lowered, 'x-request-id') ?? '',
      left: chunked ? -1 : Number(length ?? 0),
      received: 0,
      checksum: 0,
    }
    this.answering = plan.number
    this.begun = false
    this.#reading = true
    this.#upload = new Body(plan.number, { bytes: plan.upload, upload: true })
    this.#chunks.reset()
    if (fieldOf(head, lowered, 'expect') !== null) {
      this.begun = true
      this.#write('HTTP/1.1 100 Continue\r\n\r\n')
    }
    return true
  }

  #isStale(plan: AnswerPlan): boolean {
    if (plan.fault === 'stale-reset') this.socket.resetAndDestroy()
    else if (plan.fault === 'stale-end') this.socket.end()
    else return false
    staleFaults++
    this.#ended = true
    return true
  }

  #readBody(bytes: Buffer, from: number): number {
    const { asked } = this
    if (asked === null) return from
    const take = (start: number, stop: number): void => {
      if (!this.#upload.matches(asked.received, bytes, start, stop)) {
        violate(`the upload differs at ${asked.received}: ${nameOf(asked)}`)
      }
      asked.received += stop - start
      asked.checksum = crc32(bytes.subarray(start, stop), asked.checksum)
    }
    let end = from
    if (asked.left < 0) {
      end = this.#chunks.read(bytes, from, bytes.length, take)
      if (this.#chunks.broken)
        violate(`the chunks are broken behind ${asked.received}: ${nameOf(asked)}`)
      if (!this.#chunks.done) return end
    } else {
      end = Math.min(bytes.length, from + asked.left)
      asked.left -= end - from
      if (end > from) take(from, end)
      if (asked.left > 0) return end
    }
    this.#reading = false
    if (asked.received !== asked.plan.upload) {
      violate(`an upload of ${asked.received} bytes looks whole: ${nameOf(asked)}`)
    }
    for (let i = 0; i < asked.plan.interims; i++) {
      this.begun = true
      this.#write(`HTTP/1.1 103 Early Hints\r\nlink: </${nonceOf(asked.plan.number)}>\r\n\r\n`)
    }
    if (asked.plan.delayMs > 0) setTimeout(() => this.#answer(asked), asked.plan.delayMs)
    else this.#answer(asked)
    return end
  }

  // --- answering -----------------------------------------------------------------------------

  #answer(asked: Asked): void {
    if (frozen || this.socket.destroyed) return
    const { plan } = asked
    const closes = plan.framing === 'close' || plan.after === 'close' || stopping
    const head = headOf(asked, closes)
    if (plan.fault.startsWith('dies')) return this.#die(asked, head)
    const bodiless = asked.method === 'HEAD' || plan.bytes === 0
    const parts = bodiless ? [] : bodyParts(plan, plan.pieces)
    if (plan.framing === 'chunked' && asked.method !== 'HEAD') {
      const trailers = `x-nonce-trailer: ${nonceOf(plan.number)}\r\nx-bytes: ${plan.bytes}\r\n`
      const last = `${LAST_CHUNK}${plan.trailers ? trailers : ''}\r\n`
      parts.push([...(parts.pop() ?? []), Buffer.from(last, 'latin1')])
    }
    this.begun = true
    this.socket.cork()
    this.#write(head)
    this.#writeParts(parts, 0, closes)
    this.socket.uncork()
  }

  /** Writes the parts of a body, those behind the first one a little later each. */
  #writeParts(parts: readonly (readonly Buffer[])[], at: number, closes: boolean): void {
    if (frozen || this.socket.destroyed) return
    for (const bytes of parts[at] ?? []) this.socket.write(bytes)
    if (at + 1 >= parts.length) return this.#complete(closes)
    const next = (): void => this.#writeParts(parts, at + 1, closes)
    if (at % 2 === 0) setTimeout(next, 1)
    else setImmediate(next)
  }

  #complete(closes: boolean): void {
    const after = this.asked?.plan.after
    this.asked = null
    if (closes || stopping) return this.end()
    if (after === 'idle-end' || after === 'idle-reset') {
      const waitMs = this.answering % 20
      this.#idle = setTimeout(() => this.#closeIdle(after === 'idle-reset'), waitMs)
    }
  }

  #closeIdle(reset: boolean): void {
    if (this.asked !== null || this.#ended || frozen) return
    if (reset) {
      idleResets++
      this.socket.resetAndDestroy()
    } else {
      idleEnds++
      this.end()
    }
  }

  /** Says that nothing more will come, and reads on. */
  end(): void {
    this.#ended = true
    this.socket.end()
  }

  #die(asked: Asked, head: string): void {
    const { plan } = asked
    const inBody = plan.fault === 'dies-in-body'
    const part = new Body(plan.number, { bytes: plan.bytes, upload: false })
    if (plan.fault === 'dies-in-head') this.#write(head.slice(0, head.length >> 1))
    else if (inBody) {
      this.begun = true
      this.socket.cork()
      this.#write(head)
      const bytes = part.slice(0, plan.bytes >> 1)
      // A chunk may promise more than comes.
      if (plan.framing === 'chunked') this.#write(`${plan.bytes.toString(16)}\r\n`)
      this.socket.write(bytes)
      this.socket.uncork()
    }
    // The end of a body that is delimited by the end cannot come too early, but a reset can.
    const reset = plan.number % 2 === 0 || plan.framing === 'close'
    const cut = (): void => {
      if (reset) this.socket.resetAndDestroy()
      else this.socket.destroy()
    }
    this.#ended = true
    if (plan.number % 3 === 0) cut()
    else setTimeout(cut, plan.number % 4)
  }

  #write(text: string): void {
    this.socket.write(text, 'latin1')
  }

  #onClose(): void {
    clearTimeout(this.#idle)
    connections.delete(this)
    if (connections.size === 0) whenEmpty()
  }
}

/** A request as a violation tells of it. */
function nameOf({ left, method, plan }: Asked): string {
  return `${method}${left < 0 ? ' chunked' : ''} ${JSON.stringify(plan)}`
}

function headOf({ checksum, method, plan, received, seenId }: Asked, closes: boolean): string {
  const status = { empty: '204 No Content', unchanged: '304 Not Modified' } as const
  const { framing } = plan
  const line = framing === 'empty' || framing === 'unchanged' ? status[framing] : '200 OK'
  let head = `HTTP/1.1 ${line}\r\ncontent-type: application/octet-stream\r\n`
  head += `x-nonce: ${nonceOf(plan.number)}\r\nx-method: ${method}\r\nx-seen-id: ${seenId}\r\n`
  head += `x-upload: ${received}-${checksum}\r\n`
  if (framing === 'length') head += `content-length: ${plan.bytes}\r\n`
  else if (framing === 'chunked') head += 'transfer-encoding: chunked\r\n'
  if (closes) head += 'connection: close\r\n'
  return `${head}\r\n`
}

/** The body in so many parts, framed as planned. */
function bodyParts(plan: AnswerPlan, count: number): Buffer[][] {
  const body = new Body(plan.number, { bytes: plan.bytes, upload: false })
  const parts: Buffer[][] = []
  const step = Math.ceil(plan.bytes / count)
  for (let from = 0; from < plan.bytes; from += step) {
    const bytes = body.slice(from, Math.min(plan.bytes, from + step))
    parts.push(plan.framing === 'chunked' ? chunkOf(bytes) : [bytes])
  }
  return parts
}

// --- what the measurement asks -------------------------------------------------------------------

const server = net.createServer((socket) => {
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

function state(): OriginState {
  const begun: number[] = []
  const inHand: number[] = []
  for (const { answering, asked, begun: hasBegun, socket } of connections) {
    if (asked !== null) inHand.push(answering)
    if ((asked !== null && hasBegun) || socket.writableLength > 0) begun.push(answering)
  }
  return {
    requests,
    staleFaults,
    idleResets,
    idleEnds,
    violations,
    once: Uint32Array.from(once),
    raced: Uint32Array.from(raced),
    begun: Uint32Array.from(begun),
    inHand: Uint32Array.from(inHand),
  }
}

/** Stands still, so that what it says is true until it is killed. */
function freeze(): OriginState {
  frozen = true
  for (const { socket } of connections) socket.pause()
  return state()
}

/** Takes no new connections, finishes what is in hand and closes what is idle. */
async function stop(): Promise<OriginState> {
  stopping = true
  server.close()
  for (const connection of connections) if (connection.asked === null) connection.end()
  if (connections.size > 0) {
    await new Promise<void>((resolve) => {
      whenEmpty = resolve
      setTimeout(resolve, STOP_MS)
    })
  }
  return freeze()
}

answerParent({ listen: (port) => listen(Number(port)), state, freeze, stop })
