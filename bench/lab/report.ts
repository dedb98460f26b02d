// The frame of every measuring script: its arguments, its table, its verdict and its result file.
// A script states its bars as checks; one that is missed makes the script end with exit code 1.

import { mkdirSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import { parseArgs } from 'node:util'
import { endAll } from './children.ts'
import { type Spread, spread } from './statistics.ts'

const SERIES_SAVED_MAX = 200

export interface Check {
  /** What must hold, as a sentence. */
  readonly what: string
  /** The measured value, as text. */
  readonly value: string
  readonly pass: boolean
}

export interface Findings {
  /** Named series, one value a run. */
  readonly series: Readonly<Record<string, readonly number[]>>
  readonly checks: readonly Check[]
  /** Anything worth keeping in the result file. */
  readonly data?: unknown
  /** Lines to print below the table. */
  readonly notes?: readonly string[]
}

function number(value: number): string {
  if (!Number.isFinite(value)) return '-'
  return Math.abs(value) >= 100 ? value.toFixed(0) : value.toFixed(2)
}

/** Prints a table, a row a series, and returns what stands in it. */
export function printSeries(series: Findings['series']): Record<string, Spread> {
  const spreads: Record<string, Spread> = {}
  const wide = Math.max(...Object.keys(series).map((name) => name.length), 10)
  console.log(
    `${''.padEnd(wide)}  ${['median', 'min', 'max', 'n'].map((h) => h.padStart(10)).join('')}`,
  )
  for (const [name, values] of Object.entries(series)) {
    const s = spread(values)
    spreads[name] = s
    const cells = [number(s.median), number(s.min), number(s.max), String(s.n)]
    console.log(`${name.padEnd(wide)}  ${cells.map((cell) => cell.padStart(10)).join('')}`)
  }
  return spreads
}

/** Prints one line of progress. */
export function progress(text: string): void {
  console.log(`  ${text}`)
}

/** Writes a result file, `digits` significant digits of each number when they are given. */
export function save(
  name: string,
  content: unknown,
  options: { readonly digits?: number } = {},
): void {
  const { digits } = options
  const rounded = (_key: string, value: unknown): unknown =>
    typeof value === 'number' && digits !== undefined && !Number.isInteger(value)
      ? Number(value.toPrecision(digits))
      : value
  const folder = new URL('../results/', import.meta.url)
  mkdirSync(folder, { recursive: true })
  writeFileSync(new URL(`${name}.json`, folder), `${JSON.stringify(content, rounded, 2)}\n`)
}

export interface Machine {
  readonly node: string
  readonly cores: number
  readonly cpu: string
}

/** What figures were measured on. */
export function machine(): Machine {
  return {
    node: process.version,
    cores: os.cpus().length, // not those that this process is held to
    cpu: os.cpus()[0]?.model ?? 'unknown',
  }
}

/**
 * Runs a measurement with the number of runs from `--runs` (default `runs`), at most `limitMs`.
 * `--only NAME` asks for one of its parts, when it has names for them.
 * Ends the process: 0 when all checks passed, 1 otherwise.
 */
export async function bench(
  name: string,
  options: { title: string; runs: number; limitMs: number; names?: readonly string[] },
  measure: (runs: number, only: string | null) => Promise<Findings>,
): Promise<void> {
  const { values } = parseArgs({ options: { runs: { type: 'string' }, only: { type: 'string' } } })
  if (values.only !== undefined && !options.names?.includes(values.only)) {
    const known = options.names?.join(', ') ?? 'no parts'
    console.error(`Cannot measure as --only must name a part: ${values.only}; there are ${known}`)
    process.exit(2)
  }
  const runs = values.runs === undefined ? options.runs : Number(values.runs)
  if (!Number.isInteger(runs) || runs < 1) {
    console.error(`Cannot measure as --runs must be a whole number from 1: ${values.runs}`)
    process.exit(2)
  }
  console.log(`${name}: ${options.title}`)
  const timer = setTimeout(() => {
    console.log(`FAIL  ${name} did not end within ${options.limitMs / 1000} s`)
    process.exit(1)
  }, options.limitMs)
  const began = performance.now()
  const passed = await measure(runs, values.only ?? null).then(
    (findings) => publish(name, { findings, seconds: (performance.now() - began) / 1000, runs }),
    (error: unknown) => {
      console.log(`FAIL  ${name}: ${error instanceof Error ? error.stack : String(error)}`)
      return false
    },
  )
  clearTimeout(timer)
  await endAll()
  process.exit(passed ? 0 : 1)
}

function publish(
  name: string,
  result: { findings: Findings; seconds: number; runs: number },
): boolean {
  const { findings, seconds, runs } = result
  const spreads = printSeries(findings.series)
  for (const note of findings.notes ?? []) console.log(note)
  const pass = findings.checks.every((check) => check.pass)
  for (const check of findings.checks) {
    console.log(`${check.pass ? 'PASS' : 'FAIL'}  ${check.what}: ${check.value}`)
  }
  const { series, ...rest } = findings
  // The spread says enough about a long series.
  const short = Object.entries(series).filter(([, values]) => values.length <= SERIES_SAVED_MAX)
  save(name, {
    name,
    pass,
    at: new Date().toISOString(),
    seconds,
    runs,
    machine: machine(),
    spreads,
    ...rest,
    series: Object.fromEntries(short),
  })
  console.log(`${pass ? 'PASS' : 'FAIL'}  ${name} in ${seconds.toFixed(0)} s`)
  return pass
}
