// One run: transactions become due at a constant rate, whatever the target does (an open loop), and
// each latency counts from then. So a stall of a second counts for all that were due in it, and not
// only for those that happened to be under way (no coordinated omission).
//
// Targets take turns: transaction k goes to target k mod n. When the k-th is due is a function of k
// (core/transaction/schedule.ts), so what waits needs no memory: it is the numbers from `next` to
// the one that is due now. What waits longer than the time limit has failed, without having been
// sent. Connections are opened as they are needed, up to the scenario's bound, a few at a time
// (core/transaction/opening.ts).

import type { Checking, RunOrder } from './messages.ts'
import { Lane, type LanePlan } from './lane.ts'
import { PreparedStep } from './prepared-step.ts'
import { reportOf } from './report.ts'
import { Tally } from './tally.ts'
import type { SyntheticReport } from '../core/synthetic.ts'
import { openingMost } from '../core/transaction/opening.ts'
import { Schedule } from '../core/transaction/schedule.ts'

/** Timers of Node are no finer. What became due since the last turn is sent in one. */
const TURN_MS = 1
const LOOK_MS = 20
/** This thread was late when a turn came so long after it was due, and for so long after that. */
const LATE_MS = 5
const AFTER_LATE_MS = 100

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
  readonly #schedule: Schedule
  readonly #tally: Tally
  readonly #warmUp: Tally
  readonly #startedAt = new Date()
  readonly #startMs = performance.now()
  /** When the first transaction that counts is due. */
  readonly #countsFromMs: number
  readonly #done = Promise.withResolvers<SyntheticReport | null>()
  #turn: NodeJS.Timeout | undefined
  #lookedMs = 0
  #turnedMs = 0
  /** When the next turn is due. */
  #turnDueMs = 0
  /** When this thread last came late. */
  #lateAtMs = Number.NEGATIVE_INFINITY
  /** Of transactions that ended while it was on time: how many, and how long lanes had them. */
  #timely = 0
  #timelyMs = 0
  /** The longest time for which this thread itself did not come to send what counts. */
  #lateMs = 0
  #isEnded = false

  constructor(order: RunOrder, checking: Checking) {
    const { durationMs, number, rate, run, transaction } = order
    const { connections, secrets, steps, timeoutMs, warmUpMs } = transaction
    const { targets } = order.order
    this.#order = order
    this.#schedule = new Schedule({ durationMs, rate, warmUpMs })
    this.#countsFromMs = this.#startMs + warmUpMs
    const names = steps.map(({ name }) => name)
    this.#tally = new Tally(names, secrets)
    this.#warmUp = new Tally(names, secrets)
    this.#plan = {
      steps: steps.map((step, index) => new PreparedStep(step, { index, run })),
      ...{ timeoutMs, durationMs, number, checking },
      onFree: (lane, isBroken) => this.#onFree(lane, isBroken),
    }
    const most = Math.max(1, Math.floor(connections / targets.length))
    this.#queues = targets.map((target, index) => {
      return { target, lanes: new Set(), free: [], most, opening: 0, next: index }
    })
    this.#turnedMs = this.#startMs
    this.#turnDueMs = this.#startMs
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
    return this.#startMs + this.#schedule.dueMs(number)
  }

  #takeTurn(): void {
    if (this.#isEnded) return
    const nowMs = performance.now()
    if (nowMs >= this.#countsFromMs) {
      this.#lateMs = Math.max(this.#lateMs, nowMs - this.#turnedMs)
    }
    this.#turnedMs = nowMs
    if (nowMs - this.#turnDueMs >= LATE_MS) this.#lateAtMs = nowMs
    for (const queue of this.#queues) this.#sendDue(queue, nowMs)
    if (nowMs - this.#lookedMs >= LOOK_MS) this.#lookForLate(nowMs)
    if (this.#isEnded) return
    const restMs = this.#restMs(nowMs)
    this.#turnDueMs = performance.now() + restMs
    this.#turn = setTimeout(() => this.#takeTurn(), restMs)
  }

  /** Until something is due; at most until the next look for what is late. */
  #restMs(nowMs: number): number {
    const next = Math.min(...this.#queues.map((queue) => this.#nextDueMs(queue)))
    return Math.max(TURN_MS, Math.min(LOOK_MS, Math.floor(next - nowMs)))
  }

  #nextDueMs(queue: Queue): number {
    return queue.next < this.#schedule.total ? this.#dueMs(queue.next) : Number.POSITIVE_INFINITY
  }

  #sendDue(queue: Queue, nowMs: number): void {
    const step = this.#queues.length
    while (this.#nextDueMs(queue) <= nowMs) {
      const dueMs = this.#dueMs(queue.next)
      const tally = this.#schedule.isWarmUp(queue.next) ? this.#warmUp : this.#tally
      if (nowMs - dueMs >= this.#plan.timeoutMs) {
        queue.next += step
        this.#countUnsent(tally, queue, nowMs - dueMs)
        continue
      }
      const lane = this.#laneOf(queue, nowMs)
      if (lane === null) return
      queue.next += step
      lane.begin(tally, { dueMs, nowMs })
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
    if (queue.lanes.size >= queue.most) return null
    if (queue.opening >= this.#openingMost(queue, nowMs)) return null
    queue.opening++
    const lane = new Lane(queue.target, this.#plan, () => {
      queue.opening-- // what waits for it is sent with the next turn
    })
    queue.lanes.add(lane)
    return lane
  }

  #isLate(nowMs: number): boolean {
    return nowMs - this.#lateAtMs < AFTER_LATE_MS
  }

  #openingMost({ lanes }: Queue, nowMs: number): number {
    return openingMost({
      connections: lanes.size,
      perMs: this.#order.rate / 1000 / this.#queues.length,
      busyMs: this.#timely === 0 ? null : this.#timelyMs / this.#timely,
      isLate: this.#isLate(nowMs),
    })
  }

  #countUnsent(tally: Tally, { lanes, most, opening, target }: Queue, waitedMs: number): void {
    const [first] = tally.steps
    tally.transactions++
    tally.failed++
    if (first !== undefined) {
      first.requests++
      first.errors++
      first.record(waitedMs)
    }
    const limit = `within ${this.#plan.timeoutMs} ms`
    const areAll = opening === 0 || lanes.size >= most
    const why = areAll
      ? `all ${most} connections were busy`
      : `connections were still being opened, ${opening} at a time`
    tally.fail(`was due and could not be sent to ${target} ${limit}: ${why}`)
  }

  #onFree(lane: Lane, isBroken: boolean): void {
    const queue = this.#queues.find(({ lanes }) => lanes.has(lane))
    if (queue === undefined || this.#isEnded) return
    const nowMs = lane.freeSinceMs
    if (!this.#isLate(nowMs)) {
      this.#timely++
      this.#timelyMs += lane.busyMs
    }
    if (isBroken) queue.lanes.delete(lane)
    else {
      queue.free.push(lane)
      if (this.#nextDueMs(queue) <= this.#turnedMs) this.#sendDue(queue, nowMs)
    }
    if (this.#hasAllEnded) this.#finish()
  }

  get #hasAllEnded(): boolean {
    return this.#warmUp.transactions + this.#tally.transactions >= this.#schedule.total
  }

  #lookForLate(nowMs: number): void {
    this.#lookedMs = nowMs
    for (const { lanes } of this.#queues) for (const lane of lanes) lane.giveUpIfLate(nowMs)
    if (this.#hasAllEnded) this.#finish()
  }

  #finish(): void {
    if (this.#isEnded) return
    const elapsedMs = performance.now() - this.#startMs
    const facts = { startedAt: this.#startedAt, elapsedMs, lateMs: this.#lateMs }
    this.#end(reportOf(this.#order, { tally: this.#tally, warmUp: this.#warmUp, ...facts }))
  }

  #end(report: SyntheticReport | null): void {
    if (this.#isEnded) return
    this.#isEnded = true
    clearTimeout(this.#turn)
    for (const { lanes } of this.#queues) for (const lane of lanes) lane.destroy()
    this.#done.resolve(report)
  }
}
