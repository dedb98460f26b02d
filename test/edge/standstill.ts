// Run by standstill.test.ts: an edge in a process of its own, which can be stopped as a whole. It
// tells its port, and then, when it is asked, what it has counted.

import { eventually, SETTINGS, STABLE, startEdge } from './harness.ts'
import { countsOf } from './wire.ts'

const [, , originPort, responseHeadMs] = process.argv
const edge = await startEdge({
  stable: [Number(originPort)],
  settings: {
    timeouts: { ...SETTINGS.timeouts, keepAliveMs: 60_000, responseHeadMs: Number(responseHeadMs) },
  },
})

const clients = (): number => {
  return edge.supervisor.views().reduce((sum, { connections }) => sum + connections, 0)
}

/** An answer may be with its client a moment before it is counted. */
async function tell(wanted: { clients: number; answers: number }): Promise<void> {
  await eventually(() => clients() === wanted.clients)
  await eventually(() => countsOf(edge.board, STABLE).evidenceGood === wanted.answers)
  const { notes, replaced } = edge
  process.send?.({ counts: countsOf(edge.board, STABLE), notes, replaced })
}

process.on('message', (wanted: { clients: number; answers: number }) => void tell(wanted))
process.on('disconnect', () => process.exit())
process.send?.({ port: edge.port })
