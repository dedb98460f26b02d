// The file of the comparison's figures, bench/results/compare.json: one entry a scenario, in the
// order of the scenarios, each with the command that gives it and the machine it was measured on.

import { existsSync, readFileSync } from 'node:fs'
import type { Measured, Plan } from './compare-measure.ts'
import { SCENARIOS } from './compare-scenarios.ts'
import { type Check, type Machine, save } from './report.ts'

const FILE = new URL('../results/compare.json', import.meta.url)

export interface ScenarioResult extends Measured, Plan {
  readonly name: string
  readonly title: string
  readonly command: string
  readonly at: string
  readonly seconds: number
  readonly machine: Machine
  readonly checks: readonly Check[]
}

/** All scenarios that have been measured. */
export function readComparison(): readonly ScenarioResult[] {
  if (!existsSync(FILE)) return []
  return (JSON.parse(readFileSync(FILE, 'utf8')) as { scenarios: ScenarioResult[] }).scenarios
}

/** Puts a scenario's figures in the place of its older ones. */
export function storeScenario(result: ScenarioResult): void {
  const order = SCENARIOS.map(({ name }) => name)
  const others = readComparison().filter(({ name }) => name !== result.name)
  const scenarios = [...others, result].toSorted(
    (a, b) => order.indexOf(a.name) - order.indexOf(b.name),
  )
  save('compare', { name: 'compare', scenarios }, { digits: 5 })
}
