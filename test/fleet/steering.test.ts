// An operator may ask any node of a fleet. What he asks of one that follows is decided by the one
// that leads and is in force on all when he has the answer; taking a version out works wherever he
// is, whoever leads.

import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { until } from '../../bench/lab/clock.ts'
import { BUCKET_WINDOW_MS } from '../../src/core/bucket-errors.ts'
import type { ServiceView } from '../../src/core/command.ts'
import type { Convergence } from '../../src/core/fleet/view.ts'
import { type Changed, Fleet, type Problem, WITHIN_MS } from './lab.ts'

const NAMES = 'weight steps retry targets swap sum paused race missing'
const services = {
  ...Object.fromEntries(NAMES.split(' ').map((name) => [name, {}])),
  sticky: { affinity: { header: 'x-tenant' } },
  boot: { routing: { stable: 'v1 @ 80%', candidate: 'v2 @ 20%' } },
}
const fleet = await Fleet.start(t, { services })
const { leader, one, two } = await fleet.three()
const names = [...fleet.nodes.keys()].toSorted()

/**
 * Which nodes serve by a change when it is answered. The answer waits a second for them; where this
 * machine took longer, what the node says of it as soon as all have followed.
 */
async function inForce({ convergence, name, revision }: Changed): Promise<unknown> {
  const isAnswered = convergence?.revision === revision && convergence.waiting.length === 0
  const known = isAnswered ? convergence : await settled(name, revision)
  const nodes = known.applied.map(({ node }) => node).toSorted()
  return { nodes, waiting: known.waiting, isSame: known.revision === revision }
}

function settled(service: string, revision: number): Promise<Convergence> {
  const probe = async (): Promise<Convergence | null> => {
    const found = (await one.fleet()).services.find((known) => known.service === service)
    return found?.revision === revision && found.waiting.length === 0 ? found : null
  }
  return until(probe, { what: `all serve by revision ${revision}`, withinMs: WITHIN_MS })
}

const EVERYWHERE = { nodes: names, waiting: [], isSame: true }

await t.test('three nodes that start at once begin one rollout by the file', async (t) => {
  const look = () => Promise.all(fleet.some().map((node) => node.view('boot')))
  const views = await until(
    async () => {
      const seen = await look()
      const isSame = seen.every(({ revision }) => revision === seen[0]?.revision)
      return isSame && seen[0]?.candidate?.weight === 20 ? seen : null
    },
    { what: 'all serve by the same revision', withinMs: 60_000 },
  )
  for (const { candidate, rollout } of views) {
    t.match({ candidate, rollout }, { candidate: { weight: 20 }, rollout: { id: 'boot-1' } })
  }
  const begun = await one.told('boot', 'config')
  t.equal(begun.length, 1, 'one node has applied the file')
})

await t.test('a weight that is set on a follower is in force on all nodes', async (t) => {
  const body = { version: 'v2', targets: [fleet.candidate.url] }
  const deployed = await one.does('POST weight/rollouts', { body })
  t.strictSame(await inForce(deployed), EVERYWHERE)
  await fleet.seen('weight', ({ candidate }) => candidate?.weight === 50, { nodes: [one] })
  for (const weight of [40, 45, 30]) {
    const changed = await one.weight('weight', weight, { force: true })
    t.strictSame(await inForce(changed), EVERYWHERE)
    const views = await Promise.all(fleet.some().map((node) => node.view('weight')))
    for (const view of views) {
      t.match(view, { revision: changed.revision, candidate: { weight } })
    }
  }
})

await t.test('a follower refuses as the leader does', async (t) => {
  const { revision } = await one.view('weight')
  const weight = { candidate: 10 }
  for (const [call, options, status, says] of [
    ['PUT weight/weight', { body: weight, ifMatch: revision - 1 }, 412, /has changed meanwhile/],
    ['PUT nobody/weight', { body: weight }, 404, /not in the config file/],
    ['PUT missing/weight', { body: weight }, 409, /has no candidate/],
    ['POST missing/rollout/promote', {}, 409, /no rollout/],
    ['POST missing/rollout/abort', {}, 409, /no rollout/],
    ['POST missing/rollback', {}, 409, /no previous stable/],
    ['PUT weight/weight', { body: { candidate: 10.001 }, ifMatch: revision }, 422, /two decimals/],
    ['POST weight/rollouts', { body: { version: 'v3', targets: ['http://h:1'] } }, 409, /running/],
    ['PUT weight/versions/v9/targets', { body: { targets: ['http://h:1'] } }, 404, /not known/],
  ] as const) {
    const [asked, led] = await Promise.all([one.api(call, options), leader.api(call, options)])
    t.equal(asked.status, led.status, call)
    t.equal(asked.status, status, call)
    t.match(JSON.stringify(asked.body), says)
    t.strictSame(asked.body, led.body)
  }
})

