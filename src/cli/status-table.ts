// How a service looks on a terminal: a line about the rollout, a row a version with its weight as
// a bar and its figures over the window, what the rollout waits for, and the evidence in rows and
// in sentences. Text in, text out; it knows neither the network nor the terminal.

import type { RolloutView, ServiceView, VersionView } from '../core/command.ts'
import { align, bar, type Cell, noteLines, painted, type Paper } from './status-cells.ts'
import { mirrorText } from './status-mirror.ts'
import { evidenceLine, evidenceRows, failuresText, movedText } from './status-evidence.ts'

const HEAD = ['', 'VERSION', 'WEIGHT', 'REQ/S', 'ERRORS', 'P50', 'P90', 'P99', 'OPEN', 'TARGETS']
/** Figures stand to the right, names to the left. */
const LEFT = [true, true, true, false, false, false, false, false, false, false]
/** Longer names would push the figures out of 100 columns; they are whole in the JSON. */
const NAME_COLUMNS = 12

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
  return bar(weight / 100)
}

/** A long name without its middle: versions often differ at their end. */
function shortened(name: string): string {
  if (name.length <= NAME_COLUMNS) return name
  const half = (NAME_COLUMNS - 1) / 2
  return `${name.slice(0, Math.floor(half))}…${name.slice(-Math.ceil(half))}`
}

function versionRow(role: string, view: VersionView): Cell[] {
  const { stats, targets, weight } = view
  const healthy = targets.filter((target) => target.healthy).length
  const bad = stats.errors > 0
  return [
    { text: role },
    { text: shortened(view.version), paint: 'bold' },
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

/** The one sentence about what the rollout waits for. */
function waitText({ name }: ServiceView, { paused, phase, reason, waitsFor }: RolloutView): string {
  if (waitsFor !== 'operator') return `waits: ${reason.replace(/^waits /, '')}`
  const goesOn = paused && phase !== 'manual' ? `; vertex resume ${name} goes on` : ''
  return `waits for an operator: ${reason.replace(/^waits for /, '')}${goesOn}`
}

/** What stands below the evidence. */
function notes(service: ServiceView, look: Look): Cell[] {
  const { candidate, rollout, ended, previous, quarantine } = service
  const lines: Cell[] = []
  if (rollout !== null) lines.push(...rolloutNotes(service, { rollout, look }))
  else if (ended !== null) {
    const paint = ended.ending === 'promoted' ? 'green' : 'red'
    lines.push({ text: `last rollout ${ended.id} ${ended.ending}: ${ended.reason}`, paint })
    const failed = failuresText(ended.explanation?.evidence ?? [])
    if (failed !== '') lines.push({ text: `failed: ${failed}`, paint: 'dim' })
  }
  if (candidate !== null && candidate.tries > 1) {
    const text = `try ${candidate.tries} of ${candidate.version}: each risks a false rollback anew`
    lines.push({ text, paint: 'dim' })
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

/** The sentences of the evidence; while watching only what has moved, as the rows tell the rest. */
function rolloutNotes(
  service: ServiceView,
  { look, rollout }: { look: Look; rollout: RolloutView },
): Cell[] {
  const { evidence, mirror, residualRisk } = rollout
  const failed = failuresText(evidence)
  const moved = movedText(rollout, beforeOf(look, service))
  const texts = look.watching
    ? [moved === '' ? '' : `since the last look: ${moved}`]
    : evidence.map(({ text }) => text)
  const mirrored = mirror === null ? '' : mirrorText(mirror)
  return [...texts, mirrored, residualRisk?.text ?? '', failed === '' ? '' : `failed: ${failed}`]
    .filter((text) => text !== '')
    .map((text) => ({ text, paint: 'dim' }))
}

/** What the present look is shown beside. */
export interface Look {
  readonly watching: boolean
  /** The services as they were shown last. */
  readonly before: readonly ServiceView[]
}

const FIRST_LOOK: Look = { watching: false, before: [] }

function beforeOf({ before }: Look, { name }: ServiceView): ServiceView | undefined {
  return before.find((service) => service.name === name)
}

/** One service as lines of text. */
function serviceLines(service: ServiceView, paper: Paper & { look: Look }): string[] {
  const { colour, look } = paper
  const { name, revision, stable, candidate, rollout } = service
  const state = rollout === null ? 'no rollout' : rolloutText(rollout)
  const paint = rollout === null ? 'dim' : rollout.paused ? 'yellow' : 'cyan'
  const title = painted({ text: name, paint: 'bold' }, colour)
  const rows: Cell[][] = [HEAD.map((text) => ({ text, paint: 'dim' }))]
  if (stable !== null) rows.push(versionRow('stable', stable))
  if (candidate !== null) rows.push(versionRow('candidate', candidate))
  const waits = rollout === null ? [] : noteLines({ text: waitText(service, rollout) }, paper)
  const before = beforeOf(look, service)
  return [
    `${title}  revision ${revision}  ${painted({ text: state, paint }, colour)}`,
    ...(rows.length > 1 ? align(rows, { colour, left: LEFT }) : ['  no version is resident']),
    ...waits,
    ...(rollout === null ? [] : evidenceRows(rollout, { colour, before })),
    ...notes(service, look).flatMap((cell) => noteLines(cell, paper)),
  ]
}

/** All services, an empty line between them. */
export function statusText(
  services: readonly ServiceView[],
  paper: Paper & { readonly look?: Look },
): string {
  if (services.length === 0) return 'No service is configured'
  const look = paper.look ?? FIRST_LOOK
  return services
    .map((service) => serviceLines(service, { ...paper, look }).join('\n'))
    .join('\n\n')
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

/** One line about a service and where its rollout stands, for a log that is watched. */
export function statusLine(service: ServiceView): string {
  const { candidate, ended, name, rollout, stable } = service
  if (rollout === null) {
    const last = ended === null ? '' : `; last rollout ${ended.id} ${ended.ending}: ${ended.reason}`
    return `${name}  stable ${stable?.version ?? 'none'}, no rollout${last}`
  }
  const at = candidate === null ? '' : `${candidate.version} at ${percent(candidate.weight)}, `
  const evidence = evidenceLine(rollout)
  const where = `${name}  ${at}${rolloutText(rollout)}; ${waitText(service, rollout)}`
  return evidence === '' ? where : `${where}; ${evidence}`
}
