// What others would have done with the same traffic: a plain threshold that looks every second, the
// same with a least number of requests, checks every ten seconds of which five may fail (Flagger's
// form), and a Mann–Whitney test at the end of each window against an equal share of stable
// (Kayenta's form). All on the fixed schedule 5 %, 25 %, 100 % of a minute each, with the same two
// limits: errors above 0.1 %, p99 more than 20 % above stable's. Failures count at once here.

import { FAIR, type TrafficModel } from './calibrate-traffic.ts'
import { type Dice, Rare } from './calibrate-dice.ts'
import { BINS, p99Of, Sampler } from './calibrate-histogram.ts'
import { looksHigher } from './calibrate-mann-whitney.ts'

const SCHEDULE = [0.05, 0.25, 1]
const WINDOW_S = 60
const THETA = 0.001
const LATENCY_TIMES = 1.2
const CHECK_S = 10
const STRIKES = 5

export const RIVALS = ['threshold', 'threshold from 100', 'Flagger', 'Kayenta'] as const
export type Rival = (typeof RIVALS)[number]

/** When a rule rolled back, and what the candidate had done by then. */
export interface Stop {
  readonly atMs: number
  readonly requests: number
  readonly errors: number
}

export interface RivalRun {
  readonly stops: Readonly<Partial<Record<Rival, Stop>>>
  /** The candidate's errors until the end of the schedule. */
  readonly errors: number
}

/** What one version did in a second, or in several. */
class Slice {
  requests = 0
  errors = 0
  readonly bins = new Uint32Array(BINS)

  add(other: Slice): void {
    this.requests += other.requests
    this.errors += other.errors
    for (let bin = 0; bin < BINS; bin++) {
      this.bins[bin] = (this.bins[bin] ?? 0) + (other.bins[bin] ?? 0)
    }
  }

  get p99(): number {
    return p99Of(this.bins, this.requests)
  }
}

class Arm {
  readonly #dice: Dice
  readonly #sampler: Sampler
  readonly #failures: Rare
  readonly #errors: (nowMs: number) => number

  constructor(model: TrafficModel['stable'], dice: Dice) {
    this.#dice = dice
    this.#sampler = new Sampler(model.latency)
    this.#failures = new Rare(dice)
    this.#errors = model.errors
  }

  second(mean: number, at: { nowMs: number; errors: number; slowness: number }): Slice {
    const slice = new Slice()
    slice.requests = this.#dice.poisson(mean)
    const share = Math.min(1, this.#errors(at.nowMs) + at.errors)
    slice.errors = this.#failures.among(slice.requests, share)
    this.#sampler.fill(slice.bins, slice.requests, { dice: this.#dice, slowness: at.slowness })
    return slice
  }
}

interface Second {
  readonly candidate: Slice
  /** As many of stable's requests as the candidate had, and the others. */
  readonly control: Slice
  readonly others: Slice
}

interface Points {
  readonly errors: number[]
  readonly p99: number[]
}

/** One window of the schedule as the rules see it. */
class Window {
  readonly candidate = new Slice()
  readonly stable = new Slice()
  readonly candidatePoints: Points = { errors: [], p99: [] }
  readonly controlPoints: Points = { errors: [], p99: [] }

  add({ candidate, control, others }: Second): void {
    this.candidate.add(candidate)
    this.stable.add(control)
    this.stable.add(others)
    addPoint(this.candidatePoints, candidate)
    addPoint(this.controlPoints, control)
  }
}

function addPoint(points: Points, slice: Slice): void {
  if (slice.requests === 0) return
  points.errors.push(slice.errors / slice.requests)
  points.p99.push(slice.p99)
}

function crosses(candidate: Slice, p99OfStable: number): boolean {
  if (candidate.requests === 0) return false
  if (candidate.errors / candidate.requests > THETA) return true
  return candidate.p99 > LATENCY_TIMES * p99OfStable
}

/** The rules' judgement of one rollout. */
class Rules {
  readonly #stops: Partial<Record<Rival, Stop>> = {}
  readonly #minute: Second[] = []
  #strikes = 0
  #requests = 0
  errors = 0

  get stops(): RivalRun['stops'] {
    return this.#stops
  }

  get isSettled(): boolean {
    return RIVALS.every((rival) => this.#stops[rival] !== undefined)
  }

  second(now: Second, on: { window: Window; atS: number; frozenP99: number | null }): void {
    const { atS, frozenP99, window } = on
    this.#requests += now.candidate.requests
    this.errors += now.candidate.errors
    window.add(now)
    this.#minute.push(now)
    if (this.#minute.length > WINDOW_S) this.#minute.shift()
    if (crosses(window.candidate, frozenP99 ?? window.stable.p99)) {
      this.#stop('threshold', atS)
      if (window.candidate.requests >= 100) this.#stop('threshold from 100', atS)
    }
    if (atS % CHECK_S === 0) this.#check(atS, frozenP99)
  }

  #check(atS: number, frozenP99: number | null): void {
    const candidate = new Slice()
    const stable = new Slice()
    for (const second of this.#minute) {
      candidate.add(second.candidate)
      stable.add(second.control)
      stable.add(second.others)
    }
    if (!crosses(candidate, frozenP99 ?? stable.p99)) return
    this.#strikes++
    if (this.#strikes >= STRIKES) this.#stop('Flagger', atS)
  }

  windowEnds(window: Window, atS: number): void {
    const { candidatePoints: candidate, controlPoints: control } = window
    if (looksHigher(candidate.errors, control.errors) || looksHigher(candidate.p99, control.p99)) {
      this.#stop('Kayenta', atS)
    }
  }

  #stop(rival: Rival, atS: number): void {
    this.#stops[rival] ??= { atMs: atS * 1000, requests: this.#requests, errors: this.errors }
  }
}

/** Lets all rules watch the same rollout. */
export function playRivals(model: TrafficModel, rate: number, dice: Dice): RivalRun {
  const weatherAt = model.weather?.(dice) ?? (() => FAIR)
  const candidate = new Arm(model.candidate, dice)
  const stable = new Arm(model.stable, dice)
  const rules = new Rules()
  let frozenP99: number | null = null
  let second = 0
  for (const weight of SCHEDULE) {
    const window = new Window()
    for (const end = second + WINDOW_S; second < end; second++) {
      const weather = weatherAt(second)
      const at = { nowMs: second * 1000, ...weather }
      const mean = rate * weather.load
      const share = Math.min(weight, 1 - weight)
      const now = {
        candidate: candidate.second(mean * weight, at),
        control: stable.second(mean * share, at),
        others: stable.second(mean * (1 - weight - share), at),
      }
      rules.second(now, { window, atS: second + 1, frozenP99: weight < 1 ? null : frozenP99 })
    }
    if (weight < 1) {
      // At 100 % there is nothing to compare with: the last window's p99 has to do.
      frozenP99 = window.stable.p99
      rules.windowEnds(window, second)
    }
    if (rules.isSettled) break
  }
  return { stops: rules.stops, errors: rules.errors }
}
