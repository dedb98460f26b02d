// Does a healthy candidate get through? A real Vertex, real app servers, real load: 100 rollouts,
// 20 services at a time with 200 requests a second each, windows of 5 s; then 100 more of a colder
// and smaller candidate: one app server instead of three, whose first 60 requests take up to five
// times as long. All must be promoted, none rolled back. Stable is made stable again after each
// batch. Warm-up is 5 s, as long as a window.

import { bench, type Check, progress } from './lab/report.ts'
import { add, spread } from './lab/statistics.ts'
import type { Behaviour } from './lab/origin.ts'
import { type Ending, Fleet, type Outcome, SETTLED_MS } from './lab/verdict-fleet.ts'

const AT_ONCE = 20
const RATE = 200
const WINDOW_MS = 5000
const STEPS = [5, 25, 100].map((weight) => ({ weight, observeMs: WINDOW_MS }))
const WARM: Behaviour = { latency: { kind: 'exponential', floorMs: 2, meanMs: 5 } }
const WITHIN_MS = 300_000

interface Pool {
  readonly name: string
  readonly candidateTargets: number
  readonly behaviour: Behaviour
}

const POOLS: readonly Pool[] = [
  { name: 'like stable', candidateTargets: 3, behaviour: WARM },
  {
    name: 'colder and smaller',
    candidateTargets: 1,
    behaviour: { ...WARM, cold: { requests: 60, multiplier: 5 } },
  },
]

interface Rolled {
  readonly pool: Pool
  readonly endings: readonly (Ending | null)[]
  readonly seconds: readonly number[]
  readonly failed: number
  readonly said: readonly string[]
}

/** Seconds from the rollout's first line in the journal to its promotion. */
function secondsOf(fleet: Fleet, outcome: Outcome, version: string): number {
  const entries = fleet.entries(outcome.service.name, version)
  const end = entries.find(({ kind }) => kind === 'promoted')
  const [first] = entries
  if (first === undefined || end === undefined) return Number.NaN
  return (Date.parse(end.at) - Date.parse(first.at)) / 1000
}

function complaintOf({ ending, service, view }: Outcome): string {
  return `${service.name}: ${ending ?? 'goes on'}: ${view.ended?.reason ?? view.rollout?.reason}`
}

async function rollOut(pool: Pool, rollouts: number): Promise<Rolled> {
  const fleet = await Fleet.start({
    services: Math.min(AT_ONCE, rollouts),
    rate: RATE,
    connections: 400,
    stableTargets: 3,
    candidateTargets: pool.candidateTargets,
    behaviour: WARM,
    aloneMs: SETTLED_MS,
    strategy: { steps: STEPS, bakeMs: WINDOW_MS, warmUpMs: WINDOW_MS },
  })
  const candidates = fleet.services.flatMap(({ candidate }) => candidate)
  const outcomes: Outcome[] = []
  const seconds: number[] = []
  for (let batch = 1; batch <= Math.ceil(rollouts / AT_ONCE); batch++) {
    const version = `healthy-${batch}`
    await fleet.origins.behave(candidates, pool.behaviour) // cold again
    await fleet.deploy(version)
    const ended = await fleet.outcomes(WITHIN_MS)
    fleet.readJournal()
    const took = ended.map((outcome) => secondsOf(fleet, outcome, version))
    outcomes.push(...ended)
    seconds.push(...took.filter((s) => !Number.isNaN(s)))
    const through = ended.filter(({ ending }) => ending === 'promoted').length
    progress(
      `${pool.name}, batch ${batch}: ${through} of ${ended.length} promoted in a median of ` +
        `${spread(seconds).median.toFixed(0)} s`,
    )
    for (const { ending, service } of ended) {
      const verb = ending === 'promoted' ? 'rollback' : 'rollout/abort'
      // A rollout that was rolled back is where it began.
      await fleet.vertex.ask('POST', `/v1/services/${service.name}/${verb}`)
    }
  }
  const { failed } = await fleet.end()
  return {
    pool,
    seconds,
    failed,
    endings: outcomes.map(({ ending }) => ending),
    said: outcomes.filter(({ ending }) => ending !== 'promoted').map(complaintOf),
  }
}

function checksOf({ endings, failed, pool }: Rolled): readonly Check[] {
  const count = (ending: Ending): number => endings.filter((one) => one === ending).length
  return [
    {
      what: `${pool.name}: none was rolled back`,
      value: `${count('rolled-back')} of ${endings.length}`,
      pass: count('rolled-back') === 0,
    },
    {
      what: `${pool.name}: all were promoted`,
      value: `${count('promoted')} of ${endings.length}`,
      pass: count('promoted') === endings.length,
    },
    { what: `${pool.name}: no request failed`, value: String(failed), pass: failed === 0 },
  ]
}

await bench(
  'healthy',
  { title: 'rollouts of healthy candidates, 100 a pool', runs: 100, limitMs: 3_000_000 },
  async (runs) => {
    const series: Record<string, number[]> = {}
    const rolled: Rolled[] = []
    for (const pool of POOLS) {
      const one = await rollOut(pool, runs)
      for (const s of one.seconds) add(series, `${pool.name}: deploy to promoted, s`, s)
      rolled.push(one)
    }
    return {
      series,
      checks: rolled.flatMap(checksOf),
      notes: rolled.flatMap(({ said }) => said.slice(0, 5)),
    }
  },
)
