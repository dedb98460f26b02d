// What a config file means once it has been read, checked and completed with defaults. The rest of
// Vertex sees only this type: frozen, with units in the names, without optional fields.

import type { Strategy } from '../core/strategy.ts'
import type { HealthRules } from '../core/health.ts'
import type { MirrorRules } from '../core/mirror/order.ts'
import type { Affinity, EvidenceRules, Match, Replay, RescueBudget } from '../core/table.ts'
import type { Transaction } from '../core/transaction/transaction.ts'
import type { Weight } from '../core/weight.ts'

export interface Address {
  readonly host: string
  /** 0 lets the system choose; the chosen port is printed at the start. */
  readonly port: number
}

/** Milliseconds. */
export interface Timeouts {
  readonly connectMs: number
  readonly responseHeadMs: number
  readonly responseIdleMs: number
  readonly requestHeadMs: number
  readonly requestIdleMs: number
  readonly keepAliveMs: number
  readonly upstreamIdleMs: number
  readonly tunnelIdleMs: number
  /** How long tunnels to a version that was aborted, or at the end of a drain, may go on. */
  readonly tunnelDrainMs: number
  /** How long connections are still accepted after a drain began. */
  readonly drainDelayMs: number
  /** How long in-flight requests may take after that. */
  readonly drainMs: number
}

export interface Limits {
  readonly headBytes: number
  readonly targetBytes: number
  readonly headerLines: number
  readonly responseHeadBytes: number
  readonly responseHeaderLines: number
  /** Client connections per edge thread. */
  readonly connections: number
  /** In-flight requests per target, over all edge threads; beyond it 503. */
  readonly inFlightPerTarget: number
  /** Connections per target, over all edge threads; beyond it 503. */
  readonly connectionsPerTarget: number
  /** Requests that wait for a connection to a target, over all edge threads; beyond it 503. */
  readonly waitingPerTarget: number
  /** The largest request body that is kept to be sent again. */
  readonly keptBodyBytes: number
  /** 1xx answers to one request; beyond it 502. */
  readonly interimResponses: number
}

/** What is taken although a strict reading refuses it. */
export interface Accept {
  readonly nonAsciiTarget: boolean
  readonly doubleQuestionMark: boolean
}

/** What is added to requests on their way, or let through. */
export interface Forwarding {
  /** Our name in Via. */
  readonly via: string
  /** Whether Forwarded (RFC 7239) is written. */
  readonly forwarded: boolean
  readonly proxyAuthorization: boolean
}

export interface AccessLogConfig {
  /** `stdout` or the absolute path of a file. */
  readonly to: string
  /** The share of good requests that is logged, 0 to 1. */
  readonly sample: number
  /** Query parameters whose values are not logged besides the well-known ones, lower case. */
  readonly redact: readonly string[]
}

export interface HealthCheckConfig {
  /** A path with or without a query. */
  readonly path: string
  readonly intervalMs: number
  readonly timeoutMs: number
  /** Good checks in a row that bring a target back. */
  readonly up: number
  /** Failed checks in a row that take a target out. */
  readonly down: number
}

interface ReceiverBase {
  /** As in the file; what is kept for it is kept under its name. */
  readonly name: string
  /** http(s). A secret, as are the headers. */
  readonly url: string
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string>>
}

/** One who is told of incidents. */
export type ReceiverConfig =
  | (ReceiverBase & {
      readonly kind: 'webhook'
      /** A template, or null for our own form. */
      readonly body: string | null
      /** Whether further pages of an open incident are sent. */
      readonly updates: boolean
    })
  | (ReceiverBase & { readonly kind: 'pagerduty'; readonly routingKey: string })
  | (ReceiverBase & { readonly kind: 'slack' })
  | (ReceiverBase & {
      readonly kind: 'alertmanager'
      readonly labels: Readonly<Record<string, string>>
    })

