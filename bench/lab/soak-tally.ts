// The book of the soak's client: how each request ended. It holds its lists to a length, and says
// how much did not fit.

import { monotonicMs } from './clock.ts'
import type { ClientReport, Failure, Loss, Progress } from './soak-client.ts'
import { type AbortKind, type Plan, replayable } from './soak-plan.ts'

const FAILURES_MAX = 50_000
const WRONG_MAX = 50
const LOSSES_MAX = 50_000

export class Tally {
  connections = 0
  requeued = 0
  interims = 0
  trailers = 0
  bytesDown = 0
  bytesUp = 0
  /** Whether lost connections are noted; with faults all the time they would be no news. */
  readonly #notesLosses: boolean
  readonly losses: Loss[] = []
  readonly #aborted: Record<AbortKind, number> = { before: 0, answer: 0, upload: 0 }
  readonly #byMethod: Record<string, number> = {}
  readonly #failures: Failure[] = []
  readonly #wrong: string[] = []
  readonly #endedEarly: number[] = []
  #done = 0
  #right = 0
  #asMarked = 0
  #markedEnded = 0
  #failed = 0
  #wrongCount = 0

  constructor(options: { notesLosses: boolean }) {
    this.#notesLosses = options.notesLosses
  }

  get done(): number {
    return this.#done
  }

  #count(plan: Plan): void {
    this.#done++
    this.#byMethod[plan.method] = (this.#byMethod[plan.method] ?? 0) + 1
  }

  right(plan: Plan): void {
    this.#count(plan)
    this.#right++
    this.bytesDown += plan.method === 'HEAD' ? 0 : plan.bytes
    this.bytesUp += plan.upload
  }

  aborted(plan: Plan, kind: AbortKind): void {
    this.#count(plan)
    this.#aborted[kind]++
  }

  /** @param ended by a FIN, which only an answer of its own may be */
  asMarked(plan: Plan, ended: boolean): void {
    this.#count(plan)
    this.#asMarked++
    if (ended) this.#markedEnded++
  }

  failed(plan: Plan, how: Pick<Failure, 'status' | 'error' | 'begun' | 'thread'>): void {
    this.#count(plan)
    this.#failed++
    if (this.#failures.length >= FAILURES_MAX) return
    const { fault, method, number } = plan
    const atMs = monotonicMs()
    this.#failures.push({ number, method, fault, replayable: replayable(plan), atMs, ...how })
  }

  /** An answer that is not the one to this request: what must never be. */
  wrong(plan: Plan, text: string): void {
    this.#count(plan)
    this.#wrongCount++
    if (this.#wrong.length >= WRONG_MAX) return
    this.#wrong.push(`${text}; asked for ${JSON.stringify(plan)}`)
  }

  /**
   * The target ended an answer that only its end delimits. Whether that was too early no proxy can
   * tell; the target's end may.
   */
  endedEarly(plan: Plan): void {
    this.#count(plan)
    this.#endedEarly.push(plan.number)
  }

  /** Something wrong that belongs to no request. */
  stray(text: string): void {
    this.#wrongCount++
    if (this.#wrong.length < WRONG_MAX) this.#wrong.push(text)
  }

  lost(thread: string, busy: boolean): void {
    if (!this.#notesLosses || this.losses.length >= LOSSES_MAX) return
    this.losses.push({ thread, atMs: monotonicMs(), busy })
  }

  progress(): Progress {
    return { done: this.#done, failed: this.#failed, wrong: this.#wrongCount }
  }

  report(): ClientReport {
    return {
      done: this.#done,
      right: this.#right,
      aborted: this.#aborted,
      asMarked: this.#asMarked,
      markedEnded: this.#markedEnded,
      failures: this.#failures,
      failuresLost: this.#failed - this.#failures.length,
      wrong: this.#wrong,
      wrongCount: this.#wrongCount,
      endedEarly: this.#endedEarly,
      connections: this.connections,
      requeued: this.requeued,
      interims: this.interims,
      trailers: this.trailers,
      bytesDown: this.bytesDown,
      bytesUp: this.bytesUp,
      byMethod: this.#byMethod,
      losses: this.losses,
    }
  }
}
