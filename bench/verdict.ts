// The verdict through the running proxy: a real Vertex, real app servers, real load, many services
// at a time. Each service gets 200 requests a second; at 5 % its candidate gets 10 of them. Six
// scenarios (lab/verdict-scenarios.ts), 50 rollouts each: a candidate that fails outright, one
// that hangs, a late bug, an outage that both versions share, and at 100 % a bug of the candidate
// alone and one of both. Warm-up and time-outs are the defaults.
//
// `--only NAME` plays one of the scenarios; the result file then holds only that one.

import { bench, type Check, progress } from './lab/report.ts'
import { add, spread } from './lab/statistics.ts'
import { Fleet } from './lab/verdict-fleet.ts'
import {
  batchesOf,
  clock,
  FULL_BUG,
  FULL_OUTAGE,
  HANGING,
  HEALTHY,
  LATE,
  OUTAGE,
  OUTRIGHT,
  playBatch,
  type Played,
  RESPONSE_HEAD_MS,
  type Scenario,
  SCENARIOS,
} from './lab/verdict-scenarios.ts'

const RATE = 200
const OUTRIGHT_MEDIAN = 3
const OUTRIGHT_MAX = 6
const LATE_MEDIAN = 25
const FULL_BUG_MEDIAN = 30

interface Round {
  readonly scenario: Scenario
  readonly rollouts: readonly Played[]
  /** Requests that ended with an error or without an answer, and all of them. */
  readonly failed: number
  readonly requests: number
  /** Requests that found no free connection: the machine was too busy for the load. */
  readonly unsent: number
  readonly p99Ms: number
  readonly messages: readonly string[]
}

async function play(scenario: Scenario, rollouts: number): Promise<Round> {
  const fleet = await Fleet.start({
    services: Math.min(scenario.atOnce, rollouts),
    rate: RATE,
    connections: scenario.connections,
    behaviour: HEALTHY,
    strategy: { steps: scenario.steps, bakeMs: 3_600_000, warmUpMs: scenario.warmUpMs },
    timeouts: { response_head: `${RESPONSE_HEAD_MS}ms` },
  })
  const all: Played[] = []
  for (let batch = 1; batch <= batchesOf(scenario, rollouts); batch++) {
    const passed = clock()
    const played = await playBatch(fleet, scenario, `${scenario.name}-${batch}`)
    all.push(...played)
    const ends = Object.entries(Object.groupBy(played, ({ ending }) => ending ?? 'goes on'))
    const texts = ends.map(([ending, some]) => `${some?.length} ${ending}`)
    const bad = spread(played.map((one) => one.bad))
    progress(
      `${scenario.name} ${batch}: ${texts.join(', ')} in ${passed()}; ` +
        `${bad.median} bad requests (${bad.min} to ${bad.max})`,
    )
  }
  const { failed, messages, p99Ms, requests, unsent } = await fleet.end()
  return { scenario, rollouts: all, failed: failed - unsent, requests, unsent, p99Ms, messages }
}

function rolledBack({ rollouts, scenario }: Round): Check {
  const back = rollouts.filter(({ ending }) => ending === 'rolled-back').length
  return {
    what: `${scenario.name}: all were rolled back`,
    value: `${back} of ${rollouts.length}`,
    pass: back === rollouts.length,
  }
}

function noneRolledBack({ rollouts, scenario }: Round): Check {
  const still = rollouts.filter(({ ending }) => ending === null).length
  return {
    what: `${scenario.name}: none was rolled back`,
    value: `${rollouts.length - still} of ${rollouts.length}`,
    pass: still === rollouts.length,
  }
}

function badAtMost(played: Round, most: { median: number; max?: number }): Check {
  const { max, median } = spread(played.rollouts.map(({ bad }) => bad))
  const bars = most.max === undefined ? '' : ` and at most ${most.max}`
  return {
    what: `${played.scenario.name}: a median of at most ${most.median} failures${bars}`,
    value: `median ${median}, at most ${max}`,
    pass: median <= most.median && max <= (most.max ?? Number.POSITIVE_INFINITY),
  }
}

