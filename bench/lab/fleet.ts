// A fleet for a measurement: a real Redis, so many real nodes with one edge thread each that know
// the same services, and measuring origins behind them. Each node has a way of its own to Redis
// where that is asked for, so that one of them can be cut off. A fleet is ready when all nodes are
// live in the eyes of each, and one of them leads.

import type { ServiceView } from '../../src/core/command.ts'
import type { FleetView } from '../../src/core/fleet/view.ts'
import { monotonicMs, until } from './clock.ts'
import { type Load, startLoad } from './load.ts'
import { type RedisOptions, RedisServer } from './redis.ts'
import { Relay } from './redis-relay.ts'
import { type LabConfig, labConfig, startVertex, type Vertex } from './vertex.ts'

const READY_MS = 30_000

export interface FleetLabOptions {
  readonly nodes: number
  /** What all nodes have in their config. */
  readonly config: LabConfig
  /** A way of its own for each node. */
  readonly relays?: boolean
  /** Of the Redis that is started for it. */
  readonly redis?: RedisOptions
  /** The `fleet` block but for the node's name, instead of a Redis of its own. */
  readonly fleet?: Readonly<Record<string, unknown>>
  /** Nodes that are told nothing of a fleet; for a comparison. */
  readonly alone?: boolean
}

export interface LabNode {
  readonly name: string
  readonly vertex: Vertex
  readonly relay: Relay | null
}

async function startNode(
  name: string,
  { options, redis }: { options: FleetLabOptions; redis: RedisServer | null },
): Promise<LabNode> {
  const { alone = false, config, relays = false } = options
  const relay = relays && redis !== null ? await Relay.start(redis.port) : null
  const place = options.fleet ?? { redis: relay?.url ?? redis?.url }
  const more = alone ? config.more : { ...config.more, fleet: { node: name, ...place } }
  const vertex = await startVertex(labConfig({ ...config, ...(more ? { more } : {}) }))
  return { name, vertex, relay }
}

export class FleetLab {
  readonly nodes: readonly LabNode[]
  /** Null: Redis is not this fleet's to start and end. */
  readonly redis: RedisServer | null

  private constructor(nodes: readonly LabNode[], redis: RedisServer | null) {
    this.nodes = nodes
    this.redis = redis
  }

  static async start(options: FleetLabOptions): Promise<FleetLab> {
    const { alone = false, fleet } = options
    const redis = alone || fleet !== undefined ? null : await RedisServer.start(options.redis)
    const names = Array.from({ length: options.nodes }, (_, at) => `n${at}`)
    const nodes = await Promise.all(names.map((name) => startNode(name, { options, redis })))
    const lab = new FleetLab(nodes, redis)
    if (!alone) await lab.together()
    return lab
  }

  /** The node with this number; they are numbered round and round. */
  node(at: number): LabNode {
    const node = this.nodes[at % this.nodes.length]
    if (node === undefined) throw new Error(`Cannot go on as there is no node ${at}`)
    return node
  }

  /** What a node says of the fleet. */
  async view({ vertex }: LabNode): Promise<FleetView> {
    return (await vertex.change('GET', '/v1/fleet')).body as FleetView
  }

  /** The node that leads in the eyes of all these nodes; null while they do not agree. */
  async agreed(nodes: readonly LabNode[] = this.nodes): Promise<LabNode | null> {
    const views = await Promise.all(nodes.map((node) => this.view(node)))
    const leading = views.filter(({ standing }) => standing === 'leading')
    const [leader] = leading
    const follow = views.filter(({ standing }) => standing === 'following')
    if (leader === undefined || leading.length + follow.length !== nodes.length) return null
    if (leading.length > 1 || views.some((view) => view.leader !== leader.node)) return null
    return nodes.find(({ name }) => name === leader.node) ?? null
  }

  async leader(nodes: readonly LabNode[] = this.nodes): Promise<LabNode> {
    const options = { what: 'one node leads the others', withinMs: READY_MS }
    return until(() => this.agreed(nodes), options)
  }

  async followers(): Promise<readonly LabNode[]> {
    const leader = await this.leader()
    return this.nodes.filter((node) => node !== leader)
  }

  /** Waits until every node sees all of them, and one leads. */
  async together(): Promise<void> {
    await this.leader()
    await until(
      async () => {
        const views = await Promise.all(this.nodes.map((node) => this.view(node)))
        const live = views.map(({ members }) => members.filter(({ isLive }) => isLive).length)
        return live.every((count) => count === this.nodes.length) ? true : null
      },
      { what: 'all nodes see each other', withinMs: READY_MS },
    )
  }

  /** The revision of a service by which all these nodes serve, once they all say so. */
  async settled(nodes: readonly LabNode[] = this.nodes, service = 'default'): Promise<number> {
    return until(
      async () => {
        const views = await Promise.all(nodes.map((node) => this.view(node)))
        const seen = views.map(({ services }) => services.find((one) => one.service === service))
        const revision = seen[0]?.revision ?? null
        const isSame = seen.every((one) => one?.revision === revision && one?.waiting.length === 0)
        // A view may be ahead of what the fleet has agreed to.
        const known = isSame ? await this.views(nodes, service) : []
        return isSame && known.every((one) => one.revision === revision) ? revision : null
      },
      { what: 'all nodes serve by one revision', withinMs: READY_MS },
    )
  }

  /** What each of these nodes says of a service. */
  views(nodes: readonly LabNode[] = this.nodes, service = 'default'): Promise<ServiceView[]> {
    return Promise.all(nodes.map(({ vertex }) => vertex.service(service)))
  }

  /** A load of one process through all of these nodes, `rate` requests a second together. */
  load(
    rate: number,
    options: {
      /** Through each node. */
      connections: number
      nodes?: readonly LabNode[]
      paths?: readonly string[]
    },
  ): Promise<Load> {
    const { connections, nodes = this.nodes, paths = ['/'] } = options
    const ports = nodes.map(({ vertex }) => vertex.port)
    const [port = 0] = ports
    return startLoad({ port, ports, rate, paths, connections: connections * nodes.length })
  }

  async end(): Promise<void> {
    await Promise.all(this.nodes.map(({ vertex }) => vertex.end()))
    for (const { relay } of this.nodes) relay?.end()
    await this.redis?.kill()
  }
}

/** The weight of the candidate in percent; 0 without one. */
export function weightOf({ candidate }: ServiceView): number {
  return candidate?.weight ?? 0
}

/** Waits until something holds, and says how long that took; null when it never did. */
export async function timed(
  probe: () => Promise<boolean>,
  options: { withinMs: number; everyMs?: number },
): Promise<number | null> {
  const beganMs = monotonicMs()
  const holds = async (): Promise<true | null> => ((await probe()) ? true : null)
  return until(holds, { what: 'it holds', ...options }).then(
    () => monotonicMs() - beganMs,
    () => null, // the caller says what it waited for
  )
}
