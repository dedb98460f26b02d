// A fleet of nodes between the traffic and the one that judges. Each request is counted by one of
// the nodes, at random; at each tick every node sends the sums of what it has counted. The network
// loses, repeats, delays and reorders these messages, and now and then a node restarts and counts
// from zero. The holder of the lease merges what arrives and judges that.

import { type ArmCounts, NO_COUNTS } from '../../src/core/facts.ts'
import {
  type FleetCounters,
  mergeCounters,
  noCounters,
  type NodeCounters,
} from '../../src/core/counters.ts'
import type { Carrier } from './calibrate-play.ts'
import { Dice } from './calibrate-dice.ts'
import type { Counted } from './calibrate-traffic.ts'

const NODES = 4
const ROLLOUT = 's-1'

export interface Network {
  /** Probabilities, for each message. */
  readonly lost: number
  readonly twice: number
  readonly late: number
  /** A late one is late by up to so many ticks. */
  readonly lateTicks: number
  /** The probability that a node restarts, at each tick. */
  readonly restarts: number
}

export const PERFECT: Network = { lost: 0, twice: 0, late: 0, lateTicks: 0, restarts: 0 }
export const WILD: Network = { lost: 0.1, twice: 0.2, late: 0.3, lateTicks: 20, restarts: 0.001 }

function plus(some: ArmCounts, more: ArmCounts): ArmCounts {
  return {
    good: some.good + more.good,
    bad: some.bad + more.bad,
    exceeded: some.exceeded + more.exceeded,
    userErrors: some.userErrors + more.userErrors,
    earlierBad: (some.earlierBad ?? 0) + (more.earlierBad ?? 0),
    earlierExceeded: (some.earlierExceeded ?? 0) + (more.earlierExceeded ?? 0),
  }
}

class Node {
  readonly name: string
  #run = 1
  #number = 0
  #candidate = NO_COUNTS
  #stable = NO_COUNTS

  constructor(name: string) {
    this.name = name
  }

  count(candidate: ArmCounts, stable: ArmCounts): void {
    this.#candidate = plus(this.#candidate, candidate)
    this.#stable = plus(this.#stable, stable)
  }

  /** Its sums go with it; what was not sent yet is lost, for both versions alike. */
  restart(): void {
    this.#run++
    this.#number = 0
    this.#candidate = NO_COUNTS
    this.#stable = NO_COUNTS
  }

  message(stableSlow: number): NodeCounters {
    this.#number++
    return {
      node: this.name,
      run: this.#run,
      number: this.#number,
      rollout: ROLLOUT,
      candidate: this.#candidate,
      stable: this.#stable,
      stableSlow,
    }
  }
}

class Fleet implements Carrier {
  readonly #network: Network
  readonly #dice: Dice
  readonly #nodes = Array.from({ length: NODES }, (_, i) => new Node(`n${i}`))
  /** Messages under way, by the tick in which they arrive. */
  readonly #due = new Map<number, NodeCounters[]>()
  #counters: FleetCounters = noCounters(ROLLOUT)
  #tick = 0

  constructor(network: Network, dice: Dice) {
    this.#network = network
    this.#dice = dice
  }

  carry(counted: Counted): Counted {
    this.#tick++
    const candidates = this.#shares(counted.candidate)
    const stables = this.#shares(counted.stable)
    this.#nodes.forEach((node, i) => {
      node.count(candidates[i] ?? NO_COUNTS, stables[i] ?? NO_COUNTS)
      this.#send(node.message(i === 0 ? counted.stableSlow : 0))
      if (this.#dice.next() < this.#network.restarts) node.restart()
    })
    let [candidate, stable] = [NO_COUNTS, NO_COUNTS]
    for (const message of this.#arrived()) {
      const { added, counters } = mergeCounters(this.#counters, message)
      this.#counters = counters
      if (added === null) continue
      candidate = plus(candidate, added.candidate)
      stable = plus(stable, added.stable)
    }
    return { candidate, stable, stableSlow: counted.stableSlow }
  }

  /** Splits counts over the nodes: each of the things counted falls on one of them. */
  #shares(counts: ArmCounts): ArmCounts[] {
    let left = counts
    return this.#nodes.map((_, i) => {
      const part = 1 / (NODES - i)
      const take = (count: number): number => this.#dice.binomial(count, part)
      const bad = take(left.bad)
      const exceeded = take(left.exceeded)
      const share = {
        good: take(left.good),
        bad,
        exceeded,
        userErrors: take(left.userErrors),
        // In a tick all failures that become known are of the same draw.
        earlierBad: (left.earlierBad ?? 0) > 0 ? bad : 0,
        earlierExceeded: 0,
      }
      left = plus(left, negative(share))
      return share
    })
  }

  #send(message: NodeCounters): void {
    const { late, lateTicks, lost, twice } = this.#network
    if (this.#dice.next() < lost) return
    for (let copies = this.#dice.next() < twice ? 2 : 1; copies > 0; copies--) {
      const isLate = this.#dice.next() < late
      const delay = isLate ? 1 + Math.floor(this.#dice.next() * lateTicks) : 0
      const at = this.#tick + delay
      const due = this.#due.get(at)
      if (due === undefined) this.#due.set(at, [message])
      else due.push(message)
    }
  }

  #arrived(): readonly NodeCounters[] {
    const arrived = this.#due.get(this.#tick) ?? []
    this.#due.delete(this.#tick)
    return arrived
  }
}

function negative(counts: ArmCounts): ArmCounts {
  return {
    good: -counts.good,
    bad: -counts.bad,
    exceeded: -counts.exceeded,
    userErrors: -counts.userErrors,
    earlierBad: -(counts.earlierBad ?? 0),
    earlierExceeded: -(counts.earlierExceeded ?? 0),
  }
}

/** Its chances are its own, so that the traffic is the same with a fleet and without. */
export function fleetOf(network: Network, seed: number): () => Carrier {
  return () => new Fleet(network, new Dice(seed))
}
