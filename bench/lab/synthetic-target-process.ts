// A trivial target over raw sockets: every request gets the same small answer at once. It knows
// when its first and its last request came, and stands still for a while when it is told to, as a
// process does in a long collection of garbage: everything waits, also what arrives meanwhile.

import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { monotonicMs } from './clock.ts'
import { answerParent } from './rpc.ts'

const ANSWER = Buffer.from('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok')
/** The byte that ends a line; a request here is its head, which ends with two lines' ends. */
const LINE_END = 10

export interface Arrivals {
  readonly requests: number
  /** On the machine's monotonic clock. */
  readonly firstMs: number
  readonly lastMs: number
  /** When it stood still, if it did. */
  readonly stall: { readonly fromMs: number; readonly toMs: number } | null
}

let requests = 0
let firstMs = 0
let lastMs = 0
let stallAfterMs: number | null = null
let stallForMs = 0
let stall: Arrivals['stall'] = null

function standStill(): void {
  const fromMs = monotonicMs()
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, stallForMs)
  stall = { fromMs, toMs: monotonicMs() }
}

const server = createServer({ noDelay: true }, (socket) => {
  socket.on('error', () => {}) // the other side says how it ended
  let previous = 0
  socket.on('data', (chunk: Buffer) => {
    lastMs = monotonicMs()
    if (requests === 0) {
      firstMs = lastMs
      if (stallAfterMs !== null) setTimeout(standStill, stallAfterMs)
    }
    // Two ends of lines with nothing but a carriage return between them end a head.
    for (const byte of chunk) {
      if (byte === LINE_END) {
        if (previous === LINE_END) {
          requests++
          socket.write(ANSWER)
          previous = 0
        } else previous = LINE_END
      } else if (byte !== 13) previous = byte
    }
  })
})
await new Promise<void>((resolve) => {
  server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => resolve())
})

answerParent({
  port: () => (server.address() as AddressInfo).port,
  /** Begins to count anew; `stall`: when to stand still after the first request, and how long. */
  reset: (argument) => {
    const { afterMs = null, forMs = 0 } = argument as { afterMs?: number; forMs?: number }
    requests = 0
    stall = null
    stallAfterMs = afterMs
    stallForMs = forMs
  },
  arrivals: (): Arrivals => ({ requests, firstMs, lastMs, stall }),
})
