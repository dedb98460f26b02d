// The call that the SDK was made for, in its own words (lab/snippet.ts), through the admin API of a
// running node: 10,000 requests a second against a version with one trivial app server, p99 at
// most 50 ms. What is shown is the whole way, from the program to the report and back; what the
// generator can do by itself is another measurement. The app server has one core, Vertex another.
// It has just been started, so the scenario warms it up, as PROVING.md says. Each run starts
// another node: its first call finds code that was never run, its second does not.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  type SyntheticReport,
  type SyntheticTransaction,
  VertexClient,
} from '../src/client/client.ts'
import { startOrigin } from './lab/origin.ts'
import { bench, progress } from './lab/report.ts'
import { proveVersion } from './lab/snippet.ts'
import { add } from './lab/statistics.ts'
import { labConfig, Vertex } from './lab/vertex.ts'

const SCENARIO = `duration: 5s
warm_up: 2s
steps:
  - path: /
`

/** The SDK as it is, which remembers what its call has measured. */
class Measured extends VertexClient {
  p99Ms = Number.NaN

  override async runSyntheticTransaction(
    transaction: SyntheticTransaction,
  ): Promise<SyntheticReport> {
    const report = await super.runSyntheticTransaction(transaction)
    this.p99Ms = report.latency?.p99 ?? Number.NaN
    return report
  }
}

await bench(
  'sdk',
  { title: 'the snippet of the SDK, as it was asked for', runs: 6, limitMs: 300_000 },
  async (runs) => {
    const origin = await startOrigin({ version: 'v1', record: false, core: 1 })
    const series: Record<string, number[]> = {}
    const failures: string[] = []
    let healthy = 0
    for (let run = 1; run <= runs; run++) {
      const vertex = new Vertex(labConfig({ versions: { v1: [origin.url] }, stable: 'v1' }), {
        core: 0,
      })
      mkdirSync(join(vertex.folder, 'scenarios'))
      writeFileSync(join(vertex.folder, 'scenarios', 'critical_path.yaml'), SCENARIO)
      await vertex.start()
      const vertexClient = new Measured({ url: vertex.adminUrl })
      for (const time of ['first', 'second']) {
        const before = await origin.counts()
        const result = await proveVersion(vertexClient, 'v1')
        const { requests } = await origin.counts()
        add(series, 'requests that the app server got', requests - before.requests)
        add(series, `p99 of the ${time} call to a node, ms`, vertexClient.p99Ms)
        if (result.healthy) healthy++
        failures.push(...result.failures.map((text) => `run ${run}, ${time} call: ${text}`))
        const p99 = `p99 ${vertexClient.p99Ms.toFixed(1)} ms`
        progress(
          `run ${run} of ${runs}, ${time} call: ${p99}, ${result.healthy ? '' : 'un'}healthy`,
        )
      }
      await vertex.end()
    }
    await origin.end()
    const calls = 2 * runs
    return {
      series,
      notes: failures,
      checks: [
        {
          what: 'a trivial version is healthy: p99 ≤ 50 ms, errors ≤ 0.1 %, ≥ 10,000 req/s',
          value: `${healthy} of ${calls} calls`,
          pass: healthy === calls,
        },
      ],
    }
  },
)
