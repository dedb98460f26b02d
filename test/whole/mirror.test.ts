// Shadow mode end to end: a rollout whose candidate is at 0 % is shown customers' requests, the
// API, the metrics and the status say what came of it, and its end ends it.

import t from 'tap'
import { endAll } from '../../bench/lab/children.ts'
import { until } from '../../bench/lab/clock.ts'
import { startLoad, summarise } from '../../bench/lab/load.ts'
import { deployAt, type Pair, startPair } from '../../bench/lab/pair.ts'
import { statusText } from '../../src/cli/status-table.ts'
import type { MirrorTally } from '../../src/core/gate.ts'

/** The tally once so many requests were mirrored. */
function mirrored(pair: Pair, requests: number): Promise<MirrorTally> {
  const probe = async (): Promise<MirrorTally | null> => {
    const tally = (await pair.vertex.service()).rollout?.mirror ?? null
    return tally !== null && tally.requests >= requests ? tally : null
  }
  return until(probe, { what: `${requests} requests are mirrored`, withinMs: 60_000 })
}

await t.test(
  'a candidate at 0 % is shown what customers ask, until its rollout ends',
  async (t) => {
    t.teardown(endAll)
    const pair = await startPair({
      latency: false,
      more: { mirror: { in_flight: 1000, timeout: '10s' } },
    })
    const { candidate, stable, vertex } = pair
    await deployAt(pair, 'v2', 5)
    const load = await startLoad({ port: vertex.port, rate: 100, connections: 8 })
    await until(async () => ((await stable.counts()).requests > 20 ? true : null), {
      what: 'customers are served',
      withinMs: 60_000,
    })
    t.equal((await vertex.service()).rollout?.mirror, null, 'not while it serves customers')
    await vertex.setWeight(0)
    const tally = await mirrored(pair, 30)
    t.match(tally, { service: 'default', version: 'v2', errors: 0, mismatched: 0 })
    t.ok(tally.compared > 0)
    const view = await vertex.service()
    t.equal(view.candidate?.weight, 0)
    t.match(statusText([view], { colour: false, width: null }), /mirrored \d+: 0 % failed, p99 /)
    const metrics = (await vertex.ask('GET', '/metrics')).body
    t.match(metrics, /^vertex_mirror_requests\{service="default",version="v2"\} \d+$/m)
    const live = view.candidate?.stats.requests
    await vertex.change('POST', '/v1/services/default/rollout/abort')
    const goOn = async (requests: number): Promise<void> => {
      const before = (await stable.counts()).requests
      await until(
        async () => ((await stable.counts()).requests > before + requests ? true : null),
        {
          what: 'customers go on',
          withinMs: 60_000,
        },
      )
    }
    // The copies that were made before, however long they take to arrive.
    let asked = -1
    await until(
      async () => {
        const was = asked
        await goOn(10)
        asked = (await candidate.counts()).requests
        return was === asked ? true : null
      },
      { what: 'what was under way has ended', withinMs: 60_000 },
    )
    await goOn(60)
    t.equal((await candidate.counts()).requests, asked, 'an abort ends it')
    t.equal((await vertex.service()).candidate?.stats.requests, live, 'none was a live request')
    await deployAt(pair, 'v2', 5)
    const anew = (await vertex.service()).rollout?.mirror?.requests ?? 0
    t.ok(anew < tally.requests, `the next rollout begins anew: ${anew} before its first raise`)
    const result = await load.stop()
    t.equal(summarise(result).failedSent, 0, result.messages.join('\n'))
    await pair.end()
  },
)
