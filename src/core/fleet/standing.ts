// How a node stands in its fleet, which is what it may do.

/**
 * `leading`: it holds the lease, judges by everybody's counts, and alone raises weights.
 * `following`: it serves by what the leader decides and tells it what it counts.
 * `cut-off`: it hears from no leader. It judges by its own counts and may only lower.
 */
export type Standing = 'leading' | 'following' | 'cut-off'

export interface FleetStanding {
  readonly standing: Standing
  /** Who holds the lease, as far as it is known. */
  readonly leader: string | null
  /** The number of the lease that this node holds; it fences its writes. Null: it holds none. */
  readonly lease: number | null
  /**
   * Why no weight may be raised here, as a clause ("Redis has been away for 12 s"); null when
   * it may.
   */
  readonly mayNotRaise: string | null
}

/** Why a node that stands so raises no weight, as a clause; null when it may. */
export function whyNoRaise({ leader, mayNotRaise, standing }: FleetStanding): string | null {
  if (mayNotRaise !== null) return mayNotRaise
  if (standing === 'following') return `${leader ?? 'another node'} decides for the fleet`
  return standing === 'leading' ? null : 'this node hears from nobody who decides for the fleet'
}

/** A node as the others see it. */
export interface Member {
  readonly node: string
  /** Of Vertex. */
  readonly version: string
  /** The largest format of documents that it can read. */
  readonly format: number
  /** ISO 8601. */
  readonly startedAt: string
  /** Where it serves, `host:port`. */
  readonly listen: string
  /** Since it was last heard of, by the clock of Redis. */
  readonly silentMs: number
  /** Heard of recently enough to be waited for. */
  readonly isLive: boolean
  /** How far its clock is ahead of the one of Redis. */
  readonly clockAheadMs: number
}

/** What a node knows of its fleet, for the status. */
export interface FleetKnowledge {
  readonly node: string
  readonly standing: FleetStanding
  /** What Redis is, without secrets: `redis://127.0.0.1:6379/0`. */
  readonly redis: string
  /** Milliseconds since 1970 when it was lost; null: it is there. */
  readonly awaySinceMs: number | null
  readonly members: readonly Member[]
  /** Why this node could not lead, whoever does, as a clause; null when it could. */
  readonly hindrance: string | null
  /** Sentences about what does not work as it should; empty when all is well. */
  readonly degraded: readonly string[]
}
