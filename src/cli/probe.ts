// `vertex probe`: runs a synthetic transaction against a version, whatever its weight, and prints
// its report: what it came to, its steps, and a spectrum of its latencies.

import type { LatencySummary, SyntheticReport } from '../core/synthetic.ts'
import { type Context, pickService, splitWords } from './context.ts'
import { EXIT, fail } from './exit.ts'
import type { ProbeFlags } from './probe-options.ts'
import { align, type Cell, noteLines, type Paint } from './status-cells.ts'

const BAR_CELLS = 30

/** Exit codes of this verb: 0 healthy, 1 not (or it could not be run). */
export async function probe(
  context: Context,
  words: readonly string[],
  flags: ProbeFlags,
): Promise<number> {
  const { service, last: version } = splitWords(words)
  const picked = service === undefined ? await pickService(context, service) : null
  if (picked !== null && !picked.ok) return fail(picked)
  const name = service ?? picked?.value.name ?? ''
  const { assert: assertions = [], duration, rate, scenario } = flags
  const body = { version, scenario, assertions, rate, duration }
  const run = await context.client.synthetic(name, body)
  if (!run.ok) return fail(run)
  const text =
    context.output === 'json' ? JSON.stringify(run.value, null, 2) : reportText(run.value, context)
  process.stdout.write(`${text}\n`)
  return run.value.result.healthy ? EXIT.done : EXIT.failed
}

/** Three digits and a unit. */
function duration(ms: number): string {
  if (ms >= 1000) return `${Number((ms / 1000).toPrecision(3))} s`
  return `${Number(ms.toPrecision(3))} ms`
}

function figure(value: number): string {
  return String(Number(value.toPrecision(4)))
}

/** The report as people read it. */
export function reportText(report: SyntheticReport, { colour }: { colour: boolean }): string {
  const { durationMs, failed, result, scenario, service, transactions, version, warmUp } = report
  const paper = { colour, width: null }
  const [word, paint]: [string, Paint] = result.healthy
    ? ['healthy', 'green']
    : ['NOT healthy', 'red']
  // Missed assertions have a table of their own, and the commonest failures stand in the sentence.
  const untold = result.failures.filter(
    (said) => !report.assertions.some(({ text }) => text === said),
  )
  const kinds = report.failures.filter(({ text }) => !untold.some((said) => said.includes(text)))
  const lines = [
    `${service} ${version}: scenario ${scenario}, ${transactions} transactions in ${duration(durationMs)}, ${failed} failed`,
    ...(warmUp === null
      ? []
      : [`${warmUp.transactions} before them to warm it up, ${warmUp.failed} failed`]),
    ...noteLines({ text: word, paint }, paper),
    ...untold.flatMap((text) => noteLines({ text, paint: 'red' }, paper)),
    '',
    ...align(stepRows(report), { colour, left: [true, false, false, false, false, false, false] }),
    '',
    ...align(assertionRows(report), { colour, left: [true, true] }),
    ...(report.assertions.length === 0 ? [] : ['']),
    ...align(spectrumRows(report), { colour, left: [false, false, false, true] }),
    ...kinds.flatMap(({ count, text }) => noteLines({ text: `${count} × ${text}` }, paper)),
  ]
  return lines.join('\n').trimEnd()
}

function latencyCells(latency: LatencySummary | null): readonly Cell[] {
  const { max, p50, p90, p99 } = latency ?? {}
  return [p50, p90, p99, max].map((ms) => ({ text: ms === undefined ? '-' : duration(ms) }))
}

function stepRows(report: SyntheticReport): readonly (readonly Cell[])[] {
  const head = ['STEP', 'REQUESTS', 'ERRORS', 'P50', 'P90', 'P99', 'MAX']
  const row = (name: string, part: Pick<SyntheticReport, 'requests' | 'errors' | 'latency'>) => [
    { text: name },
    { text: String(part.requests) },
    part.errors > 0 ? { text: String(part.errors), paint: 'red' as const } : { text: '0' },
    ...latencyCells(part.latency),
  ]
  const steps = report.steps.map((step) => row(step.name, step))
  const all = `all, ${figure(report.throughput)} a second`
  return [head.map((text) => ({ text, paint: 'dim' as const })), ...steps, row(all, report)]
}

function assertionRows({ assertions }: SyntheticReport): readonly (readonly Cell[])[] {
  return assertions.map(({ passed, text }) => [
    passed ? { text: 'holds', paint: 'green' as const } : { text: 'FAILS', paint: 'red' as const },
    { text },
  ])
}

/** One row a cut: the latency below which so many percent of the requests lie, as a bar. */
function spectrumRows({ spectrum }: SyntheticReport): readonly (readonly Cell[])[] {
  const { count: total, ms: longest } = spectrum.at(-1) ?? { count: 0, ms: 0 }
  if (total === 0) return []
  const head = ['SHARE', 'LATENCY', 'REQUESTS', ''].map((text) => ({ text, paint: 'dim' as const }))
  const rows = spectrum.map(({ count, ms }) => {
    const cells = Math.max(1, Math.round((ms / longest) * BAR_CELLS))
    const share = `${Number(((count / total) * 100).toFixed(3))} %`
    return [share, duration(ms), String(count), '█'.repeat(cells)].map((text) => ({ text }))
  })
  return [head, ...rows]
}
