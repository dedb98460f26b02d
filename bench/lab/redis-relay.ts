// A way to Redis that can be cut: a node connects to a relay instead of Redis, and the relay passes
// everything on, until it is told to drop it. `silent` is a network that swallows packets: nobody
// learns of it, and what was sent arrives late, when it heals. `refused` is a route that is gone:
// connections break and new ones are refused. It also counts the bytes of the node.

import net from 'node:net'

export type Cut = 'silent' | 'refused'

interface Pair {
  readonly node: net.Socket
  readonly redis: net.Socket
}

export class Relay {
  readonly port: number
  readonly #server: net.Server
  readonly #pairs = new Set<Pair>()
  #cut: Cut | null = null
  /** Bytes from the node to Redis and back. */
  #sent = 0
  #received = 0

  private constructor(server: net.Server) {
    this.#server = server
    this.port = (server.address() as net.AddressInfo).port
  }

  static async start(redisPort: number): Promise<Relay> {
    const server = net.createServer({ noDelay: true })
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve)
    })
    const relay = new Relay(server)
    server.on('connection', (node: net.Socket) => relay.#join(node, redisPort))
    return relay
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`
  }

  get bytes(): { readonly sent: number; readonly received: number } {
    return { sent: this.#sent, received: this.#received }
  }

  cut(how: Cut): void {
    this.#cut = how
    for (const pair of this.#pairs) this.#obey(pair)
  }

  heal(): void {
    this.#cut = null
    for (const { node, redis } of this.#pairs) {
      node.resume()
      redis.resume()
    }
  }

  end(): void {
    this.#server.close()
    for (const { node, redis } of this.#pairs) {
      node.destroy()
      redis.destroy()
    }
  }

  #obey({ node, redis }: Pair): void {
    if (this.#cut === 'refused') node.resetAndDestroy()
    if (this.#cut !== 'silent') return
    node.pause()
    redis.pause()
  }

  #join(node: net.Socket, redisPort: number): void {
    if (this.#cut === 'refused') {
      node.resetAndDestroy()
      return
    }
    const redis = net.connect({ host: '127.0.0.1', port: redisPort, noDelay: true })
    const pair = { node, redis }
    this.#pairs.add(pair)
    node.on('data', (bytes) => {
      this.#sent += bytes.length
      redis.write(bytes)
    })
    redis.on('data', (bytes) => {
      this.#received += bytes.length
      node.write(bytes)
    })
    for (const [one, other] of [
      [node, redis],
      [redis, node],
    ] as const) {
      one.on('error', () => one.destroy()) // either end may go away at any time
      one.on('close', () => {
        this.#pairs.delete(pair)
        other.destroy()
      })
    }
    this.#obey(pair)
  }
}
