// The simulated traffic of a service with two versions. Requests arrive by chance, the proxy's coin
// gives each to a version, and what becomes of it depends on the version and on the weather: what
// both versions share, such as an outage of a database or a slow network. A tick gets what the
// board would have counted: requests that ended well, failures when they became known (a time-out
// later than a refusal), and requests that passed the latency limit which the engine has chosen.
//
// It knows nothing of the verdict: only the weight and the limits that are in force.

import type { ArmCounts, TailFigures } from '../../src/core/facts.ts'
import { type Dice, Rare } from './calibrate-dice.ts'
import { bimodal, drawTail, type Latency, slower, waiting } from './calibrate-latency.ts'
import { Tenants, type TenantModel } from './calibrate-tenants.ts'

export const TICK_MS = 100
const TICKS_PER_SECOND = 1000 / TICK_MS
const MINUTE_SECONDS = 60
/** In changing weather the last minute is looked at in pieces of so many seconds. */
const PIECE_SECONDS = 5
/** A failure becomes known after this at the latest. */
const LONGEST_FAILURE_MS = 40_000

/** What both versions meet in a second. */
export interface Weather {
  /** The share of requests that fail whichever version they meet, beside the version's own. */
  readonly errors: number
  /** Every request takes so many times as long. */
  readonly slowness: number
  /** So many times the usual rate of requests. */
  readonly load: number
}

export const FAIR: Weather = { errors: 0, slowness: 1, load: 1 }

export interface ArmModel {
  readonly latency: Latency
  /** The share of requests that fail, at a time of the rollout in milliseconds. */
  readonly errors: (nowMs: number) => number
  /** So long after its draw a failure becomes known. */
  readonly failsAfterMs: number
  /** The version's process stands still, by itself: so often, for so long. */
  readonly pauses?: { readonly perMinute: number; readonly ms: number }
}

export interface TrafficModel {
  readonly candidate: ArmModel
  readonly stable: ArmModel
  /** Made anew for each rollout; asked once a second, in order, also before the rollout. */
  readonly weather?: (dice: Dice) => (second: number) => Weather
  /** The draw is made per tenant, some of which always fail. */
  readonly tenants?: TenantModel
}

/** The latency limits in force, in microseconds. */
export interface Limits {
  readonly stableUs: number
  readonly candidateUs: number
}

export interface Counted {
  readonly candidate: ArmCounts
  readonly stable: ArmCounts
  /** Stable's requests in flight before the tick, those that will fail among them. */
  readonly stableSlow: number
}

/** One version's stream of requests. */
class Stream {
  readonly model: ArmModel
  readonly #dice: Dice
  readonly #failures: Rare
  readonly #slow: Rare
  readonly #due: Int32Array | null
  readonly #delay: number
  #tick = 0
  /** The tick before which another weight was in force. */
  #weightSince = 0
  #share = 0
  /** Failures that are not known yet. */
  pending = 0
  /** The probability to pass the limit, while neither limit nor slowness changes. */
  #limitUs = 0
  #slowness = 1
  #tail = 0
  #pausedTicks = 0

  constructor(model: ArmModel, dice: Dice) {
    this.model = model
    this.#dice = dice
    this.#failures = new Rare(dice)
    this.#slow = new Rare(dice)
    this.#delay = Math.round(model.failsAfterMs / TICK_MS)
    this.#due = this.#delay > 0 ? new Int32Array(LONGEST_FAILURE_MS / TICK_MS) : null
  }

  /** The share is that of all requests which the draw gives to this version. */
  draw(
    at: { nowMs: number; weather: Weather; mean: number },
    share: number,
    limitUs: number,
  ): ArmCounts {
    const { mean, nowMs, weather } = at
    this.#tick++
    if (share !== this.#share) {
      this.#share = share
      this.#weightSince = this.#tick
    }
    const requests = this.#dice.poisson(mean * share)
    const failing = Math.min(1, this.model.errors(nowMs) + weather.errors)
    const failed = this.#failures.among(requests, failing)
    const bad = this.#becomeKnown(failed)
    const earlierBad = this.#tick - this.#delay < this.#weightSince ? bad : 0
    const good = requests - failed
    let exceeded = 0
    if (limitUs > 0) {
      const over = this.#pauses(limitUs) ?? this.#overLimit(limitUs, weather.slowness)
      exceeded = this.#slow.among(good, over)
      // A request that fails late has passed the limit before.
      if (this.model.failsAfterMs * 1000 > limitUs) exceeded += failed
    }
    return { good, bad, exceeded, userErrors: bad, earlierBad, earlierExceeded: 0 }
  }

  /** The share over the limit while the process stands still; null while it runs. */
  #pauses(limitUs: number): number | null {
    const { pauses } = this.model
    if (pauses === undefined) return null
    if (this.#pausedTicks > 0) this.#pausedTicks--
    else if (this.#dice.next() < pauses.perMinute / (MINUTE_SECONDS * TICKS_PER_SECOND)) {
      this.#pausedTicks = Math.round(pauses.ms / TICK_MS)
    }
    return this.#pausedTicks > 0 ? waiting(pauses.ms * 1000).tail(limitUs) : null
  }

  #becomeKnown(failed: number): number {
    if (this.#due === null) return failed
    const { length } = this.#due
    const now = this.#tick % length
    const known = this.#due[now] ?? 0
    this.#due[now] = 0
    this.#due[(now + this.#delay) % length] = failed
    this.pending += failed - known
    return known
  }

