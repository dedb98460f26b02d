// The operator's table (test/core/rollout-rows.test.ts), by command line and API on a real node
// with real requests: what happens when there is nowhere to go, a target is out, the previous
// version is gone, or the node is killed.

import t from 'tap'
import { until } from '../../bench/lab/clock.ts'
import { RealNode, TestApp } from './real-node.ts'

const apps = await Promise.all(['v1', 'v2', 'v3', 'old', 'late'].map((name) => TestApp.start(name)))
const [stable, candidate, third, old, late] = apps as [TestApp, TestApp, TestApp, TestApp, TestApp]
await late.stop()
const slow = {
  steps: [
    { weight: '50%', observe: '1h' },
    { weight: '100%', observe: '1h' },
  ],
  bake: '1h',
  rollback_trigger: { error_rate_threshold: '1%' },
}
const versions = { v1: { targets: [stable.url] }, v2: { targets: [candidate.url] } }
const service = { versions, routing: { stable: 'v1' }, deploy_strategy: slow }
const two = { targets: [candidate.url, third.url] }
const health_check = { path: '/', interval: '100ms', down: 1, up: 1 }
const node = await RealNode.start({
  first: { ...service, routing: { stable: 'none' } },
  alone: service,
  ejected: { ...service, versions: { ...versions, v2: two }, health: { failures: 1 } },
  gone: { ...service, versions: { ...versions, v1: { targets: [old.url] } }, health_check },
  brief: { ...service, deploy_strategy: { ...slow, retain: '1s' } },
  gate: { ...service, versions: { ...versions, v2: { targets: [late.url] } } },
  step: service,
})
t.teardown(async () => {
  await node.end()
  await Promise.all(apps.map((app) => app.stop()))
})

await t.test('a first deploy has nowhere to go back to: it is told, not rolled back', async (t) => {
  t.equal((await node.get('first')).status, 503, 'nobody is there yet')
  await node.does('deploy first v1')
  await node.at('first', 100)
  await node.answers('first', 'v1')
  stable.failing.add('first.test')
  const told = (): boolean => node.webhook.pages.some(({ body }) => body.includes('first: v1'))
  await node.trafficUntil('first', told)
  t.match(
    node.webhook.pages.map(({ body }) => body).join('\n'),
    /first: v1 looks bad, but nothing is moved as there is no stable version/,
  )
  const view = await node.view('first')
  t.match(view, { stable: null, candidate: { version: 'v1', weight: 100 }, quarantine: {} })
  for (const verb of ['rollback', 'abort', 'rollback --force']) {
    const refused = await node.cli(`${verb.split(' ')[0]} first ${verb.split(' ')[1] ?? ''}`)
    t.equal(refused.code, 1)
    t.match(
      refused.stderr,
      /^Cannot (abort|roll back) as there is no stable version to return to: /,
    )
  }
  t.equal((await node.api('POST first/rollback')).status, 409)
  t.equal((await node.cli('deploy first v2 --replace')).code, 1)
  await node.does('promote first')
  t.match(await node.view('first'), { stable: { version: 'v1' }, candidate: null, previous: null })
  stable.failing.delete('first.test')
})

await t.test('nobody is moved onto a stable version that has no healthy target', async (t) => {
  await node.does('deploy alone v2')
  await node.at('alone', 50)
  stable.failing.add('alone.test')
  await node.trafficUntil('alone', async () => {
    return (await node.view('alone')).stable?.targets[0]?.healthy === false
  })
  candidate.failing.add('alone.test')
  const told = (): boolean => node.webhook.pages.some(({ body }) => body.includes('alone: v2'))
  await node.does('promote alone --full')
  await node.trafficUntil('alone', told)
  t.equal((await node.view('alone')).candidate?.weight, 100, 'it is held and told')
  const refused = await node.cli('rollback alone')
  t.equal(refused.code, 1)
  t.match(
    refused.stderr,
    /^Cannot roll back as v1 must have a healthy target: current value is 0 of 1 .*Use force, or abort\n$/,
  )
  const problem = await node.api('POST alone/rollback')
  t.match(problem, { status: 409, body: { type: 'urn:vertex:problem:stable-unhealthy' } })
  await node.does('rollback alone --force')
  t.match(await node.view('alone'), { candidate: { weight: 0 }, ended: { ending: 'aborted' } })
})