/** How TLS is spoken with Redis: contents of files in PEM, or null where the default holds. */
export interface FleetTls {
  /** Null: what the system trusts. */
  readonly ca: string | null
  readonly cert: string | null
  /** A secret. */
  readonly key: string | null
  /** The name in Redis's certificate, or null: the host that is connected to. */
  readonly serverName: string | null
}

/** Where the fleet's Redis is. No port is 0; `tls` null means without. */
export type RedisPlace =
  | {
      readonly kind: 'single'
      readonly host: string
      readonly port: number
      readonly db: number
      readonly tls: FleetTls | null
    }
  | {
      readonly kind: 'sentinel'
      /** What the sentinels call the master. */
      readonly name: string
      readonly sentinels: readonly Address[]
      readonly db: number
      /** For the sentinels, too. */
      readonly tls: FleetTls | null
      readonly sentinelUsername: string | null
      /** A secret. */
      readonly sentinelPassword: string | null
    }
  | {
      readonly kind: 'cluster'
      readonly nodes: readonly Address[]
      readonly tls: FleetTls | null
    }

export interface FleetConfig {
  /** This node's name, unlike that of any other node of the fleet. */
  readonly node: string
  /** What keys and channels begin with; without braces. */
  readonly prefix: string
  readonly redis: RedisPlace
  /** For Redis; null: its default user. */
  readonly username: string | null
  /** A secret. */
  readonly password: string | null
}

export interface VersionConfig {
  readonly name: string
  /** `http://host:port`, at least one. */
  readonly targets: readonly string[]
}

export interface RoutingConfig {
  /** Null: no version is trusted yet. */
  readonly stable: string | null
  readonly candidate: string | null
  /** The candidate's weight; 0 when there is no candidate. */
  readonly weight: Weight
}

export interface ServiceConfig {
  readonly name: string
  readonly matches: readonly Match[]
  readonly versions: readonly VersionConfig[]
  readonly routing: RoutingConfig
  readonly strategy: Strategy
  readonly affinity: Affinity | null
  readonly versionOverride: string | null
  readonly rescue: boolean
  readonly bodyLimitBytes: number | null
  readonly verdict: EvidenceRules
  readonly replay: Replay
  readonly rescueBudget: RescueBudget
  readonly health: HealthRules
  /** Active checks, or null: then only the requests themselves tell. */
  readonly healthCheck: HealthCheckConfig | null
  /** What is mirrored to a candidate at weight 0, or null: nothing. */
  readonly mirror: MirrorRules | null
}

export interface Config {
  /** The file's absolute path. */
  readonly file: string
  readonly listen: Address
  readonly admin: Address
  /** The bearer token of the admin API, or null: then it may only listen on loopback. */
  readonly adminToken: string | null
  /** Edge threads, at least 1 (`auto` is resolved to the number of cores). */
  readonly threads: number
  /** The state directory's absolute path. */
  readonly stateDir: string
  readonly timeouts: Timeouts
  readonly limits: Limits
  /** Addresses or CIDR blocks whose X-Forwarded-* fields are believed. */
  readonly trustedProxies: readonly string[]
  /** Upgrade protocols that become tunnels, lower case. */
  readonly upgradeProtocols: readonly string[]
  readonly accept: Accept
  readonly forwarding: Forwarding
  /** What a client that ends its side after a whole request is. */
  readonly halfClose: 'gone' | 'serve'
  readonly accessLog: AccessLogConfig | null
  /** The scenarios of synthetic transactions, by their files' names in order. */
  readonly scenarios: readonly Transaction[]
  /** Who is told when somebody must look; empty: nobody. */
  readonly receivers: readonly ReceiverConfig[]
  /** The nodes that this one works with, or null: it works alone. Read once, at the start. */
  readonly fleet: FleetConfig | null
  readonly logLevel: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent'
  /** Paths on the data listener answered by Vertex itself for load balancers, or null. */
  readonly readinessPath: string | null
  readonly services: readonly ServiceConfig[]
}
