// Which connection to a target a request gets: the one that was used last among those that wait,
// when it is fresh enough for the request, else a new one, as long as the target's caps allow. The
// caps hold for all edge threads together and are looked at only when a connection is to be made.

import { targetConnections, targetWaiting } from '../board/tallies.ts'
import type { Edge } from './edge.ts'
import type { Target } from './routes.ts'
import { UpstreamConnection } from './upstream.ts'

/** A request that may not be repeated does not take a connection that was idle for longer. */
const RECENT_MS = 1000

/**
 * Which connection a request may take: any that waits; only one used a moment ago, since the target
 * may be closing an older one at this very time; or only a new one.
 */
export type Freshness = 'any' | 'recent' | 'new'

/** A connection for a request, or null when the target has as many as it may have. */
export function takeConnection(
  edge: Edge,
  target: Target,
  freshness: Freshness,
): UpstreamConnection | null {
  const waiting = freshness === 'new' ? null : target.idle.newest
  const isOld = freshness === 'recent' && waiting !== null && restsFor(edge, waiting) > RECENT_MS
  if (waiting !== null && !isOld) {
    target.idle.remove(waiting)
    return waiting
  }
  return mayConnect(edge, target) ? new UpstreamConnection(edge, target) : null
}

function restsFor(edge: Edge, { idleSinceMs }: UpstreamConnection): number {
  return edge.now() - idleSinceMs
}

function mayConnect({ board, settings }: Edge, target: Target): boolean {
  const { connectionsPerTarget, waitingPerTarget } = settings.limits
  if (targetWaiting(board, target.index) >= waitingPerTarget) return false
  if (targetConnections(board, target.index) < connectionsPerTarget) return true
  // One that has waited too long for this request makes room for its own successor.
  const { oldest } = target.idle
  oldest?.destroy()
  return oldest !== null
}
