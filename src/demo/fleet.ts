// The fleet of the demo: a Redis and three nodes that agree through it, on one machine. The first
// node is started alone and leads, so that its journal tells the whole story; the others follow.

import { spawnSync } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FleetView } from '../core/fleet/view.ts'
import type { Addresses, Stage } from './stage.ts'

const FIRST = 'edge-1'
const OTHERS = ['edge-2', 'edge-3']
const TOGETHER_MS = 20_000
const POLL_MS = 50

export interface DemoNode extends Addresses {
  readonly name: string
}

export interface DemoFleet {
  readonly redis: string
  /** The first one leads. */
  readonly nodes: readonly [DemoNode, ...DemoNode[]]
}

/** Why there can be no fleet on this machine, as one sentence; null when there can. */
export function missingRedis(): string | null {
  if (spawnSync('redis-server', ['--version'], { stdio: 'ignore' }).error === undefined) return null
  return (
    'Cannot show a fleet as redis-server is not installed: ' +
    'apt-get install redis-server, dnf install redis, or brew install redis'
  )
}

async function see(
  { adminUrl, name }: DemoNode,
  what: { holds: (view: FleetView) => boolean; text: string },
): Promise<void> {
  const end = performance.now() + TOGETHER_MS
  for (;;) {
    const response = await fetch(`${adminUrl}/v1/fleet`)
    if (what.holds((await response.json()) as FleetView)) return
    if (performance.now() > end) {
      throw new Error(
        `Cannot go on as ${name} did not see in ${TOGETHER_MS / 1000} s: ${what.text}`,
      )
    }
    await sleep(POLL_MS)
  }
}

/** Starts Redis and the nodes, each with this config and what makes it one of a fleet. */
export async function startFleet(stage: Stage, config: object): Promise<DemoFleet> {
  const redis = await stage.startRedis()
  const start = async (name: string): Promise<DemoNode> => {
    const own = { state: `${name}.state`, fleet: { node: name, redis } }
    return { name, ...(await stage.startVertex({ ...config, ...own }, name)) }
  }
  const first = await start(FIRST)
  const leads = ({ standing }: FleetView): boolean => standing === 'leading'
  await see(first, { holds: leads, text: 'that it leads' })
  const nodes = [first, ...(await Promise.all(OTHERS.map(start)))] as const
  const areLive = ({ members }: FleetView): boolean =>
    members.filter(({ isLive }) => isLive).length === nodes.length
  for (const node of nodes) await see(node, { holds: areLive, text: 'all nodes alive' })
  return { redis, nodes }
}
