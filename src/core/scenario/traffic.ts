// The traffic of a scenario, tick by tick, as an edge would have counted it: requests are drawn by
// the weight of the moment, failures come at once, slow requests count when they pass the limit,
// and requests that hang fail when the response-head time-out is over, however the weight has
// changed meanwhile.

import { type ArmCounts, NO_COUNTS } from '../facts.ts'
import { shareOver } from './latency.ts'
import type { Random } from './random.ts'
import type { Behaviour, Conditions } from './scenario.ts'

export const TICK_MS = 100

type Arm = 'candidate' | 'stable'

/** What requests that were drawn earlier are counted as. */
interface Late {
  /** Which weight has drawn them: it counts the changes of the weight. */
  readonly row: number
  readonly exceeded: number
  readonly bad: number
}

export interface TickConditions extends Conditions {
  /** Of the candidate, a fraction. */
  readonly weight: number
  /** The limits of the latency test; null while latency is not measured. */
  readonly limits: { readonly candidateUs: number; readonly stableUs: number } | null
  readonly rescued: number
  readonly responseHeadMs: number
}

export interface TickCounts {
  readonly candidate: ArmCounts
  readonly stable: ArmCounts
  readonly stableSlow: number
}

interface ArmTraffic {
  readonly on: TickConditions
  readonly behaviour: Behaviour
  /** Expected in the tick. */
  readonly requests: number
  readonly limitUs: number | null
}

export class Traffic {
  readonly #random: Random
  /** By the tick in which they count. */
  readonly #late: Record<Arm, Map<number, Late[]>> = { candidate: new Map(), stable: new Map() }
  readonly #hanging: Record<Arm, number> = { candidate: 0, stable: 0 }
  #tick = 0
  #row = 0
  #weight = 0
  /** The candidate's requests so far, those in flight among them. */
  drawn = 0

  constructor(random: Random) {
    this.#random = random
  }

  /** What the next tick counts. */
  next(on: TickConditions): TickCounts {
    this.#tick++
    if (on.weight !== this.#weight) this.#row++
    this.#weight = on.weight
    const { candidate, limits, rate, stable, weight } = on
    const arrivals = (rate * TICK_MS) / 1000
    // Those that are being answered; besides them there are those that never will be.
    const open = this.#random.poisson((rate * (1 - weight) * stable.latency.p50Us) / 1e6)
    const stableSlow = this.#hanging.stable + open
    return {
      candidate: this.#count('candidate', {
        ...{ on, behaviour: candidate, requests: arrivals * weight },
        limitUs: limits?.candidateUs ?? null,
      }),
      stable: this.#count('stable', {
        ...{ on, behaviour: stable, requests: arrivals * (1 - weight) },
        limitUs: limits?.stableUs ?? null,
      }),
      stableSlow,
    }
  }

  #count(arm: Arm, of: ArmTraffic): ArmCounts {
    const { behaviour, limitUs, on, requests } = of
    const random = this.#random
    const failed = random.poisson(requests * behaviour.errors)
    const hanging = random.poisson(requests * behaviour.hangs)
    const answered = Math.max(0, 1 - behaviour.errors - behaviour.hangs)
    const good = random.poisson(requests * answered)
    if (arm === 'candidate') this.drawn += good + failed + hanging
    if (limitUs !== null) {
      const slow = random.poisson(requests * answered * shareOver(behaviour.latency, limitUs))
      this.#expect(arm, limitUs / 1000, { exceeded: Math.min(good, slow) + hanging, bad: 0 })
    }
    this.#expect(arm, on.responseHeadMs, { exceeded: 0, bad: hanging })
    const late = this.#take(arm)
    this.#hanging[arm] += hanging - late.bad
    const bad = failed + late.bad
    if (good + bad + late.exceeded === 0) return NO_COUNTS
    const userErrors = this.#reached(arm, bad, on)
    return { ...late, good, bad, userErrors }
  }

  /** What falls due in this tick. */
  #take(
    arm: Arm,
  ): Pick<Required<ArmCounts>, 'bad' | 'exceeded' | 'earlierBad' | 'earlierExceeded'> {
    const due = this.#late[arm].get(this.#tick) ?? []
    this.#late[arm].delete(this.#tick)
    let [bad, exceeded, earlierBad, earlierExceeded] = [0, 0, 0, 0]
    for (const late of due) {
      bad += late.bad
      exceeded += late.exceeded
      if (late.row === this.#row) continue
      earlierBad += late.bad
      earlierExceeded += late.exceeded
    }
    return { bad, exceeded, earlierBad, earlierExceeded }
  }

  /** How many of the failures have reached a user. */
  #reached(arm: Arm, bad: number, { rescued, stable }: TickConditions): number {
    if (arm === 'stable') return bad
    let reached = 0
    const saved = rescued * (1 - stable.errors - stable.hangs)
    for (let i = 0; i < bad; i++) if (this.#random.next() >= saved) reached++
    return reached
  }

  #expect(arm: Arm, inMs: number, what: { exceeded: number; bad: number }): void {
    if (what.bad + what.exceeded === 0) return
    const tick = this.#tick + Math.ceil(inMs / TICK_MS)
    const due = this.#late[arm].get(tick) ?? []
    due.push({ row: this.#row, ...what })
    this.#late[arm].set(tick, due)
  }
}
