// How soon does slowness end? The latency of a candidate with 25 % of 1,000 requests a second
// doubles after the warm-up (which is shortened here from 10 s to 2 s); no request fails.

import { monotonicOfWall, sleep } from './lab/clock.ts'
import { startLoad, summarise } from './lab/load.ts'
import type { Behaviour } from './lab/origin.ts'
import { startPair, turnBad } from './lab/pair.ts'
import { bench, progress } from './lab/report.ts'
import { spread } from './lab/statistics.ts'

const NORMAL: Behaviour = { latency: { kind: 'exponential', floorMs: 2, meanMs: 5 } }
const STABLE_ALONE_MS = 8000

await bench(
  'p99',
  { title: "a candidate's p99 doubles at 25 % of 1,000 req/s", runs: 10, limitMs: 500_000 },
  async (runs) => {
    const pair = await startPair({
      warmUpMs: 2000,
      behaviour: NORMAL,
      steps: [
        { weight: 25, observeMs: 600_000 },
        { weight: 100, observeMs: 600_000 },
      ],
    })
    const load = await startLoad({ port: pair.vertex.port, rate: 1000, connections: 64 })
    // The latency test takes its limit from stable's own tail, which must be known before the
    // raise.
    await sleep(STABLE_ALONE_MS)
    const seconds: number[] = []
    for (let run = 1; run <= runs; run++) {
      const { turnedMs, entry } = await turnBad(pair, `v2-run${run}`, {
        weight: 25,
        healthyMs: 4000,
        behaviour: { ...NORMAL, multiplier: 2 },
        withinMs: 60_000,
      })
      await pair.candidate.behave(NORMAL)
      const took = (monotonicOfWall(Date.parse(entry.at)) - turnedMs) / 1000
      seconds.push(took)
      progress(`run ${run}: ${took.toFixed(2)} s: ${entry.text}`)
    }
    const summary = summarise(await load.stop())
    await pair.end()
    const { median, min } = spread(seconds)
    return {
      series: { 'time to rollback, s': seconds },
      checks: [
        {
          what: 'rolled back in a median of at most 10 s',
          value: `${median.toFixed(2)} s`,
          pass: median <= 10,
        },
        {
          what: 'none was rolled back before it turned slow',
          value: `earliest ${min.toFixed(2)} s after`,
          pass: min > 0,
        },
        { what: 'no request failed', value: String(summary.failed), pass: summary.failed === 0 },
      ],
    }
  },
)
