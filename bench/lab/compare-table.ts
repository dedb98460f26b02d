// The tables of the comparison in Markdown: one over all scenarios with the ratios that bars are
// about, then one a scenario with all figures and the command that gives them.

import { DIRECT, type Figures } from './compare-measure.ts'
import type { ScenarioResult } from './compare-results.ts'
import type { Spread } from './statistics.ts'

const MIB = 2 ** 20

const digits = (value: number): string => {
  if (!Number.isFinite(value)) return '-'
  if (value >= 1000) return Math.round(value).toLocaleString('en-GB')
  return value >= 100 ? value.toFixed(0) : value.toFixed(value >= 10 ? 1 : 2)
}

/** Median (min to max). */
function range(spread: Spread | undefined): string {
  if (spread === undefined || spread.n === 0 || spread.median === null) return '-'
  return `${digits(spread.median)} (${digits(spread.min)} to ${digits(spread.max)})`
}

const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [row(head), row(head.map(() => '---')), ...rows.map(row)].join('\n')
}

function overview(results: readonly ScenarioResult[]): string {
  const to = ['nginx', 'haproxy', 'caddy', '@fastify/reply-from', 'httpxy', 'http-proxy']
  const rows = results.map((result) => [
    result.title,
    digits(result.peers.vertex?.us.median ?? Number.NaN),
    ...to.map((name) => range(result.ratios[`vertex / ${name}`])),
    range(result.ratios['haproxy / nginx']),
    String(result.rounds),
  ])
  const head = ['scenario', 'Vertex, µs', ...to.map((name) => `/ ${name}`)]
  return table([...head, 'HAProxy / nginx', 'rounds'], rows)
}

function figureRow(name: string, figures: Figures, isOld: boolean): string[] {
  const { us, kernelUs, perSecond, bytesPerSecond, busy, rssMiB, halfRate, p50Ms, p99Ms, p999Ms } =
    figures
  const direct = name === DIRECT
  const median = (spread: Spread | undefined): string =>
    direct || spread === undefined ? '-' : digits(spread.median)
  return [
    name,
    direct ? '-' : range(us),
    median(kernelUs),
    median(perSecond),
    direct ? '-' : digits(bytesPerSecond.median / MIB),
    direct ? '-' : `${Math.round(busy.median * 100)} %`,
    median(rssMiB),
    digits(halfRate),
    ...(isOld ? ['-', '-', '-'] : [digits(p50Ms.median), range(p99Ms), digits(p999Ms.median)]),
  ]
}

function details(result: ScenarioResult): string {
  const { title, command, at, rounds, latencyRounds, load, machine, peers } = result
  const head = [
    'proxy',
    'µs CPU a request',
    'of it in the kernel',
    'requests/s',
    'MiB/s',
    'core used',
    'MiB resident',
    'half load, requests/s',
    'p50, ms',
    'p99, ms',
    'p99.9, ms',
  ]
  // Before the kernel's part was measured, the latencies were mostly those of the instruments.
  const isOld = Object.values(peers).every(({ kernelUs }) => kernelUs === undefined)
  const rows = Object.entries(peers).map(([name, figures]) => figureRow(name, figures, isOld))
  const how =
    `\`${command}\` · ${at.slice(0, 10)} · Node ${machine.node.slice(1)}, ${machine.cpu} · ` +
    `${load}, ${rounds} rounds, ${latencyRounds} at half load`
  return `#### ${title}\n\n${table(head, rows)}\n\n${how}`
}

/** All of it, for the README. */
export function tables(results: readonly ScenarioResult[]): string {
  return [overview(results), ...results.map(details)].join('\n\n')
}
