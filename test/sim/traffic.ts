// What the users of the simulated service send, and what the versions make of it. Some versions
// are bad, some are bad for a while.

import { type ArmCounts, NO_COUNTS } from '../../src/core/facts.ts'
import { FULL_WEIGHT, type Weight } from '../../src/core/weight.ts'
import type { World } from './world.ts'

const REQUESTS_A_BEAT = 400

interface Quality {
  readonly errors: number
  readonly fromMs: number
  readonly untilMs: number
}

export class Traffic {
  readonly #world: World
  readonly #qualities = new Map<string, Quality>()
  /** Requests that the nodes have counted of a rollout's candidate. */
  readonly counted = new Map<string, number>()
  isQuiet = false

  constructor(world: World) {
    this.#world = world
  }

  #errorsOf(version: string): number {
    const world = this.#world
    let quality = this.#qualities.get(version)
    if (quality === undefined) {
      const fromMs = world.nowMs + world.between(0, 4000)
      const errors = world.chance(0.35) ? world.one([0.012, 0.03, 0.3]) : 0
      quality = { errors, fromMs, untilMs: fromMs + world.between(200, 6000) }
      this.#qualities.set(version, quality)
    }
    const isBad = world.nowMs >= quality.fromMs && world.nowMs < quality.untilMs
    return isBad ? quality.errors : 0
  }

  /** What one node's versions have done in a beat. */
  beat(row: { candidate: string | null; weight: Weight }): {
    candidate: ArmCounts
    stable: ArmCounts
  } {
    if (this.isQuiet) return { candidate: NO_COUNTS, stable: NO_COUNTS }
    const requests = Math.floor((REQUESTS_A_BEAT * row.weight) / FULL_WEIGHT)
    const rate = row.candidate === null ? 0 : this.#errorsOf(row.candidate)
    const bad = Math.min(requests, this.#world.random.poisson(requests * rate))
    const candidate = { good: requests - bad, bad, exceeded: 0, userErrors: 0 }
    return { candidate, stable: { ...NO_COUNTS, good: REQUESTS_A_BEAT - requests } }
  }

  count(rollout: string, requests: number): void {
    this.counted.set(rollout, (this.counted.get(rollout) ?? 0) + requests)
  }
}
