// The table of the calibration: every row with its scenario, rate, seed, number of rollouts and
// limits, all fixed before anything is played. The numbers in front are those of the list of what
// must be shown: 2 identical versions, 3 the edges of what is harmless, 4 calibration of the
// evidence itself, 5 dependence, 6 power, 7 late bugs, 8 promotion, 9 low traffic, 10 a fleet's
// counters. (1, the identities, and 11, the mutations, are no rows of rollouts.)

import { defaultStrategy } from '../../src/config/strategy.ts'
import type { Strategy } from '../../src/core/strategy.ts'
import {
  advances,
  type Bar,
  calibrated,
  errorsToRollback,
  falseRollbacks,
  onlyProven,
  promotedAtMost,
  reachesFull,
  requestsToRollback,
  rolledBackAtMost,
  timeToFull,
} from './calibrate-bars.ts'
import { fleetOf, type Network, WILD } from './calibrate-fleet.ts'
import type { Setup } from './calibrate-play.ts'
import { SCENARIOS, type ScenarioName } from './calibrate-scenarios.ts'

export interface Row {
  readonly test: number
  readonly scenario: ScenarioName
  /** What differs from the defaults, in words. */
  readonly how: string
  readonly rate: number
  readonly seed: number
  readonly count: number
  readonly untilS: number
  readonly bars: readonly Bar[]
  readonly strategy: Strategy
  readonly suprema?: boolean
  readonly countFromMs?: number
  readonly network?: Network
}

type Options = Partial<Omit<Row, 'test' | 'scenario' | 'bars' | 'seed'>>

const ALPHA = 0.01
const BETA = 0.05
const DEFAULT: Strategy = defaultStrategy()
const LOW_RATE = 20

let seeds = 0

function row(
  test: number,
  scenario: ScenarioName,
  bars: readonly Bar[],
  options: Options = {},
): Row {
  seeds++
  const rate = options.rate ?? 200
  const untilS = rate <= LOW_RATE ? 900 : 240
  const defaults = { how: '', rate, count: 2000, untilS, strategy: DEFAULT }
  return { ...defaults, ...options, test, scenario, bars, seed: seeds }
}

/** One long step at this weight, without a warm-up: what is measured is the test alone. */
function holding(weight: number, changes: Partial<Strategy> = {}): Strategy {
  const steps = [
    { weight, observeMs: 1e9 },
    { weight: 10_000, observeMs: 0 },
  ]
  return { ...DEFAULT, steps, warmUpMs: 0, ...changes }
}

/** A bar that no evidence reaches, so that the largest evidence can be seen. */
function neverEnding(weight: number): Strategy {
  return holding(weight, { trigger: { ...DEFAULT.trigger, alpha: 1e-9 } })
}

const LONG_BAKE: Strategy = { ...DEFAULT, bakeMs: 3_600_000 }
const SOUND = falseRollbacks(ALPHA)

const IDENTICAL: readonly Row[] = [20, 200, 2000].map((rate) =>
  row(2, 'identical versions', [rolledBackAtMost(5 / 2000)], { rate }),
)

const EDGES: readonly ScenarioName[] = [
  'errors at the threshold',
  'both at 0.5 % errors',
  'p99 exactly 20 % higher',
  'both at 0.5 %, stable fails after 5 s',
  'both at 0.5 %, candidate fails after 5 s',
  'both at 2 % errors',
  'candidate at 0.5 %, stable at 1 %',
  'everything at its limit',
]

const NULL_EDGES: readonly Row[] = EDGES.flatMap((scenario) => [
  row(3, scenario, [SOUND]),
  row(3, scenario, [SOUND], { rate: 20, count: 300 }),
  row(3, scenario, [SOUND], { rate: 2000, count: 500 }),
])

const LEVELS = [0.5, 0.2, 0.1, 0.05, 0.01]
const EVERY = { untilS: 300, strategy: neverEnding(2500), suprema: true, how: 'held at 25 %' }

const CALIBRATION: readonly Row[] = [
  row(
    4,
    'errors at the threshold',
    LEVELS.map((a) => calibrated('absolute', a)),
    EVERY,
  ),
  row(
    4,
    'both at 0.5 % errors',
    LEVELS.map((a) => calibrated('relative', a)),
    EVERY,
  ),
  row(
    4,
    'p99 exactly 20 % higher',
    LEVELS.map((a) => calibrated('tail', a)),
    EVERY,
  ),
]

