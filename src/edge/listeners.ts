// Where a thread's connections come in. The loop accepts one connection of a listener in a turn
// (libuv/libuv#3696), and a turn serves every connection that has something to say. So behind
// one listener a crowd would wait for as many turns as it has heads, each longer than the one
// before: a thousand that came at once waited for two seconds. A thread therefore has several
// listeners on its port; the system shares connections out among them.

import { createServer, type Server, type Socket } from 'node:net'

/** So many connections are accepted in a turn, where the system lets a port be shared. */
const LISTENERS = 32
const BACKLOG = 4096
/** In a turn that takes longer many may have come to the queue meanwhile. */
const QUIET_TURN_MS = 0.1
const TELL_AGAIN_MS = 60_000

export interface Listen {
  readonly host: string
  readonly port: number
  /** Whether several listeners can have the port. */
  readonly reusePort: boolean
}

export interface ListenersOptions {
  readonly onSocket: (socket: Socket) => void
  /** Hears a sentence about a listener that does not work while others do. */
  readonly note: (text: string) => void
}

export class Listeners {
  readonly #onSocket: (socket: Socket) => void
  readonly #note: (text: string) => void
  #servers: Server[] = []
  #isClosing = false
  #toldMs = Number.NEGATIVE_INFINITY
  /** Connections that were accepted so far. */
  #accepted = 0

  constructor({ note, onSocket }: ListenersOptions) {
    this.#note = note
    this.#onSocket = onSocket
  }

  get listening(): boolean {
    return this.#servers.some((server) => server.listening)
  }

  /** How many there are. */
  get count(): number {
    return this.#servers.length
  }

  /**
   * Listens. The first listener must work; where one of the others does not, as there are no file
   * descriptors left, the first has to do, and leaves what there are to the clients.
   *
   * @returns the port; the system's choice when it is asked for port 0
   * @throws when one cannot listen there
   */
  async listen({ host, port, reusePort }: Listen): Promise<number> {
    const bound = await this.#open({ host, port, reusePort })
    const more = reusePort ? LISTENERS - 1 : 0
    const open = (): Promise<number> => this.#open({ host, port: bound, reusePort })
    const opened = await Promise.allSettled(Array.from({ length: more }, open))
    const failed = opened.find(({ status }) => status === 'rejected')
    if (failed !== undefined && !this.#isClosing) {
      const why = ((failed as PromiseRejectedResult).reason as Error).message
      for (const server of this.#servers.splice(1)) server.close()
      this.#note(`A thread has one listener instead of ${LISTENERS}: ${why}`)
    }
    return bound
  }

  #open(listen: Listen): Promise<number> {
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      this.#accepted++
      this.#onSocket(socket)
    })
    return new Promise((resolve, reject) => {
      server.on('error', (error) => {
        if (server.listening) this.#failed(error)
        else reject(error)
      })
      server.listen({ ...listen, backlog: BACKLOG }, () => {
        if (this.#isClosing) {
          server.close()
          return reject(new Error('the thread is ending'))
        }
        this.#servers.push(server)
        const address = server.address()
        resolve(typeof address === 'object' && address !== null ? address.port : listen.port)
      })
    })
  }

  /** Tells of it, but not for each of the clients that a node without descriptors cannot accept. */
  #failed({ message }: Error): void {
    const now = performance.now()
    if (now - this.#toldMs < TELL_AGAIN_MS) return
    this.#toldMs = now
    this.#note(`A client could not be accepted: ${message}`)
  }

  /**
   * Closes one after the other, each when nobody waits in the queues: the kernel resets who does.
   * That is so behind a whole turn that accepted none and was short; and after as many turns as a
   * queue has places, since all who waited at first are in then.
   */
  close(): void {
    this.#isClosing = true
    let turns = 0
    const turn = (before: number, sinceMs: number): void => {
      const now = performance.now()
      const quiet = this.#accepted === before && now - sinceMs < QUIET_TURN_MS
      if (++turns > BACKLOG) for (const server of this.#servers) server.close()
      else {
        if (quiet) this.#servers.find((server) => server.listening)?.close()
        if (this.listening) setImmediate(turn, this.#accepted, now)
      }
    }
    setImmediate(turn, -1, 0)
  }
}
