// How soon does a partial failure end? A candidate with 5 % of 1,000 requests a second turns to 5 %
// errors: 2.5 failures a second, of which the verdict needs a handful.

import { startLoad, summarise } from './lab/load.ts'
import { startPair, turnBad } from './lab/pair.ts'
import { bench, progress } from './lab/report.ts'
import { monotonicOfWall } from './lab/clock.ts'
import { spread } from './lab/statistics.ts'

await bench(
  'errors5',
  { title: 'a candidate turns to 5 % errors at 5 % of 1,000 req/s', runs: 10, limitMs: 300_000 },
  async (runs) => {
    const pair = await startPair({ latency: false })
    const load = await startLoad({ port: pair.vertex.port, rate: 1000, connections: 64 })
    const seconds: number[] = []
    const failures: number[] = []
    for (let run = 1; run <= runs; run++) {
      const { turnedMs, entry } = await turnBad(pair, `v2-run${run}`, {
        weight: 5,
        healthyMs: 1000,
        behaviour: { errorRate: 0.05 },
        withinMs: 60_000,
      })
      const took = (monotonicOfWall(Date.parse(entry.at)) - turnedMs) / 1000
      const { failures: failed } = await pair.candidate.counts()
      await pair.candidate.behave({})
      seconds.push(took)
      failures.push(failed)
      progress(`run ${run}: ${took.toFixed(2)} s, ${failed} failures`)
    }
    const summary = summarise(await load.stop())
    await pair.end()
    const { median } = spread(seconds)
    return {
      series: { 'time to rollback, s': seconds, failures },
      checks: [
        {
          what: 'rolled back in a median of at most 5 s',
          value: `${median.toFixed(2)} s`,
          pass: median <= 5,
        },
        {
          what: 'no client saw an error',
          value: String(summary.failed),
          pass: summary.failed === 0,
        },
      ],
    }
  },
)
