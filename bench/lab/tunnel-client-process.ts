// The client of all tunnels, over raw sockets: a handshake with a random key, masked frames at
// intervals, and a look at every byte that comes back. When the origin has ended its direction the
// client says a last thing and ends its own.

import { randomBytes } from 'node:crypto'
import net from 'node:net'
import { monotonicMs } from './clock.ts'
import { answerParent } from './rpc.ts'
import { acceptFor, FrameReader, frameOf, KINDS, payloadOf } from './tunnel-frames.ts'
import type { ClientSide } from './tunnels.ts'

/** So many handshakes are under way at a time. */
const AT_A_TIME = 50
const HANDSHAKE_MS = 20_000

const tunnels = new Map<number, Tunnel>()

class Tunnel {
  readonly #number: number
  readonly #socket: net.Socket
  readonly #reader = new FrameReader()
  readonly #counts = { said: 0, echoes: 0, pushes: 0 }
  #version = ''
  #stands = false
  #finished = false
  #ended = false
  #overMs = Number.NaN
  #heardMs = Number.NaN
  #fault = ''

  constructor(number: number, port: number) {
    this.#number = number
    this.#socket = net.connect({ host: '127.0.0.1', port, noDelay: true, allowHalfOpen: true })
    this.#socket.on('end', () => {
      this.#ended = !this.#reader.torn
      this.finish()
    })
    this.#socket.on('error', (error: NodeJS.ErrnoException) => this.#fail(error.code ?? 'error'))
    this.#socket.on('close', () => {
      this.#overMs = monotonicMs()
      this.#finished = true
    })
  }

  /** The handshake. Resolves when it has succeeded or failed. */
  open(): Promise<void> {
    const key = randomBytes(16).toString('base64')
    this.#socket.write(
      `GET /tunnel/${this.#number} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n` +
        `Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`,
    )
    let text = ''
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#fail('no handshake in time'), HANDSHAKE_MS)
      this.#socket.once('close', () => {
        clearTimeout(timer)
        resolve()
      })
      const read = (chunk: Buffer): void => {
        text += chunk.toString('latin1')
        const end = text.indexOf('\r\n\r\n')
        if (end < 0) return
        clearTimeout(timer)
        this.#socket.off('data', read)
        this.#version = /\r\nx-app-version: *([^\r]*)/i.exec(text)?.[1] ?? ''
        const accepted = /\r\nsec-websocket-accept: *([^\r]*)/i.exec(text)?.[1]
        if (!text.startsWith('HTTP/1.1 101 ') || accepted !== acceptFor(key)) {
          this.#fail(`handshake refused: ${text.slice(0, 200)}`)
        } else this.#stand(Buffer.from(text.slice(end + 4), 'latin1'))
        resolve()
      }
      this.#socket.on('data', read)
    })
  }

  #stand(early: Buffer): void {
    this.#stands = true
    this.#socket.on('data', (chunk: Buffer) => this.#read(chunk))
    if (early.length > 0) this.#read(early)
  }

  #fail(fault: string): void {
    if (this.#fault === '') this.#fault = fault
    this.#socket.destroy()
  }

  #read(chunk: Buffer): void {
    this.#heardMs = monotonicMs()
    const payloads = this.#reader.read(chunk)
    if (payloads === null) return this.#fail('not a frame')
    for (const payload of payloads) {
      const { echoes, pushes } = this.#counts
      if (payload.equals(payloadOf(KINDS.echoed, this.#number, echoes))) this.#counts.echoes++
      else if (payload.equals(payloadOf(KINDS.pushed, this.#number, pushes))) this.#counts.pushes++
      else return this.#fail(`a frame after ${echoes} echoes and ${pushes} pushes is a wrong one`)
    }
  }

  say(): void {
    if (this.#finished || !this.#stands) return
    const payload = payloadOf(KINDS.said, this.#number, this.#counts.said)
    this.#socket.write(frameOf(payload, randomBytes(4)))
    this.#counts.said++
  }

  /** The last frame, and the end of this direction behind it. */
  finish(): void {
    if (this.#finished) return
    this.say()
    this.#finished = true
    this.#socket.end()
  }

  report(): ClientSide {
    return {
      tunnel: this.#number,
      version: this.#version,
      ...this.#counts,
      ended: this.#ended,
      overMs: this.#overMs,
      heardMs: this.#heardMs,
      fault: this.#fault,
    }
  }
}

async function open(argument: unknown): Promise<void> {
  const how = argument as { port: number; tunnels: number; everyMs: number }
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < how.tunnels) {
      const number = next++
      const tunnel = new Tunnel(number, how.port)
      tunnels.set(number, tunnel)
      await tunnel.open()
    }
  }
  const slices = 10
  let slice = 0
  setInterval(() => {
    slice = (slice + 1) % slices
    for (const [number, tunnel] of tunnels) if (number % slices === slice) tunnel.say()
  }, how.everyMs / slices)
  await Promise.all(Array.from({ length: AT_A_TIME }, worker))
}

answerParent({
  open,
  close: (argument) => {
    for (const number of argument as number[]) tunnels.get(number)?.finish()
  },
  report: () => [...tunnels.values()].map((tunnel) => tunnel.report()),
})
