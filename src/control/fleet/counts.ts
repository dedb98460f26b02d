// What a node of a fleet counts for its rollouts, and what becomes of it. Its own counts are kept
// as sums for each rollout; they go to the holder of the lease ten times a second, and at once when
// a request failed or was slow. Who judges (the leader by everybody's counts, a node that is cut
// off by its own) merges the sums as they came, its own among them: so whatever is lost, late or
// doubled on the way, nothing is counted twice, and a new leader goes on where the saved evidence
// stands (core/counters.ts).
//
// What a node has counted while it judged alone was drawn at the weights that it had. The fleet's
// verdict reckons with its own, so where the two differ those counts are left out: they would make
// a harmless candidate look bad, or a bad one harmless.

import type { Added, NodeCounters, Testimony } from '../../core/counters.ts'
import { type ArmCounts, NO_COUNTS } from '../../core/facts.ts'
import { plus } from '../../core/replay/line.ts'
import type { Weight } from '../../core/weight.ts'
import type { Arms } from '../clean-counts.ts'

/** Clean counts wait so long to be told or judged. */
const TOLD_EVERY_MS = 100
/** Messages of other nodes that wait for the next tick; a later one of a node says all again. */
const HEARD_MAX = 4096

export interface CountsParts {
  readonly node: string
  /** Larger at each start of the node. */
  readonly run: number
  /** Which affinity buckets have testified here; undefined: none, or there is no affinity. */
  readonly testimonyOf?: (service: string, now: number) => Testimony | undefined
}

/** The weights at which was counted since this node judges alone. */
interface Apart {
  readonly least: Weight
  readonly most: Weight
}

interface Sums {
  /** As counts name it (core/counters.ts). */
  readonly rollout: string
  /** Of this node and these sums: whatever begins at 0 again does so under a larger one. */
  readonly run: number
  candidate: ArmCounts
  stable: ArmCounts
  stableSlow: number
  number: number
  /** The sums that the fleet's verdict may know of. */
  shared: Pick<NodeCounters, 'candidate' | 'stable'>
  /** Null: this node does not judge alone, and has not since the fleet was asked. */
  apart: Apart | null
  /** When the sums were last told or judged. */
  sinceMs: number
  /** Something has failed or was slow since then. */
  isUrgent: boolean
  heard: NodeCounters[]
  /** The last that each node has told: stable's slow requests in flight, and what was not clean. */
  readonly last: Map<string, { readonly inFlight: number; readonly unclean: number }>
}

/** What was counted at a node since the last call. */
export interface Counted {
  readonly rollout: string
  readonly arms: Arms | undefined
  /** Stable's slow requests in flight here; null: as before. */
  readonly stableSlow: number | null
  readonly now: number
}

export interface Judged {
  readonly arms: Arms
  readonly stableSlow: number
}

/** How many of the counts may not wait; each adds to one of these. */
function uncleanIn({ bad, exceeded, userErrors }: ArmCounts): number {
  return bad + exceeded + userErrors
}

export class Counts {
  readonly #parts: CountsParts
  readonly #services = new Map<string, Sums>()

  /** Far fewer sums begin in a process than milliseconds pass until the next one starts. */
  #nextRun: number

  constructor(parts: CountsParts) {
    this.#parts = parts
    this.#nextRun = parts.run
  }

  /** Adds what was counted here. True when it should not wait to be told or judged. */
  add(service: string, counted: Counted): boolean {
    const sums = this.#sumsOf(service, counted)
    const { arms, now, stableSlow } = counted
    sums.stableSlow = stableSlow ?? sums.stableSlow
    if (arms !== undefined) {
      sums.candidate = plus(sums.candidate, arms.candidate)
      sums.stable = plus(sums.stable, arms.stable)
      sums.isUrgent ||= uncleanIn(arms.candidate) + uncleanIn(arms.stable) > 0
    }
    return sums.isUrgent || sums.heard.length > 0 || now - sums.sinceMs >= TOLD_EVERY_MS
  }

  /**
   * Takes in what another node has told; it is judged with the next tick. True when it should not
   * wait for that, as something has failed or was slow.
   */
  hear(service: string, message: NodeCounters): boolean {
    const sums = this.#services.get(service)
    if (sums === undefined || sums.rollout !== message.rollout) return false
    if (sums.heard.length < HEARD_MAX) sums.heard.push(message)
    const unclean = uncleanIn(message.candidate) + uncleanIn(message.stable)
    return unclean > (sums.last.get(message.node)?.unclean ?? 0)
  }

