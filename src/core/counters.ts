// How the counts of several nodes become one stream for the verdict. Each node tells the sum of all
// that it has counted for a rollout since it started, with a number that grows; the holder of the
// lease keeps the newest of each node and adds what came since the one before. Sums make every
// message whole in itself: a lost one is made up for by the next, one that comes twice or too late
// adds nothing, and nothing is ever counted twice.
//
// A node that restarts counts from zero again and says so by a larger run. A straggler of the run
// before it may still come, so the last two runs of a node are remembered; of older ones nothing is
// believed any more. What is remembered is plain JSON and is saved with the evidence, in the same
// document: whoever takes over the lease goes on exactly where the evidence stands.

import { type ArmCounts, NO_COUNTS } from './facts.ts'
import type { Rollout } from './service.ts'

/** The affinity buckets that have had an error, or an exceedance, at a node. */
export interface Testimony {
  /** Of which time: bitmaps of another one say nothing. */
  readonly window: string
  /** Bitmaps, packed; empty: none has. */
  readonly errors: string
  readonly exceedances: string
}

/** What a node tells: everything that it has counted for one rollout in this run. */
export interface NodeCounters {
  readonly node: string
  /** Grows with each start of the node; a wall clock in milliseconds will do. */
  readonly run: number
  /** Grows with each message of a run. */
  readonly number: number
  /** The rollout that was counted for (`countedFor`). */
  readonly rollout: string
  readonly candidate: ArmCounts
  readonly stable: ArmCounts
  /** Stable's requests in flight on this node now: no sum. */
  readonly stableSlow: number
  /** With affinity: who has testified; absent: nobody. */
  readonly testimony?: Testimony
}

/** What is remembered of one run of a node. */
interface Run {
  readonly run: number
  readonly number: number
  readonly candidate: ArmCounts
  readonly stable: ArmCounts
}

/** What is known of all nodes; plain JSON, saved together with the evidence. */
export interface FleetCounters {
  readonly rollout: string
  /** By node; its newest run first, at most RUNS_KEPT. */
  readonly nodes: Readonly<Record<string, readonly Run[]>>
}

const RUNS_KEPT = 2
/** More nodes than any fleet has; a bound, as names come from outside. */
export const NODES_MAX = 1024

/** What a message adds to the counts. */
export interface Added {
  readonly candidate: ArmCounts
  readonly stable: ArmCounts
}

export interface Merged {
  readonly counters: FleetCounters
  /** What came since the last message of this node; null when the message says nothing new. */
  readonly added: Added | null
}

/**
 * The rollout as counts name it. Histories that parted may have given one id to two of them, and
 * what one version has done must not be held against another.
 */
export function countedFor({ id, startedMs }: Pick<Rollout, 'id' | 'startedMs'>): string {
  return `${id}@${startedMs}`
}

/** Nothing is known: the counters of a rollout at its beginning. */
export function noCounters(rollout: string): FleetCounters {
  return { rollout, nodes: {} }
}

function difference(now: ArmCounts, before: ArmCounts): ArmCounts {
  return {
    good: now.good - before.good,
    bad: now.bad - before.bad,
    exceeded: now.exceeded - before.exceeded,
    userErrors: now.userErrors - before.userErrors,
    earlierBad: (now.earlierBad ?? 0) - (before.earlierBad ?? 0),
    earlierExceeded: (now.earlierExceeded ?? 0) - (before.earlierExceeded ?? 0),
    repeatedBad: (now.repeatedBad ?? 0) - (before.repeatedBad ?? 0),
  }
}

/** Whether no count has become smaller, which no counter does. */
function hasGrown(counts: ArmCounts): boolean {
  const { bad, exceeded, good, userErrors } = counts
  const { earlierBad = 0, earlierExceeded = 0, repeatedBad = 0 } = counts
  const least = Math.min(good, bad, exceeded, userErrors)
  return Math.min(least, earlierBad, earlierExceeded, repeatedBad) >= 0
}

/**
 * Takes in a message of a node. Messages of another rollout, duplicates, those that were overtaken
 * by a newer one, and those whose sums have shrunk add nothing.
 */
export function mergeCounters(counters: FleetCounters, message: NodeCounters): Merged {
  const unchanged = { counters, added: null }
  if (message.rollout !== counters.rollout) return unchanged
  const runs = Object.hasOwn(counters.nodes, message.node)
    ? counters.nodes[message.node]
    : undefined
  if (runs === undefined && Object.keys(counters.nodes).length >= NODES_MAX) return unchanged
  const known = runs ?? []
  const before = known.find(({ run }) => run === message.run)
  if (before !== undefined && message.number <= before.number) return unchanged
  const isForgotten = known.length >= RUNS_KEPT && known.every(({ run }) => run > message.run)
  if (before === undefined && isForgotten) return unchanged
  const candidate = difference(message.candidate, before?.candidate ?? NO_COUNTS)
  const stable = difference(message.stable, before?.stable ?? NO_COUNTS)
  if (!hasGrown(candidate) || !hasGrown(stable)) return unchanged
  const { number, run } = message
  const newest = { run, number, candidate: message.candidate, stable: message.stable }
  const nodes = { ...counters.nodes, [message.node]: withRun(known, newest) }
  return { counters: { rollout: counters.rollout, nodes }, added: { candidate, stable } }
}

/** The runs of a node with what one of them has told now; the newest first. */
function withRun(known: readonly Run[], told: Run): readonly Run[] {
  // Nearly always it is the only run there is.
  if (known.length === 1 && known[0]?.run === told.run) return [told]
  return [told, ...known.filter(({ run }) => run !== told.run)]
    .toSorted((one, other) => other.run - one.run)
    .slice(0, RUNS_KEPT)
}