const DEPENDENT: readonly ScenarioName[] = [
  'shared outage, 30 % for 5 s',
  'shared total outage for 20 s',
  'shared outages at random',
  'drift to 1 % errors and twice the latency',
  'ramps of load, latency and errors',
  'AR(1) in errors, latency and load',
  'Pareto latency, shape 1.5',
  'exponential latency',
  'bimodal latency, p99 in the gap',
  'bursts of load and errors',
  'blips: both fail for a second',
]

/** Which customers the hash gives to the candidate is one draw for all of a rollout. */
const AIM = 'published, aim ≤ 1 %'

/** Longer than the window in which a tenant testifies once. */
const AFFINE = { count: 300, untilS: 900 }

/** The coin does not decide which process stands still, so nothing is promised here. */
const PAUSING = { count: 500 }

const DEPENDENCE: readonly Row[] = [
  ...DEPENDENT.map((scenario) => row(5, scenario, [SOUND])),
  row(5, 'shared outage, 30 % for 5 s', [SOUND], { rate: 20, count: 300 }),
  row(5, 'shared outage, 30 % for 5 s', [SOUND], { rate: 2000, count: 300 }),
  row(5, 'either stands still for 0.5 s, twice a minute', [falseRollbacks(null)], PAUSING),
  row(
    5,
    'only the candidate stands still for 0.5 s, twice a minute',
    [falseRollbacks(null)],
    PAUSING,
  ),
  row(5, 'affinity, 2 % of 1,000 tenants fail', [falseRollbacks(null, AIM)], AFFINE),
  row(5, 'affinity, 2 % of 10,000 tenants fail', [falseRollbacks(null, AIM)], AFFINE),
]

const HELD_AT_5 = { strategy: holding(500), how: 'held at 5 %', count: 400, untilS: 1200 }

const POWER: readonly Row[] = [
  row(6, 'errors 0.5 %', [requestsToRollback(1.25 * 1667)], HELD_AT_5),
  row(6, 'errors 1 %', [requestsToRollback(1.25 * 500)], HELD_AT_5),
  row(6, 'errors 5 %', [requestsToRollback(1.25 * 59)], HELD_AT_5),
  row(6, 'errors 100 %', [requestsToRollback(1.25 * 3)], HELD_AT_5),
  row(6, 'p99 twice as high', [requestsToRollback(1.25 * 100)], HELD_AT_5),
  row(6, 'errors 0.5 %', [requestsToRollback(null)], { count: 400 }),
  row(6, 'errors 5 %', [requestsToRollback(null)], { count: 400 }),
  row(6, 'p99 twice as high', [requestsToRollback(null)], { count: 400 }),
  row(6, 'p99 30 % higher', [requestsToRollback(null)], { count: 400 }),
  row(6, 'every request hangs for 30 s', [requestsToRollback(null)], { count: 400 }),
]

const AT_FULL = { strategy: LONG_BAKE, how: 'at 100 %', countFromMs: 300_000, untilS: 420 }

const LATE: readonly Row[] = [
  row(7, 'errors 5 % from 90 s', [errorsToRollback(25)], { ...HELD_AT_5, countFromMs: 90_000 }),
  row(7, 'errors 5 % from 1,800 s', [errorsToRollback(25)], {
    ...HELD_AT_5,
    countFromMs: 1_800_000,
    count: 200,
    untilS: 3000,
  }),
  row(7, 'errors 5 % from 7,200 s', [errorsToRollback(25)], {
    ...HELD_AT_5,
    countFromMs: 7_200_000,
    count: 200,
    untilS: 8400,
  }),
  row(7, 'errors 5 % from 300 s', [errorsToRollback(30)], { ...AT_FULL, count: 400 }),
  row(7, 'shared step to 1 % at 300 s', [rolledBackAtMost(0.01)], { ...AT_FULL, count: 500 }),
  row(7, 'shared step to 5 % at 300 s, stable fails after 5 s', [falseRollbacks(null)], {
    ...AT_FULL,
    count: 200,
  }),
]

