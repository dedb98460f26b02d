// Opening a connection to a target. What all connections of a thread receive is read into one
// buffer, and used up, or copied, before the next read.

import { connect, type Socket } from 'node:net'

/** We are out of descriptors, ports or memory: no evidence against a version; no rescue helps. */
const EXHAUSTED = new Set(['EMFILE', 'ENFILE', 'EADDRNOTAVAIL', 'EAGAIN', 'ENOBUFS', 'ENOMEM'])

export interface Dialled {
  readonly host: string
  readonly port: number
}

/** @param onData called with how many bytes have been read into the buffer */
export function dial(to: Dialled, buffer: Buffer, onData: (length: number) => void): Socket {
  return connect({
    host: to.host,
    port: to.port,
    noDelay: true,
    allowHalfOpen: true,
    onread: {
      buffer,
      callback: (length) => {
        onData(length)
        return true
      },
    },
  })
}

const CLOSED = new Set(['ECONNRESET', 'EPIPE'])
type Done = (error?: Error | null) => void

/**
 * An app that refuses an upload answers and closes. Our next write fails then, and Node would
 * destroy the socket with the answer unread. So such a failure is kept from it as long as there may
 * be something to read: reading goes on, and ends with the connection. It costs a closure a write,
 * so it is asked for when a body begins to stream.
 */
export function readOnAfterWriteErrors(socket: Socket): void {
  const quiet = (done: Done): Done => {
    return (error) => {
      const isClosed = error != null && CLOSED.has((error as NodeJS.ErrnoException).code ?? '')
      done(isClosed && !socket.readableEnded ? null : error)
    }
  }
  const write = socket._write.bind(socket)
  const writeMany = socket._writev?.bind(socket)
  socket._write = (chunk, encoding, done) => write(chunk, encoding, quiet(done))
  if (writeMany) socket._writev = (chunks, done) => writeMany(chunks, quiet(done))
}

/** Whether this system, not the target, is why there is no connection. */
export function isExhausted(error: NodeJS.ErrnoException): boolean {
  return EXHAUSTED.has(error.code ?? '')
}
