// One conversation of a client over a real socket: pieces go out, each in a packet of its own as
// far as the system allows, and what comes back is collected until it is enough.

import net from 'node:net'

/** An answer, or the end of a connection, that does not come within this time does not come. */
const PATIENCE_MS = 8000

export interface Heard {
  readonly text: string
  readonly closed: boolean
  /** It ended because nothing more came. */
  readonly late: boolean
}

export interface Talk {
  readonly port: number
  /** The loopback address to speak from, by which the other side knows us. */
  readonly address: string
  readonly pieces: readonly Buffer[]
}

/** Sends the pieces over a new connection and listens until it is enough, or closed. */
export function converse(talk: Talk, enough: (text: string) => boolean): Promise<Heard> {
  const { address, pieces, port } = talk
  return new Promise((resolve) => {
    const socket = net.connect({ port, host: '127.0.0.1', localAddress: address, noDelay: true })
    let text = ''
    let sent = 0
    let closed = false
    const finish = (late: boolean): void => {
      clearTimeout(limit)
      socket.destroy()
      resolve({ text, closed, late })
    }
    const look = (): void => {
      if (closed || (sent === pieces.length && enough(text))) finish(false)
    }
    const limit = setTimeout(() => finish(true), PATIENCE_MS)
    const send = (): void => {
      const piece = pieces[sent]
      if (piece === undefined || socket.destroyed) return look()
      sent++
      socket.write(piece, () => setImmediate(send))
    }
    const end = (): void => {
      closed = true
      look()
    }
    socket.on('connect', send)
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
      look()
    })
    socket.on('end', end)
    socket.on('error', () => undefined) // 'close' follows
    socket.on('close', end)
  })
}

/** The bytes between cuts, without empty pieces. */
export function cutAt(bytes: Buffer, ends: Iterable<number>): Buffer[] {
  const pieces: Buffer[] = []
  let from = 0
  for (const to of ends) {
    if (to > from) pieces.push(bytes.subarray(from, to))
    from = to
  }
  return pieces
}
