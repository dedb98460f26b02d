// A WebSocket origin over raw sockets: it answers the handshake, echoes each frame, pushes frames
// of its own now and then, and holds every byte that comes against what must come. When the client
// has ended its direction, all of it has been echoed, and the origin says a last thing and ends
// its own.

import net from 'node:net'
import { answerParent } from './rpc.ts'
import { acceptFor, FrameReader, frameOf, KINDS, payloadOf } from './tunnel-frames.ts'
import type { OriginSide } from './tunnels.ts'

let version = ''
const tunnels = new Map<number, Tunnel>()

class Tunnel {
  readonly #number: number
  readonly #socket: net.Socket
  readonly #reader = new FrameReader()
  #heard = 0
  #echoed = 0
  #pushed = 0
  #ended = false
  #finished = false
  #fault = ''

  constructor(number: number, socket: net.Socket) {
    this.#number = number
    this.#socket = socket
    socket.on('data', (chunk: Buffer) => this.read(chunk))
    socket.on('end', () => {
      this.#ended = !this.#reader.torn
      this.finish()
    })
    socket.on('error', (error: NodeJS.ErrnoException) => this.#fail(error.code ?? 'error'))
  }

  #fail(fault: string): void {
    if (this.#fault === '') this.#fault = fault
    this.#finished = true
    this.#socket.destroy()
  }

  read(chunk: Buffer): void {
    const payloads = this.#reader.read(chunk)
    if (payloads === null) return this.#fail('not a frame')
    for (const payload of payloads) {
      if (!payload.equals(payloadOf(KINDS.said, this.#number, this.#heard))) {
        return this.#fail(`frame ${this.#heard} is not what the client sent`)
      }
      if (!this.#finished) {
        this.#socket.write(frameOf(payloadOf(KINDS.echoed, this.#number, this.#heard), null))
        this.#echoed++
      }
      this.#heard++
    }
  }

  push(): void {
    if (this.#finished || this.#socket.destroyed) return
    this.#socket.write(frameOf(payloadOf(KINDS.pushed, this.#number, this.#pushed), null))
    this.#pushed++
  }

  /** The last frame, and the end of this direction behind it. */
  finish(): void {
    if (this.#finished) return
    this.push()
    this.#finished = true
    this.#socket.end()
  }

  report(): OriginSide {
    return {
      tunnel: this.#number,
      heard: this.#heard,
      echoed: this.#echoed,
      pushed: this.#pushed,
      ended: this.#ended,
      fault: this.#fault,
    }
  }
}

/** Reads the handshake and answers it. */
function greet(socket: net.Socket): void {
  let text = ''
  const read = (chunk: Buffer): void => {
    text += chunk.toString('latin1')
    const end = text.indexOf('\r\n\r\n')
    if (end < 0) return
    socket.off('data', read)
    const number = Number(/^GET \/tunnel\/(\d+) /.exec(text)?.[1] ?? Number.NaN)
    const key = /\r\nsec-websocket-key: *([^\r]*)/i.exec(text)?.[1]
    if (Number.isNaN(number) || key === undefined || !/\r\nupgrade: *websocket\r/i.test(text)) {
      socket.end('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
      return
    }
    socket.write(
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
        `Sec-WebSocket-Accept: ${acceptFor(key)}\r\nX-App-Version: ${version}\r\n\r\n`,
    )
    const tunnel = new Tunnel(number, socket)
    tunnels.set(number, tunnel)
    const early = Buffer.from(text.slice(end + 4), 'latin1')
    if (early.length > 0) tunnel.read(early)
  }
  socket.setNoDelay(true)
  socket.on('data', read)
  socket.on('error', () => undefined) // a tunnel has its own eyes for it
}

const server = net.createServer({ allowHalfOpen: true }, greet)

answerParent({
  start: (argument) => {
    const how = argument as { version: string; everyMs: number }
    version = how.version
    const slices = 10
    let slice = 0
    // A tenth of the tunnels at a time, so that frames do not come all at once.
    setInterval(() => {
      slice = (slice + 1) % slices
      for (const [number, tunnel] of tunnels) if (number % slices === slice) tunnel.push()
    }, how.everyMs / slices)
    return new Promise((resolve, reject) => {
      server.once('error', reject)
      server.listen({ host: '127.0.0.1', port: 0, backlog: 1024 }, () => {
        resolve((server.address() as net.AddressInfo).port)
      })
    })
  },
  close: (argument) => {
    for (const number of argument as number[]) tunnels.get(number)?.finish()
  },
  report: () => [...tunnels.values()].map((tunnel) => tunnel.report()),
})
