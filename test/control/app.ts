// An app in front of which Vertex stands in tests of health: it listens on loopback and answers as
// it is told, from one moment to the next, also not at all.

import { createServer, type Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'

export type Mood = 'well' | 'error' | 'redirect' | 'hang' | 'half' | 'close' | 'endless'

export class App {
  mood: Mood = 'well'
  /** The paths that were asked for. */
  readonly asked: string[] = []
  connections = 0
  /** Requests that are not answered yet, and the most there were at a time. */
  open = 0
  mostOpen = 0
  port = 0
  #server: Server | null = null
  readonly #sockets = new Set<Socket>()

  static async start(mood: Mood = 'well'): Promise<App> {
    const app = new App()
    app.mood = mood
    await app.listen()
    return app
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`
  }

  /** Listens, on the port that it had before when there was one. */
  async listen(): Promise<void> {
    const server = createServer((request, response) => {
      this.asked.push(request.url ?? '')
      this.open++
      this.mostOpen = Math.max(this.mostOpen, this.open)
      response.on('close', () => this.open--)
      if (this.mood === 'well') response.end('ok')
      else if (this.mood === 'error') response.writeHead(500).end('no')
      else if (this.mood === 'redirect') response.writeHead(302, { location: '/' }).end()
      else if (this.mood === 'close') request.socket.destroy()
      else if (this.mood === 'half') response.writeHead(200, { 'content-length': 9 }).write('half')
      else if (this.mood === 'endless') response.end(Buffer.alloc(1_000_000))
    })
    server.on('connection', (socket) => {
      this.connections++
      this.#sockets.add(socket)
      socket.on('close', () => this.#sockets.delete(socket))
    })
    this.#server = server
    const { port } = this
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
    this.port = (server.address() as AddressInfo).port
  }

  /** Lets the process end although it listens and has connections. */
  unref(): void {
    this.#server?.unref()
    for (const socket of this.#sockets) socket.unref()
  }

  /** Closes all connections and listens no more. */
  async stop(): Promise<void> {
    const server = this.#server
    this.#server = null
    if (server === null) return
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
}
