// Vertex beside the proxies that one would take instead, in one run: http-proxy, httpxy and
// @fastify/reply-from on the same Node, and nginx, HAProxy and Caddy where they are installed. Each
// has one thread on one core, load and app servers have the other. See lab/compare-scenarios.ts for
// what is compared and lab/compare-measure.ts for how.
//
//   npm run bench                                    all scenarios; about an hour
//   npm run bench -- --scenario small-get            one; may be given several times
//   npm run bench -- --rounds 40                     more slices of a second; 20 by default
//   npm run bench -- --latency-rounds 15             more slices at half load; 7 by default
//   npm run bench -- --quick                         3 rounds: shows that it runs
//
// The figures go to results/compare.json, a scenario at a time, so that one can be repeated alone;
// then the table of README.md and the chart are made anew (compare-table.ts).

import { execFileSync } from 'node:child_process'
import { parseArgs } from 'node:util'
import { checksOf } from './lab/compare-bars.ts'
import { type Measured, measureScenario, type Plan } from './lab/compare-measure.ts'
import { readComparison, type ScenarioResult, storeScenario } from './lab/compare-results.ts'
import { SCENARIOS, type Scenario } from './lab/compare-scenarios.ts'
import { joinLoadCore } from './lab/cpu-round.ts'
import { machine, printSeries, progress } from './lab/report.ts'

const QUICK: Plan = { rounds: 3, latencyRounds: 1, warmUpSeconds: 2 }
const USUAL: Plan = { rounds: 20, latencyRounds: 7, warmUpSeconds: 3 }

interface Wanted {
  readonly scenarios: readonly Scenario[]
  readonly plan: Plan
}

function readArguments(): Wanted {
  const { values } = parseArgs({
    options: {
      scenario: { type: 'string', multiple: true },
      rounds: { type: 'string' },
      'latency-rounds': { type: 'string' },
      quick: { type: 'boolean', default: false },
    },
  })
  const known = SCENARIOS.map(({ name }) => name)
  const names = values.scenario ?? known
  const strange = names.find((name) => !known.includes(name))
  if (strange !== undefined) {
    console.error(
      `Cannot compare as there is no such scenario: ${strange}; there are ${known.join(', ')}`,
    )
    process.exit(2)
  }
  const scenarios = SCENARIOS.filter(({ name }) => names.includes(name))
  const usual = values.quick ? QUICK : USUAL
  const rounds = readCount('rounds', values.rounds ?? String(usual.rounds))
  const given = values['latency-rounds'] ?? String(usual.latencyRounds)
  const latencyRounds = readCount('latency-rounds', given)
  return { scenarios, plan: { ...usual, rounds, latencyRounds } }
}

function readCount(name: string, text: string): number {
  const count = Number(text)
  if (Number.isInteger(count) && count > 0) return count
  console.error(`Cannot compare as --${name} must be a whole number from 1: ${text}`)
  process.exit(2)
}

function print(measured: Measured): void {
  const { peers, ratios } = measured
  const series: Record<string, number[]> = {}
  for (const [name, figures] of Object.entries(peers)) {
    const { us, perSecond, p99Ms, rssMiB } = figures
    if (us.n > 0) series[`${name}: µs CPU a request`] = [us.min, us.median, us.max]
    if (us.n > 0) series[`${name}: requests/s`] = [perSecond.min, perSecond.median, perSecond.max]
    if (us.n > 0) series[`${name}: resident MiB`] = [rssMiB.min, rssMiB.median, rssMiB.max]
    series[`${name}: p99 at half load, ms`] = [p99Ms.min, p99Ms.median, p99Ms.max]
  }
  for (const [name, { min, median, max }] of Object.entries(ratios)) {
    series[`${name}, CPU`] = [min, median, max]
  }
  printSeries(series)
}

/** What repeats these figures. */
function commandOf({ name }: Scenario, { rounds, latencyRounds, warmUpSeconds }: Plan): string {
  const isQuick = warmUpSeconds === QUICK.warmUpSeconds
  const usual = isQuick ? QUICK : USUAL
  const latency = latencyRounds === usual.latencyRounds ? '' : ` --latency-rounds ${latencyRounds}`
  const quick = isQuick ? ' --quick' : ''
  return `npm run bench -- --scenario ${name} --rounds ${rounds}${latency}${quick}`
}

async function compare(scenario: Scenario, plan: Plan): Promise<boolean> {
  console.log(`${scenario.name}: ${scenario.title}`)
  const began = performance.now()
  const measured = await measureScenario(scenario, plan)
  print(measured)
  const checks = checksOf(scenario.name, measured)
  for (const { pass, what, value } of checks) {
    console.log(`${pass ? 'PASS' : 'FAIL'}  ${what}: ${value}`)
  }
  const result: ScenarioResult = {
    name: scenario.name,
    title: scenario.title,
    command: commandOf(scenario, plan),
    at: new Date().toISOString(),
    seconds: Math.round((performance.now() - began) / 1000),
    ...plan,
    machine: machine(),
    checks,
    ...measured,
  }
  storeScenario(result)
  return checks.every(({ pass }) => pass)
}

const { scenarios, plan } = readArguments()
joinLoadCore()
const missed: string[] = []
for (const scenario of scenarios) {
  const passed = await compare(scenario, plan).catch((error: unknown) => {
    console.log(`FAIL  ${scenario.name}: ${error instanceof Error ? error.stack : String(error)}`)
    return false
  })
  if (!passed) missed.push(scenario.name)
}
progress(`bench/results/compare.json holds ${readComparison().length} scenarios`)
execFileSync(process.execPath, [new URL('./compare-table.ts', import.meta.url).pathname])
console.log(missed.length === 0 ? 'PASS  compare' : `FAIL  compare: ${missed.join(', ')}`)
process.exit(missed.length === 0 ? 0 : 1)
