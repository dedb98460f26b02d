// What a thread does before its first run: it sends requests to itself. Code that has just been
// loaded is several times slower than it will be, and at thousands of requests a second that is a
// queue, whose waiting would be counted as the version's. Nobody but this thread sees it.

import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import type { Transaction } from '../core/transaction/transaction.ts'
import type { Checking } from './messages.ts'
import { Run } from './run.ts'

const RATE = 6000
const DURATION_MS = 1000
const ANSWER = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

const TRANSACTION: Transaction = {
  ...{ name: 'rehearsal', rate: RATE, durationMs: DURATION_MS, timeoutMs: 1000, connections: 32 },
  ...{ warmUpMs: 0, assertions: [], secrets: [] },
  steps: [
    {
      ...{ name: 'rehearsal', method: 'GET', path: ['/'], headers: [], body: null, captures: [] },
      expect: { status: [{ from: 200, to: 299 }], headers: [], json: [], body: [], timeMs: null },
    },
  ],
}

/**
 * Runs requests through this thread until its code is compiled; takes a second.
 *
 * @returns how many were answered; 0 where no address of this machine can be listened on
 */
export async function rehearse(checking: Checking): Promise<number> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined) // the run lets go of its connections without a word
    socket.on('data', () => socket.write(ANSWER))
  })
  const port = await listen(server)
  if (port === null) return 0
  const run = new Run(
    {
      ...{ run: TRANSACTION.name, number: 0, transaction: TRANSACTION },
      ...{ rate: RATE, durationMs: DURATION_MS },
      order: {
        ...{ service: '', version: '', targets: [`http://127.0.0.1:${port}`], assertions: [] },
        ...{ scenario: TRANSACTION.name, rate: null, durationMs: null },
      },
    },
    checking,
  )
  const report = await run.done
  server.close()
  for (const socket of sockets) socket.destroy()
  return (report?.transactions ?? 0) - (report?.failed ?? 0)
}

function listen(server: Server): Promise<number | null> {
  return new Promise((resolve) => {
    server.on('error', () => resolve(null)) // then the first run is as slow as it was
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port))
  })
}
