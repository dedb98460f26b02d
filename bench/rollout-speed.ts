// How long does a healthy candidate need from 0 to 100 %? With `observe: 0` a step ends when the
// evidence is in, so the time is that of the proofs and of the warm-ups: here at 3,000 requests a
// second, a service time of 5 ms in the mean (exponential) in both versions, warm_up 0.5 s. After
// each promotion the old stable is made stable again. Both versions run in one process, so that
// what else the machine does meets both alike.
//
// What the time was spent on comes from the journal alone: each of its lines of evidence names what
// the rollout waited for at that moment.

import type { JournalEntry } from '../src/core/journal.ts'
import type { Behaviour } from './lab/origin.ts'
import { bench, progress } from './lab/report.ts'
import { add, spread } from './lab/statistics.ts'
import { Fleet, SETTLED_MS } from './lab/verdict-fleet.ts'

const RATE = 3000
const BEHAVIOUR: Behaviour = { latency: { kind: 'exponential', floorMs: 0, meanMs: 5 } }
const STEPS = [5, 25, 100].map((weight) => ({ weight, observeMs: 0 }))
const MEDIAN_MAX_SECONDS = 15

/** What a line says the rollout waited for until then; null when it says nothing of it. */
function waitedFor({ evidence }: JournalEntry): string | null {
  const { waits } = (evidence ?? {}) as { waits?: unknown }
  return typeof waits === 'string' ? waits : null
}

/**
 * Seconds by what they were spent on, such as `5 %: warming`: the time from one line that says so
 * to the next belongs to the later one.
 */
function spentOn(lines: readonly JournalEntry[]): Map<string, number> {
  const spent = new Map<string, number>()
  let sinceMs = Date.parse(lines[0]?.at ?? '')
  let weight = 0
  for (const line of lines) {
    const isRaise = line.kind === 'raise'
    const word = waitedFor(line) ?? (isRaise && weight === 0 ? 'resident' : null)
    if (word === null && !isRaise) continue
    const atMs = Date.parse(line.at)
    const what = `${weight} %: ${word ?? 'the raise itself'}`
    spent.set(what, (spent.get(what) ?? 0) + (atMs - sinceMs) / 1000)
    sinceMs = atMs
    if (isRaise) weight = line.weight ?? weight
  }
  return spent
}

interface Course {
  readonly seconds: number
  readonly spent: ReadonlyMap<string, number>
}

/** One rollout from its first line in the journal to its raise to 100 %; else why it has none. */
async function rollOut(fleet: Fleet, version: string): Promise<Course | string> {
  await fleet.deploy(version)
  const [outcome] = await fleet.outcomes(120_000)
  if (outcome?.ending !== 'promoted') {
    await fleet.vertex.ask('POST', '/v1/services/s0/rollout/abort')
    const why = outcome?.view.ended?.reason ?? outcome?.view.rollout?.reason
    return `${version}: ${outcome?.ending ?? 'goes on'}: ${why}`
  }
  fleet.readJournal()
  const entries = fleet.entries('s0', version)
  const full = entries.findIndex(({ kind, weight }) => kind === 'raise' && weight === 100)
  const lines = entries.slice(0, full + 1)
  await fleet.change('rollback')
  const seconds = (Date.parse(lines.at(-1)?.at ?? '') - Date.parse(lines[0]?.at ?? '')) / 1000
  return { seconds, spent: spentOn(lines) }
}

await bench(
  'rollout-speed',
  { title: 'a healthy candidate from 0 to 100 % at 3,000 req/s', runs: 20, limitMs: 1_500_000 },
  async (runs) => {
    const fleet = await Fleet.start({
      services: 1,
      rate: RATE,
      connections: 256,
      behaviour: BEHAVIOUR,
      strategy: { steps: STEPS, warmUpMs: 500, bakeMs: 0 },
      aloneMs: SETTLED_MS,
    })
    const seconds: number[] = []
    const series: Record<string, number[]> = { 'from 0 to 100 %, s': seconds }
    const not: string[] = []
    for (let run = 1; run <= runs; run++) {
      const course = await rollOut(fleet, `speed${run}`)
      if (typeof course === 'string') {
        not.push(course)
        progress(`run ${run}: ${course}`)
        continue
      }
      seconds.push(course.seconds)
      const spent = [...course.spent].filter(([, some]) => some >= 0.005)
      for (const [what, some] of spent) add(series, `${what}, s`, some)
      const texts = spent.map(([what, some]) => `${what} ${some.toFixed(2)}`)
      progress(`run ${run}: ${course.seconds.toFixed(2)} s: ${texts.join(', ')}`)
    }
    const summary = await fleet.end()
    const { median } = spread(seconds)
    return {
      series,
      notes: [
        `${summary.requests} requests, ${summary.perSecond.toFixed(0)} a second, p50 ` +
          `${summary.p50Ms.toFixed(1)} ms, p99 ${summary.p99Ms.toFixed(1)} ms`,
        ...not,
      ],
      checks: [
        {
          what: `from 0 to 100 % in a median of at most ${MEDIAN_MAX_SECONDS} s`,
          value: `${median.toFixed(2)} s`,
          pass: median <= MEDIAN_MAX_SECONDS,
        },
        {
          what: 'all got there',
          value: `${seconds.length} of ${runs}`,
          pass: not.length === 0,
        },
        { what: 'no request failed', value: String(summary.failed), pass: summary.failed === 0 },
      ],
    }
  },
)
