// What was counted of a rollout's mirrored requests, and its tally. Latency goes into an HDR
// histogram, of answers until their head has come and of time-outs until they were given up, so
// that a candidate that hangs is slow and not absent.

import type { Difference } from '../core/mirror/compare.ts'
import type { MirrorTally } from '../core/gate.ts'
import { emptyHistogram } from '../core/histogram.ts'
import { Kinds } from '../core/mirror/kinds.ts'
import type { MirrorOrder } from '../core/mirror/order.ts'
import { outcomeOfStatus } from '../core/outcome.ts'
import type { Ended } from './sending.ts'

const HIGHEST_US = 60_000_000

export class Counts {
  /** Whether anything was counted since the last tally. */
  isNew = false
  readonly #order: Pick<MirrorOrder, 'service' | 'version' | 'countsClientErrors'>
  readonly #kinds = new Kinds()
  readonly #latencyUs = emptyHistogram({ highest: HIGHEST_US, digits: 2 })
  #requests = 0
  #answered = 0
  #errors = 0
  #dropped = 0
  #compared = 0
  #mismatched = 0

  constructor(order: Pick<MirrorOrder, 'service' | 'version' | 'countsClientErrors'>) {
    this.#order = order
  }

  /** A mirrored request has ended; what ended by our own doing was none. */
  ended(ended: Ended): void {
    this.isNew = true
    if (ended.is === 'void') {
      this.#dropped++
      return
    }
    this.#requests++
    if (ended.is === 'answered') this.#answered++
    if (this.#isError(ended)) this.#errors++
    if (ended.is === 'failed' && ended.how !== 'timeout') return
    const us = Math.round(ended.ms * 1000)
    this.#latencyUs.recordValue(Math.min(HIGHEST_US, Math.max(1, us)))
  }

  #isError(ended: Exclude<Ended, { is: 'void' }>): boolean {
    if (ended.is === 'failed') return true
    const outcome = outcomeOfStatus(ended.status)
    return (
      outcome === 'serverError' || (outcome === 'clientError' && this.#order.countsClientErrors)
    )
  }

  dropped(times: number): void {
    if (times === 0) return
    this.isNew = true
    this.#dropped += times
  }

  /** Two answers were compared; these differences are more than noise. */
  compared(differences: readonly Pick<Difference, 'text'>[]): void {
    this.isNew = true
    this.#compared++
    if (differences.length === 0) return
    this.#mismatched++
    for (const { text } of differences) this.#kinds.add(text)
  }

  /** All of it until now; what is counted later is new. */
  tally(): MirrorTally {
    this.isNew = false
    const { service, version } = this.#order
    return {
      service,
      version,
      requests: this.#requests,
      errors: this.#errors,
      dropped: this.#dropped,
      p50Ms: this.#percentileMs(50),
      p99Ms: this.#percentileMs(99),
      compared: this.#compared,
      mismatched: this.#mismatched,
      differences: this.#kinds.top(),
    }
  }

  #percentileMs(percent: number): number | null {
    return this.#answered === 0 ? null : this.#latencyUs.getValueAtPercentile(percent) / 1000
  }
}
