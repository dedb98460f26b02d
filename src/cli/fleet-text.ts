// How far a change has come in the fleet, as words. A node that is silent is named with those that
// have not confirmed, and without Redis every other node is: it may be cut off and still serve by
// an older revision, which is what an operator who has just aborted something has to know.

import type { Convergence, FleetView } from '../core/fleet/view.ts'
import { count, duration } from '../core/verdict/words.ts'

/** Heartbeats come more often; below this, silence says nothing. */
const SILENCE_MS = 1000

/** Whose confirmation can be missed. */
export type Known = Pick<FleetView, 'awaySince' | 'members'>

/** `8 ms`, `1.2 s`, `3 min`. Clocks that differ can make it seem less than nothing. */
export function elapsed(ms: number): string {
  return ms < 1000 ? `${Math.max(0, Math.round(ms))} ms` : duration(ms)
}

/** Nodes that may serve by an older revision. */
export function unconfirmed(
  { applied, waiting }: Convergence,
  { awaySince, members }: Known,
): readonly string[] {
  const serving = new Set(applied.map(({ node }) => node))
  const unheard = members.filter(({ isLive }) => awaySince !== null || !isLive)
  const names = unheard.map(({ node }) => node).filter((node) => !serving.has(node))
  return [...new Set([...waiting, ...names])]
}

/** The same nodes, each with how long it has been silent. */
export function unconfirmedText(convergence: Convergence, known: Known): string {
  const texts = unconfirmed(convergence, known).map((name) => {
    const { silentMs = 0 } = known.members.find(({ node }) => node === name) ?? {}
    return silentMs < SILENCE_MS ? name : `${name} (silent for ${duration(silentMs)})`
  })
  return texts.join(', ')
}

/** How long after the decision the last of them served by it. */
export function slowestMs({ applied }: Convergence): number {
  return Math.max(0, ...applied.map(({ afterMs }) => afterMs))
}

/** `in force on 5 of 5 nodes after 8 ms`, and who has not confirmed. */
export function convergenceText(convergence: Convergence, known: Known): string {
  const served = convergence.applied.length
  const open = unconfirmed(convergence, known).length
  const nodes = count(served + open, 'node')
  const where =
    served === 0
      ? 'not in force on any node yet'
      : `in force on ${served} of ${nodes} after ${elapsed(slowestMs(convergence))}`
  return open === 0 ? where : `${where}; not confirmed by ${unconfirmedText(convergence, known)}`
}
