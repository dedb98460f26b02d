// The published results: one table a test, a line a bar, failures too, with everything that is
// needed to play a line again (its scenario, rate, seed and number of rollouts).

import { writeFileSync } from 'node:fs'
import os from 'node:os'
import type { Measured } from './calibrate-bars.ts'
import type { Row } from './calibrate-rows.ts'

export const TITLES: Readonly<Record<number, string>> = {
  1: 'Identities',
  2: 'Identical versions are not rolled back',
  3: 'The edges of what is harmless',
  4: 'Calibration of the evidence: P(E ever ≥ 1/a) ≤ a',
  5: 'Requests that depend on each other',
  6: 'Power: how soon a bad candidate is out',
  7: 'Bugs that begin late, and at 100 %',
  8: 'Promotion is proof, and comes soon',
  9: 'Little traffic is never promoted by time alone',
  10: "A fleet's counters",
  11: 'Mutations of the rule turn a test red',
}

export interface Line extends Measured {
  readonly test: number
  readonly scenario: string
  readonly rate: number | null
  readonly rollouts: number | null
  readonly seed: number | null
}

/** The lines of a row's bars. */
export function linesOf(
  row: Row,
  measured: readonly Measured[],
  rollouts: number,
): readonly Line[] {
  const scenario = row.how === '' ? row.scenario : `${row.scenario} (${row.how})`
  const { rate, seed, test } = row
  return measured.map((one) => ({ ...one, test, scenario, rate, rollouts, seed }))
}

/** A line that no rollouts of the table belong to. */
export function lineOf(test: number, scenario: string, measured: Measured): Line {
  return { ...measured, test, scenario, rate: null, rollouts: null, seed: null }
}

export function wordOf(pass: boolean | null): string {
  return pass === null ? 'published' : pass ? 'PASS' : 'FAIL'
}

function cell(value: number | null): string {
  return value === null ? '' : String(value)
}

function tableOf(test: number, lines: readonly Line[]): readonly string[] {
  const rows = lines.map((line) =>
    [
      '',
      line.scenario,
      cell(line.rate),
      cell(line.rollouts),
      cell(line.seed),
      line.what,
      line.result,
      line.limit,
      line.pass === null ? '' : wordOf(line.pass),
      '',
    ]
      .join(' | ')
      .trim(),
  )
  return [
    `## ${test}. ${TITLES[test] ?? ''}`,
    '',
    '| scenario | req/s | rollouts | seed | what | result | limit | |',
    '| --- | --- | --- | --- | --- | --- | --- | --- |',
    ...rows,
    '',
  ]
}

export interface Report {
  readonly lines: readonly Line[]
  /** Tables beside other rules; empty without. */
  readonly comparison: readonly string[]
  readonly seconds: number
  /** CPU time of the rollouts. */
  readonly cpuSeconds: number
  /** What part of the planned rollouts was played: 1 for all. */
  readonly part: number
  /** What kept the run from being whole; empty when nothing did. */
  readonly missing: string
}

/** The report as Markdown. */
export function reportText(report: Report): string {
  const { comparison, cpuSeconds, lines, missing, part, seconds } = report
  const barred = lines.filter(({ pass }) => pass !== null)
  const passed = barred.filter(({ pass }) => pass === true).length
  const tests = [...new Set(lines.map(({ test }) => test))].sort((one, other) => one - other)
  const size = part === 1 ? '' : ` Only a part of the rollouts was played (${part}).`
  return [
    '# The verdict, calibrated',
    '',
    'Written by `npm run calibrate`: the real engine on a virtual clock, ticks of 100 ms, seeds, counts',
    'and limits fixed beforehand (`bench/lab/calibrate-rows.ts`). Limits on probabilities allow three',
    'standard deviations of chance. Lines marked "published" have no limit: nothing is promised there.',
    'A row is played again by its seed: `npm run calibrate -- --test N` plays the rows of a test.',
    '',
    `${passed} of ${barred.length} bars passed, ${barred.length - passed} failed. ` +
      `${seconds.toFixed(0)} s on ${os.availableParallelism()} cores, ` +
      `${cpuSeconds.toFixed(0)} s of CPU for the rollouts, Node ${process.version}.${size}`,
    ...(missing === '' ? [] : ['', `**Not whole: ${missing}.**`]),
    '',
    ...tests.flatMap((test) =>
      tableOf(
        test,
        lines.filter((line) => line.test === test),
      ),
    ),
    ...comparison,
  ].join('\n')
}

export function saveReport(text: string): void {
  writeFileSync(new URL('../results/verdict.md', import.meta.url), text)
}
