// How long does a healthy candidate need from 0 to 100 %? With `observe: 0` a step ends when the
// evidence is in, so the time is that of the proofs and of the warm-ups: here at 3,000 requests a
// second, a service time of 5 ms in the mean (exponential) in both versions, warm_up 0.5 s. The
// versions take turns, so that every rollout moves all traffic from one origin to the other.
//
// What the time was spent on comes from the journal alone: each of its lines of evidence names what
// the rollout waited for at that moment.

import type { JournalEntry } from '../src/core/journal.ts'
import { sleep } from './lab/clock.ts'
import { startLoad, summarise } from './lab/load.ts'
import type { Behaviour } from './lab/origin.ts'
import { type Pair, startPair } from './lab/pair.ts'
import { bench, progress } from './lab/report.ts'
import { add, spread } from './lab/statistics.ts'
import { SETTLED_MS } from './lab/verdict-fleet.ts'

const RATE = 3000
const BEHAVIOUR: Behaviour = { latency: { kind: 'exponential', floorMs: 0, meanMs: 5 } }
const STEPS = [5, 25, 100].map((weight) => ({ weight, observeMs: 0 }))
const MEDIAN_MAX_SECONDS = 15

/** The journal's lines about the last rollout, from its beginning to weight 100. */
function linesOf(pair: Pair, version: string): readonly JournalEntry[] {
  const lines = pair.vertex.journal()
  const from = lines.findLastIndex(
    ({ kind, text }) => kind === 'rollout' && text.includes(` of ${version} `),
  )
  const to = lines.findIndex(
    ({ kind, weight }, at) => at > from && kind === 'raise' && weight === 100,
  )
  if (from === -1 || to === -1) throw new Error(`the journal tells of no rollout of ${version}`)
  return lines.slice(from, to + 1)
}

/** What a line says the rollout waited for until then; null when it says nothing of it. */
function waitedFor({ evidence }: JournalEntry): string | null {
  const { waits } = (evidence ?? {}) as { waits?: unknown }
  return typeof waits === 'string' ? waits : null
}

/** Seconds by what they were spent on: `5 %: warming`, from one line to the next that says so. */
function spentOn(lines: readonly JournalEntry[]): Map<string, number> {
  const spent = new Map<string, number>()
  let sinceMs = Date.parse(lines[0]?.at ?? '')
  let weight = 0
  let rest = 0
  for (const line of lines.slice(1)) {
    const atMs = Date.parse(line.at)
    rest += (atMs - sinceMs) / 1000
    sinceMs = atMs
    const word = waitedFor(line)
    if (word === null && line.kind !== 'raise') continue
    const what = `${weight} %: ${word ?? 'the raise'}`
    spent.set(what, (spent.get(what) ?? 0) + rest)
    rest = 0
    if (line.kind === 'raise') weight = line.weight ?? weight
  }
  return spent
}

await bench(
  'rollout-speed',
  { title: 'a healthy candidate from 0 to 100 % at 3,000 req/s', runs: 20, limitMs: 1_500_000 },
  async (runs) => {
    const pair = await startPair({
      steps: STEPS,
      warmUpMs: 500,
      bakeMs: 0,
      behaviour: BEHAVIOUR,
      record: false,
    })
    const load = await startLoad({ port: pair.vertex.port, rate: RATE, connections: 256 })
    await sleep(SETTLED_MS)
    const seconds: number[] = []
    const series: Record<string, number[]> = { 'from 0 to 100 %, s': seconds }
    const notPromoted: string[] = []
    for (let run = 1; run <= runs; run++) {
      const version = `speed${run}`
      await pair.vertex.deploy(version, [run % 2 === 1 ? pair.candidate.url : pair.stable.url])
      const view = await pair.vertex.ended(version, 120_000)
      if (view.ended?.ending !== 'promoted') {
        notPromoted.push(`${version}: ${view.ended?.reason}`)
        progress(`run ${run}: ${view.ended?.ending}`)
        continue
      }
      const lines = linesOf(pair, version)
      const took = (Date.parse(lines.at(-1)?.at ?? '') - Date.parse(lines[0]?.at ?? '')) / 1000
      seconds.push(took)
      const spent = [...spentOn(lines)]
      for (const [what, some] of spent) add(series, what, some)
      const texts = spent.map(([what, some]) => `${what} ${some.toFixed(2)}`)
      progress(`run ${run}: ${took.toFixed(2)} s: ${texts.join(', ')}`)
    }
    const summary = summarise(await load.stop())
    await pair.end()
    const { median } = spread(seconds)
    return {
      series,
      notes: [
        `${summary.requests} requests, ${summary.perSecond.toFixed(0)} a second, p50 ` +
          `${summary.p50Ms.toFixed(1)} ms, p99 ${summary.p99Ms.toFixed(1)} ms`,
        ...notPromoted,
      ],
      checks: [
        {
          what: `from 0 to 100 % in a median of at most ${MEDIAN_MAX_SECONDS} s`,
          value: `${median.toFixed(2)} s`,
          pass: median <= MEDIAN_MAX_SECONDS,
        },
        {
          what: 'none was rolled back',
          value: `${notPromoted.length} of ${runs}`,
          pass: notPromoted.length === 0,
        },
        { what: 'no request failed', value: String(summary.failed), pass: summary.failed === 0 },
      ],
    }
  },
)
