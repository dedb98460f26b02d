// A TCP relay between a node and its Redis: the wire that a test cuts. A cut connection is reset,
// and nobody gets through until it is mended. Or it holds what a node asks, or what it is answered,
// while the node goes on hearing what others say.

import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import type { TestScope } from './redis-server.ts'

export class Relay {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  /** By the node's end of it, the connection to Redis; those that only listen are not here. */
  readonly #asking = new Map<Socket, Socket>()
  #isCut = false

  private constructor(to: number) {
    this.#server = createServer((from) => {
      if (this.#isCut) return void from.destroy()
      const onward = connect(to, '127.0.0.1')
      for (const [socket, other] of [
        [from, onward],
        [onward, from],
      ] as const) {
        this.#sockets.add(socket)
        socket.on('error', () => {}) // a close follows
        socket.on('close', () => {
          this.#sockets.delete(socket)
          other.destroy()
        })
        socket.pipe(other)
      }
      this.#asking.set(from, onward)
      from.on('data', (bytes) => {
        if (/subscribe/i.test(bytes.toString('latin1'))) this.#asking.delete(from)
      })
      from.on('close', () => this.#asking.delete(from))
    })
  }

  static async start(t: TestScope, to: number): Promise<Relay> {
    const relay = new Relay(to)
    await new Promise<void>((resolve) => relay.#server.listen(0, '127.0.0.1', resolve))
    t.teardown(async () => {
      relay.cut()
      await new Promise((resolve) => relay.#server.close(resolve))
    })
    return relay
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  cut(): void {
    this.#isCut = true
    for (const socket of this.#sockets) socket.destroy()
  }

  /** Holds what the node asks from now on. */
  hold(): void {
    for (const [from, onward] of this.#asking) {
      from.unpipe(onward)
      from.pause()
    }
  }

  release(): void {
    for (const [from, onward] of this.#asking) from.pipe(onward)
  }

  /** Holds what Redis answers from now on; what others say the node goes on hearing. */
  mute(): void {
    for (const [from, onward] of this.#asking) {
      onward.unpipe(from)
      onward.pause()
    }
  }

  speak(): void {
    for (const [from, onward] of this.#asking) onward.pipe(from)
  }

  mend(): void {
    this.#isCut = false
  }
}
