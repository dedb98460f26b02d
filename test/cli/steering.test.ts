// The operator's table (test/core/rollout-rows.test.ts), by command line and API on a real node
// with real requests: what an operator wants of a rollout, and what is refused.

import t from 'tap'
import { sleep } from '../../bench/lab/clock.ts'
import { cli } from './run-cli.ts'
import { RealNode, TestApp } from './real-node.ts'

const apps = await Promise.all(['v1', 'v2', 'v3'].map((name) => TestApp.start(name)))
const [stable, candidate, third] = apps as [TestApp, TestApp, TestApp]
const versions = { v1: { targets: [stable.url] }, v2: { targets: [candidate.url] } }
/** Steps that end by nobody's hand but ours. */
const slow = {
  steps: [
    { weight: '20%', observe: '1h' },
    { weight: '60%', observe: '1h' },
    { weight: '100%', observe: '1h' },
  ],
  bake: '1h',
  rollback_trigger: { error_rate_threshold: '1%' },
}
const service = { versions, routing: { stable: 'v1' }, deploy_strategy: slow }
/** One step and no waiting: what a handful of requests can promote. */
const quick = {
  ...slow,
  steps: [{ weight: '100%', observe: '0' }],
  bake: '0',
  warm_up: '0',
  min_requests: 1,
  rollback_trigger: { error_rate_threshold: '40%' },
}
const node = await RealNode.start({
  zero: {
    ...service,
    routing: { stable: 'v1', candidate: 'v2 @ 0%' },
    affinity: { cookie: 'who' },
  },
  back: service,
  bad: { ...service, health: { ejection: '1s' } },
  second: service,
  same: service,
  hand: service,
  next: service,
  wait: { ...service, deploy_strategy: quick },
})
t.teardown(async () => {
  await node.end()
  await Promise.all(apps.map((app) => app.stop()))
})
const deployed = async (name: string): Promise<void> => {
  await node.does(`deploy ${name} v2`)
  await node.at(name, 20)
}

await t.test('weight 0 by hand: no request reaches the candidate, sticky or not', async (t) => {
  await node.does('weight zero 50')
  const customers = Array.from({ length: 40 }, (_, i) => `who=${i}`)
  const serving = async (): Promise<readonly string[]> =>
    Promise.all(customers.map(async (cookie) => (await node.get('zero', { cookie })).text))
  const before = await serving()
  t.same(await serving(), before, 'who is on a version stays on it')
  const sticky = customers[before.indexOf('v2')] ?? ''
  t.not(sticky, '')
  const tunnel = node.tunnel('zero', sticky)
  await tunnel.echo('at 50 %')
  t.match(await node.does('weight zero 0'), /^v2 was set to 0 % by hand\n/)
  const asked = candidate.asked.get('zero.test')
  t.ok((await serving()).every((app) => app === 'v1'))
  t.ok((await node.gets('zero', 20)).every(({ text }) => text === 'v1'))
  t.equal(candidate.asked.get('zero.test'), asked)
  await sleep(300) // longer than tunnel_drain
  await tunnel.echo('at 0 %')

  await node.does('weight zero 50')
  await node.does('abort zero')
  t.match(await node.view('zero'), { rollout: null, ended: { ending: 'aborted' } })
  t.ok((await serving()).every((app) => app === 'v1'))
  const giveUp = performance.now() + 5000
  while (!tunnel.closed && performance.now() < giveUp) await sleep(10)
  t.ok(tunnel.closed, 'an abort closes the tunnels after tunnel_drain')
  tunnel.end()
})

await t.test('rollback works in every phase, and after the promotion', async (t) => {
  const toPhase = {
    shifting: [],
    paused: ['pause back'],
    'by hand': ['weight back 40'],
    baking: ['promote back --full'],
  }
  for (const [phase, lines] of Object.entries(toPhase)) {
    await deployed('back')
    for (const line of lines) await node.does(line)
    t.match(await node.does('rollback back'), /^v2 was aborted at \d+ % by hand\n/, phase)
    t.match(await node.view('back'), { candidate: { weight: 0 }, ended: { ending: 'aborted' } })
    t.equal((await node.get('back')).text, 'v1')
  }
  await deployed('back')
  await node.does('promote back --full')
  await node.does('promote back')
  t.equal((await node.get('back')).text, 'v2')
  const promoted = await node.view('back')
  t.match(promoted.previous, { version: 'v1', healthy: true, retainedUntil: /^20/ })
  t.equal((await node.api('POST back/rollback')).status, 200)
  t.equal((await node.get('back')).text, 'v1', 'at once')
  t.same((await node.view('back')).quarantine, {}, 'only the verdict quarantines')
  const again = await node.cli('rollback back')
  t.equal(again.code, 1)
  t.match(
    again.stderr,
    /^Cannot roll back as no previous stable of back is kept: .*deployed: v2\n$/,
  )
})

