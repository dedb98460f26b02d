// What is known of the fleet, put into the form of the API.

import type { FleetKnowledge, FleetStanding } from '../../core/fleet/standing.ts'
import type { Convergence, FleetView } from '../../core/fleet/view.ts'

/** What the standing means for traffic and rollouts, in one sentence. */
function meaningOf({ mayNotRaise, standing }: FleetStanding, isAway: boolean): string {
  if (standing === 'following') return ''
  if (standing === 'leading') {
    return mayNotRaise === null ? '' : `No weight is raised: ${mayNotRaise}`
  }
  const why = isAway ? 'Redis is away' : (mayNotRaise ?? 'no node leads')
  return (
    `Traffic is served as before, but ${why}: this node judges candidates by its own requests, ` +
    'takes a bad one out, and raises no weight'
  )
}

/**
 * How far a change has come. While Redis is away nobody can confirm anything, and this node may
 * have decided alone: its own revision counts.
 */
export function convergenceNow(
  view: Convergence,
  { known, revision }: { known: FleetKnowledge; revision: number },
): Convergence {
  if (known.awaySinceMs === null) return view
  const isSame = revision === view.revision
  const applied = view.applied.filter(({ node }) => isSame || node === known.node)
  const has = new Set([known.node, ...applied.map(({ node }) => node)])
  const waiting = known.members.map(({ node }) => node).filter((node) => !has.has(node))
  return { ...view, revision, applied, waiting }
}

export function fleetView(known: FleetKnowledge, services: readonly Convergence[]): FleetView {
  const { awaySinceMs, members, node, redis, standing } = known
  return {
    node,
    standing: standing.standing,
    leader: standing.leader,
    mayNotRaise: standing.mayNotRaise,
    redis,
    awaySince: awaySinceMs === null ? null : new Date(awaySinceMs).toISOString(),
    meaning: meaningOf(standing, awaySinceMs !== null),
    members: members.map((member) => {
      const isSelf = member.node === node
      // That Redis has not heard of this node says nothing of it here.
      return isSelf ? { ...member, isSelf, isLive: true, silentMs: 0 } : { ...member, isSelf }
    }),
    services,
  }
}

/** How this node stands from now on, for the journal. */
export function standingText({ leader, mayNotRaise, standing }: FleetStanding): string {
  if (standing === 'leading') return 'this node leads the fleet from now on'
  if (standing === 'following')
    return `this node follows ${leader ?? 'the leading node'} from now on`
  return `this node hears from no leader and raises no weight: ${mayNotRaise ?? 'nobody leads'}`
}
