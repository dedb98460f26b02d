// The node's own time. It follows the wall clock roughly, so that it can be shown to people, but
// it never goes back and never jumps: while the process runs it advances with the monotonic clock,
// and at a start it goes on from the saved time, at most a day further, whatever the wall clock
// says. Once somebody has asked for the time, only a saved time that lies ahead moves it: a service
// that a reload brings in must not throw the rollouts of the others forward or back.

const LONGEST_LEAP_MS = 24 * 3600 * 1000
/** A node that is further off than this does not lead either, and moves nobody's time. */
const FOLLOWED_MS = 5000

export interface ClockOptions {
  readonly monotonic: () => number
  readonly wall: () => number
}

export class Clock {
  readonly #monotonic: () => number
  readonly #wall: () => number
  readonly #startMonotonic: number
  #start: number
  #asked = false

  constructor(options: ClockOptions) {
    this.#monotonic = options.monotonic
    this.#wall = options.wall
    this.#startMonotonic = options.monotonic()
    this.#start = options.wall()
  }

  /** Goes on from the latest time that was saved, before the time is asked for; never back. */
  continueFrom(savedMs: number): void {
    if (this.#asked) this.#start += Math.max(0, savedMs - this.now())
    else this.#start = Math.min(Math.max(savedMs, this.#wall()), savedMs + LONGEST_LEAP_MS)
  }

  /**
   * Follows the time of another node that is a little ahead, so that what it has decided is not in
   * the future here. A clock that is far off moves nobody.
   */
  follow(othersMs: number): void {
    const aheadMs = othersMs - this.now()
    if (aheadMs > 0 && aheadMs <= FOLLOWED_MS) this.#start += aheadMs
  }

  /** Whole milliseconds, so that the journal tells exactly what was reckoned with. */
  now(): number {
    this.#asked = true
    return Math.floor(this.#start + (this.#monotonic() - this.#startMonotonic))
  }

  /** ISO 8601 of a moment of this clock, as the wall clock tells time now. */
  iso(ms: number): string {
    return new Date(Math.round(this.#wall() + (ms - this.now()))).toISOString()
  }
}
