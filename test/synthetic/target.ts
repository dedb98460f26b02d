// A target over raw sockets, which does with each request what the test says, and remembers it.

import { createServer, type Server, type Socket } from 'node:net'
import type { AddressInfo } from 'node:net'

export interface Seen {
  readonly line: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  /** On `performance.now`'s clock. */
  readonly atMs: number
  /** Connections are numbered from 1. */
  readonly connection: number
}

export type Behaviour = (seen: Seen, socket: Socket) => void

export function answer(status: number, body = '', headers: Readonly<Record<string, string>> = {}) {
  const lines = Object.entries({ 'content-length': String(Buffer.byteLength(body)), ...headers })
  const fields = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')
  return `HTTP/1.1 ${status} Said\r\n${fields}\r\n${body}`
}

export const ok: Behaviour = (_, socket) => void socket.write(answer(200, 'ok'))

export class TestTarget {
  readonly seen: Seen[] = []
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #connections = 0

  private constructor(behaviour: Behaviour) {
    this.#server = createServer((socket) => this.#serve(socket, behaviour))
  }

  static async start(behaviour: Behaviour = ok): Promise<TestTarget> {
    const target = new TestTarget(behaviour)
    await new Promise<void>((resolve) => {
      target.#server.listen(0, '127.0.0.1', () => resolve())
    })
    return target
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  #serve(socket: Socket, behaviour: Behaviour): void {
    const connection = ++this.#connections
    this.#sockets.add(socket)
    socket.on('close', () => this.#sockets.delete(socket))
    socket.on('error', () => {}) // the other side says how it ended
    let text = ''
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString()
      for (;;) {
        const end = text.indexOf('\r\n\r\n')
        if (end < 0) return
        const [line = '', ...fields] = text.slice(0, end).split('\r\n')
        const pairs = fields.map((field) => {
          const colon = field.indexOf(':')
          return [field.slice(0, colon).toLowerCase(), field.slice(colon + 1).trim()] as const
        })
        const headers = Object.fromEntries(pairs)
        const length = Number(headers['content-length'] ?? 0)
        if (text.length < end + 4 + length) return
        const body = text.slice(end + 4, end + 4 + length)
        text = text.slice(end + 4 + length)
        const seen = { line, headers, body, atMs: performance.now(), connection }
        this.seen.push(seen)
        behaviour(seen, socket)
      }
    })
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve())
    })
  }
}
