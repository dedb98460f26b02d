// Rollouts end to end: what a bad candidate does to users (nothing), and what a crash of the node
// does to a rollout (it is never further than the journal says).

import t from 'tap'
import { endAll } from '../../bench/lab/children.ts'
import { sleep, until } from '../../bench/lab/clock.ts'
import { startLoad, summarise } from '../../bench/lab/load.ts'
import { deployAt, startPair, turnBad } from '../../bench/lab/pair.ts'

interface Page {
  readonly version: string
}

await t.test('a bad candidate is taken out and no client sees it', async (t) => {
  t.teardown(endAll)
  const pair = await startPair({ latency: false })
  const load = await startLoad({ port: pair.vertex.port, rate: 400, connections: 16 })

  await t.test('one that fails', async (t) => {
    const { view, entry } = await turnBad(pair, 'bad', {
      weight: 5,
      healthyMs: 500,
      behaviour: { errorRate: 1 },
      withinMs: 60_000,
    })
    t.equal(view.stable?.version, 'v1')
    t.match(view.quarantine, { bad: { evidence: String } }, 'it is quarantined')
    t.match(entry, { by: 'verdict', weight: 0 })
    const logged = (): unknown =>
      pair.vertex.log.find((line) => line.includes('"kind":"rolled-back"')) ?? null
    const line = await until(logged, { what: 'the log says so, too', withinMs: 60_000 })
    t.match(JSON.parse(String(line)), {
      level: 40,
      service: 'default',
      weight: 0,
      msg: `default: ${entry.text}`,
    })
    const again = await pair.vertex.ask('POST', '/v1/services/default/rollouts', {
      body: { version: 'bad', targets: [pair.candidate.url] },
    })
    t.equal(again.status, 409, 'it cannot be deployed again')
    const page = await until(() => pair.webhook.pages[0] ?? null, {
      what: 'the page arrives',
      withinMs: 60_000,
    })
    t.match(page.body, /evidence/)
    const { failures } = await pair.candidate.counts()
    t.ok(failures >= 1 && failures <= 12, `${failures} requests failed at the candidate`)
  })

  await t.test('one that cuts connections', async (t) => {
    t.equal(pair.webhook.pages.length, 1, 'the one before was one page')
    await pair.candidate.behave({})
    await turnBad(pair, 'cuts', {
      weight: 5,
      healthyMs: 500,
      behaviour: { abortRate: 1 },
      withinMs: 60_000,
    })
    const versions = pair.webhook.pages.map(({ body }) => (JSON.parse(body) as Page).version)
    t.equal(versions.filter((version) => version === 'bad').length, 1, 'and no other has come')
  })

  const result = await load.stop()
  const { failedSent, requests } = summarise(result)
  t.equal(failedSent, 0, result.messages.join('\n'))
  t.ok(requests > 200)
  await pair.end()
})

await t.test('a healthy candidate is promoted, and rolled back when asked', async (t) => {
  t.teardown(endAll)
  const pair = await startPair({
    more: {
      deploy_strategy: {
        steps: [
          { weight: '25%', observe: '300ms' },
          { weight: '100%', observe: '300ms' },
        ],
        bake: '300ms',
        // By time: how long evidence takes is measured in bench/healthy.ts.
        rollback_trigger: { mode: 'threshold', p99_latency_increase: '10000%' },
      },
    },
  })
  const load = await startLoad({ port: pair.vertex.port, rate: 400, connections: 16 })
  await pair.vertex.deploy('good', [pair.candidate.url])
  const promoted = await pair.vertex.ended('good', 60_000)
  t.match(promoted, { ended: { ending: 'promoted' }, stable: { version: 'good', weight: 100 } })
  const { atMs } = await pair.vertex.change('POST', '/v1/services/default/rollback')
  await sleep(300)
  t.equal((await pair.vertex.service()).stable?.version, 'v1')
  t.equal(summarise(await load.stop()).failedSent, 0)
  const report = await pair.candidate.report()
  t.equal(report.sentMs.filter((ms) => ms > atMs).length, 0, 'nothing came after the rollback')
  await pair.end()
})

await t.test('kill -9 in a rollout: the weight is what the journal says', async (t) => {
  t.teardown(endAll)
  const pair = await startPair({
    latency: false,
    record: false,
    steps: [10, 30, 60, 100].map((weight) => ({ weight, observeMs: 30_000 })),
  })
  const { vertex } = pair
  const load = await startLoad({ port: vertex.port, rate: 200, connections: 8 })
  await deployAt(pair, 'v2', 10)
  await vertex.change('POST', '/v1/services/default/rollout/promote')
  await until(async () => ((await vertex.service()).candidate?.weight === 30 ? true : null), {
    what: 'the next step is reached',
    withinMs: 60_000,
  })
  await vertex.end('SIGKILL')
  await load.stop()
  const said = vertex.journal().findLast((entry) => entry.weight !== undefined)
  t.equal(said?.weight, 30)
  await vertex.start()
  const view = await vertex.service()
  t.match(view, {
    candidate: { version: 'v2', weight: 30 },
    rollout: { phase: 'shifting', step: 2 },
  })
  await vertex.change('POST', '/v1/services/default/rollout/abort')
  await vertex.end('SIGKILL')
  await vertex.start()
  t.match(await vertex.service(), {
    candidate: { weight: 0 },
    rollout: null,
    ended: { ending: 'aborted' },
  })
  await pair.end()
})
