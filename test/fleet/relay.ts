// A TCP relay between a node and its Redis: the wire that a test cuts. A cut connection is reset,
// and nobody gets through until it is mended.

import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import type { TestScope } from './redis-server.ts'

export class Relay {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
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

  mend(): void {
    this.#isCut = false
  }
}
