// How fast does an outright failure end? A candidate at 5 % of 1,000 GET requests a second turns to
// 100 % errors. Measured from the failure that completes the evidence (its number stands in the
// journal's entry, its time is known at the origin) to weight 0 in force (the entry's time, on the
// same clock). No client may see an error, and on-call gets one page.

import { monotonicOfWall, sleep } from './lab/clock.ts'
import { startLoad, summarise } from './lab/load.ts'
import type { OriginReport } from './lab/origin.ts'
import { type BadRun, startPair, turnBad } from './lab/pair.ts'
import { bench, progress } from './lab/report.ts'
import { spread } from './lab/statistics.ts'

const WEIGHT = 5
const RATE = 1000
const FEWEST = 3 // evidence never completes earlier; used when the entry has no count

/** The number of candidate errors in the evidence of a rollback (explain.ts), or null. */
function errorsOf(evidence: unknown): number | null {
  const { figures } = evidence as { figures?: { candidate?: { errors?: number } } }
  return figures?.candidate?.errors ?? null
}

interface Measured {
  readonly failures: number
  readonly fromLastMs: number
  readonly fromFirstMs: number
  /** Requests sent after the weight was 0 that reached the candidate nevertheless. */
  readonly late: number
}

function measure(run: BadRun, report: OriginReport): Measured {
  const zeroMs = monotonicOfWall(Date.parse(run.entry.at))
  const failedMs = report.answeredMs.filter((_, at) => report.failed[at] === 1)
  const needed = Math.min(errorsOf(run.entry.evidence) ?? FEWEST, failedMs.length)
  // The journal's time has whole milliseconds, cut off: half a millisecond is its mean error.
  const zero = zeroMs + 0.5
  return {
    failures: failedMs.length,
    fromLastMs: zero - (failedMs[needed - 1] ?? Number.NaN),
    fromFirstMs: zero - (failedMs[0] ?? Number.NaN),
    late: report.sentMs.filter((ms) => ms > zeroMs + 1).length,
  }
}

await bench(
  'rollback',
  { title: 'a candidate turns to 100 % errors at 5 % of 1,000 req/s', runs: 20, limitMs: 300_000 },
  async (runs) => {
    const pair = await startPair({ latency: false })
    const load = await startLoad({ port: pair.vertex.port, rate: RATE, connections: 64 })
    const all: Measured[] = []
    for (let run = 1; run <= runs; run++) {
      const bad = await turnBad(pair, `v2-run${run}`, {
        weight: WEIGHT,
        healthyMs: 1500,
        behaviour: { errorRate: 1 },
        withinMs: 15_000,
      })
      await sleep(200) // what was in flight arrives
      const measured = measure(bad, await pair.candidate.report())
      all.push(measured)
      await pair.candidate.behave({})
      progress(
        `run ${run}: ${measured.failures} failures, ${measured.fromLastMs.toFixed(1)} ms ` +
          `from the completing one, ${measured.fromFirstMs.toFixed(0)} ms from the first`,
      )
    }
    await sleep(1000) // the last page is delivered beside the rollback
    const summary = summarise(await load.stop())
    const pages = pair.webhook.pages.map((page) => page.body)
    await pair.end()
    const took = spread(all.map((one) => one.fromLastMs))
    const failures = spread(all.map((one) => one.failures))
    const late = all.reduce((sum, one) => sum + one.late, 0)
    const withEvidence = pages.filter((page) => page.includes('evidence')).length
    return {
      series: {
        'completing failure to weight 0, ms': all.map((one) => one.fromLastMs),
        'first failure to weight 0, ms': all.map((one) => one.fromFirstMs),
        failures: all.map((one) => one.failures),
      },
      notes: [`a page: ${(pages[0] ?? 'none').slice(0, 600)}`],
      checks: [
        {
          what: 'completing failure to weight 0: median at most 25 ms',
          value: `${took.median.toFixed(1)} ms`,
          pass: took.median <= 25,
        },
        {
          what: 'completing failure to weight 0: at most 150 ms',
          value: `${took.max.toFixed(1)} ms`,
          pass: took.max <= 150,
        },
        { what: 'median failures 3', value: String(failures.median), pass: failures.median <= 3 },
        { what: 'failures at most 6', value: String(failures.max), pass: failures.max <= 6 },
        {
          what: 'no client saw an error',
          value: `${summary.failed} of ${summary.requests}`,
          pass: summary.failed === 0,
        },
        { what: 'no request came after weight 0', value: String(late), pass: late === 0 },
        {
          what: 'one page with the evidence for each rollback',
          value: `${pages.length} pages, ${withEvidence} with evidence, ${runs} rollbacks`,
          pass: pages.length === runs && withEvidence === runs,
        },
      ],
      data: { load: summary, pages },
    }
  },
)
