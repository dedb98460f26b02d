// `vertex simulate`: what a strategy would have done. With a journal it replays a rollout that has
// happened, as it was or under another strategy; with a scenario it plays made-up ones. With
// `--sweep` it makes a table over a range of one setting. It asks a node only for its journal, and
// changes nothing.

import { loadConfig } from '../config/load.ts'
import { formatMistake, type Mistake } from '../config/mistake.ts'
import { defaultStrategy } from '../config/strategy.ts'
import { loadStrategy } from '../config/strategy-file.ts'
import { readSweep, type Sweep } from '../config/sweep.ts'
import type { Strategy } from '../core/strategy.ts'
import type { GlobalFlags } from './context.ts'
import { EXIT, fail, failure, type Failure, type Result, success } from './exit.ts'

export interface SimulateFlags {
  readonly journal?: string
  readonly scenario?: string
  readonly rollout?: string
  readonly service?: string
  readonly strategy?: string
  readonly sweep?: string
  readonly runs: number
  readonly seed: number
}

/** What is simulated, apart from where it comes from. */
export interface Trial {
  /** The value of the sweep; empty without one. */
  readonly label: string
  readonly strategy: Strategy
}

export interface Plan {
  readonly flags: SimulateFlags
  readonly global: GlobalFlags
  readonly sweep: Sweep | null
  /** The strategy that is asked about, given the one that holds where it says nothing. */
  readonly policy: (base: Strategy) => Result<Strategy>
  /** Whether a strategy was named at all: else a journal is replayed as it was. */
  readonly asks: boolean
}

function usage(line: string): Failure {
  return failure(EXIT.usage, line)
}

function mistaken(mistakes: readonly Mistake[]): Failure {
  return failure(EXIT.invalidConfig, mistakes.map(formatMistake).join('\n'))
}

/** The strategy of the config file for the service that is meant. */
function ofConfig(file: string, service: string | undefined): Result<Strategy> {
  const loaded = loadConfig({ file, env: process.env })
  if ('mistakes' in loaded) return mistaken(loaded.mistakes)
  const { services } = loaded.config
  const found =
    services.find(({ name }) => name === (service ?? 'default')) ??
    (service === undefined && services.length === 1 ? services[0] : undefined)
  if (found !== undefined) return success(found.strategy)
  const names = services.map(({ name }) => name).join(', ')
  const current = `current value is ${service ?? 'none'}`
  return usage(
    `Cannot take a strategy from ${file} as --service must be one of ${names}: ${current}`,
  )
}

function planOf(flags: SimulateFlags, global: GlobalFlags): Result<Plan> {
  const { journal, scenario, service, strategy: file } = flags
  if (journal !== undefined && scenario !== undefined) {
    return usage('Cannot simulate as it must be a journal or a scenario: both were named')
  }
  const sweep = flags.sweep === undefined ? null : readSweep(flags.sweep)
  if (sweep !== null && 'cannot' in sweep) return usage(sweep.cannot)
  // Without a journal's or a scenario's name the config only says where the node is.
  const config = journal === undefined && scenario === undefined ? undefined : global.config
  const policy = (base: Strategy): Result<Strategy> => {
    const before = config === undefined ? success(base) : ofConfig(config, service)
    if (!before.ok || file === undefined) return before
    const loaded = loadStrategy({ file, env: process.env }, before.value)
    return 'mistakes' in loaded ? mistaken(loaded.mistakes) : success(loaded.strategy)
  }
  const asks = file !== undefined || config !== undefined || sweep !== null
  return success({ flags, global, sweep, policy, asks })
}

/** The strategies of a plan, one a row. */
export function trialsOf({ policy, sweep }: Plan, base: Strategy): Result<readonly Trial[]> {
  const strategy = policy(base)
  if (!strategy.ok) return strategy
  if (sweep === null) return success([{ label: '', strategy: strategy.value }])
  return success(
    sweep.values.map(({ of, text }) => ({ label: text, strategy: of(strategy.value) })),
  )
}

/** Prints a failure; mistakes of a file each keep their line. */
function failed({ exit, line }: Failure): number {
  if (exit !== EXIT.invalidConfig) return fail({ ok: false, exit, line })
  process.stderr.write(`${line}\n`)
  return exit
}

export async function simulate(flags: SimulateFlags, global: GlobalFlags): Promise<number> {
  const plan = planOf(flags, global)
  if (!plan.ok) return failed(plan)
  if (flags.scenario === undefined) {
    const { simulateJournal } = await import('./simulate-journal.ts')
    const done = await simulateJournal(plan.value)
    return done.ok ? done.value : failed(done)
  }
  const { simulateScenario } = await import('./simulate-scenario.ts')
  const done = simulateScenario(plan.value, { file: flags.scenario, base: defaultStrategy() })
  return done.ok ? done.value : failed(done)
}
