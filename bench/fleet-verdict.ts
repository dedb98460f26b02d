// Does a fleet see a bad candidate as soon as one node that gets all the traffic? Five real nodes
// with 200 requests a second each, at 5 % weight, beside one node alone with all 1,000: how many
// requests the candidate got until it was out everywhere. It fails 5 % of them; a seed says which,
// the same for both in each pair of runs, so that what is compared is the judging and not the luck.
// Blocks of runs take turns, and only one of the two has traffic at a time.

import { monotonicMs, sleep } from './lab/clock.ts'
import { FleetLab } from './lab/fleet.ts'
import { summarise } from './lab/load.ts'
import { type Origin, startOrigin } from './lab/origin.ts'
import { bench, type Check, progress } from './lab/report.ts'
import { add, spread } from './lab/statistics.ts'

const NODES = 5
const RATE = 1000
const WEIGHT = 5
const ERROR_RATE = 0.05
const BLOCK = 10
const RATIO_MAX = 1.25
const WITHIN_MS = 60_000

interface Side {
  readonly name: 'fleet' | 'single'
  readonly lab: FleetLab
  readonly stable: Origin
  readonly candidate: Origin
}

async function startSide(name: Side['name']): Promise<Side> {
  const [stable, candidate] = await Promise.all([
    startOrigin({ version: 'v1', record: false }),
    startOrigin({ version: 'v2', record: false }),
  ])
  const steps = [WEIGHT, 100].map((weight) => ({ weight, observeMs: 3_600_000 }))
  const versions = { v1: [stable.url] }
  const config = { versions, stable: 'v1', steps, latency: false }
  const isAlone = name === 'single'
  const lab = await FleetLab.start({ nodes: isAlone ? 1 : NODES, config, alone: isAlone })
  return { name, lab, stable, candidate }
}

interface Run {
  /** Requests of the candidate, and those of them that failed. */
  readonly requests: number
  readonly failures: number
  /** From its first request until it was seen to be out. */
  readonly seconds: number
}

async function play({ candidate, lab, name }: Side, seed: number): Promise<Run> {
  const version = `v2-run${seed}`
  await candidate.behave({ errorRate: ERROR_RATE, seed })
  await candidate.reset()
  const { vertex } = lab.node(seed)
  await vertex.deploy(version, [candidate.url])
  const view = await vertex.ended(version, WITHIN_MS)
  const endedMs = monotonicMs()
  if (view.ended?.ending !== 'rolled-back') {
    throw new Error(`Cannot measure a rollback as ${version} ended ${view.ended?.ending}`)
  }
  if (name === 'fleet') await lab.settled()
  const { failures, firstMs, requests } = await candidate.counts()
  return { requests, failures, seconds: (endedMs - firstMs) / 1000 }
}

interface Block {
  readonly runs: readonly Run[]
  readonly failed: number
}

async function playBlock(side: Side, seeds: readonly number[]): Promise<Block> {
  const load = await side.lab.load(RATE, { connections: 64 / side.lab.nodes.length })
  await sleep(500)
  const runs: Run[] = []
  for (const seed of seeds) runs.push(await play(side, seed))
  const { failed, unsent } = summarise(await load.stop())
  return { runs, failed: failed - unsent }
}

function checksOf(series: Record<string, number[]>, failed: number): readonly Check[] {
  const [fleet, single] = ['fleet', 'single'].map((name) =>
    spread(series[`${name}: requests of the candidate`] ?? []),
  )
  const ratio = (fleet?.median ?? Number.NaN) / (single?.median ?? Number.NaN)
  return [
    {
      what: `the candidate got at most ${RATIO_MAX} times the requests of a single node (medians)`,
      value: `${ratio.toFixed(3)}: ${fleet?.median} beside ${single?.median}`,
      pass: ratio <= RATIO_MAX,
    },
    { what: 'no client saw an error', value: String(failed), pass: failed === 0 },
  ]
}

await bench(
  'fleet-verdict',
  {
    title: `a candidate with 5 % errors: ${NODES} nodes with 200 req/s each, one with 1,000`,
    runs: 50,
    limitMs: 360_000,
  },
  async (runs) => {
    const sides = [await startSide('fleet'), await startSide('single')]
    const series: Record<string, number[]> = {}
    let failed = 0
    for (let from = 1; from <= runs; from += BLOCK) {
      const length = Math.min(BLOCK, runs - from + 1)
      const seeds = Array.from({ length }, (_, at) => from + at)
      for (const side of sides) {
        const block = await playBlock(side, seeds)
        failed += block.failed
        for (const run of block.runs) {
          add(series, `${side.name}: requests of the candidate`, run.requests)
          add(series, `${side.name}: failures`, run.failures)
          add(series, `${side.name}: seconds`, run.seconds)
        }
        const { median } = spread(block.runs.map(({ requests }) => requests))
        progress(`${side.name}, runs ${from} to ${from + length - 1}: ${median} requests`)
      }
    }
    const byFleet = series['fleet: requests of the candidate'] ?? []
    const bySingle = series['single: requests of the candidate'] ?? []
    series['fleet / single, same seed'] = byFleet.map((n, at) => n / (bySingle[at] ?? Number.NaN))
    for (const { candidate, lab, stable } of sides) {
      await lab.end()
      await Promise.all([stable.end(), candidate.end()])
    }
    return { series, checks: checksOf(series, failed) }
  },
)
