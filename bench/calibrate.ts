// The calibration of the verdict: that its promises hold, shown by tens of thousands of simulated
// rollouts through the real engine, and published with its failures in bench/results/verdict.md,
// beside what other rules do with the same traffic.
//
//   npm run calibrate                  all of it, at most ten minutes
//   npm run calibrate -- --quick       a twentieth of the rollouts; nothing is saved
//   npm run calibrate -- --test 3      one test; nothing is saved
//   npm run calibrate -- --mutations   only that mutations of the rule turn tests red
//   npm run calibrate -- --minutes 30  more time, on a machine that is busy with other things
//
// It ends with what it has cost, and what a part of it says the whole costs.

import { parseArgs } from 'node:util'
import type { Measured } from './lab/calibrate-bars.ts'
import { type Compared, comparisonTables, RIVAL_ROWS } from './lab/calibrate-comparison.ts'
import { Costs } from './lab/calibrate-costs.ts'
import { exactMerge, identities } from './lab/calibrate-identities.ts'
import { mutationsTurnRed } from './lab/calibrate-mutations.ts'
import type { Played } from './lab/calibrate-play.ts'
import { jobsFor, workOff } from './lab/calibrate-pool.ts'
import {
  type Line,
  lineOf,
  linesOf,
  reportText,
  saveReport,
  TITLES,
  wordOf,
} from './lab/calibrate-report.ts'
import type { RivalRun } from './lab/calibrate-rivals.ts'
import { ROWS } from './lab/calibrate-rows.ts'
import type { Job } from './lab/calibrate-worker.ts'

const MINUTES = 10
const QUICK_PART = 1 / 20
/** Medians of fewer say nothing. */
const LEAST = 60
const JOB = 20

interface Order {
  readonly test: number | null
  readonly part: number
  readonly endMs: number
}

interface Seen {
  readonly rows: Map<number, Played[]>
  readonly own: Map<number, Played[]>
  readonly rivals: Map<number, RivalRun[]>
  readonly costs: Costs
}

function nothingSeen(): Seen {
  return { rows: new Map(), own: new Map(), rivals: new Map(), costs: new Costs() }
}

function countOf(count: number, part: number): number {
  return Math.min(count, Math.max(LEAST, Math.ceil(count * part)))
}

function jobsOf({ part, test }: Order): readonly Job[] {
  const rows = ROWS.flatMap((row, i) =>
    test === null || row.test === test
      ? jobsFor('rollouts', { row: i, count: countOf(row.count, part), each: JOB })
      : [],
  )
  if (test !== null) return rows
  const others = RIVAL_ROWS.flatMap((row, i) => {
    const order = { row: i, count: countOf(row.count, part), each: JOB }
    return [...jobsFor('own', order), ...jobsFor('rivals', order)]
  })
  return [...rows, ...others]
}

function add<T>(to: Map<number, T[]>, row: number, more: readonly T[]): void {
  const known = to.get(row)
  if (known === undefined) to.set(row, [...more])
  else known.push(...more)
}

/** Plays all rollouts; the text says what is missing when the time is over. */
async function play(order: Order): Promise<{ seen: Seen; missing: string }> {
  const seen = nothingSeen()
  const jobs = jobsOf(order)
  let done = 0
  let toldAtMs = performance.now()
  const tell = (): void => {
    if (performance.now() - toldAtMs < 15_000) return
    toldAtMs = performance.now()
    console.log(`  ${done} of ${jobs.length} pieces`)
  }
  const whole = await workOff(
    jobs,
    (piece) => {
      const { job, played, rivals } = piece
      done++
      seen.costs.add(piece)
      if (job.kind === 'rollouts') add(seen.rows, job.row, played)
      if (job.kind === 'own') add(seen.own, job.row, played)
      if (job.kind === 'rivals') add(seen.rivals, job.row, rivals)
      tell()
    },
    order.endMs - performance.now(),
  )
  const missing = whole ? '' : `the time was over after ${done} of ${jobs.length} pieces`
  return { seen, missing }
}