await t.test('a rollout is steered from a follower', async (t) => {
  await fleet.deploy('steps', one)
  t.strictSame(await inForce(await one.does('POST steps/rollout/pause')), EVERYWHERE)
  t.match(await two.view('steps'), { rollout: { paused: true } })
  t.strictSame(await inForce(await two.does('POST steps/rollout/resume')), EVERYWHERE)
  t.match(await one.view('steps'), { rollout: { paused: false } })
  const promoted = await one.does('POST steps/rollout/promote', { body: { full: true } })
  t.strictSame(await inForce(promoted), EVERYWHERE)
  t.match(await two.view('steps'), { candidate: { weight: 100 }, rollout: { phase: 'baking' } })
  await two.does('POST steps/rollout/promote')
  t.match(await one.view('steps'), { stable: { version: 'v2' }, previous: { version: 'v1' } })
  t.strictSame(await two.gets('steps', 16), { v2: 16 })
})

await t.test('a follower goes back behind a promotion, without being forced', async (t) => {
  await fleet.deploy('swap', two)
  await two.does('POST swap/rollout/promote', { body: { full: true } })
  await two.does('POST swap/rollout/promote')
  await fleet.seen('swap', ({ previous }) => previous?.healthy === true, { nodes: [one] })
  t.strictSame(await inForce(await one.does('POST swap/rollback')), EVERYWHERE)
  for (const node of fleet.some()) {
    t.match(await node.view('swap'), { stable: { version: 'v1' }, previous: null })
    t.strictSame(await node.gets('swap', 8), { v1: 8 })
  }
})

await t.test('targets are set on a follower, and reach all nodes', async (t) => {
  const targets = [fleet.stable.url, fleet.candidate.url]
  const set = await one.does('PUT targets/versions/v1/targets', { body: { targets } })
  t.strictSame(await inForce(set), EVERYWHERE)
  for (const node of fleet.some()) {
    const { stable } = await node.view('targets')
    t.strictSame(
      stable?.targets.map(({ url }) => url),
      targets,
    )
  }
})

await t.test('what only a follower sees rolls a candidate back everywhere', async (t) => {
  await fleet.deploy('retry', one)
  fleet.candidate.failing.add('retry.test')
  await two.getsUntilOut('retry')
  const views = await fleet.seen('retry', ({ ended }) => ended?.ending === 'rolled-back')
  for (const { candidate, quarantine } of views) {
    t.equal(candidate?.weight, 0)
    t.ok(quarantine.v2)
  }
  const told = await one.told('retry', 'rolled-back')
  t.strictSame(
    told.map(({ node }) => node),
    [leader.name],
    'who leads has judged, once',
  )
  t.strictSame(await two.gets('retry', 8), { v1: 8 })
  const body = { version: 'v2', targets: [fleet.candidate.url] }
  t.match(await one.api('POST retry/rollouts', { body }), { status: 409 })
  t.strictSame(await inForce(await one.does('DELETE retry/quarantine/v2')), EVERYWHERE)
  t.strictSame((await two.view('retry')).quarantine, {})
})

await t.test('a rollout is judged and shown by the requests of all nodes', async (t) => {
  await fleet.deploy('sum', one)
  for (const node of fleet.some()) await node.gets('sum', 40)
  const counted = (view: Awaited<ReturnType<typeof one.view>>): number => {
    const { candidate, stable } = view.rollout?.evidence[0] ?? {}
    return (candidate?.requests ?? 0) + (stable?.requests ?? 0)
  }
  await fleet.seen('sum', (view) => counted(view) === 120)
  const shown = ({ candidate, stable }: Awaited<ReturnType<typeof one.view>>): number =>
    (candidate?.stats.requests ?? 0) + (stable?.stats.requests ?? 0)
  const views = await fleet.seen('sum', (view) => shown(view) === 120)
  for (const { candidate, stable } of views) {
    const own = [candidate, stable].map((version) => version?.totals.outcomes.ok ?? 0)
    const all = own.reduce((sum, ok) => sum + ok, 0)
    t.equal(all, 40, 'sums since the start are those of the node that is asked')
  }
})

await t.test('a customer who always fails testifies once, at whatever node', async (t) => {
  // Windows end by the clock, and the errors of two windows are two witnesses.
  const leftMs = BUCKET_WINDOW_MS - (Date.now() % BUCKET_WINDOW_MS)
  if (leftMs < 15_000) await sleep(leftMs)
  await fleet.deploy('sticky', one)
  const asks = (node: typeof one, tenant: string): Promise<string> =>
    node.get('sticky', { 'x-tenant': tenant })
  let tenant = ''
  for (let i = 0; tenant === ''; i++) if ((await asks(one, `t${i}`)) === 'v2') tenant = `t${i}`
  const errors = async (bad: number): Promise<number> => {
    const is = ({ rollout }: ServiceView): boolean => rollout?.evidence[0]?.candidate.bad === bad
    const [view] = await fleet.seen('sticky', is, { nodes: [leader] })
    const tests = view?.rollout?.evidence[0]?.tests ?? []
    return tests.find(({ against }) => against === 'stable')?.value ?? 0
  }
  fleet.candidate.failing.add('sticky.test')
  t.equal(await asks(one, tenant), 'v1', 'it was rescued')
  const first = await errors(1)
  await asks(two, tenant)
  await asks(leader, tenant)
  await asks(one, tenant)
  // Time adds a little; another witness would add half again.
  const last = await errors(4)
  t.ok(last < first * 1.1, `${first} with one error, ${last} with four`)
  fleet.candidate.failing.delete('sticky.test')
})

