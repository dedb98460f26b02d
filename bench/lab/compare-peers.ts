// Starts all that a scenario compares: the app servers on the load's core, and in front of them
// Vertex and every rival that can be had, all on one other core and all alive at the same time. A
// peer knows how to tell that it still does what the scenario asks for, and how to end.

import { mkdtempSync, rmSync, truncateSync, existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { endAll, onExit, startModule } from './children.ts'
import { until } from './clock.ts'
import type { NodeRivalStart } from './compare-node-process.ts'
import { hasCandidate, type Scenario } from './compare-scenarios.ts'
import { LOAD_CORE, PROXY_CORE } from './cpu-round.ts'
import type { LoadOptions, LoadResult } from './load.ts'
import { startOrigin } from './origin.ts'
import { isInstalled, type Rival, startServer } from './rivals.ts'
import { askChild } from './rpc.ts'
import { caddyConfig, haproxyConfig, nginxConfig, type Way } from './server-configs.ts'
import { labConfig, startVertex, type Vertex } from './vertex.ts'

export interface Cast {
  readonly peers: readonly Rival[]
  /** The app server itself, for the least that the instruments can measure. */
  readonly originPort: number
  /** Runs a load in the process of the app server. */
  load(options: LoadOptions): Promise<LoadResult>
  /** Throws when Vertex has ended its rollout, or a log has no lines. Then empties the logs. */
  check(): Promise<void>
  end(): Promise<void>
}

const NODE_RIVALS = ['http-proxy', 'httpxy', '@fastify/reply-from'] as const
const pin = { core: PROXY_CORE }

async function startNodeRival(start: NodeRivalStart): Promise<Rival> {
  const child = startModule(new URL('./compare-node-process.ts', import.meta.url), pin)
  const port = Number(await askChild(child, 'start', { with: start }))
  return { name: start.name, port, pid: child.pid ?? -1 }
}

/** Vertex with its defaults, judging latency and errors as always. */
async function startOwn(scenario: Scenario, way: Way): Promise<Vertex> {
  const [stable = '', candidate = ''] = way.targets.map((port) => `http://127.0.0.1:${port}`)
  const sticks = way.cookie !== undefined
  const match = way.prefixes?.map((prefix) => ({ path: prefix }))
  const config = labConfig({
    versions: { v1: [stable], ...(sticks ? { v2: [candidate] } : {}) },
    stable: 'v1',
    ...(sticks ? { candidate: { version: 'v2', weight: 50 } } : {}),
    steps: [
      { weight: way.split ?? 5, observeMs: 3_600_000 },
      { weight: 100, observeMs: 600_000 },
    ],
    more: {
      ...(way.logFile === undefined ? {} : { access_log: { to: way.logFile } }),
      ...(sticks ? { affinity: { cookie: way.cookie } } : {}),
    },
  })
  const started = { ...pin, built: true }
  const vertex = await startVertex(match ? withServices(config, match) : config, started)
  if (scenario.rollout) {
    await vertex.deploy('v2', [candidate])
    const probe = async (): Promise<true | null> =>
      (await vertex.service()).candidate?.weight === way.split ? true : null
    await until(probe, { what: `v2 gets ${way.split} %`, withinMs: 20_000 })
  }
  return vertex
}

/** A service for each route, as each is one that could be deployed by itself. */
function withServices(config: unknown, matches: readonly { path: string }[]): unknown {
  const { versions, routing, deploy_strategy, ...node } = config as Record<string, unknown>
  const services = matches.map((match, at) => [
    `team-${at}`,
    { match, versions, routing, deploy_strategy },
  ])
  return { ...node, services: Object.fromEntries(services) }
}

async function startServers(way: (name: string) => Way): Promise<Rival[]> {
  const rivals: Rival[] = []
  if (isInstalled('nginx')) {
    const config = nginxConfig(way('nginx'))
    rivals.push(await startServer('nginx', { place: pin, config, args: ['-c'] }))
  }
  if (isInstalled('haproxy')) {
    const { logFile } = way('haproxy')
    const config = haproxyConfig(way('haproxy'))
    const start = { place: pin, config, args: ['-db', '-f'] }
    rivals.push(await startServer('haproxy', logFile ? { ...start, logFile } : start))
  }
  if (isInstalled('caddy')) {
    const args = ['run', '--adapter', 'caddyfile', '--config']
    const config = caddyConfig(way('caddy'))
    rivals.push(await startServer('caddy', { place: pin, config, args }))
  }
  return rivals
}

/** Starts everything; all of it ends with `end`, or with this process. */
export async function startCast(scenario: Scenario): Promise<Cast> {
  const folder = mkdtempSync(path.join(tmpdir(), 'vertex-compare-'))
  onExit(() => rmSync(folder, { recursive: true, force: true }))
  const origin = { record: false, core: LOAD_CORE, ...scenario.origin }
  const stable = await startOrigin({ version: 'v1', ...origin })
  const origins = [stable]
  if (hasCandidate(scenario)) origins.push(await startOrigin({ version: 'v2', ...origin }))
  const targets = origins.map(({ port }) => port)
  const logFileOf = (name: string): string => path.join(folder, `${name.replace('/', '-')}.log`)
  const way = (name: string): Way => ({
    ...scenario.way,
    targets,
    ...(scenario.accessLog ? { logFile: logFileOf(name) } : {}),
  })
  const vertex = await startOwn(scenario, way('vertex'))
  const peers: Rival[] = [{ name: 'vertex', port: vertex.port, pid: vertex.pid }]
  for (const name of NODE_RIVALS) peers.push(await startNodeRival({ name, way: way(name) }))
  peers.push(...(await startServers(way)))
  const check = async (): Promise<void> => {
    if (scenario.rollout && (await vertex.service()).rollout === null) {
      throw new Error('Cannot measure a rollout in progress as it has ended')
    }
    if (!scenario.accessLog) return
    for (const { name } of peers) {
      const file = logFileOf(name)
      if (!existsSync(file)) throw new Error(`Cannot measure an access log as ${name} has none`)
      truncateSync(file)
    }
  }
  const end = async (): Promise<void> => {
    await endAll()
    rmSync(folder, { recursive: true, force: true })
  }
  return { peers, originPort: stable.port, load: (options) => stable.load(options), check, end }
}