await t.test('a candidate with a target that is out is raised by nobody', async (t) => {
  await node.does('deploy ejected v2')
  await node.at('ejected', 50)
  third.failing.add('ejected.test')
  await node.trafficUntil('ejected', async () => {
    const { candidate: seen } = await node.view('ejected')
    return seen?.targets.some(({ standing }) => standing === 'ejected') ?? false
  })
  for (const line of ['promote ejected', 'weight ejected 60']) {
    const refused = await node.cli(line)
    t.equal(refused.code, 1, line)
    t.match(refused.stderr, /as all targets of v2 must be healthy: current value is 1 of 2 \(http/)
  }
  t.match(await node.api('POST ejected/rollout/promote'), {
    status: 409,
    body: { type: 'urn:vertex:problem:target-ejected' },
  })
  t.equal((await node.view('ejected')).candidate?.weight, 50)
  await node.does('weight ejected 60 --force')
  t.equal((await node.view('ejected')).candidate?.weight, 60)
})

await t.test('a rollback to a previous stable that is gone says what is missing', async (t) => {
  await node.does('deploy gone v2')
  await node.at('gone', 50)
  await node.does('promote gone --full')
  await node.does('promote gone')
  t.match((await node.view('gone')).previous, { version: 'v1', healthy: true })
  await old.stop()
  await node.seen('gone', ({ previous }) => previous?.healthy === false)
  const refused = await node.cli('rollback gone')
  t.equal(refused.code, 1)
  const rule = `^Cannot roll back as v1 at ${old.url} must have a healthy target: current value is 0 of 1`
  t.match(refused.stderr, new RegExp(rule))
  t.match(await node.api('POST gone/rollback'), {
    status: 409,
    body: { type: 'urn:vertex:problem:previous-unhealthy' },
  })
  await old.listen()
  await node.seen('gone', ({ previous }) => previous?.healthy === true)
  t.match(await node.does('rollback gone'), /^went back from v2 to v1 by hand\n/)
  t.equal((await node.get('gone')).text, 'old')
})

await t.test('when its time is over, an event says that the previous may be stopped', async (t) => {
  await node.does('deploy brief v2')
  await node.at('brief', 50)
  await node.does('promote brief --full')
  await node.does('promote brief')
  await node.seen('brief', ({ previous }) => previous === null)
  const told = (): true | null =>
    node.journal('brief').some(({ text }) => text.startsWith('v1 may be stopped now')) || null
  await until(told, { what: 'the journal tells it', withinMs: 60_000 })
  const refused = await node.cli('rollback brief')
  t.equal(refused.code, 1)
  t.match(refused.stderr, /no previous stable of brief is kept: current value is stable v2/)
})

await t.test('a kill -9 before the first raise, and one in a step', async (t) => {
  await node.does('deploy gate v2')
  await node.does('deploy step v2')
  await node.at('step', 50)
  await node.answers('step', 'v2')
  await node.restart()
  t.match(await node.view('gate'), { candidate: { weight: 0 }, rollout: { phase: 'proving' } })
  t.match(await node.view('step'), {
    candidate: { weight: 50 },
    rollout: { phase: 'shifting', step: 1 },
  })
  t.match((await node.view('step')).rollout?.reason, /^watches for another /)
  t.equal((await node.get('gate')).text, 'v1')
  await late.listen()
  await node.at('gate', 50)
  const told = (name: string): readonly string[] => node.journal(name).map(({ text }) => text)
  t.ok(told('gate').includes('rollout gate-1 of v2 goes on in phase proving at 0 %'))
  t.ok(told('step').includes('rollout step-1 of v2 goes on in phase shifting at 50 %'))
  t.match(await node.does('abort gate'), /^v2 was aborted at 50 % by hand\n/)
})
