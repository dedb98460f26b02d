// The sizes that bench/scale.ts compares, the configs that have them, for Vertex and for nginx, and
// requests that reach every part of what has grown.

import { type Ask, routedGets, smallGets } from './asks.ts'
import { type MakeConfig, nginxConfig } from './server-configs.ts'
import { labConfig } from './vertex.ts'

export interface Size {
  readonly name: string
  readonly threads?: number
  /** Told apart by host. */
  readonly services?: number
  /** Path prefixes of one service. */
  readonly routes?: number
  /** That ask at the same time. */
  readonly connections?: number
}

export const SIZES = {
  threads: [
    { name: '1 thread', threads: 1 },
    { name: '2 threads', threads: 2 },
  ],
  services: [
    { name: '1 service', services: 1 },
    { name: '100 services', services: 100 },
    { name: '10,000 services', services: 10_000 },
  ],
  routes: [
    { name: '10 routes', routes: 10 },
    { name: '10,000 routes', routes: 10_000 },
  ],
  connections: [
    { name: '10 connections', connections: 10 },
    { name: '1,000 connections', connections: 1000 },
    { name: '5,000 connections', connections: 5000 },
  ],
} satisfies Record<string, readonly Size[]>

const hostOf = (at: number): string => `service-${at}.lab.test`
const prefixesOf = (count: number): string[] =>
  Array.from({ length: count }, (_, at) => `/area-${at % 100}/team-${at}`)

/** Room for all connections to ask at the same time; the default is 1,024 a target. */
const ROOM = {
  in_flight_per_target: 10_000,
  connections_per_target: 10_000,
  waiting_per_target: 10_000,
}

/** Between two slices of one process the others have theirs: its pools wait as long as nginx's. */
const PATIENT = { timeouts: { drain_delay: '0', drain: '5s', upstream_idle: '60s' } }

/** A config of this size, with one app server behind it. */
export function sizeConfig(size: Size, originUrl: string): unknown {
  const { threads = 1, services, routes, connections } = size
  const more = { ...PATIENT, ...(connections === undefined ? {} : { limits: ROOM }) }
  const config = labConfig({ versions: { v1: [originUrl] }, stable: 'v1', threads, more })
  if (services === undefined && routes === undefined) return config
  // The default strategy, as a config may hold 100,000 values in all.
  const { versions, routing, deploy_strategy: _, ...node } = config as Record<string, unknown>
  const service = { versions, routing }
  if (routes !== undefined) {
    const match = prefixesOf(routes).map((path) => ({ path }))
    return { ...node, services: { pages: { match, ...service } } }
  }
  const all = Array.from({ length: services ?? 0 }, (_, at) => {
    return [`service-${at}`, { match: { host: hostOf(at) }, ...service }]
  })
  return { ...node, services: Object.fromEntries(all) }
}

/** An nginx of this size: a server and a pool for each service, or a location for each route. */
export function nginxOfSize({ routes, services }: Size, originPort: number): MakeConfig {
  const hosts = Array.from({ length: services ?? 0 }, (_, at) => hostOf(at))
  return nginxConfig({
    targets: [originPort],
    ...(routes === undefined ? { hosts } : { prefixes: prefixesOf(routes) }),
  })
}

/** Requests for every service or route in turn; at least the usual number of heads. */
export function sizeAsks({ services, routes }: Size): readonly Ask[] {
  if (routes !== undefined) {
    // As many heads for few routes as for many: else the many would be dearer for their heads
    // alone.
    const prefixes = prefixesOf(routes)
    return routedGets(Array.from({ length: 10_000 }, (_, at) => prefixes[at % routes] ?? ''))
  }
  if (services === undefined) return smallGets()
  return smallGets(10_000).map((ask, at) => ({
    ...ask,
    headers: { ...ask.headers, host: hostOf((at * 7919) % services) },
  }))
}