await t.test('a raise and an abort at the same time end in the abort', async (t) => {
  for (let i = 0; i < 5; i++) {
    await fleet.deploy('race', one)
    const { revision: ifMatch } = await one.view('race')
    const raise = { body: { candidate: 60 + i, force: true }, ifMatch }
    const [, aborted] = await Promise.all([
      (i % 2 === 0 ? leader : one).api('PUT race/weight', raise),
      two.api('POST race/rollout/abort'),
    ])
    t.equal(aborted.status, 200)
    await fleet.seen('race', ({ candidate, rollout }) => rollout === null && !candidate?.weight)
    for (const node of fleet.some()) t.strictSame(await node.gets('race', 8), { v1: 8 })
  }
})

await t.test('a service comes and goes by the files, node by node', async (t) => {
  const routing = { stable: 'v1 @ 75%', candidate: 'v2 @ 25%' }
  const others = { ...services, fresh: { routing }, weight: { routing } }
  const { revision } = await one.view('weight')
  await one.reload(fleet.config(one.name, others))
  t.match(await one.view('fresh'), { stable: { version: 'v1' }, candidate: { weight: 0 } })
  t.match(await one.view('weight'), { revision }, 'a routing block changes nothing that is known')
  const told = one.vertex.journal().filter(({ text }) => /not routed as the file/.test(text))
  t.match(told, [{ kind: 'fleet', text: /^Service weight .* change it by deploy, weight/ }])
  const raise = { body: { candidate: 10 }, ifMatch: (await one.view('fresh')).revision }
  const refused = await one.api('PUT fresh/weight', raise)
  t.equal(refused.status, 503)
  const says = new RegExp(`${leader.name}, which leads the fleet, does not have service fresh`)
  t.match((refused.body as Problem).detail, says)
  t.strictSame(await inForce(await one.weight('weight', 20)), EVERYWHERE, 'nobody else is held up')

  await leader.reload(fleet.config(leader.name, others))
  const changed = await one.weight('fresh', 50)
  const both = [leader.name, one.name].toSorted()
  t.strictSame(await inForce(changed), { nodes: both, waiting: [], isSame: true })
  t.equal((await two.api('GET fresh')).status, 404)

  fleet.candidate.failing.add('fresh.test')
  await leader.reload(fleet.config(leader.name))
  await one.getsUntilOut('fresh')
  await fleet.seen('fresh', ({ ended }) => ended?.ending === 'rolled-back', { nodes: [one] })
  t.strictSame(await one.gets('fresh', 8), { v1: 8 })
  await one.reload(fleet.config(one.name))
  t.match(await one.get('fresh'), /^404 /)
})

await t.test('an abort on a follower holds while the leader stands still', async (t) => {
  await fleet.deploy('paused', one)
  leader.pause()
  const aborted = await one.does('POST paused/rollout/abort')
  t.match(aborted, { rollout: null, candidate: { weight: 0 } })
  t.strictSame(aborted.convergence?.waiting, [leader.name])
  t.strictSame(await two.gets('paused', 8), { v1: 8 })
  const [next] = await fleet.leader([one.name, two.name])
  leader.resume()
  await fleet.seen('paused', ({ candidate, rollout }) => rollout === null && !candidate?.weight)
  const again = await fleet.leader()
  t.equal(again[0].name, next.name, 'who took over goes on leading')
  const confirmed = async (): Promise<true | null> => {
    const all = (await next.fleet()).services.find(({ service }) => service === 'paused')
    return all?.waiting.length === 0 ? true : null
  }
  await until(confirmed, { what: 'all have confirmed it', withinMs: WITHIN_MS })
  for (const node of fleet.some()) t.strictSame(await node.gets('paused', 8), { v1: 8 })
})

await t.test('a leader that is stopped hands over at once', async (t) => {
  const [last, ...others] = await fleet.leader()
  const stopped = performance.now()
  const ended = last.end('SIGTERM')
  await fleet.leader(others.map(({ name }) => name))
  t.comment(`after ${performance.now() - stopped} ms`)
  await ended
})

await t.test('no node has failed of its own', (t) => {
  t.strictSame(fleet.faults(), [])
  t.end()
})
