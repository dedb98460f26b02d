// Makes pieces into packets. Two writes on a socket may be read as one, so between them the edge
// must have read the first: a request for the readiness path on a connection of its own is the
// proof, since the edge's loop sees what came first first. One such round serves everybody who
// waits at that moment.

import net from 'node:net'

const ASK = 'GET /__ready HTTP/1.1\r\nHost: pacer\r\n\r\n'
const LIMIT_MS = 5000

export class Pacer {
  rounds = 0
  readonly #port: number
  #socket: net.Socket | null = null
  #waiting: (() => void)[] = []
  #asked: (() => void)[] = []
  #scheduled = false

  constructor(port: number) {
    this.#port = port
  }

  /** Resolves when the edge has read all that was written before the call. */
  turn(): Promise<void> {
    return new Promise((resolve, reject) => {
      const limit = setTimeout(() => reject(new Error('The edge does not turn')), LIMIT_MS)
      this.#waiting.push(() => {
        clearTimeout(limit)
        resolve()
      })
      this.#schedule()
    })
  }

  #schedule(): void {
    if (this.#scheduled || this.#asked.length > 0) return
    this.#scheduled = true
    // Everybody who can do so writes in this turn of our own loop; then we ask.
    setImmediate(() => {
      this.#scheduled = false
      this.#asked = this.#waiting
      this.#waiting = []
      this.#ask()
    })
  }

  #ask(): void {
    this.#socket ??= this.#connect()
    this.#socket.write(ASK)
  }

  #connect(): net.Socket {
    const socket = net.connect({ port: this.#port, host: '127.0.0.1', noDelay: true })
    socket.on('data', () => this.#answered())
    socket.on('error', () => undefined) // 'close' follows
    socket.on('close', () => {
      // The edge may have closed it for idling while we asked.
      this.#socket = null
      if (this.#asked.length > 0) this.#ask()
    })
    return socket
  }

  #answered(): void {
    this.rounds++
    const asked = this.#asked
    this.#asked = []
    for (const resolve of asked) resolve()
    if (this.#waiting.length > 0) this.#schedule()
  }

  close(): void {
    this.#socket?.destroy()
  }
}
