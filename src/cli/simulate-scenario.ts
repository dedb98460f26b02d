// The half of `vertex simulate` that plays a described scenario many times and tells how often it
// ends in which way, and at what cost.

import { formatMistake } from '../config/mistake.ts'
import { loadScenario } from '../config/scenario.ts'
import { playScenario } from '../core/scenario/play.ts'
import type { Scenario } from '../core/scenario/scenario.ts'
import { type EndingSummary, type Figure, summarize } from '../core/scenario/summary.ts'
import type { Strategy } from '../core/strategy.ts'
import { percent, seconds } from '../core/verdict/words.ts'
import { columns } from './columns.ts'
import { EXIT, failure, type Result, success } from './exit.ts'
import { type Plan, trialsOf } from './simulate.ts'

interface ScenarioTrial {
  readonly label: string
  readonly endings: readonly EndingSummary[]
}

const LEFT = [true, true, false, false, false, false, false]

function play(
  scenario: Scenario,
  strategy: Strategy,
  of: { runs: number; seed: number },
): readonly EndingSummary[] {
  const runs = Array.from({ length: of.runs }, (_, i) =>
    playScenario(scenario, strategy, of.seed + i),
  )
  return summarize(runs)
}

/** `61 (95)`: the median and the 95th percentile. */
function figure({ median, p95 }: Figure): string {
  return `${Math.round(median)} (${Math.round(p95)})`
}

function rowsOf({ endings, label }: ScenarioTrial): readonly (readonly string[])[] {
  return endings
    .filter(({ runs }) => runs > 0)
    .map((one, i) => [
      i === 0 ? label : '',
      one.ending,
      percent(one.share),
      `${seconds(one.seconds.median * 1000)} (${seconds(one.seconds.p95 * 1000)})`,
      figure(one.candidateRequests),
      figure(one.badRequests),
      figure(one.userErrors),
    ])
}

function tableOf(trials: readonly ScenarioTrial[], key: string): string {
  const head = [key.toUpperCase(), 'ENDING', 'SHARE', 'AFTER', 'REQUESTS', 'BAD', 'REACHED USERS']
  const rows = [head, ...trials.flatMap(rowsOf)]
  // Without a sweep there is nothing to tell the rows of one trial from those of another.
  return key === ''
    ? columns(
        rows.map((row) => row.slice(1)),
        LEFT.slice(1),
      )
    : columns(rows, LEFT)
}

export function simulateScenario(plan: Plan, of: { file: string; base: Strategy }): Result<number> {
  const loaded = loadScenario({ file: of.file, env: process.env })
  if ('mistakes' in loaded) {
    return failure(EXIT.invalidConfig, loaded.mistakes.map(formatMistake).join('\n'))
  }
  const asked = trialsOf(plan, of.base)
  if (!asked.ok) return asked
  const { runs, seed } = plan.flags
  const trials = asked.value.map(({ label, strategy }) => ({
    label,
    endings: play(loaded.scenario, strategy, { runs, seed }),
  }))
  const key = plan.sweep?.key ?? ''
  if (plan.global.output === 'json') {
    const values = trials.map(({ endings, label }) => ({ value: label, endings }))
    process.stdout.write(`${JSON.stringify({ runs, seed, key, trials: values }, null, 2)}\n`)
    return success(EXIT.done)
  }
  const words = `${runs} runs from seed ${seed}; medians, and in brackets the 95th percentiles`
  process.stdout.write(`${words}\n${tableOf(trials, key)}\n`)
  return success(EXIT.done)
}
