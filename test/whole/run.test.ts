// A node from its start to its end, as an operator would see it: real processes and sockets.

import t from 'tap'
import { endAll } from '../../bench/lab/children.ts'
import { sleep, until } from '../../bench/lab/clock.ts'
import { startLoad, summarise } from '../../bench/lab/load.ts'
import { startOrigin } from '../../bench/lab/origin.ts'
import { startPair } from '../../bench/lab/pair.ts'
import { labConfig, startVertex, Vertex } from '../../bench/lab/vertex.ts'

/** Longer than it takes to tell a node to end. */
const SLOW_MS = 600

await t.test('a node from its start to its end', async (t) => {
  t.teardown(endAll)
  const origin = await startOrigin({ version: 'v1' })
  const config = labConfig({ versions: { v1: [origin.url] }, stable: 'v1' })
  const vertex = await startVertex(config)

  await t.test('it says when it is ready, and serves', async (t) => {
    const answer = await fetch(`${vertex.url}/hello`)
    t.equal(answer.status, 200)
    t.equal(answer.headers.get('x-app-version'), 'v1')
    t.equal((await answer.text()).length, 13)
    t.equal((await vertex.ask('GET', '/readyz')).status, 200)
    for (const path of ['/v1/fleet', '/v1/fleet/journal?service=default']) {
      const alone = { status: 404, body: { type: 'urn:vertex:problem:no-fleet' } }
      t.match(await vertex.ask('GET', path), alone)
    }
    const view = await vertex.service()
    t.match(view, { stable: { version: 'v1', weight: 100 }, candidate: null, rollout: null })
  })

  await t.test('no other node can share its state directory', async (t) => {
    const second = new Vertex({ ...(config as object), state: vertex.stateDir })
    await t.rejects(second.start(), /state|lock/i)
  })

  await t.test('on TERM it answers a request on its way, and ends cleanly', async (t) => {
    await origin.reset()
    await origin.behave({ latency: { kind: 'fixed', floorMs: SLOW_MS } })
    const answer = fetch(`${vertex.url}/slow`)
    await until(async () => ((await origin.counts()).requests > 0 ? true : null), {
      ...{ what: 'the request is on its way', withinMs: 60_000 },
    })
    const ended = vertex.end('SIGTERM')
    t.equal((await answer).status, 200)
    t.equal(await ended, 0)
  })
  await origin.end()
})

await t.test('a node whose weights are set by hand', async (t) => {
  t.teardown(endAll)
  const pair = await startPair({ weight: 5, latency: false })

  await t.test('weights change under load without a failed request', async (t) => {
    const load = await startLoad({ port: pair.vertex.port, rate: 500, connections: 16 })
    for (let i = 0; i < 50; i++) {
      const reply = await pair.vertex.ask('PUT', '/v1/services/default/weight', {
        body: { candidate: 1 + ((i * 37) % 50) },
      })
      if (reply.status !== 200) t.fail(`a weight was refused: ${JSON.stringify(reply.body)}`)
      await sleep(10)
    }
    const result = await load.stop()
    const summary = summarise(result)
    t.equal(summary.failedSent, 0, result.messages.join('\n'))
    t.ok((summary.byVersion.v1 ?? 0) > 0 && (summary.byVersion.v2 ?? 0) > 0, 'both served')
  })

  await t.test('a weight of 0 ends the traffic to the candidate', async (t) => {
    await pair.vertex.setWeight(50)
    await pair.candidate.reset()
    const load = await startLoad({ port: pair.vertex.port, rate: 500, connections: 16 })
    await until(async () => ((await pair.candidate.counts()).requests > 50 ? true : null), {
      ...{ what: 'the candidate has traffic', withinMs: 60_000 },
    })
    const { atMs } = await pair.vertex.setWeight(0)
    await sleep(500)
    t.equal(summarise(await load.stop()).failedSent, 0)
    const report = await pair.candidate.report()
    t.equal(report.sentMs.filter((ms) => ms > atMs).length, 0, 'nothing that was sent after')
  })
  await pair.end()
})