function noClientFailed(played: Round): Check {
  return {
    what: `${played.scenario.name}: no client saw an error`,
    value: `${played.failed} of ${played.requests}`,
    pass: played.failed === 0,
  }
}

function beforeTimeOut(played: Round): Check {
  const limit = RESPONSE_HEAD_MS / 1000
  const { max, median } = spread(played.rollouts.map(({ seconds }) => seconds))
  return {
    what: `${played.scenario.name}: rolled back before its first request timed out (${limit} s)`,
    value: `median ${median.toFixed(1)} s, at most ${max.toFixed(1)} s`,
    pass: max < limit,
  }
}

function reopened(played: Round): Check {
  const some = played.rollouts.filter((one) => one.reopened).length
  return {
    what: `${played.scenario.name}: the comparison was reopened before`,
    value: `${some} of ${played.rollouts.length}`,
    pass: some === played.rollouts.length,
  }
}

const BARS: Readonly<Record<string, (played: Round) => readonly Check[]>> = {
  [OUTRIGHT.name]: (played) => [
    rolledBack(played),
    badAtMost(played, { median: OUTRIGHT_MEDIAN, max: OUTRIGHT_MAX }),
    noClientFailed(played),
  ],
  [HANGING.name]: (played) => [rolledBack(played), beforeTimeOut(played), noClientFailed(played)],
  [LATE.name]: (played) => [
    rolledBack(played),
    badAtMost(played, { median: LATE_MEDIAN }),
    noClientFailed(played),
  ],
  [OUTAGE.name]: (played) => [noneRolledBack(played)],
  [FULL_BUG.name]: (played) => [
    rolledBack(played),
    reopened(played),
    badAtMost(played, { median: FULL_BUG_MEDIAN }),
  ],
  [FULL_OUTAGE.name]: (played) => [reopened(played), noneRolledBack(played)],
}

/** `--only NAME` is taken out, as the frame of a bench knows only `--runs`. */
function chosen(): readonly Scenario[] {
  const at = process.argv.indexOf('--only')
  if (at < 0) return SCENARIOS
  const [, only] = process.argv.splice(at, 2)
  const named = SCENARIOS.filter(({ name }) => name === only)
  if (named.length > 0) return named
  const names = SCENARIOS.map(({ name }) => name).join(', ')
  throw new Error(`Cannot measure as --only must be one of ${names}: ${only}`)
}

const scenarios = chosen()

await bench(
  'verdict',
  { title: 'verdicts end to end, 50 rollouts a scenario', runs: 50, limitMs: 2_400_000 },
  async (runs) => {
    const series: Record<string, number[]> = {}
    const checks: Check[] = []
    const notes: string[] = []
    const data: Record<string, unknown> = {}
    for (const scenario of scenarios) {
      progress(scenario.title)
      const played = await play(scenario, runs)
      for (const one of played.rollouts) {
        add(series, `${scenario.name}: bad requests of the candidate`, one.bad)
        if (!Number.isNaN(one.seconds)) add(series, `${scenario.name}: to weight 0, s`, one.seconds)
      }
      checks.push(...(BARS[scenario.name]?.(played) ?? []))
      const restored = played.rollouts.filter((one) => one.restored).length
      const { failed, messages, p99Ms, requests, unsent } = played
      notes.push(
        `${scenario.name}: ${scenario.title}; ${failed} of ${requests} answers were errors, ` +
          `${unsent} not sent, p99 ${p99Ms.toFixed(1)} ms, ${restored} back at 100 %`,
      )
      const said = played.rollouts.find(({ ending }) => ending === 'rolled-back')
      data[scenario.name] = { says: said?.view.ended?.reason ?? null, messages }
    }
    return { series, checks, notes, data }
  },
)
