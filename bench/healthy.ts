// Does a healthy candidate get through? 20 rollouts with short windows under 1,000 requests a
// second: each must be promoted. The versions take turns, so that every rollout moves all traffic
// from one origin to the other.

import { monotonicMs } from './lab/clock.ts'
import { startLoad, summarise } from './lab/load.ts'
import { startPair } from './lab/pair.ts'
import { bench, progress } from './lab/report.ts'

await bench(
  'healthy',
  { title: '20 rollouts of a healthy candidate with short windows', runs: 20, limitMs: 600_000 },
  async (runs) => {
    const pair = await startPair({
      warmUpMs: 1000,
      bakeMs: 1000,
      behaviour: { latency: { kind: 'exponential', floorMs: 2, meanMs: 5 } },
      steps: [
        { weight: 5, observeMs: 1500 },
        { weight: 25, observeMs: 1500 },
        { weight: 100, observeMs: 1500 },
      ],
    })
    const load = await startLoad({ port: pair.vertex.port, rate: 1000, connections: 64 })
    const seconds: number[] = []
    const notPromoted: string[] = []
    for (let run = 1; run <= runs; run++) {
      const version = `healthy${run}`
      const beganMs = monotonicMs()
      await pair.vertex.deploy(version, [run % 2 === 1 ? pair.candidate.url : pair.stable.url])
      const view = await pair.vertex.ended(version, 60_000)
      seconds.push((monotonicMs() - beganMs) / 1000)
      if (view.ended?.ending !== 'promoted') notPromoted.push(`${version}: ${view.ended?.reason}`)
      progress(`run ${run}: ${view.ended?.ending} after ${seconds.at(-1)?.toFixed(1)} s`)
    }
    const summary = summarise(await load.stop())
    await pair.end()
    return {
      series: { 'deploy to promoted, s': seconds },
      notes: notPromoted,
      checks: [
        {
          what: 'all were promoted',
          value: `${runs - notPromoted.length} of ${runs}`,
          pass: notPromoted.length === 0,
        },
        { what: 'no request failed', value: String(summary.failed), pass: summary.failed === 0 },
      ],
    }
  },
)
