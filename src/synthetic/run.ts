// One run: transactions become due at a constant rate, whatever the target does (an open loop), and
// each latency counts from then. So a stall of a second counts for all that were due in it, and not
// only for those that happened to be under way (no coordinated omission).
//
// Targets take turns: transaction k goes to target k mod n. The k-th is due at k / rate, so what
// waits needs no memory: it is the numbers from `next` to the one that is due now. What waits
// longer than the time limit has failed, without having been sent. Connections are opened as they
// are needed, up to the scenario's bound, a few at a time: each costs as much as several requests,
// and hundreds at once, after a moment in which this machine stood still, would make it longer.

import type { Checking, RunOrder } from './messages.ts'
import { Lane, type LanePlan } from './lane.ts'
import { PreparedStep } from './prepared-step.ts'
import { reportOf } from './report.ts'
import { Tally } from './tally.ts'
import type { SyntheticReport } from '../core/synthetic.ts'

/** Timers of Node are no finer. What became due since the last turn is sent in one. */
const TURN_MS = 1
const LOOK_MS = 20
/** So many connections to a target are opened at the same time. */
const OPENING_MOST = 16

/** One target, with the transactions that are its turn. */
interface Queue {
  readonly target: string
  readonly lanes: Set<Lane>
  /** The one that was used last is taken first: its connection is warm. */
  readonly free: Lane[]
  readonly most: number
  /** Lanes that have no connection yet. */
  opening: number
  /** The number of its next transaction. */
  next: number
}

export class Run {
  readonly #order: RunOrder
  readonly #queues: readonly Queue[]
  readonly #plan: LanePlan
  readonly #tally: Tally
  readonly #total: number
  readonly #startedAt = new Date()
  readonly #startMs = performance.now()
  readonly #done = Promise.withResolvers<SyntheticReport | null>()
  #turn: NodeJS.Timeout | undefined
  #lookedMs = 0
  #turnedMs = 0
  /** The longest time for which this thread itself did not come to send. */
  #lateMs = 0
  #isEnded = false

  constructor(order: RunOrder, checking: Checking) {
    const { durationMs, number, rate, run, transaction } = order
    const { connections, secrets, steps, timeoutMs } = transaction
    const { targets } = order.order
    this.#order = order
    this.#total = Math.max(1, Math.ceil((rate * durationMs) / 1000))
    this.#tally = new Tally(
      steps.map(({ name }) => name),
      secrets,
    )
    this.#plan = {
      steps: steps.map((step, index) => new PreparedStep(step, { index, run })),
      ...{ timeoutMs, tally: this.#tally },
      ...{ durationMs, number, checking },
      onFree: (lane, isBroken) => this.#onFree(lane, isBroken),
    }
    const most = Math.max(1, Math.floor(connections / targets.length))
    this.#queues = targets.map((target, index) => {
      return { target, lanes: new Set(), free: [], most, opening: 0, next: index }
    })
    this.#turnedMs = this.#startMs
    this.#takeTurn()
  }

  /** The report, or null when it was stopped. */
  get done(): Promise<SyntheticReport | null> {
    return this.#done.promise
  }

  /** Ends it at once. */
  stop(): void {
    this.#end(null)
  }

  #dueMs(number: number): number {
    return this.#startMs + (number * 1000) / this.#order.rate
  }

  #takeTurn(): void {
    if (this.#isEnded) return
    const nowMs = performance.now()
    this.#lateMs = Math.max(this.#lateMs, nowMs - this.#turnedMs)
    this.#turnedMs = nowMs
    for (const queue of this.#queues) this.#sendDue(queue, nowMs)
    if (nowMs - this.#lookedMs >= LOOK_MS) this.#lookForLate(nowMs)
    if (this.#isEnded) return
    this.#turn = setTimeout(() => this.#takeTurn(), this.#restMs(nowMs))
  }

  /** Until something is due; at most until the next look for what is late. */
  #restMs(nowMs: number): number {
    const next = Math.min(...this.#queues.map((queue) => this.#nextDueMs(queue)))
    return Math.max(TURN_MS, Math.min(LOOK_MS, Math.floor(next - nowMs)))
  }

  #nextDueMs(queue: Queue): number {
    return queue.next < this.#total ? this.#dueMs(queue.next) : Number.POSITIVE_INFINITY
  }

  #sendDue(queue: Queue, nowMs: number): void {
    const step = this.#queues.length
    while (queue.next < this.#total && this.#dueMs(queue.next) <= nowMs) {
      const dueMs = this.#dueMs(queue.next)
      if (nowMs - dueMs >= this.#plan.timeoutMs) {
        queue.next += step
        this.#countUnsent(queue, nowMs - dueMs)
        continue
      }
      const lane = this.#laneOf(queue, nowMs)
      if (lane === null) return
      queue.next += step
      lane.begin(dueMs, nowMs)
    }
  }

  /** A lane that is free, or a new one; null when all are busy. */
  #laneOf(queue: Queue, nowMs: number): Lane | null {
    for (;;) {
      const lane = queue.free.pop()
      if (lane === undefined) break
      if (lane.isFresh(nowMs)) return lane
      queue.lanes.delete(lane)
      lane.destroy()
    }
    if (queue.lanes.size >= queue.most || queue.opening >= OPENING_MOST) return null
    queue.opening++
    const lane = new Lane(queue.target, this.#plan, () => {
      queue.opening-- // what waits for it is sent with the next turn
    })
    queue.lanes.add(lane)
    return lane
  }

  #countUnsent({ most, opening, target }: Queue, waitedMs: number): void {
    const [first] = this.#tally.steps
    this.#tally.transactions++
    this.#tally.failed++
    if (first !== undefined) {
      first.requests++
      first.errors++
      first.record(waitedMs)
    }
    const limit = `within ${this.#plan.timeoutMs} ms`
    const why =
      opening < OPENING_MOST
        ? `all ${most} connections were busy`
        : `${opening} connections were still being opened`
    this.#tally.fail(`was due and could not be sent to ${target} ${limit}: ${why}`)
  }

  #onFree(lane: Lane, isBroken: boolean): void {
    const queue = this.#queues.find(({ lanes }) => lanes.has(lane))
    if (queue === undefined || this.#isEnded) return
    if (isBroken) queue.lanes.delete(lane)
    else {
      queue.free.push(lane)
      if (this.#dueMs(queue.next) <= this.#turnedMs) this.#sendDue(queue, performance.now())
    }
    if (this.#tally.transactions >= this.#total) this.#finish()
  }

  #lookForLate(nowMs: number): void {
    this.#lookedMs = nowMs
    for (const { lanes } of this.#queues) for (const lane of lanes) lane.giveUpIfLate(nowMs)
    if (this.#tally.transactions >= this.#total) this.#finish()
  }

  #finish(): void {
    if (this.#isEnded) return
    const elapsedMs = performance.now() - this.#startMs
    const facts = { startedAt: this.#startedAt, elapsedMs, lateMs: this.#lateMs }
    this.#end(reportOf(this.#order, { tally: this.#tally, ...facts }))
  }

  #end(report: SyntheticReport | null): void {
    if (this.#isEnded) return
    this.#isEnded = true
    clearTimeout(this.#turn)
    for (const { lanes } of this.#queues) for (const lane of lanes) lane.destroy()
    this.#done.resolve(report)
  }
}