  /** Whether others have told something that was not judged yet. */
  hasHeard(service: string): boolean {
    return (this.#services.get(service)?.heard.length ?? 0) > 0
  }

  /**
   * All that was counted here so far, as the leader is told it; null when nothing rolls out, and
   * while it is not known whether what was counted apart may be told.
   */
  tell(service: string, now: number): NodeCounters | null {
    const sums = this.#services.get(service)
    if (sums === undefined || sums.apart !== null) return null
    const { candidate, stable } = sums
    sums.shared = { candidate, stable }
    const testimony = this.#parts.testimonyOf?.(service, now)
    const told = this.#whole(sums, now)
    return testimony === undefined ? told : { ...told, testimony }
  }

  #whole(sums: Sums, now: number): NodeCounters {
    sums.sinceMs = now
    sums.isUrgent = false
    sums.number++
    const { candidate, number, rollout, stable, stableSlow } = sums
    const { node } = this.#parts
    return { node, run: sums.run, number, rollout, candidate, stable, stableSlow }
  }

  /**
   * What is to be judged now, of this node and of all that have told; null without a rollout.
   *
   * @param merge takes a message in and says what it adds; null: no news
   * @param at `live`: the other nodes that there are; what was in flight in others has ended.
   * `apart`: the weight at which this node judges alone; null: it judges for the fleet
   */
  judge(
    service: string,
    merge: (message: NodeCounters) => Added | null,
    at: { now: number; live: readonly string[]; apart: Weight | null },
  ): Judged | null {
    const { apart } = at
    const sums = this.#services.get(service)
    if (sums === undefined) return null
    if (apart !== null) {
      const { least, most } = sums.apart ?? { least: apart, most: apart }
      sums.apart = { least: Math.min(least, apart), most: Math.max(most, apart) }
    }
    const own = apart === null ? this.tell(service, at.now) : this.#whole(sums, at.now)
    if (own === null) return null
    let candidate = NO_COUNTS
    let stable = NO_COUNTS
    for (const message of [...sums.heard, own]) {
      const added = merge(message)
      if (added === null) continue
      const unclean = uncleanIn(message.candidate) + uncleanIn(message.stable)
      sums.last.set(message.node, { inFlight: message.stableSlow, unclean })
      candidate = plus(candidate, added.candidate)
      stable = plus(stable, added.stable)
    }
    sums.heard = []
    const stableSlow = at.live.reduce(
      (sum, node) => sum + (sums.last.get(node)?.inFlight ?? 0),
      own.stableSlow,
    )
    return { arms: { candidate, stable }, stableSlow }
  }

  /**
   * The fleet's evidence is known again, and goes on at this weight; null: it is this node's own,
   * of what it has counted. What was counted at another weight is left out.
   */
  joined(service: string, weight: Weight | null): void {
    const sums = this.#services.get(service)
    if (sums === undefined || sums.apart === null) return
    const { least, most } = sums.apart
    const isSame = weight === null || (least === weight && most === weight)
    const { candidate, stable } = sums
    // What the fleet's evidence may hold by now must not be taken back later: sums never shrink.
    if (isSame) sums.shared = { candidate, stable }
    sums.candidate = sums.shared.candidate
    sums.stable = sums.shared.stable
    sums.apart = null
  }

  /** What others have told is theirs to tell again: somebody else judges from now on. */
  forgetHeard(): void {
    for (const sums of this.#services.values()) sums.heard = []
  }

  forget(service: string): void {
    this.#services.delete(service)
  }

  #sumsOf(service: string, { now, rollout }: Counted): Sums {
    const known = this.#services.get(service)
    if (known?.rollout === rollout) return known
    const run = this.#nextRun++
    const sums: Sums = {
      ...{ rollout, run, candidate: NO_COUNTS, stable: NO_COUNTS, stableSlow: 0, number: 0 },
      shared: { candidate: NO_COUNTS, stable: NO_COUNTS },
      ...{ apart: null, sinceMs: now, isUrgent: false, heard: [], last: new Map() },
    }
    this.#services.set(service, sums)
    return sums
  }
}
