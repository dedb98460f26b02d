// The entry of an edge thread: listens, accepts, and does what the main thread says. Everything
// that a connection needs is in the Edge object; everything that the main thread wants to know is
// on the board, except for three words (listening, refused, drained).

import { createServer, type Server } from 'node:net'
import { parentPort, workerData } from 'node:worker_threads'
import { openBoard } from '../board/board.ts'
import { ClientConnection } from './client.ts'
import { Edge, TICK_MS } from './edge.ts'
import type { EdgeData, FromEdge, ToEdge } from './edge-data.ts'

const { board, settings, thread } = workerData as EdgeData
const edge = new Edge(openBoard(board), thread, settings)
const BACKLOG = 4096

function say(message: FromEdge): void {
  parentPort?.postMessage(message)
}

// --- accept -----------------------------------------------------------------------------------

const server: Server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
  if (edge.connections.size >= edge.settings.limits.connections) {
    socket.resetAndDestroy() // a refusal costs less than an answer, which is the point of the limit
    return
  }
  // A client that was reset while it waited to be accepted has no address, and nothing to say.
  if (socket.remoteAddress === undefined) socket.destroy()
  else new ClientConnection(edge, socket)
})
server.on('error', (error) => say({ say: 'refused', reason: error.message }))
server.on('listening', () => {
  const address = server.address()
  if (address !== null && typeof address === 'object') {
    say({ say: 'listening', port: address.port })
  }
})

setInterval(() => edge.tick(), TICK_MS)

// --- obey -------------------------------------------------------------------------------------

parentPort?.on('message', (message: ToEdge) => {
  switch (message.do) {
    case 'table':
      return edge.useTable(message.table)
    case 'settings':
      return edge.useSettings(message.settings)
    case 'listen': {
      const { host, port } = message.address
      server.listen({ host, port, backlog: BACKLOG, reusePort: message.reusePort })
      return
    }
    case 'closeTunnels': {
      // Of requests that have come by now: later the slot may be another version's.
      const { exchanges } = edge
      setTimeout(() => closeTunnels(message.slot, exchanges), message.afterMs)
      return
    }
    case 'drain':
      edge.draining = true
      return
    case 'finish':
      return finish(message.drainMs, message.tunnelDrainMs)
  }
})

function closeTunnels(slot: number, before: number): void {
  for (const tunnel of edge.tunnels) {
    if (tunnel.slot === slot && tunnel.number < before) tunnel.close()
  }
}

/** Ends the thread's work: no new connections, what is in flight gets its time, then all close. */
function finish(drainMs: number, tunnelDrainMs: number): void {
  edge.draining = true
  server.close()
  const until = edge.now() + drainMs
  const tunnelsUntil = edge.now() + tunnelDrainMs
  const timer = setInterval(() => {
    const now = edge.now()
    if (now >= tunnelsUntil) for (const tunnel of edge.tunnels) tunnel.close()
    // Idle connections close last: a request may be on its way on each of them.
    let busy = false
    for (const connection of edge.connections) busy ||= !connection.idle && !connection.tunnelled
    const over = now >= until
    for (const connection of edge.connections) {
      if (!connection.tunnelled && (over || !busy)) connection.destroy()
    }
    if (edge.connections.size > 0) return
    clearInterval(timer)
    say({ say: 'drained' })
  }, TICK_MS)
}
