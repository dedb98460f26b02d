// Is the split what the weight says, and is it random? 100,000 requests at 5 %: the candidate's
// share must lie within ±0.3 points (four standard deviations), and the order of the picks must
// pass a runs test, which a smooth round robin or picks that stick to connections would not.

import { startPair } from './lab/pair.ts'
import { runLoad, summarise } from './lab/load.ts'
import { bench, progress } from './lab/report.ts'
import { runsTest } from './lab/statistics.ts'

const REQUESTS = 100_000
const SHARE_MARGIN = 0.3
const Z_MAX = 3.3 // 1 of 1,000 truly random orders lies beyond it

await bench(
  'split',
  { title: '100,000 requests at 5 %', runs: 3, limitMs: 180_000 },
  async (runs) => {
    const pair = await startPair({ weight: 5, latency: false, record: false })
    const shares: number[] = []
    const zs: number[] = []
    let failed = 0
    for (let run = 1; run <= runs; run++) {
      const result = await runLoad({
        port: pair.vertex.port,
        rate: null,
        requests: REQUESTS,
        connections: 32,
      })
      const picks = Array.from(result.version, (index) => result.versions[index] === 'v2')
      const share = (100 * picks.filter((pick) => pick).length) / picks.length
      const { z } = runsTest(picks)
      failed += summarise(result).failed
      shares.push(share)
      zs.push(z)
      progress(
        `run ${run}: ${picks.length} requests, share ${share.toFixed(3)} %, z ${z.toFixed(2)}`,
      )
    }
    await pair.end()
    const worst = Math.max(...shares.map((share) => Math.abs(share - 5)))
    const worstZ = Math.max(...zs.map(Math.abs))
    return {
      series: { 'share of the candidate, %': shares, 'runs test, z': zs },
      checks: [
        {
          what: `the share lies within ±${SHARE_MARGIN} points of 5 %`,
          value: `${worst.toFixed(3)} points off at most`,
          pass: worst <= SHARE_MARGIN,
        },
        {
          what: `the picks are random (|z| < ${Z_MAX})`,
          value: `|z| ${worstZ.toFixed(2)} at most`,
          pass: worstZ < Z_MAX,
        },
        { what: 'no request failed', value: String(failed), pass: failed === 0 },
      ],
    }
  },
)
