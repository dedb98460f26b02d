// The generator of the benches keeps every request, however many there are, and loses none.

import t from 'tap'
import { loadSpec, summarise } from '../../bench/lab/load.ts'
import { LoadGenerator } from '../../bench/lab/load-generator.ts'
import { Sent } from '../../bench/lab/load-sent.ts'
import { OriginServer } from '../../bench/lab/origin-server.ts'

await t.test('what is kept grows with a load whose length is not known', (t) => {
  const sent = new Sent(loadSpec({ port: 1, rate: null }))
  const count = 150_000 // more than twice what there is room for at first
  for (let n = 0; n < count; n++) {
    if (sent.add(n) !== n) t.fail(`request ${n} has another number`)
    if (n % 3 === 0) sent.answered(n, { latencyMs: n / 2, status: 200, version: `v${n % 2}` })
  }
  const { latencyMs, sentMs, status, version, versions } = sent.result()
  t.strictSame(
    [latencyMs.length, sentMs.length, status.length, version.length],
    Array(4).fill(count),
  )
  t.strictSame([latencyMs[0], sentMs[0], status[0], version[0]], [0, 0, 200, 0])
  t.strictSame([latencyMs[3], sentMs[3], status[3], version[3]], [1.5, 3, 200, 1])
  t.strictSame([latencyMs[4], sentMs[4], status[4], version[4]], [Number.NaN, 4, 0, 255])
  t.strictSame(latencyMs[149_997], 74_998.5)
  t.strictSame(versions, ['v0', 'v1'])
  t.end()
})

await t.test('one process can be app server and generator, and need not rest', async (t) => {
  const server = new OriginServer({ version: 'v1', record: false })
  const port = await server.listen(0)
  t.teardown(() => server.refuse())
  const plan = { port, rate: 20_000, connections: 4, requests: 2000 }
  for (const sleepless of [true, false]) {
    const load = new LoadGenerator(loadSpec({ ...plan, sleepless }))
    load.start()
    const result = await load.done()
    const { byVersion, failedSent, requests } = summarise(result)
    t.strictSame(
      { byVersion, failedSent, requests },
      { byVersion: { v1: 2000 }, failedSent: 0, requests: 2000 },
    )
    t.ok(result.endedMs - result.startedMs >= 99, 'none is sent before it is due')
  }
})

await t.test(
  'a load with neither end stops when it is told to, after the last answer',
  async (t) => {
    const server = new OriginServer({ version: 'v1', record: false })
    const port = await server.listen(0)
    t.teardown(() => server.refuse())
    const load = new LoadGenerator(loadSpec({ port, rate: null, connections: 3 }))
    load.start()
    while (server.counts().requests < 500) await new Promise((resolve) => setImmediate(resolve))
    const { failedSent, requests, unsent } = summarise(await load.stop())
    t.equal(requests, server.counts().requests)
    t.strictSame({ failedSent, unsent }, { failedSent: 0, unsent: 0 })
  },
)
