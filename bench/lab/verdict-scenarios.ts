// What is done to candidates to see the verdict at work: each scenario says how the versions
// behave, for how long, and what must come of it. They are played by `playBatch` on a fleet of
// services (verdict-fleet.ts), one rollout each at a time.

import type { JournalEntry } from '../../src/core/journal.ts'
import { monotonicMs, sleep } from './clock.ts'
import type { Behaviour } from './origin.ts'
import type { LabConfig } from './vertex.ts'
import { type Fleet, type Outcome, timeOf } from './verdict-fleet.ts'

const LATENCY = { latency: { kind: 'exponential', floorMs: 1, meanMs: 4 } } as const
export const HEALTHY: Behaviour = LATENCY

export interface Scenario {
  readonly name: string
  readonly title: string
  /** Services that roll out at the same time. */
  readonly atOnce: number
  readonly connections: number
  readonly steps: NonNullable<LabConfig['steps']>
  /** The weight at which it happens, in percent; 100 is reached by hand. */
  readonly weight: 5 | 100
  readonly warmUpMs: number
  /** The candidate's behaviour from the start. */
  readonly from: Behaviour
  /** So long both versions are left alone at the weight; 0 when the candidate is bad at once. */
  readonly healthyMs: number
  /** What becomes of the versions then. */
  readonly turn: { readonly candidate: Behaviour; readonly stable: Behaviour } | null
  /** A shared fault is over after this time, and the rollouts are looked at some time later. */
  readonly heals: { readonly afterMs: number; readonly lookMs: number } | null
  /** So long a rollback may take. */
  readonly withinMs: number
}

const FIVE = [
  { weight: 5, observeMs: 3_600_000 },
  { weight: 100, observeMs: 3_600_000 },
]
const QUARTER = [
  { weight: 25, observeMs: 3_600_000 },
  { weight: 100, observeMs: 3_600_000 },
]
const NONE = {
  atOnce: 25,
  connections: 400,
  steps: FIVE,
  weight: 5,
  warmUpMs: 10_000,
  from: HEALTHY,
  healthyMs: 0,
  turn: null,
  heals: null,
  withinMs: 60_000,
} as const

const failing = (errorRate: number): Behaviour => ({ ...LATENCY, errorRate })

/** How long a request may wait for the head of its answer: Vertex' default. */
export const RESPONSE_HEAD_MS = 30_000

export const OUTRIGHT: Scenario = {
  ...NONE,
  name: 'outright',
  title: 'the candidate fails every request from the first on',
  from: failing(1),
}

/** The hanging requests of ten services: few enough for their connections. */
export const HANGING: Scenario = {
  ...NONE,
  name: 'hanging',
  title: 'the candidate answers no request',
  atOnce: 10,
  connections: 2000,
  from: { hangRate: 1 },
}

export const LATE: Scenario = {
  ...NONE,
  name: 'late',
  title: 'the candidate turns to 5 % errors after a healthy minute',
  healthyMs: 60_000,
  turn: { candidate: failing(0.05), stable: HEALTHY },
  withinMs: 240_000,
}

export const OUTAGE: Scenario = {
  ...NONE,
  name: 'outage',
  title: 'both versions fail 30 % of their requests for 20 s',
  healthyMs: 10_000,
  turn: { candidate: failing(0.3), stable: failing(0.3) },
  heals: { afterMs: 20_000, lookMs: 5000 },
}

export const FULL_BUG: Scenario = {
  ...NONE,
  name: 'full-bug',
  title: 'at 100 % the candidate turns to 5 % errors',
  steps: QUARTER,
  weight: 100,
  healthyMs: 5000,
  turn: { candidate: failing(0.05), stable: HEALTHY },
}

export const FULL_OUTAGE: Scenario = {
  ...NONE,
  name: 'full-outage',
  title: 'at 100 % both versions turn to 5 % errors for 20 s',
  steps: QUARTER,
  weight: 100,
  healthyMs: 5000,
  turn: { candidate: failing(0.05), stable: failing(0.05) },
  heals: { afterMs: 20_000, lookMs: 30_000 },
}

