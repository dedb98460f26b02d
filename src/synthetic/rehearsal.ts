// What a thread does before its first run: it sends requests to itself. Code that has just been
// loaded is several times slower than it will be, and at thousands of requests a second that is a
// queue, whose waiting would be counted as the version's. Nobody but this thread sees it.

import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import type { Transaction } from '../core/transaction/transaction.ts'
import type { Checking, RunOrder } from './messages.ts'
import { Run } from './run.ts'

const RATE = 6000
/**
 * The end of a run is rehearsed before the most of it. What happens only then (connections are let
 * go, a report is made) makes V8 throw away the code that it has compiled by what it had seen.
 */
const SCENES_MS = [200, 1000] as const
const ANSWER = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

const TRANSACTION: Transaction = {
  ...{ name: 'rehearsal', rate: RATE, durationMs: 1000, timeoutMs: 1000, connections: 32 },
  ...{ warmUpMs: 0, assertions: [], secrets: [] },
  steps: [
    {
      ...{ name: 'rehearsal', method: 'GET', path: ['/'], headers: [], body: null, captures: [] },
      expect: { status: [{ from: 200, to: 299 }], headers: [], json: [], body: [], timeMs: null },
    },
  ],
}

/**
 * Runs requests through this thread until its code is compiled; takes 1.2 s.
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
  let answered = 0
  for (const durationMs of SCENES_MS) {
    const report = await new Run(orderTo(port, durationMs), checking).done
    answered += (report?.transactions ?? 0) - (report?.failed ?? 0)
  }
  server.close()
  for (const socket of sockets) socket.destroy()
  return answered
}

function orderTo(port: number, durationMs: number): RunOrder {
  const order = {
    ...{ service: '', version: '', targets: [`http://127.0.0.1:${port}`], assertions: [] },
    ...{ scenario: TRANSACTION.name, rate: null, durationMs: null },
  }
  const { name: run } = TRANSACTION
  return { run, number: 0, transaction: TRANSACTION, rate: RATE, durationMs, order }
}

function listen(server: Server): Promise<number | null> {
  return new Promise((resolve) => {
    server.on('error', () => resolve(null)) // then the first run is as slow as it was
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port))
  })
}
