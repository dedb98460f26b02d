// The structure that the edge threads serve from: services, what they match, and which versions and
// targets sit in which cells of the board. It is built by the control side, frozen, and sent whole
// to every thread; weights are not in it, they live in the board's assignment rows.

import type { MirrorRules } from './mirror/order.ts'

/** Where a request must have come to belong to a service. */
export interface Match {
  /** Lower-case host without port; `*.example.org` matches any subdomain; null matches any host. */
  readonly host: string | null
  /** A path prefix that ends at a segment boundary; `/` matches every path. */
  readonly path: string
}

/** How requests of one customer are kept on one version. */
export type Affinity =
  | { readonly by: 'address' }
  | { readonly by: 'header'; readonly name: string }
  | { readonly by: 'cookie'; readonly name: string }

/** Which requests may be sent again besides GET, HEAD and OPTIONS. */
export interface Replay {
  readonly putDelete: boolean
  /** Any request with an Idempotency-Key. */
  readonly idempotencyKey: boolean
}

/** How many rescues may be under way at a time. */
export interface RescueBudget {
  /** Of stable's requests in flight, 0 to 1. */
  readonly share: number
  /** A thread may always have so many. */
  readonly atLeast: number
}

/** Which requests are evidence for or against a version, beyond what holds for all services. */
export interface EvidenceRules {
  /** Requests under these path prefixes are served as all others, and are no evidence. */
  readonly exclude: readonly string[]
  /** Whether 4xx answers of a version are its errors. */
  readonly clientErrors: 'ignore' | 'count'
  /** A request whose answer has not begun after so long is an error; null: however long it is. */
  readonly slowIsErrorMs: number | null
}

export interface TableTarget {
  /** The cell of this target on the board. */
  readonly index: number
  readonly host: string
  readonly port: number
  /** `host:port` as it appears in logs and messages. */
  readonly authority: string
}

export interface TableVersion {
  readonly name: string
  /** The slot of this version on the board: tallies, latency and claims are counted there. */
  readonly slot: number
  readonly targets: readonly TableTarget[]
}

export interface TableService {
  readonly name: string
  /** The cell of this service on the board, which holds its assignment. */
  readonly index: number
  readonly matches: readonly Match[]
  readonly affinity: Affinity | null
  /** Salts the affinity hash, so that not the same customers meet every candidate. */
  readonly salt: string
  /** The request header that names a version to be served, or null when that is not allowed. */
  readonly versionOverride: string | null
  /**
   * Whether a request that failed on the candidate, or hangs there when it is out, goes to stable.
   */
  readonly rescue: boolean
  readonly rescueBudget: RescueBudget
  readonly replay: Replay
  /** The largest request body in bytes, or null for no limit. */
  readonly bodyLimitBytes: number | null
  readonly verdict: EvidenceRules
  /** What is mirrored while the board says that something is; null: nothing ever. */
  readonly mirror: MirrorRules | null
  readonly versions: readonly TableVersion[]
}

export interface Table {
  /** Grows by one with every table. A thread acknowledges it through the board. */
  readonly revision: number
  readonly services: readonly TableService[]
}