  #overLimit(limitUs: number, slowness: number): number {
    if (limitUs !== this.#limitUs || slowness !== this.#slowness) {
      this.#limitUs = limitUs
      this.#slowness = slowness
      this.#tail = this.model.latency.tail(limitUs / slowness)
    }
    return this.#tail
  }
}

/** The traffic of one rollout. Time begins a minute before it, so that stable has a past. */
export class Traffic {
  readonly #model: TrafficModel
  readonly #rate: number
  readonly #dice: Dice
  readonly #weatherAt: ((second: number) => Weather) | null
  readonly #candidate: Stream
  readonly #stable: Stream
  readonly #tenants: Tenants | null
  /** The last minute by seconds: stable's requests and errors, all requests, the slowness. */
  readonly #requests = new Float64Array(MINUTE_SECONDS)
  readonly #errors = new Float64Array(MINUTE_SECONDS)
  readonly #all = new Float64Array(MINUTE_SECONDS)
  readonly #slowness = new Float64Array(MINUTE_SECONDS).fill(1)
  #weather: Weather = FAIR
  #second = 0

  constructor(model: TrafficModel, rate: number, dice: Dice) {
    this.#model = model
    this.#rate = rate
    this.#dice = dice
    this.#weatherAt = model.weather?.(dice) ?? null
    this.#candidate = new Stream(model.candidate, dice)
    this.#stable = new Stream(model.stable, dice)
    this.#tenants = model.tenants === undefined ? null : new Tenants(model.tenants, dice)
    for (let tick = -MINUTE_SECONDS * TICKS_PER_SECOND; tick < 0; tick++) {
      this.tick({ nowMs: tick * TICK_MS, weight: 0, limits: null })
    }
  }

  /** What is counted in the tick that ends now. */
  tick(at: { nowMs: number; weight: number; limits: Limits | null }): Counted {
    const { limits, nowMs, weight } = at
    if (nowMs % 1000 === 0) this.#newSecond(nowMs / 1000)
    const weather = this.#weather
    const mean = (this.#rate * weather.load) / TICKS_PER_SECOND
    // Those that fail late are slow by then; of all others hardly any is slow and in flight.
    const stableSlow = this.#stable.pending
    const sky = { nowMs, weather, mean }
    let candidate = this.#candidate.draw(sky, weight, limits?.candidateUs ?? 0)
    let stable = this.#stable.draw(sky, 1 - weight, limits?.stableUs ?? 0)
    if (this.#tenants !== null) {
      const failed = this.#tenants.failures({ nowMs, weight, mean })
      candidate = { ...candidate, bad: candidate.bad + failed.candidate }
      stable = { ...stable, bad: stable.bad + failed.stable }
    }
    const slot = this.#second
    this.#requests[slot] = (this.#requests[slot] ?? 0) + stable.good + stable.bad
    this.#errors[slot] = (this.#errors[slot] ?? 0) + stable.bad
    const both = candidate.good + candidate.bad + stable.good + stable.bad
    this.#all[slot] = (this.#all[slot] ?? 0) + both
    return { candidate, stable, stableSlow }
  }

  #newSecond(second: number): void {
    if (this.#weatherAt !== null) this.#weather = this.#weatherAt(second)
    this.#second = (second + MINUTE_SECONDS) % MINUTE_SECONDS
    this.#requests[this.#second] = 0
    this.#errors[this.#second] = 0
    this.#all[this.#second] = 0
    this.#slowness[this.#second] = this.#weather.slowness
  }

  /** Stable's judged requests and errors of the last minute. */
  stableMinute(): { requests: number; errors: number } {
    return { requests: sum(this.#requests), errors: sum(this.#errors) }
  }

  /** Requests of both versions, a second, over the last ten. */
  ratePerSecond(): number {
    let all = 0
    for (let back = 1; back <= 10; back++) {
      all += this.#all[(this.#second - back + MINUTE_SECONDS) % MINUTE_SECONDS] ?? 0
    }
    return all / 10
  }

  /** Where stable's tail lies in the histogram of its last minute. */
  tail(): TailFigures | null {
    return drawTail(this.#minuteLatency(), sum(this.#requests), this.#dice)
  }

  #minuteLatency(): Latency {
    const { pauses } = this.#model.stable
    const share = pauses === undefined ? 0 : (pauses.perMinute * pauses.ms) / 60_000
    const usual = this.#model.stable.latency
    const latency = pauses === undefined ? usual : bimodal(usual, waiting(pauses.ms * 1000), share)
    if (this.#weatherAt === null) return latency
    const shares = new Map<number, number>()
    const all = sum(this.#requests)
    for (let from = 0; from < MINUTE_SECONDS; from += PIECE_SECONDS) {
      const to = from + PIECE_SECONDS
      const share = sum(this.#requests, from, to) / all
      const times = sum(this.#slowness, from, to) / PIECE_SECONDS
      shares.set(times, (shares.get(times) ?? 0) + share)
    }
    if (shares.size === 1 && shares.has(1)) return latency
    const pieces = Array.from(shares, ([times, share]) => ({
      share,
      latency: slower(latency, times),
    }))
    return {
      tail: (us) => pieces.reduce((all, piece) => all + piece.share * piece.latency.tail(us), 0),
    }
  }
}

function sum(values: Float64Array, from = 0, to = values.length): number {
  let all = 0
  for (let i = from; i < to; i++) all += values[i] ?? 0
  return all
}
