// Where a thread's connections come in. The loop accepts one connection of a listener in a turn
// (libuv 1.45 and later), and a turn serves every connection that has something to say. So behind
// one listener a crowd would wait for as many turns as it has heads, each longer than the one
// before: a thousand that came at once waited for two seconds. A thread therefore has several
// listeners on its port; the system shares connections out among them.

import { createServer, type Server, type Socket } from 'node:net'

/** So many connections are accepted in a turn, where the system lets a port be shared. */
const LISTENERS = 32
const BACKLOG = 4096
/** In a turn that takes longer many may have come to the queue meanwhile. */
const QUIET_TURN_MS = 0.1

export interface Listen {
  readonly host: string
  readonly port: number
  /** Whether several listeners can have the port. */
  readonly reusePort: boolean
}

export class Listeners {
  readonly #onSocket: (socket: Socket) => void
  #servers: Server[] = []
  /** Connections that were accepted so far. */
  #accepted = 0

  constructor(onSocket: (socket: Socket) => void) {
    this.#onSocket = onSocket
  }

  get listening(): boolean {
    return this.#servers.some((server) => server.listening)
  }

  /**
   * Listens.
   *
   * @returns the port; the system's choice when it is asked for port 0
   * @throws when one cannot listen there
   */
  async listen({ host, port, reusePort }: Listen): Promise<number> {
    const bound = await this.#open({ host, port, reusePort })
    const more = reusePort ? LISTENERS - 1 : 0
    const open = (): Promise<number> => this.#open({ host, port: bound, reusePort })
    await Promise.all(Array.from({ length: more }, open))
    return bound
  }

  #open(listen: Listen): Promise<number> {
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      this.#accepted++
      this.#onSocket(socket)
    })
    this.#servers.push(server)
    return new Promise((resolve, reject) => {
      server.once('error', reject)
      server.listen({ ...listen, backlog: BACKLOG }, () => {
        const address = server.address()
        resolve(typeof address === 'object' && address !== null ? address.port : listen.port)
      })
    })
  }

  /**
   * Closes when nobody waits in the queues: the kernel resets who does. That is so behind a whole
   * turn that accepted none and was short; and after as many turns as a queue has places, since all
   * who waited at first are in then.
   */
  close(): void {
    let turns = 0
    const turn = (before: number, sinceMs: number): void => {
      const now = performance.now()
      const quiet = this.#accepted === before && now - sinceMs < QUIET_TURN_MS
      if (quiet || ++turns > BACKLOG) for (const server of this.#servers) server.close()
      else setImmediate(turn, this.#accepted, now)
    }
    setImmediate(turn, -1, 0)
  }
}
