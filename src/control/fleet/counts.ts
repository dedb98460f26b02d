// What a node of a fleet counts for its rollouts, and what becomes of it. Its own counts are kept
// as sums for each rollout; they go to the holder of the lease ten times a second, and at once when
// a request failed or was slow. Who judges (the leader by everybody's counts, a node that is cut
// off by its own) merges the sums as they came, its own among them: so whatever is lost, late or
// doubled on the way, nothing is counted twice, and a new leader goes on where the saved evidence
// stands (core/counters.ts).

import type { Added, NodeCounters } from '../../core/counters.ts'
import { type ArmCounts, NO_COUNTS } from '../../core/facts.ts'
import { plus } from '../../core/replay/line.ts'
import type { Arms } from '../clean-counts.ts'

/** Clean counts wait so long to be told or judged. */
const TOLD_EVERY_MS = 100
/** Messages of other nodes that wait for the next tick; a later one of a node says all again. */
const HEARD_MAX = 4096

export interface CountsParts {
  readonly node: string
  /** Larger at each start of the node. */
  readonly run: number
}

interface Sums {
  readonly rollout: string
  candidate: ArmCounts
  stable: ArmCounts
  stableSlow: number
  number: number
  /** When the sums were last told or judged. */
  sinceMs: number
  /** Something has failed or was slow since then. */
  isUrgent: boolean
  heard: NodeCounters[]
  /** Stable's slow requests in flight at each node, as it has told last. */
  readonly inFlight: Map<string, number>
}

/** What was counted at a node since the last call. */
export interface Counted {
  readonly rollout: string
  readonly arms: Arms | undefined
  /** Stable's slow requests in flight here. */
  readonly stableSlow: number
  readonly now: number
}

export interface Judged {
  readonly arms: Arms
  readonly stableSlow: number
}

const UNCLEAN = (Object.keys(NO_COUNTS) as (keyof ArmCounts)[]).filter((field) => field !== 'good')

function isClean(counts: ArmCounts): boolean {
  return UNCLEAN.every((field) => (counts[field] ?? 0) === 0)
}

export class Counts {
  readonly #parts: CountsParts
  readonly #services = new Map<string, Sums>()

  constructor(parts: CountsParts) {
    this.#parts = parts
  }

  /** Adds what was counted here. True when it should not wait to be told or judged. */
  add(service: string, counted: Counted): boolean {
    const sums = this.#sumsOf(service, counted)
    const { arms, now, stableSlow } = counted
    sums.stableSlow = stableSlow
    if (arms !== undefined) {
      sums.candidate = plus(sums.candidate, arms.candidate)
      sums.stable = plus(sums.stable, arms.stable)
      sums.isUrgent ||= !isClean(arms.candidate) || !isClean(arms.stable)
    }
    return sums.isUrgent || sums.heard.length > 0 || now - sums.sinceMs >= TOLD_EVERY_MS
  }

  /** Takes in what another node has told; it is judged with the next tick. */
  hear(service: string, message: NodeCounters): void {
    const sums = this.#services.get(service)
    if (sums === undefined || sums.rollout !== message.rollout) return
    if (sums.heard.length < HEARD_MAX) sums.heard.push(message)
  }

  /** Whether others have told something that was not judged yet. */
  hasHeard(service: string): boolean {
    return (this.#services.get(service)?.heard.length ?? 0) > 0
  }

  /** All that was counted here so far, as the leader is told it; null when nothing rolls out. */
  tell(service: string, now: number): NodeCounters | null {
    const sums = this.#services.get(service)
    if (sums === undefined) return null
    sums.sinceMs = now
    sums.isUrgent = false
    sums.number++
    const { candidate, number, rollout, stable, stableSlow } = sums
    const { node, run } = this.#parts
    return { node, run, number, rollout, candidate, stable, stableSlow }
  }

  /**
   * What is to be judged now, of this node and of all that have told; null without a rollout.
   *
   * @param merge takes a message in and says what it adds; null: no news
   * @param at `live`: the other nodes that there are; what was in flight in others has ended
   */
  judge(
    service: string,
    merge: (message: NodeCounters) => Added | null,
    at: { now: number; live: readonly string[] },
  ): Judged | null {
    const own = this.tell(service, at.now)
    const sums = this.#services.get(service)
    if (own === null || sums === undefined) return null
    let candidate = NO_COUNTS
    let stable = NO_COUNTS
    for (const message of [...sums.heard, own]) {
      sums.inFlight.set(message.node, message.stableSlow)
      const added = merge(message)
      if (added === null) continue
      candidate = plus(candidate, added.candidate)
      stable = plus(stable, added.stable)
    }
    sums.heard = []
    const stableSlow = at.live.reduce(
      (sum, node) => sum + (sums.inFlight.get(node) ?? 0),
      own.stableSlow,
    )
    return { arms: { candidate, stable }, stableSlow }
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
    const sums: Sums = {
      ...{ rollout, candidate: NO_COUNTS, stable: NO_COUNTS, stableSlow: 0, number: 0 },
      ...{ sinceMs: now, isUrgent: false, heard: [], inFlight: new Map() },
    }
    this.#services.set(service, sums)
    return sums
  }
}
