// The situations that the calibration plays: what stable does, what the candidate does, and the
// weather that both meet. A harmless candidate is no worse than the trigger allows (0.1 % errors, a
// p99 of 20 % more) or no worse than stable at every moment; a bad one is worse than both.
// Latencies are log-normal with a median of 50 ms unless a scenario says otherwise.

import type { Dice } from './calibrate-dice.ts'
import {
  bimodal,
  exponential,
  type Latency,
  lognormal,
  pareto,
  slower,
} from './calibrate-latency.ts'
import { type ArmModel, FAIR, type TrafficModel, type Weather } from './calibrate-traffic.ts'

export const THETA = 0.001
const USUAL_ERRORS = 0.0005
const USUAL_LATENCY = lognormal(50_000, 0.6)

type Errors = number | ((nowMs: number) => number)

interface ArmOptions {
  readonly errors?: Errors
  readonly latency?: Latency
  readonly failsAfterMs?: number
  readonly pauses?: { readonly perMinute: number; readonly ms: number }
}

function arm(options: ArmOptions = {}): ArmModel {
  const { errors = USUAL_ERRORS, failsAfterMs = 0, latency = USUAL_LATENCY, pauses } = options
  const share = typeof errors === 'number' ? () => errors : errors
  const usual = { latency, failsAfterMs, errors: share }
  return pauses === undefined ? usual : { ...usual, pauses }
}

function traffic(candidate: ArmOptions, stable: ArmOptions = {}): TrafficModel {
  return { candidate: arm(candidate), stable: arm(stable) }
}

function both(options: ArmOptions, weather?: TrafficModel['weather']): TrafficModel {
  const model = traffic(options, options)
  return weather === undefined ? model : { ...model, weather }
}

/** The usual share until a time, another one from then on. */
export function from(ms: number, share: number): (nowMs: number) => number {
  return (nowMs) => (nowMs < ms ? USUAL_ERRORS : share)
}

/** Steps of 0.1, so that few different rates occur; at least 0.1. */
function rounded(load: number): number {
  return Math.max(1, Math.round(load * 10)) / 10
}

function outage(span: { fromS: number; seconds: number; share: number }) {
  return () =>
    (second: number): Weather =>
      second >= span.fromS && second < span.fromS + span.seconds
        ? { ...FAIR, errors: span.share }
        : FAIR
}

/** Some outages at random times: one in two minutes, 1 to 15 s long, 5 to 100 % of all requests. */
function outages(dice: Dice) {
  let untilS = -Infinity
  let errors = 0
  return (second: number): Weather => {
    if (second >= untilS && dice.next() < 1 / 120) {
      untilS = second + 1 + Math.floor(dice.next() * 15)
      errors = 0.05 + 0.95 * dice.next()
    }
    return second < untilS ? { ...FAIR, errors } : FAIR
  }
}

/** Errors, latency and load wander: each follows the second before with a correlation of 0.95. */
function wandering(dice: Dice) {
  const stay = 0.95
  const fresh = Math.sqrt(1 - stay * stay)
  let [errors, slowness, load] = [dice.normal(), dice.normal(), dice.normal()]
  return (): Weather => {
    errors = stay * errors + fresh * dice.normal()
    slowness = stay * slowness + fresh * dice.normal()
    load = stay * load + fresh * dice.normal()
    return {
      errors: USUAL_ERRORS * (Math.exp(1.2 * errors) - Math.exp(-3.6)),
      slowness: Math.exp(0.3 * slowness),
      load: rounded(Math.exp(0.4 * load)),
    }
  }
}

/** Over ten minutes errors grow to 1 % and latencies to twice what they were. */
function drift() {
  return (second: number): Weather => {
    const part = Math.min(1, Math.max(0, second / 600))
    return { errors: 0.01 * part, slowness: 1 + part, load: 1 }
  }
}

/** The load rises fivefold within a minute and falls again, and latencies with it. */
function ramps(dice: Dice) {
  const beginS = dice.next() * 120
  return (second: number): Weather => {
    const phase = (((second - beginS) % 120) + 120) % 120
    const height = phase < 60 ? phase / 60 : 2 - phase / 60
    return { errors: 0.002 * height, slowness: 1 + height, load: rounded(1 + 4 * height) }
  }
}

/** One second in ten brings tenfold load; a hundredth of its requests fail. */
function bursts(dice: Dice) {
  return (): Weather =>
    dice.next() < 0.1 ? { errors: 0.01, slowness: 1.5, load: 10 } : { ...FAIR, load: 0.5 }
}

/** Twice a minute, for a second, every request of both versions fails. */
function blips(dice: Dice) {
  return (): Weather => (dice.next() < 1 / 30 ? { ...FAIR, errors: 1 } : FAIR)
}

/** Some requests ask more of a version: this share of them takes two seconds. */
function twoModes(share: number): Latency {
  return bimodal(lognormal(50_000, 0.3), lognormal(2_000_000, 0.2), share)
}