await t.test(
  'a version that the verdict took out is quarantined until it is retried',
  async (t) => {
    candidate.failing.add('bad.test')
    const env = { VERTEX_ADMIN: node.vertex.adminUrl }
    const waiting = cli('deploy bad v2 --wait --timeout 20s', { env })
    await node.trafficUntil('bad', async () => 'v2' in (await node.view('bad')).quarantine)
    const waited = await waiting
    t.equal(waited.code, 4, 'deploy --wait tells a rollback')
    t.match(waited.stdout, /rolled-back: v2 was rolled back from 20 % by its errors/)
    const again = await node.cli('deploy bad v2')
    t.equal(again.code, 1)
    t.match(
      again.stderr,
      /^Cannot send requests to v2 as it is quarantined since 20.*vertex retry bad v2\n$/,
    )
    const refused = await node.api('POST bad/rollouts', { body: { version: 'v2' } })
    t.equal(refused.status, 409)
    t.match(refused.body, {
      type: 'urn:vertex:problem:quarantined',
      detail: /candidate \d+ of \d+ \(/,
    })
    t.equal((await node.cli('weight bad 5')).code, 1)
    candidate.failing.delete('bad.test')
    t.match(await node.does('retry bad v2'), /^the quarantine of v2 was lifted/)
    const twice = await node.cli('retry bad v2')
    t.equal(twice.code, 1)
    t.match(twice.stderr, /^Cannot lift the quarantine of v2 as it is not quarantined/)
    await deployed('bad')
  },
)

await t.test('a second rollout is refused while one runs; replace supersedes', async (t) => {
  await deployed('second')
  const refused = await node.cli(`deploy second v3 -t ${third.url}`)
  t.equal(refused.code, 1)
  t.match(
    refused.stderr,
    /^Cannot deploy v3 as rollout second-1 of v2 is running: current value is/,
  )
  const body = { version: 'v3', targets: [third.url] }
  const { body: problem, status } = await node.api('POST second/rollouts', { body })
  t.equal(status, 409)
  t.match(problem, { type: 'urn:vertex:problem:rollout-running', title: 'A rollout is running' })
  await node.does(`deploy second v3 -t ${third.url} --replace`)
  const view = await node.seen('second', (seen) => seen.candidate?.version === 'v3')
  t.same(view.quarantine, {})
  const told = node.journal('second').map(({ text }) => text)
  t.ok(told.includes('rollout second-1 of v2 was superseded by v3'))
})

await t.test('the same version again', async (t) => {
  t.match(await node.does('deploy same v1 --wait'), /^v1 is stable already: nothing to do\n/)
  await deployed('same')
  const { rollout } = await node.view('same')
  t.match(await node.does('deploy same v2'), /^rollout same-1 of v2 goes on\n/)
  t.match(await node.does(`deploy same v2 -t ${candidate.url}`), /^rollout same-1 of v2 goes on\n/)
  t.equal((await node.view('same')).rollout?.id, rollout?.id)
  t.match(await node.does('deploy same v1 --wait'), /^v1 is stable already: nothing to do\n/)
  for (const version of ['v1', 'v2']) {
    const other = await node.cli(`deploy same ${version} -t ${third.url}`)
    t.equal(other.code, 1)
    const rule = `^Cannot deploy ${version} with other targets as it is in use: current value is http:`
    t.match(other.stderr, new RegExp(rule))
    const body = { version, targets: [third.url] }
    t.equal((await node.api('POST same/rollouts', { body })).status, 409)
  }
})

await t.test('a weight by hand in a rollout needs the revision and pauses the steps', async (t) => {
  await deployed('hand')
  const body = { candidate: 30 }
  t.match(await node.api('PUT hand/weight', { body }), {
    status: 428,
    body: { type: 'urn:vertex:problem:revision-required', detail: /If-Match: current revision is/ },
  })
  t.equal((await node.api('PUT hand/weight', { body, ifMatch: 1 })).status, 412)
  const { revision } = await node.view('hand')
  t.equal((await node.api('PUT hand/weight', { body, ifMatch: revision })).status, 200)
  t.match(await node.view('hand'), {
    candidate: { weight: 30 },
    rollout: { paused: true, reason: 'manual weight' },
  })
  // The command line sends the revision that it has just read, unless it is told another.
  t.equal((await node.cli('weight hand 25 --revision 1')).code, 1)
  t.match(await node.does('weight hand 25'), /paused: manual weight\n$/)
  t.match(await node.does('resume hand'), /^resumed at 25 %\n/)
  t.equal((await node.view('hand')).rollout?.paused, false)
})

await t.test('promote goes to the next step now; full goes to 100 %', async (t) => {
  t.equal((await node.cli('promote next')).code, 1, 'there is no rollout yet')
  await deployed('next')
  t.match(await node.does('promote next'), /^v2 goes to 60 % \(step 2 of 3\): promoted by hand\n/)
  t.match(await node.does('promote next'), /^v2 goes to 100 % /)
  t.equal((await node.get('next')).text, 'v2')
  t.match(await node.does('promote next'), /^v2 is stable now: promoted by hand\n/)
  // A hotfix past a failing stable version.
  candidate.failing.add('next.test')
  await node.does(`deploy next v3 -t ${third.url}`)
  await node.at('next', 20)
  t.match(await node.does('promote next --full'), /^v3 goes to 100 % /)
  t.same(await node.gets('next', 5), Array(5).fill({ status: 200, text: 'v3' }))
  t.equal((await node.api('POST next/rollout/promote')).status, 200)
  t.equal((await node.view('next')).stable?.version, 'v3')
})

await t.test('deploy --wait ends with the rollout, or at its time limit', async (t) => {
  const env = { VERTEX_ADMIN: node.vertex.adminUrl }
  const waiting = cli('deploy wait v2 --wait --timeout 20s', { env })
  await node.trafficUntil('wait', async () => (await node.view('wait')).stable?.version === 'v2')
  const promoted = await waiting
  t.equal(promoted.code, 0, promoted.stderr)
  t.match(promoted.stdout, /wait-1 promoted: v2 is stable now: \d+ requests/)
  const late = await node.cli(`deploy wait v3 -t ${third.url} --wait --timeout 300ms`)
  t.equal(late.code, 5)
  t.match(late.stderr, /Cannot wait longer as .*: wait-2 has not ended within 0.3 s and goes on\n$/)
})
