// The windows of mode `threshold`, put together again from what a journal has counted: requests and
// errors of each version over the last seconds. Latencies are not in a journal, so there is no p99.

import type { ArmCounts, WindowFigures } from '../facts.ts'
import type { Fold } from './line.ts'

const SECOND_MS = 1000
/** Windows are at most a minute long. */
const SECONDS = 60

interface Second {
  readonly second: number
  readonly arms: Record<Arm, { requests: number; errors: number }>
}

type Arm = 'candidate' | 'stable'

function add(to: { requests: number; errors: number }, counts: ArmCounts): void {
  to.requests += counts.good + counts.bad
  to.errors += counts.bad
}

export class ReplayedWindows {
  #seconds: Second[] = []

  add({ atMs, candidate, stable }: Fold): void {
    const second = Math.floor(atMs / SECOND_MS)
    let last = this.#seconds.at(-1)
    if (last?.second !== second) {
      const none = { requests: 0, errors: 0 }
      last = { second, arms: { candidate: { ...none }, stable: { ...none } } }
      this.#seconds = [...this.#seconds.filter((one) => one.second > second - SECONDS), last]
    }
    add(last.arms.candidate, candidate)
    add(last.arms.stable, stable)
  }

  /** What the last `windowMs` have held. */
  figures(atMs: number, windowMs: number): { candidate: WindowFigures; stable: WindowFigures } {
    const from = Math.floor(atMs / SECOND_MS) - Math.ceil(windowMs / SECOND_MS)
    const within = this.#seconds.filter(({ second }) => second > from)
    const sum = (arm: Arm): WindowFigures => {
      let requests = 0
      let errors = 0
      for (const { arms } of within) {
        requests += arms[arm].requests
        errors += arms[arm].errors
      }
      return { requests, errors, p99Us: null }
    }
    return { candidate: sum('candidate'), stable: sum('stable') }
  }
}
