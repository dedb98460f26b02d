// How a service looks on a terminal: a line about the rollout, a row a version with its weight as
// a bar and its figures over the window, and the sentences of the evidence. Text in, text out; it
// knows neither the network nor the terminal.

import { styleText } from 'node:util'
import type { RolloutView, ServiceView, VersionView } from '../core/command.ts'

type Paint = Parameters<typeof styleText>[0]

const BAR_CELLS = 20
const HEAD = ['', 'VERSION', 'WEIGHT', 'REQ/S', 'ERRORS', 'P50', 'P90', 'P99', 'OPEN', 'TARGETS']
/** Figures stand to the right, names to the left. */
const LEFT = [true, true, true, false, false, false, false, false, false, false]

interface Cell {
  readonly text: string
  readonly paint?: Paint
}

function painted({ text, paint }: Cell, colour: boolean): string {
  return colour && paint !== undefined ? styleText(paint, text, { validateStream: false }) : text
}

/** At most two decimals, without zeros at the end. */
function percent(value: number): string {
  return `${Number(value.toFixed(2))} %`
}

function milliseconds(value: number | null): string {
  if (value === null) return '–'
  if (value >= 10_000) return `${(value / 1000).toFixed(1)} s`
  return `${value >= 100 ? value.toFixed(0) : value.toFixed(1)} ms`
}

/** A weight above 0 shows at least one cell, one below 100 % leaves at least one open. */
export function weightBar(weight: number): string {
  const cells = Math.round((weight / 100) * BAR_CELLS)
  const full =
    weight <= 0 ? 0 : weight >= 100 ? BAR_CELLS : Math.min(BAR_CELLS - 1, Math.max(1, cells))
  return '█'.repeat(full) + '░'.repeat(BAR_CELLS - full)
}

function versionRow(role: string, view: VersionView): Cell[] {
  const { stats, targets, weight } = view
  const healthy = targets.filter((target) => target.healthy).length
  const bad = stats.errors > 0
  return [
    { text: role },
    { text: view.version, paint: 'bold' },
    {
      text: `${weightBar(weight)} ${percent(weight)}`,
      paint: role === 'stable' ? 'green' : 'cyan',
    },
    { text: stats.rate.toFixed(stats.rate < 100 ? 1 : 0) },
    { text: percent(stats.errorRate * 100), ...(bad ? { paint: 'red' as const } : {}) },
    { text: milliseconds(stats.p50) },
    { text: milliseconds(stats.p90) },
    { text: milliseconds(stats.p99) },
    { text: String(stats.inFlight) },
    {
      text: `${healthy}/${targets.length}`,
      ...(healthy < targets.length ? { paint: 'red' as const } : {}),
    },
  ]
}

function rolloutText({ phase, step, steps, paused }: RolloutView): string {
  const plan = steps.map(({ weight }) => Number(weight.toFixed(2))).join(' → ')
  const where = steps.length === 0 || phase === 'manual' ? '' : `, step ${step} of ${steps.length}`
  const path = where === '' ? '' : ` (${plan} %)`
  return `${phase}${where}${path}${paused ? ', paused' : ''}`
}

/** Breaks a sentence at spaces; later lines are indented. */
function wrap(text: string, width: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`
    if (longer.length > width && line.trim() !== '') {
      lines.push(line)
      line = `  ${word}`
    } else line = longer
  }
  return [...lines, line]
}

/** What stands below the rows of a service. */
function notes(service: ServiceView): Cell[] {
  const { rollout, ended, previous, quarantine } = service
  const lines: Cell[] = []
  if (rollout !== null) {
    lines.push({ text: rollout.reason })
    for (const one of rollout.evidence) lines.push({ text: one.text, paint: 'dim' })
  } else if (ended !== null) {
    const paint = ended.ending === 'promoted' ? 'green' : 'red'
    lines.push({ text: `last rollout ${ended.id} ${ended.ending}: ${ended.reason}`, paint })
  }
  if (previous !== null) {
    const state = previous.healthy ? 'healthy' : 'not healthy'
    const text = `previous ${previous.version}, ${state}, kept until ${previous.retainedUntil}`
    lines.push({ text, paint: 'dim' })
  }
  for (const [version, { reason, at }] of Object.entries(quarantine)) {
    lines.push({ text: `quarantined ${version} since ${at}: ${reason}`, paint: 'yellow' })
  }
  return lines
}

function align(rows: readonly (readonly Cell[])[], colour: boolean): string[] {
  const widths = HEAD.map((_, column) => {
    return Math.max(...rows.map((row) => row[column]?.text.length ?? 0))
  })
  return rows.map((row) => {
    const cells = row.map((cell, column) => {
      const space = ' '.repeat((widths[column] ?? 0) - cell.text.length)
      const text = painted(cell, colour)
      return LEFT[column] === true ? text + space : space + text
    })
    return `  ${cells.join('  ')}`.trimEnd()
  })
}

export interface Paper {
  readonly colour: boolean
  /** Columns at which sentences are broken; null where lines may be long. */
  readonly width: number | null
}

function noteLines({ text, paint }: Cell, { colour, width }: Paper): string[] {
  const lines = width === null ? [text] : wrap(text, Math.max(40, width - 2))
  const cells = lines.map((line) => (paint === undefined ? { text: line } : { text: line, paint }))
  return cells.map((cell) => `  ${painted(cell, colour)}`)
}

/** One service as lines of text. */
function serviceLines(service: ServiceView, paper: Paper): string[] {
  const { colour } = paper
  const { name, revision, stable, candidate, rollout } = service
  const state = rollout === null ? 'no rollout' : rolloutText(rollout)
  const paint = rollout === null ? 'dim' : rollout.paused ? 'yellow' : 'cyan'
  const title = painted({ text: name, paint: 'bold' }, colour)
  const rows: Cell[][] = [HEAD.map((text) => ({ text, paint: 'dim' }))]
  if (stable !== null) rows.push(versionRow('stable', stable))
  if (candidate !== null) rows.push(versionRow('candidate', candidate))
  return [
    `${title}  revision ${revision}  ${painted({ text: state, paint }, colour)}`,
    ...(rows.length > 1 ? align(rows, colour) : ['  no version is resident']),
    ...notes(service).flatMap((cell) => noteLines(cell, paper)),
  ]
}

/** All services, an empty line between them. */
export function statusText(services: readonly ServiceView[], paper: Paper): string {
  if (services.length === 0) return 'No service is configured'
  return services.map((service) => serviceLines(service, paper).join('\n')).join('\n\n')
}

/** One line about a service, for the end of a verb. */
export function summaryLine({ name, stable, candidate, rollout }: ServiceView): string {
  const parts = [
    stable === null ? 'no stable' : `stable ${stable.version} at ${percent(stable.weight)}`,
    ...(candidate === null
      ? []
      : [`candidate ${candidate.version} at ${percent(candidate.weight)}`]),
    rollout === null ? 'no rollout' : `${rolloutText(rollout)}: ${rollout.reason}`,
  ]
  return `${name}: ${parts.join(', ')}`
}