/** Nothing is wrong with the candidate. */
export const HARMLESS = {
  'identical versions': both({}),
  'errors at the threshold': traffic({ errors: THETA }),
  'both at 0.5 % errors': both({ errors: 0.005 }),
  'both at 2 % errors': both({ errors: 0.02 }),
  'candidate at 0.5 %, stable at 1 %': traffic({ errors: 0.005 }, { errors: 0.01 }),
  'p99 exactly 20 % higher': traffic({ latency: slower(USUAL_LATENCY, 1.2) }),
  'both at 0.5 %, stable fails after 5 s': traffic(
    { errors: 0.005 },
    { errors: 0.005, failsAfterMs: 5000 },
  ),
  'both at 0.5 %, candidate fails after 5 s': traffic(
    { errors: 0.005, failsAfterMs: 5000 },
    { errors: 0.005 },
  ),
  'everything at its limit': traffic(
    { errors: THETA, latency: slower(USUAL_LATENCY, 1.2) },
    { errors: THETA },
  ),
  'shared outage, 30 % for 5 s': both({}, outage({ fromS: 20, seconds: 5, share: 0.3 })),
  'shared total outage for 20 s': both({}, outage({ fromS: 40, seconds: 20, share: 1 })),
  'shared outages at random': both({}, outages),
  'drift to 1 % errors and twice the latency': both({}, drift),
  'ramps of load, latency and errors': both({}, ramps),
  'AR(1) in errors, latency and load': both({}, wandering),
  'Pareto latency, shape 1.5': both({ latency: pareto(10_000, 1.5) }),
  'exponential latency': both({ latency: exponential(5000) }),
  'bimodal latency, p99 in the gap': both({ latency: twoModes(0.01) }),
  'bimodal latency, p99 in the second mode': both({ latency: twoModes(0.05) }),
  'bursts of load and errors': both({}, bursts),
  'blips: both fail for a second': both({}, blips),
  'either stands still for 0.5 s, twice a minute': both({ pauses: { perMinute: 2, ms: 500 } }),
  'only the candidate stands still for 0.5 s, twice a minute': traffic({
    pauses: { perMinute: 2, ms: 500 },
  }),
  'shared step to 1 % at 300 s': both({ errors: from(300_000, 0.01) }),
  'shared step to 5 % at 300 s, stable fails after 5 s': traffic(
    { errors: from(300_000, 0.05) },
    { errors: from(300_000, 0.05), failsAfterMs: 5000 },
  ),
  'affinity, 2 % of 1,000 tenants fail': {
    ...both({}),
    tenants: { tenants: 1000, failing: 0.02 },
  },
  'affinity, 2 % of 10,000 tenants fail': {
    ...both({}),
    tenants: { tenants: 10_000, failing: 0.02 },
  },
} as const satisfies Record<string, TrafficModel>

/** The candidate is bad. */
export const HARMFUL = {
  'errors 0.3 %': traffic({ errors: 0.003 }),
  'errors 0.5 %': traffic({ errors: 0.005 }),
  'errors 1 %': traffic({ errors: 0.01 }),
  'errors 5 %': traffic({ errors: 0.05 }),
  'errors 100 %': traffic({ errors: 1 }),
  'errors 5 % from 90 s': traffic({ errors: from(90_000, 0.05) }),
  'errors 5 % from 300 s': traffic({ errors: from(300_000, 0.05) }),
  'errors 5 % from 1,800 s': traffic({ errors: from(1_800_000, 0.05) }),
  'errors 5 % from 7,200 s': traffic({ errors: from(7_200_000, 0.05) }),
  'p99 30 % higher': traffic({ latency: slower(USUAL_LATENCY, 1.3) }),
  'p99 twice as high': traffic({ latency: slower(USUAL_LATENCY, 2) }),
  'every request hangs for 30 s': traffic({ errors: 1, failsAfterMs: 30_000 }),
} as const satisfies Record<string, TrafficModel>

/**
 * The candidate is just worse than what a raise has to exclude: 1 % or 0.3 % errors and 1.5 times
 * stable's, or three and one and a half times as many slow requests.
 */
export const UNPROVABLE = {
  'errors just over 1 % and 1.5 times stable': traffic({ errors: 0.0101 }, { errors: 0.0067 }),
  'errors just over 0.3 % and 1.5 times stable': traffic({ errors: 0.00303 }, { errors: 0.002 }),
  'three times as many slow requests': slowShares(3),
  '1.5 times as many slow requests': slowShares(1.5),
} as const satisfies Record<string, TrafficModel>

function slowShares(times: number): TrafficModel {
  // Pareto's tail looks the same everywhere: wherever t lies, the candidate is over λt so many
  // times as often as stable is over t. (The limit is rounded up, hence a little more.)
  const shape = 1.5
  const latency = pareto(10_000, shape)
  const slowness = 1.2 * (times * 1.03) ** (1 / shape)
  return traffic({ latency: slower(latency, slowness) }, { latency })
}

export const SCENARIOS: Readonly<Record<string, TrafficModel>> = {
  ...HARMLESS,
  ...HARMFUL,
  ...UNPROVABLE,
}

export type ScenarioName = keyof typeof HARMLESS | keyof typeof HARMFUL | keyof typeof UNPROVABLE
