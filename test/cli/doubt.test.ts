// Rollouts that end by neither proof nor condemnation, on a real node with real requests: what has
// proven nothing for max_hold, no requests at all, and a budget of failures that users may see.

import t from 'tap'
import { until } from '../../bench/lab/clock.ts'
import { cli } from './run-cli.ts'
import { RealNode, TestApp } from './real-node.ts'

const apps = await Promise.all(['v1', 'v2'].map((name) => TestApp.start(name)))
const [stable, candidate] = apps as [TestApp, TestApp]
/** A few requests do not prove that fewer than 0.01 % fail. */
const doubtful = {
  steps: [
    { weight: '50%', observe: '0' },
    { weight: '100%', observe: '0' },
  ],
  warm_up: '0',
  min_requests: 1,
  max_hold: '1s',
  rollback_trigger: { error_rate_threshold: '0.01%' },
}
const service = {
  versions: { v1: { targets: [stable.url] }, v2: { targets: [candidate.url] } },
  routing: { stable: 'v1' },
}
const node = await RealNode.start({
  asks: { ...service, deploy_strategy: doubtful },
  leaves: { ...service, deploy_strategy: { ...doubtful, on_inconclusive: 'rollback' } },
  budget: {
    ...service,
    rescue: 'off',
    deploy_strategy: {
      ...doubtful,
      rollback_trigger: { error_rate_threshold: '49%', max_user_errors: 2 },
    },
  },
})
t.teardown(async () => {
  await node.end()
  await Promise.all(apps.map((app) => app.stop()))
})

await t.test('a step that proves nothing is paused, and a person is asked', async (t) => {
  await node.does('deploy asks v2')
  await node.at('asks', 50)
  await node.trafficUntil('asks', async () => (await node.view('asks')).rollout?.paused === true)
  const { candidate: seen, rollout } = await node.view('asks')
  t.equal(seen?.weight, 50, 'where it was')
  t.match(rollout?.reason, /^inconclusive after 1 s of holding: .*upper bound on the candidate's/)
  const isPaged = (): boolean =>
    node.webhook.pages.some(({ body }) => body.includes('asks: inconclusive'))
  await until(() => (isPaged() ? true : null), { what: 'on-call is paged', withinMs: 60_000 })
  t.match(await node.does('status asks'), /inconclusive after 1 s/)
  t.match(await node.does('promote asks'), /^v2 goes to 100 % /, 'the person decides')
})

await t.test(
  'with on_inconclusive: rollback it is taken out, and is not quarantined',
  async (t) => {
    const env = { VERTEX_ADMIN: node.vertex.adminUrl }
    const waiting = cli('deploy leaves v2 --wait --timeout 20s', { env })
    await node.at('leaves', 50)
    await node.trafficUntil('leaves', async () => (await node.view('leaves')).rollout === null)
    const waited = await waiting
    t.equal(waited.code, 4)
    t.match(waited.stdout, /leaves-1 rolled-back: v2 was rolled back from 50 %: inconclusive after/)
    t.same((await node.view('leaves')).quarantine, {})
    await node.does('deploy leaves v2')
  },
)

await t.test('so many failures that reached users end a rollout, whatever the rate', async (t) => {
  await node.does('deploy budget v2')
  await node.at('budget', 50)
  await node.gets('budget', 20)
  candidate.failing.add('budget.test')
  await node.trafficUntil('budget', async () => (await node.view('budget')).rollout === null)
  t.match(await node.view('budget'), {
    ended: { ending: 'rolled-back', reason: /by its user errors/ },
  })
  t.equal((await node.cli('deploy budget v2')).code, 1, 'the verdict quarantines')
})
