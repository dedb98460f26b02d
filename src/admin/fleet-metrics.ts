// The metrics of a fleet, as this node sees it. They are rows like those of metrics.ts, and absent
// while the node works alone.

import type { Convergence, FleetView } from '../core/fleet/view.ts'
import type { Metric, Sample } from './metrics.ts'

const STANDINGS = ['leading', 'following', 'cut-off'] as const

function ofFleet(samples: (fleet: FleetView) => Sample[]): Metric['samples'] {
  return ({ node }) => (node.fleet === null ? [] : samples(node.fleet))
}

/** One sample a service; null: there is none of it. */
function perService(value: (convergence: Convergence) => number | null): Metric['samples'] {
  return ofFleet(({ services }) =>
    services.flatMap((convergence) => {
      const known = value(convergence)
      return known === null ? [] : [[{ service: convergence.service }, known] as const]
    }),
  )
}

export const FLEET_METRICS: readonly Metric[] = [
  {
    name: 'vertex_fleet_standing',
    type: 'gauge',
    help: 'How this node stands in its fleet: 1 for the standing that it has.',
    samples: ofFleet(({ standing }) =>
      STANDINGS.map((one) => [{ standing: one }, one === standing ? 1 : 0]),
    ),
  },
  {
    name: 'vertex_fleet_redis_up',
    type: 'gauge',
    help: 'Whether Redis is there; a node without it serves on and raises no weight.',
    samples: ofFleet(({ awaySince }) => [[{}, awaySince === null ? 1 : 0]]),
  },
  {
    name: 'vertex_fleet_members',
    type: 'gauge',
    help: 'Nodes of the fleet, with those that have been silent for less than a day.',
    samples: ofFleet(({ members }) => [[{}, members.length]]),
  },
  {
    name: 'vertex_fleet_members_live',
    type: 'gauge',
    help: 'Nodes of the fleet that are heard of.',
    samples: ofFleet(({ members }) => [[{}, members.filter(({ isLive }) => isLive).length]]),
  },
  {
    name: 'vertex_fleet_clock_ahead_seconds',
    type: 'gauge',
    help: 'How far the clock of this node is ahead of the one of Redis.',
    samples: ofFleet(({ members }) =>
      members
        .filter(({ isSelf }) => isSelf)
        .map(({ clockAheadMs }) => [{}, clockAheadMs / 1000] as const),
    ),
  },
  {
    name: 'vertex_fleet_unconfirmed',
    type: 'gauge',
    help: 'Live nodes that have not confirmed the revision of a service.',
    samples: perService(({ waiting }) => waiting.length),
  },
  {
    name: 'vertex_fleet_convergence_seconds',
    type: 'gauge',
    help: 'How long after the decision the last node that confirmed served by it.',
    samples: perService(({ applied }) =>
      applied.length === 0 ? null : Math.max(0, ...applied.map(({ afterMs }) => afterMs)) / 1000,
    ),
  },
]