function rowLines(seen: Seen, order: Order): readonly Line[] {
  const lines = ROWS.flatMap((row, i) => {
    const played = seen.rows.get(i) ?? []
    if (played.length === 0) return []
    const wanted = countOf(row.count, order.part)
    const measured: readonly Measured[] = row.bars.map((bar) => bar(played))
    // A row that was cut off has shown nothing.
    const whole = played.length === wanted
    const told = whole ? measured : measured.map((one) => ({ ...one, pass: false }))
    return linesOf(row, told, played.length)
  })
  // Rows that joined the table later stand at its end, whatever their test.
  return lines.toSorted((one, other) => one.test - other.test)
}

function compared({ own, rivals }: Seen): readonly Compared[] {
  return RIVAL_ROWS.flatMap((row, i) => {
    const [played, others] = [own.get(i), rivals.get(i)]
    if (played === undefined || others === undefined) return []
    return [{ row, own: played, rivals: others }]
  })
}

function print(lines: readonly Line[]): void {
  let test = 0
  for (const line of lines) {
    if (line.test !== test) console.log(`${line.test}. ${TITLES[line.test] ?? ''}`)
    test = line.test
    const rate = line.rate === null ? '' : ` at ${line.rate}/s`
    const text = `${line.scenario}${rate}: ${line.what} ${line.result}, ${line.limit}`
    console.log(`${wordOf(line.pass).padEnd(9)}  ${text}`)
  }
}

function options() {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      test: { type: 'string' },
      mutations: { type: 'boolean', default: false },
      minutes: { type: 'string', default: String(MINUTES) },
    },
  })
  const test = values.test === undefined ? null : Number(values.test)
  if (test !== null && TITLES[test] === undefined) {
    console.error(`Cannot calibrate as --test must be a number from 1 to 11: ${values.test}`)
    process.exit(2)
  }
  const limitMs = Number(values.minutes) * 60_000
  if (!(limitMs > 0)) {
    console.error(`Cannot calibrate as --minutes must be a number above 0: ${values.minutes}`)
    process.exit(2)
  }
  return { test, limitMs, part: values.quick ? QUICK_PART : 1, onlyMutations: values.mutations }
}

async function main(): Promise<boolean> {
  const began = performance.now()
  const { limitMs, onlyMutations, part, test } = options()
  const order = { test, part, endMs: began + limitMs }
  const wants = (number: number): boolean => !onlyMutations && (test === null || test === number)
  const mutations = onlyMutations || wants(11) ? await mutationsTurnRed() : []
  const { seen, missing } = onlyMutations ? { seen: nothingSeen(), missing: '' } : await play(order)
  const lines: readonly Line[] = [
    ...(wants(1) ? identities().map((one) => lineOf(1, 'all', one)) : []),
    ...rowLines(seen, order),
    ...(wants(10) ? [lineOf(10, 'five scenarios', exactMerge())] : []),
    ...mutations.map(({ name, ...one }) => lineOf(11, name, one)),
  ]
  print(lines)
  const seconds = (performance.now() - began) / 1000
  const comparison = comparisonTables(compared(seen))
  if (test === null && !onlyMutations && part === 1) {
    const cpuSeconds = seen.costs.seconds
    saveReport(reportText({ lines, comparison, seconds, cpuSeconds, part, missing }))
  } else for (const line of comparison) console.log(line)
  const passed = missing === '' && lines.every(({ pass }) => pass !== false)
  for (const line of seen.costs.lines()) console.log(line)
  if (missing !== '') console.log(`FAIL  ${missing}`)
  console.log(`${passed ? 'PASS' : 'FAIL'}  calibrate in ${seconds.toFixed(0)} s`)
  return passed
}

process.exit((await main()) ? 0 : 1)
