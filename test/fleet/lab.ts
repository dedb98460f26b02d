// A fleet under test: real nodes as processes, a real Redis between them, real servers behind them.
// Each service is called from outside by a host of its name and belongs to one test, so that a
// whole file shares its nodes, which are slow to start.

import { mkdirSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'undici'
import { until } from '../../bench/lab/clock.ts'
import { type Asking, type Reply, Vertex } from '../../bench/lab/vertex.ts'
import type { NodeView, ServiceView } from '../../src/core/command.ts'
import type { Body } from '../../src/core/fleet/stored.ts'
import type { Convergence, FleetEntry, FleetView } from '../../src/core/fleet/view.ts'
import type { JournalEntry } from '../../src/core/journal.ts'
import { TestApp } from '../cli/real-node.ts'
import { RedisServer, type TestScope } from './redis-server.ts'
import { Relay } from './relay.ts'

export const WITHIN_MS = 60_000

/** Nodes that start at once take their time where many tests run. */
const START_MS = 60_000

/** What a change is answered with. */
export interface Changed extends ServiceView {
  readonly note: string
  readonly convergence: Convergence | null
}

/** The body of a refusal. */
export interface Problem {
  readonly type: string
  readonly detail: string
}

export type Services = Readonly<Record<string, Readonly<Record<string, unknown>>>>

/** Steps that no test waits for, and a verdict by errors alone. */
export const STRATEGY = {
  type: 'canary',
  steps: [
    { weight: '50%', observe: '600s' },
    { weight: '100%', observe: '600s' },
  ],
  warm_up: '0',
  rollback_trigger: { error_rate_threshold: '0.1%', p99_latency_increase: '10000%' },
}

export class FleetNode {
  readonly name: string
  readonly vertex: Vertex
  readonly #agent = new Agent({ connections: 8 })

  constructor(name: string, config: unknown) {
    this.name = name
    this.vertex = new Vertex(config, { startMs: START_MS })
  }

  /** Puts another config in the place of the one that it was made with. */
  configure(config: unknown): void {
    writeFileSync(this.vertex.configFile, JSON.stringify(config))
  }

  /** Lets the node read another config while it runs. */
  async reload(config: unknown): Promise<void> {
    const from = this.vertex.log.length
    this.configure(config)
    process.kill(this.vertex.pid, 'SIGHUP')
    const isRead = (line: string): boolean => line.includes('The config was reloaded')
    await until(() => (this.vertex.log.slice(from).some(isRead) ? true : null), {
      what: `${this.name} reads its config again`,
      withinMs: WITHIN_MS,
    })
  }

  async end(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    await this.vertex.end(signal)
  }

  pause(): void {
    process.kill(this.vertex.pid, 'SIGSTOP')
  }

  resume(): void {
    process.kill(this.vertex.pid, 'SIGCONT')
  }

  /** One call of the admin API, `PUT shop/weight`. */
  async api(call: string, options: Asking = {}): Promise<Reply> {
    const [method = 'GET', path = ''] = call.split(' ')
    return this.vertex.ask(method, `/v1/services/${path}`, options)
  }

  /** A call that must be accepted. */
  async does(call: string, options: Asking = {}): Promise<Changed> {
    const { body, status } = await this.api(call, options)
    if (status < 300) return body as Changed
    throw new Error(`${this.name} refuses ${call}: ${status} ${JSON.stringify(body)}`)
  }

  /** A weight by hand, on the revision that this node shows; who takes over may make one more. */
  async weight(service: string, percent: number, body: object = {}): Promise<Changed> {
    const weight = { candidate: percent, ...body }
    for (let attempt = 0; ; attempt++) {
      const { revision: ifMatch } = await this.view(service)
      const { body: said, status } = await this.api(`PUT ${service}/weight`, {
        body: weight,
        ifMatch,
      })
      if (status < 300) return said as Changed
      if (status === 412 && attempt < 5) continue
      throw new Error(`${this.name} refuses ${percent} %: ${status} ${JSON.stringify(said)}`)
    }
  }

  view(service: string): Promise<ServiceView> {
    return this.vertex.service(service)
  }

  async node(): Promise<NodeView> {
    return (await this.vertex.change('GET', '/v1/node')).body as NodeView
  }

  async fleet(): Promise<FleetView> {
    const { fleet } = await this.node()
    if (fleet === null) throw new Error(`${this.name} works alone`)
    return fleet
  }

  /** What the fleet's journal holds of a kind, as soon as there is something. */
  async told(service: string, kind: JournalEntry['kind']): Promise<readonly FleetEntry[]> {
    const at = `/v1/fleet/journal?service=${service}`
    const probe = async (): Promise<readonly FleetEntry[] | null> => {
      const { body } = await this.vertex.change('GET', at)
      const { entries } = body as { entries: readonly FleetEntry[] }
      const found = entries.filter((entry) => entry.kind === kind)
      return found.length > 0 ? found : null
    }
    return until(probe, { what: `the journal tells of ${kind}`, withinMs: WITHIN_MS })
  }

  /** This node's own journal. */
  journal(service: string): readonly JournalEntry[] {
    return this.vertex.journal().filter((entry) => entry.service === service)
  }

  /** One request of a user: which app has answered. */
  async get(service: string, headers: Readonly<Record<string, string>> = {}): Promise<string> {
    const { body, statusCode } = await request(this.vertex.url, {
      headers: { host: `${service}.test`, ...headers },
      dispatcher: this.#agent,
    })
    return `${statusCode === 200 ? '' : `${statusCode} `}${await body.text()}`
  }

  /** So many requests, a few at a time: how often each answer came. */
  async gets(service: string, count: number): Promise<Readonly<Record<string, number>>> {
    const answers: Record<string, number> = {}
    for (let i = 0; i < count; i += 8) {
      const some = Array.from({ length: Math.min(8, count - i) }, () => this.get(service))
      for (const answer of await Promise.all(some)) answers[answer] = (answers[answer] ?? 0) + 1
    }
    return answers
  }

  /** Users ask until the candidate is out: who gets a request is drawn by lot. */
  async getsUntilOut(service: string): Promise<void> {
    const probe = async (): Promise<true | null> => {
      await this.gets(service, 8)
      return (await this.view(service)).ended === null ? null : true
    }
    await until(probe, { what: `the candidate of ${service} is out`, withinMs: 60_000 })
  }

  /** What the log holds that must not be there: faults of Vertex itself. */
  faults(): readonly string[] {
    return this.vertex.log.filter((line) => {
      // What it has found, and not what it has done.
      if (/"msg":"Cannot (start v2 of service|use what Redis holds)/.test(line)) return false
      const level = Number(/"level":(\d+)/.exec(line)?.[1] ?? 0)
      return level >= 50 || line.includes('frozen') || line.includes('nhandled')
    })
  }
}

export interface FleetOptions {
  readonly nodes?: readonly string[]
  readonly services: Services
  /** Nodes whose wire to Redis can be cut. */
  readonly relayed?: readonly string[]
  /** More of the config. */
  readonly more?: Readonly<Record<string, unknown>>
  /** Of Redis's config. */
  readonly redis?: readonly string[]
}

export class Fleet {
  readonly redis: RedisServer
  readonly stable: TestApp
  readonly candidate: TestApp
  readonly nodes = new Map<string, FleetNode>()
  readonly relays = new Map<string, Relay>()
  readonly #options: FleetOptions

  private constructor(
    options: FleetOptions,
    parts: { redis: RedisServer; stable: TestApp; candidate: TestApp },
  ) {
    this.#options = options
    this.redis = parts.redis
    this.stable = parts.stable
    this.candidate = parts.candidate
  }

  /** Starts Redis and the apps, and makes the nodes without starting them. */
  static async make(t: TestScope, options: FleetOptions): Promise<Fleet> {
    const redis = await RedisServer.start(t, { lines: options.redis ?? [] })
    const [stable, candidate] = await Promise.all([TestApp.start('v1'), TestApp.start('v2')])
    t.teardown(async () => {
      await Promise.all([stable.stop(), candidate.stop()])
    })
    const fleet = new Fleet(options, { redis, stable, candidate })
    for (const name of options.relayed ?? []) {
      fleet.relays.set(name, await Relay.start(t, redis.port))
    }
    for (const name of options.nodes ?? ['a', 'b', 'c']) await fleet.add(t, name)
    return fleet
  }

  static async start(t: TestScope, options: FleetOptions): Promise<Fleet> {
    const fleet = await Fleet.make(t, options)
    await Promise.all([...fleet.nodes.values()].map((node) => node.vertex.start()))
    await fleet.leader()
    await fleet.meet()
    return fleet
  }

  /** Waits until every node waits for every other one. */
  async meet(): Promise<void> {
    const nodes = [...this.nodes.values()]
    const probe = async (): Promise<true | null> => {
      const views = await Promise.all(nodes.map((node) => node.fleet()))
      const live = views.map(({ members }) => members.filter(({ isLive }) => isLive).length)
      return live.every((count) => count === nodes.length) ? true : null
    }
    await until(probe, { what: 'all nodes see each other', withinMs: WITHIN_MS })
  }

  /** One node more, which is not started. */
  async add(t: TestScope, name: string, services?: Services): Promise<FleetNode> {
    const node = new FleetNode(name, this.config(name, services))
    this.nodes.set(name, node)
    t.teardown(async () => {
      try {
        node.resume()
        await node.end()
      } catch {
        // It has not been started, or has ended.
      }
    })
    return node
  }

  /** What a node is started with. */
  config(name: string, services: Services = this.#options.services): Record<string, unknown> {
    const port = this.relays.get(name)?.port ?? this.redis.port
    const versions = { v1: { targets: [this.stable.url] }, v2: { targets: [this.candidate.url] } }
    const full = Object.entries(services).map(([service, own]) => [
      service,
      {
        ...{ match: { host: `${service}.test` }, versions, routing: { stable: 'v1' } },
        ...{ deploy_strategy: STRATEGY, ...own },
      },
    ])
    return {
      ...{ listen: '127.0.0.1:0', admin: '127.0.0.1:0', threads: 1 },
      fleet: { node: name, redis: `redis://127.0.0.1:${port}` },
      timeouts: { drain_delay: '0', drain: '1s', tunnel_drain: '200ms', connect: '500ms' },
      services: Object.fromEntries(full),
      ...this.#options.more,
    }
  }

  node(name: string): FleetNode {
    const node = this.nodes.get(name)
    if (node === undefined) throw new Error(`there is no node ${name}`)
    return node
  }

  /** The nodes that are asked for; all of them by default. */
  some(names: readonly string[] = [...this.nodes.keys()]): readonly FleetNode[] {
    return names.map((name) => this.node(name))
  }

  relay(name: string): Relay {
    const relay = this.relays.get(name)
    if (relay === undefined) throw new Error(`the wire of ${name} cannot be cut`)
    return relay
  }

  /** Waits until one node leads and the others follow it; the leader, then the others. */
  async leader(names?: readonly string[]): Promise<readonly [FleetNode, ...FleetNode[]]> {
    const nodes = this.some(names)
    let seen: readonly FleetView[] = []
    const probe = async (): Promise<readonly [FleetNode, ...FleetNode[]] | null> => {
      seen = await Promise.all(nodes.map((node) => node.fleet()))
      const leaders = seen.filter(({ standing }) => standing === 'leading')
      const [leads] = leaders
      if (leads === undefined || leaders.length > 1) return null
      if (seen.some(({ leader }) => leader !== leads.node)) return null
      const followers = nodes.filter(({ name }) => name !== leads.node)
      return [this.node(leads.node), ...followers]
    }
    try {
      return await until(probe, { what: 'one node leads, the others follow', withinMs: WITHIN_MS })
    } catch (error) {
      throw new Error(`nobody leads: ${JSON.stringify(seen)}`, { cause: error })
    }
  }

  /** The same of three nodes. */
  async three(): Promise<{ leader: FleetNode; one: FleetNode; two: FleetNode }> {
    const [leader, one, two] = await this.leader()
    if (one === undefined || two === undefined) throw new Error('there are no three nodes')
    return { leader, one, two }
  }

  /** Waits until the service is seen so on each of these nodes. */
  async seen(
    service: string,
    is: (view: ServiceView) => boolean,
    on: { nodes?: readonly FleetNode[]; withinMs?: number } = {},
  ): Promise<readonly ServiceView[]> {
    const { nodes = this.some(), withinMs = WITHIN_MS } = on
    let last: readonly ServiceView[] = []
    const probe = async (): Promise<readonly ServiceView[] | null> => {
      last = await Promise.all(nodes.map((node) => node.view(service)))
      return last.every(is) ? last : null
    }
    try {
      return await until(probe, { what: `${service} is so everywhere`, withinMs })
    } catch (error) {
      throw new Error(`it is not so: ${JSON.stringify(last)}`, { cause: error })
    }
  }

  /** Starts a rollout of v2 at 0 % and waits until the first step's weight is in force. */
  async deploy(service: string, on: FleetNode = this.some()[0] as FleetNode): Promise<void> {
    const body = { version: 'v2', targets: [this.candidate.url] }
    await on.does(`POST ${service}/rollouts`, { body })
    await this.seen(service, ({ candidate }) => candidate?.weight === 50)
    await this.agree(service) // it is shown a moment before it is in force
  }

  /** Waits until all have one revision of a service, and who has not said so is not waited for. */
  async agree(service: string, nodes: readonly FleetNode[] = this.some()): Promise<number> {
    const probe = async (): Promise<number | null> => {
      const views = await Promise.all(nodes.map((node) => node.view(service)))
      const known = await Promise.all(nodes.map((node) => node.fleet()))
      const [first] = views
      const isSame = views.every(({ revision }) => revision === first?.revision)
      const isConfirmed = known.every(({ services }) =>
        services.some(
          (one) =>
            one.service === service &&
            one.revision === first?.revision &&
            one.applied.length === nodes.length,
        ),
      )
      return isSame && isConfirmed ? (first?.revision ?? null) : null
    }
    return until(probe, { what: `all agree on ${service}`, withinMs: WITHIN_MS })
  }

  /** How many clean requests the evidence in Redis holds, of all nodes. */
  async savedGood(service: string): Promise<number> {
    const text = await this.redis.cli('--raw', 'HGET', `vertex:{svc:${service}}:doc`, 'body')
    const { counters } = JSON.parse(text) as Body
    const runs = Object.values(counters?.nodes ?? {}).flat()
    return runs.reduce((sum, { candidate, stable }) => sum + candidate.good + stable.good, 0)
  }

  /** What no node may have logged. */
  faults(): readonly string[] {
    return this.some().flatMap((node) => node.faults().map((line) => `${node.name}: ${line}`))
  }
}

/** A folder for files of a test beside a node's config. */
export function folderOf(node: FleetNode, name: string): string {
  const folder = `${node.vertex.folder}/${name}`
  mkdirSync(folder, { recursive: true })
  return folder
}
