// A candidate that stops answering: once it is out, what may be sent again is answered by stable,
// long before the time limit of an answer.

import t from 'tap'
import { endAll } from '../../bench/lab/children.ts'
import { until } from '../../bench/lab/clock.ts'
import { startLoad, summarise } from '../../bench/lab/load.ts'
import { deployAt, startPair } from '../../bench/lab/pair.ts'

await t.test('requests that hang on a version that is aborted move to stable', async (t) => {
  t.teardown(endAll)
  // A latency that is not judged: only the abort ends this rollout.
  const pair = await startPair({ latency: false, more: { timeouts: { response_head: '5m' } } })
  const { candidate, vertex } = pair
  await deployAt(pair, 'v2', 5)
  await vertex.setWeight(50)
  await candidate.behave({ hangRate: 1 })
  const load = await startLoad({
    port: vertex.port,
    ...{ rate: 20, connections: 64, requests: 40, timeoutMs: 120_000 },
  })
  await until(
    async () => {
      const { hung, requests } = await candidate.counts()
      return hung >= 10 && requests === hung ? true : null
    },
    { what: 'ten customers wait', withinMs: 60_000 },
  )
  await vertex.change('POST', '/v1/services/default/rollout/abort')
  const result = await load.done()
  const { byVersion, failed, requests } = summarise(result)
  t.same({ failed, requests, byVersion }, { failed: 0, requests: 40, byVersion: { v1: 40 } })
  t.ok(result.endedMs - result.startedMs < 100_000, 'nobody waited for five minutes')
  await pair.end()
})
