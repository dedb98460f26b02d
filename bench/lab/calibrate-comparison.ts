// The tables in which Vertex's verdict stands beside what others do: which scenarios, at which
// rates, how often. All rules meet the same kind of traffic; each plays it with chances of its own.

import { defaultStrategy } from '../../src/config/strategy.ts'
import { median } from './calibrate-bars.ts'
import type { Played, Setup } from './calibrate-play.ts'
import { RIVALS, type Rival, type RivalRun } from './calibrate-rivals.ts'
import { HARMLESS, SCENARIOS, type ScenarioName } from './calibrate-scenarios.ts'

export interface RivalRow {
  readonly scenario: ScenarioName
  readonly rate: number
  readonly seed: number
  readonly count: number
}

const COMPARED: readonly ScenarioName[] = [
  'identical versions',
  'shared outage, 30 % for 5 s',
  'AR(1) in errors, latency and load',
  'errors 0.5 %',
  'errors 1 %',
  'errors 5 %',
  'errors 100 %',
  'errors 5 % from 90 s',
  'p99 30 % higher',
  'p99 twice as high',
]
const RATES = [20, 200, 2000]
const FIRST_SEED = 1000

export const RIVAL_ROWS: readonly RivalRow[] = COMPARED.flatMap((scenario, i) =>
  RATES.map((rate, j) => ({
    scenario,
    rate,
    seed: FIRST_SEED + RATES.length * i + j,
    count: 200,
  })),
)

/** How Vertex meets the same traffic: with what holds when nothing is said. */
export function ownSetup({ rate, scenario }: RivalRow): Setup {
  const traffic = SCENARIOS[scenario]
  if (traffic === undefined) throw new Error(`no scenario ${scenario}`)
  return { strategy: defaultStrategy(), traffic, rate, untilMs: 600_000 }
}

interface Cell {
  readonly runs: number
  readonly stops: readonly { atMs: number; requests: number; errors: number }[]
  /** Of all runs, whether rolled back or not. */
  readonly errors: readonly number[]
}

function rivalCell(runs: readonly RivalRun[], rival: Rival): Cell {
  const stops = runs.flatMap((run) => run.stops[rival] ?? [])
  const errors = runs.map((run) => run.stops[rival]?.errors ?? run.errors)
  return { runs: runs.length, stops, errors }
}

function ownCell(played: readonly Played[]): Cell {
  const stops = played.filter(({ ending }) => ending === 'rolled-back')
  return { runs: played.length, stops, errors: played.map(({ errors }) => errors) }
}

function short(value: number): string {
  if (!Number.isFinite(value)) return '–'
  return String(Number(value.toFixed(value < 10 ? 1 : 0)))
}

function shareText({ runs, stops }: Cell): string {
  return `${Number(((100 * stops.length) / runs).toFixed(1))} %`
}

function powerText(cell: Cell): string {
  const { errors, stops } = cell
  const cost = `${short(median(errors))} err`
  if (stops.length === 0) return `${shareText(cell)} · ${cost}`
  const seconds = short(median(stops.map(({ atMs }) => atMs)) / 1000)
  const requests = short(median(stops.map((stop) => stop.requests)))
  return `${shareText(cell)} · ${seconds} s · ${requests} req · ${cost}`
}

/** What the rules did in the rollouts of one row. */
export interface Compared {
  readonly row: RivalRow
  readonly own: readonly Played[]
  readonly rivals: readonly RivalRun[]
}

function line({ own, rivals, row }: Compared, tell: (cell: Cell) => string): string {
  const others = RIVALS.map((rival) => tell(rivalCell(rivals, rival)))
  return `| ${[row.scenario, row.rate, ...others, `**${tell(ownCell(own))}**`].join(' | ')} |`
}

const HEAD = [
  '| scenario | req/s | threshold | threshold, n ≥ 100 | Flagger, 5 of 10 s | Kayenta, Mann–Whitney | Vertex |',
  '| --- | --- | --- | --- | --- | --- | --- |',
]

/** The rules beside each other, as Markdown; empty when nothing was compared. */
export function comparisonTables(compared: readonly Compared[]): readonly string[] {
  if (compared.length === 0) return []
  const isHarmless = ({ row }: Compared): boolean => Object.hasOwn(HARMLESS, row.scenario)
  return [
    '## Beside other rules',
    '',
    `${compared[0]?.own.length ?? 0} rollouts a cell. The others run 5 %, 25 %, 100 % for a minute each, with the same two limits`,
    "(0.1 % errors, p99 20 % above stable's), and nobody asks them to prove anything before a raise;",
    'Vertex takes its defaults.',
    '',
    'Nothing is wrong with the candidate: the share of rollouts that were rolled back all the same.',
    '',
    ...HEAD,
    ...compared.filter(isHarmless).map((one) => line(one, shareText)),
    '',
    'The candidate is bad: the share rolled back · median time until then · median requests of the',
    'candidate until then · median errors of the candidate in all rollouts, rolled back or not.',
    '',
    ...HEAD,
    ...compared.filter((one) => !isHarmless(one)).map((one) => line(one, powerText)),
    '',
  ]
}
