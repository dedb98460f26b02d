// Timeouts without timers: a coarse hashed wheel (Varghese & Lauck 1987) that is lazy. Moving a
// deadline further away, which every packet does, is one store; only when its old place comes up is
// the entry looked at and put where it belongs by then. One tick of the thread turns the wheel.

const BUCKETS = 512
/** Milliseconds a bucket spans: a deadline is met at most this much late. */
export const WHEEL_STEP_MS = 100

/** Something with a deadline. It is in at most one place of one wheel. */
export abstract class Timed {
  /** Infinity when none. */
  deadlineMs = Number.POSITIVE_INFINITY
  /** When the wheel looks at it next; −1 while it is in no wheel. */
  lookAtStep = -1
  nextTimed: Timed | null = null
  previousTimed: Timed | null = null

  abstract onDeadline(nowMs: number): void
}

export class Wheel {
  readonly #buckets: (Timed | null)[] = Array.from<Timed | null>({ length: BUCKETS }).fill(null)
  #step: number

  constructor(nowMs: number) {
    this.#step = Math.floor(nowMs / WHEEL_STEP_MS)
  }

  /** Sets the deadline of an entry, earlier or later than the one it had. */
  arm(entry: Timed, deadlineMs: number): void {
    entry.deadlineMs = deadlineMs
    const step = this.#stepFor(deadlineMs)
    if (entry.lookAtStep >= 0) {
      if (entry.lookAtStep <= step) return
      this.#unlink(entry)
    }
    this.#link(entry, step)
  }

  /** Forgets the deadline; the entry leaves the wheel by itself. */
  disarm(entry: Timed): void {
    entry.deadlineMs = Number.POSITIVE_INFINITY
  }

  /** Takes the entry out at once, so that the wheel does not keep it alive. */
  remove(entry: Timed): void {
    entry.deadlineMs = Number.POSITIVE_INFINITY
    if (entry.lookAtStep >= 0) this.#unlink(entry)
  }

  /** Turns the wheel to `nowMs` and calls what is due. */
  advance(nowMs: number): void {
    const until = Math.floor(nowMs / WHEEL_STEP_MS)
    while (this.#step < until) {
      this.#step++
      const bucket = this.#step % BUCKETS
      // Always the first: what is due may take out or move any other entry of the bucket. This
      // ends, since an entry that stays is put into another bucket, a step to a turn less one
      // away.
      for (let entry = this.#buckets[bucket]; entry; entry = this.#buckets[bucket]) {
        this.#lookAt(entry, nowMs)
      }
    }
  }

  #lookAt(entry: Timed, nowMs: number): void {
    this.#unlink(entry)
    if (entry.deadlineMs <= nowMs) {
      entry.deadlineMs = Number.POSITIVE_INFINITY
      entry.onDeadline(nowMs)
    } else if (entry.deadlineMs !== Number.POSITIVE_INFINITY) {
      this.#link(entry, this.#stepFor(entry.deadlineMs))
    }
  }

  /** The step at which to look: after the deadline, but within one turn of the wheel. */
  #stepFor(deadlineMs: number): number {
    const step = Math.ceil(deadlineMs / WHEEL_STEP_MS)
    return Math.min(Math.max(step, this.#step + 1), this.#step + BUCKETS - 1)
  }

  #link(entry: Timed, step: number): void {
    const bucket = step % BUCKETS
    const head = this.#buckets[bucket] ?? null
    entry.lookAtStep = step
    entry.previousTimed = null
    entry.nextTimed = head
    if (head !== null) head.previousTimed = entry
    this.#buckets[bucket] = entry
  }

  #unlink(entry: Timed): void {
    const { nextTimed, previousTimed } = entry
    if (previousTimed === null) this.#buckets[entry.lookAtStep % BUCKETS] = nextTimed
    else previousTimed.nextTimed = nextTimed
    if (nextTimed !== null) nextTimed.previousTimed = previousTimed
    entry.lookAtStep = -1
    entry.nextTimed = null
    entry.previousTimed = null
  }
}