export const SCENARIOS: readonly Scenario[] = [
  OUTRIGHT,
  HANGING,
  LATE,
  OUTAGE,
  FULL_BUG,
  FULL_OUTAGE,
]

/** One rollout: how it ended and what that took. */
export interface Played extends Outcome {
  readonly entries: readonly JournalEntry[]
  /** From the first bad request (or the moment of the turn) to weight 0; NaN without a rollback. */
  readonly seconds: number
  /** Requests that the candidate failed, or left hanging. */
  readonly bad: number
  readonly reopened: boolean
  readonly restored: boolean
}

const AT_QUARTER_MS = 8000

async function toWeight(fleet: Fleet, scenario: Scenario): Promise<void> {
  if (scenario.weight === 5) return fleet.atWeight(5)
  await fleet.atWeight(25)
  await sleep(AT_QUARTER_MS)
  await fleet.change('rollout/promote', { full: true })
  return fleet.atWeight(100)
}

function playedOf(
  outcome: Outcome,
  seen: { entries: readonly JournalEntry[]; turnedMs: number | null },
): Played {
  const { entries, turnedMs } = seen
  const end = entries.find(({ by, kind }) => kind === 'rolled-back' && by === 'verdict')
  const sinceMs = turnedMs ?? outcome.counts.firstMs
  const moves = entries.filter(({ by, kind }) => kind === 'weight' && by === 'verdict')
  return {
    ...outcome,
    entries,
    seconds: end === undefined ? Number.NaN : (timeOf(end) - sinceMs) / 1000,
    bad: outcome.counts.failures + outcome.counts.hung,
    reopened: moves.some(({ weight }) => weight === 50),
    restored: moves.some(({ weight }) => weight === 100),
  }
}

/** Plays a scenario once in each service of the fleet. */
export async function playBatch(
  fleet: Fleet,
  scenario: Scenario,
  version: string,
): Promise<readonly Played[]> {
  const { origins, services } = fleet
  const candidates = services.flatMap(({ candidate }) => candidate)
  const stables = services.flatMap(({ stable }) => stable)
  await origins.behave(candidates, scenario.from)
  await origins.reset(candidates)
  await fleet.deploy(version)
  await toWeight(fleet, scenario)
  await sleep(scenario.healthyMs)
  let turnedMs: number | null = null
  if (scenario.turn !== null) {
    await origins.reset(candidates) // what came before the turn is not asked for
    await origins.behave(stables, scenario.turn.stable)
    turnedMs = await origins.behave(candidates, scenario.turn.candidate)
  }
  if (scenario.heals !== null) {
    await sleep(scenario.heals.afterMs)
    await origins.behave([...stables, ...candidates], HEALTHY)
  }
  const outcomes = await fleet.outcomes(scenario.heals?.lookMs ?? scenario.withinMs)
  await origins.behave([...stables, ...candidates], HEALTHY)
  await origins.letGo(candidates)
  await abortTheRest(fleet, outcomes)
  await sleep(500) // the last entries are written behind the rollbacks
  fleet.readJournal()
  return outcomes.map((outcome) => {
    const entries = fleet.entries(outcome.service.name, version)
    return playedOf(outcome, { entries, turnedMs })
  })
}

async function abortTheRest(fleet: Fleet, outcomes: readonly Outcome[]): Promise<void> {
  for (const { ending, service } of outcomes) {
    // One that ends by itself meanwhile has nothing left to abort.
    if (ending === null) {
      await fleet.vertex.ask('POST', `/v1/services/${service.name}/rollout/abort`)
    }
  }
}

/** What batches were asked for: so many services at a time until there are enough rollouts. */
export function batchesOf(scenario: Scenario, rollouts: number): number {
  return Math.ceil(rollouts / scenario.atOnce)
}

/** The time of a play, for its line of progress. */
export function clock(): () => string {
  const beganMs = monotonicMs()
  return () => `${((monotonicMs() - beganMs) / 1000).toFixed(0)} s`
}
