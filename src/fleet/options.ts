// What the Redis side of the fleet is given. The config file is read elsewhere; nothing here knows
// how a setting is spelt.

import type { Log } from '../control/options.ts'

export interface TlsOptions {
  /** PEM; null: the authorities that the system trusts. */
  readonly ca: string | null
  readonly cert: string | null
  readonly key: string | null
  /** The name that the certificate must bear; null: the host that is connected to. */
  readonly serverName: string | null
}

export interface Endpoint {
  readonly host: string
  readonly port: number
}

export type RedisAddress =
  | (Endpoint & {
      readonly kind: 'single'
      readonly db: number
      readonly tls: TlsOptions | null
    })
  | {
      readonly kind: 'sentinel'
      /** What the sentinels call the server. */
      readonly name: string
      readonly sentinels: readonly Endpoint[]
      readonly db: number
      /** For the server and for the sentinels. */
      readonly tls: TlsOptions | null
      readonly sentinelUsername: string | null
      readonly sentinelPassword: string | null
    }
  | {
      readonly kind: 'cluster'
      /** Some of its nodes; the others are learnt from them. */
      readonly nodes: readonly Endpoint[]
      readonly tls: TlsOptions | null
    }

export interface FleetOptions {
  /** Under which this node is known; unique in the fleet. */
  readonly node: string
  /** Random, kept in the state directory: the same node under another name. */
  readonly id: string
  /** Of Vertex. */
  readonly version: string
  /** Where the node serves, `host:port`. */
  readonly listen: string
  /** Of all keys and channels, so that several fleets can share a Redis. */
  readonly prefix: string
  readonly redis: RedisAddress
  readonly username: string | null
  readonly password: string | null
  readonly log: Log
  /** Milliseconds that never go back; default `performance.now`. */
  readonly monotonic?: () => number
  /** Milliseconds since 1970; default `Date.now`. */
  readonly wall?: () => number
  /** From 0 to 1, for the jitter of retries; default `Math.random`. */
  readonly random?: () => number
}