const PROMOTION: readonly Row[] = [
  row(8, 'errors just over 1 % and 1.5 times stable', [advances(BETA, 0.05)], { untilS: 400 }),
  row(8, 'errors just over 0.3 % and 1.5 times stable', [advances(BETA, 0.25)], {
    untilS: 400,
    how: 'from 25 %',
    strategy: { ...DEFAULT, steps: DEFAULT.steps.slice(1) },
  }),
  row(8, 'three times as many slow requests', [advances(BETA, 0.05)], { untilS: 400 }),
  row(8, '1.5 times as many slow requests', [advances(BETA, 0.25)], {
    untilS: 400,
    how: 'from 25 %',
    strategy: { ...DEFAULT, steps: DEFAULT.steps.slice(1) },
  }),
  row(8, 'identical versions', [reachesFull(0.97), timeToFull(150), onlyProven()]),
  row(8, 'identical versions', [reachesFull(null), timeToFull(null), onlyProven()], {
    rate: 2000,
    count: 300,
  }),
  row(8, 'errors 0.3 %', [promotedAtMost(0.15), reachesFull(null)], {
    rate: 20,
    count: 300,
    untilS: 2100,
  }),
]

/** No least times: the proofs alone decide how soon 100 % is reached. */
const EVIDENCE_ALONE: Strategy = {
  ...DEFAULT,
  steps: DEFAULT.steps.map(({ weight }) => ({ weight, observeMs: 0 })),
  warmUpMs: 500,
}

const FAST: readonly Row[] = [3000, 10_000, 30_000].map((rate) =>
  row(8, 'exponential latency', [reachesFull(0.97), timeToFull(15), onlyProven()], {
    rate,
    count: 200,
    untilS: 120,
    how: 'observe 0, warm_up 0.5 s',
    strategy: EVIDENCE_ALONE,
  }),
)

const LOW_TRAFFIC: readonly Row[] = [1, 2, 5, 10, 20].map((rate) =>
  row(9, 'identical versions', [onlyProven(), timeToFull(null)], {
    rate,
    count: 200,
    untilS: 3600,
  }),
)

const WILDLY = { network: WILD, how: 'wild network', count: 300 }

function wildlyCalibrated(scenario: ScenarioName, of: 'absolute' | 'relative' | 'tail'): Row {
  const bars = LEVELS.map((a) => calibrated(of, a))
  return row(10, scenario, bars, { ...EVERY, ...WILDLY, how: 'held at 25 %, wild network' })
}

const FLEET: readonly Row[] = [
  row(10, 'identical versions', [rolledBackAtMost(5 / 2000), reachesFull(0.97)], {
    ...WILDLY,
    count: 2000,
  }),
  row(10, 'errors at the threshold', [SOUND], WILDLY),
  row(10, 'both at 0.5 % errors', [SOUND], WILDLY),
  row(10, 'p99 exactly 20 % higher', [SOUND], WILDLY),
  wildlyCalibrated('both at 0.5 % errors', 'relative'),
]

// What joined the table later stands at its end, as a row's seed is its place.

const MORE_DEPENDENCE: readonly Row[] = [row(5, 'bimodal latency, p99 in the second mode', [SOUND])]

const MORE_FLEET: readonly Row[] = [
  row(10, 'both at 0.5 %, stable fails after 5 s', [SOUND], WILDLY),
  row(10, 'both at 0.5 %, candidate fails after 5 s', [SOUND], WILDLY),
  row(10, 'both at 2 % errors', [SOUND], WILDLY),
  row(10, 'candidate at 0.5 %, stable at 1 %', [SOUND], WILDLY),
  row(10, 'everything at its limit', [SOUND], WILDLY),
  wildlyCalibrated('errors at the threshold', 'absolute'),
  wildlyCalibrated('p99 exactly 20 % higher', 'tail'),
]

export const ROWS: readonly Row[] = [
  ...IDENTICAL,
  ...NULL_EDGES,
  ...CALIBRATION,
  ...DEPENDENCE,
  ...POWER,
  ...LATE,
  ...PROMOTION,
  ...FAST,
  ...LOW_TRAFFIC,
  ...FLEET,
  ...MORE_DEPENDENCE,
  ...MORE_FLEET,
]

/** How one rollout of a row is played; `index` is its number within the row. */
export function setupOf(of: Row, index: number): Setup {
  const { countFromMs, network, rate, strategy, suprema, untilS } = of
  const traffic = SCENARIOS[of.scenario]
  if (traffic === undefined) throw new Error(`no scenario ${of.scenario}`)
  return {
    strategy,
    traffic,
    rate,
    untilMs: untilS * 1000,
    ...(suprema === undefined ? {} : { suprema }),
    ...(countFromMs === undefined ? {} : { countFromMs }),
    ...(network === undefined ? {} : { carrier: fleetOf(network, seedOf(of, index) + 1) }),
  }
}

/** The seed of one rollout: a row's rollouts are replayed by its seed and their numbers. */
export function seedOf({ seed }: { readonly seed: number }, index: number): number {
  return seed * 100_003 + index
}
