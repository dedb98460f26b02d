// The entry of an edge thread: listens, accepts, and does what the main thread says. Everything
// that a connection needs is in the Edge object; everything that the main thread wants to know is
// on the board, except for a few words (FromEdge).

import type { Socket } from 'node:net'
import { parentPort, workerData } from 'node:worker_threads'
import { serves } from '../board/assignment.ts'
import { openBoard } from '../board/board.ts'
import { ClientConnection } from './client.ts'
import { Edge, TICK_MS } from './edge.ts'
import type { EdgeData, FromEdge, ToEdge } from './edge-data.ts'
import { type Listen, Listeners } from './listeners.ts'

const { board, settings, thread } = workerData as EdgeData
const edge = new Edge(openBoard(board), thread, settings)
/** The last lines of the access log get so long. */
const LOG_FLUSH_MS = 500
/** Who has connected before the door closed, and said nothing yet, has so long to say it. */
const FIRST_REQUEST_MS = 1000

function say(message: FromEdge): void {
  parentPort?.postMessage(message)
}
edge.tell = say
process.on('exit', () => edge.accessLog?.closeNow())

// --- accept -----------------------------------------------------------------------------------

const listeners = new Listeners({ onSocket: accept, note: (text) => say({ say: 'note', text }) })

function accept(socket: Socket): void {
  if (edge.connections.size >= edge.settings.limits.connections) {
    socket.resetAndDestroy() // a refusal costs less than an answer, which is the point of the limit
    return
  }
  // A client that was reset while it waited to be accepted has no address, and nothing to say.
  if (socket.remoteAddress === undefined) socket.destroy()
  else new ClientConnection(edge, socket)
}

/** What the system's words mean for whoever has written the config. */
const LISTEN_REASONS: Readonly<Record<string, string>> = {
  EACCES: 'this user may not use that port (EACCES)',
  EADDRINUSE: 'another process has it for itself, or is of another user (EADDRINUSE)',
  EADDRNOTAVAIL: 'this machine has no such address (EADDRNOTAVAIL)',
}

async function listen(where: Listen): Promise<void> {
  try {
    say({ say: 'listening', port: await listeners.listen(where) })
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException
    say({ say: 'refused', reason: LISTEN_REASONS[code] ?? message })
  }
}

setInterval(() => edge.tick(), TICK_MS)

// --- obey -------------------------------------------------------------------------------------

parentPort?.on('message', (message: ToEdge) => {
  switch (message.do) {
    case 'table':
      return edge.useTable(message.table)
    case 'settings':
      return edge.useSettings(message.settings)
    case 'mirror':
      return edge.useMirror(message.port)
    case 'listen':
      void listen({ ...message.address, reusePort: message.reusePort })
      return
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
  if (serves(edge.board, slot)) return // the version has been given weight again meanwhile
  for (const tunnel of edge.tunnels) {
    if (tunnel.slot === slot && tunnel.number < before) tunnel.close()
  }
}

/** Ends the thread's work: no new connections, what is in flight gets its time, then all close. */
function finish(drainMs: number, tunnelDrainMs: number): void {
  edge.draining = true
  listeners.close()
  const until = edge.now() + drainMs
  const firstUntil = edge.now() + FIRST_REQUEST_MS
  const tunnelsUntil = edge.now() + tunnelDrainMs
  const timer = setInterval(() => {
    const now = edge.now()
    if (now >= tunnelsUntil) for (const tunnel of edge.tunnels) tunnel.close()
    // Idle connections close last: a request may be on its way on each of them.
    let busy = false
    const early = now < firstUntil
    for (const connection of edge.connections) {
      busy ||= !connection.tunnelled && (!connection.idle || (early && connection.unused))
    }
    const over = now >= until
    for (const connection of edge.connections) {
      if (!connection.tunnelled && (over || !busy)) connection.destroy()
    }
    if (listeners.listening || edge.connections.size > 0) return
    clearInterval(timer)
    void letGo()
  }, TICK_MS)
}

/** The last lines of the access log are about requests that have ended by now. */
async function letGo(): Promise<void> {
  await edge.accessLog?.close(LOG_FLUSH_MS)
  say({ say: 'drained' })
}
