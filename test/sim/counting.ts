// What a node counts of a rollout, as sums since it started, and the figures of the last seconds
// that it knows by its own counts or, where it leads, by everybody's.

import { type Added, countedFor, type NodeCounters } from '../../src/core/counters.ts'
import { type ArmCounts, NO_COUNTS, type WindowFigures } from '../../src/core/facts.ts'
import type { ServiceState } from '../../src/core/service.ts'
import { plus } from '../../src/core/replay/line.ts'
import type { Traffic } from './traffic.ts'
import type { Row } from './keeper.ts'

/** Of the window's figures so much stays from one beat to the next. */
const STAYS = 0.8

export class Counting {
  readonly #node: string
  readonly #run: number
  readonly #traffic: Traffic
  #number = 0
  #rollout = ''
  #candidate: ArmCounts = NO_COUNTS
  #stable: ArmCounts = NO_COUNTS
  #window = { candidate: NO_COUNTS, stable: NO_COUNTS }
  given = 0

  constructor(options: { node: string; run: number; traffic: Traffic }) {
    this.#node = options.node
    this.#run = options.run
    this.#traffic = options.traffic
  }

  /** Requests of a beat, by the row in force; null: nothing rolls out. */
  beat(row: Row, { candidate, rollout, stable }: ServiceState): NodeCounters | null {
    const seen = this.#traffic.beat(row)
    if (rollout === null || row.candidate !== candidate || row.stable !== stable) return null
    const key = countedFor(rollout)
    if (key !== this.#rollout) {
      this.#rollout = key
      this.#candidate = NO_COUNTS
      this.#stable = NO_COUNTS
      this.#window = { candidate: NO_COUNTS, stable: NO_COUNTS }
    }
    this.#number++
    this.#candidate = plus(this.#candidate, seen.candidate)
    this.#stable = plus(this.#stable, seen.stable)
    this.#traffic.count(key, seen.candidate.good + seen.candidate.bad)
    this.given += seen.candidate.good + seen.candidate.bad
    return {
      ...{ node: this.#node, run: this.#run, number: this.#number, rollout: key },
      ...{ candidate: this.#candidate, stable: this.#stable, stableSlow: 0 },
    }
  }

  /** What is judged goes into the window. */
  look({ candidate, stable }: Added): void {
    const { candidate: was, stable: wasStable } = this.#window
    this.#window = { candidate: fading(was, candidate), stable: fading(wasStable, stable) }
  }

  figures(): { candidate: WindowFigures; stable: WindowFigures } {
    const of = ({ bad, good }: ArmCounts): WindowFigures => ({
      requests: Math.round(good + bad),
      errors: Math.round(bad),
      p99Us: null,
    })
    return { candidate: of(this.#window.candidate), stable: of(this.#window.stable) }
  }
}

function fading(was: ArmCounts, now: ArmCounts): ArmCounts {
  return {
    ...NO_COUNTS,
    good: was.good * STAYS + now.good,
    bad: was.bad * STAYS + now.bad,
  }
}
