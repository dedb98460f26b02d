// Nodes join a fleet, leave it, are killed, and come back with another file: rollouts go on where
// they stood, with the evidence that there was.

import t from 'tap'
import { until } from '../../bench/lab/clock.ts'
import type { ServiceView } from '../../src/core/command.ts'
import { Hook } from './hook.ts'
import { Fleet, type FleetNode, STRATEGY, WITHIN_MS } from './lab.ts'

const gate = await Hook.start(t, 'wait')
const onCall = await Hook.start(t, 503)
const gated = { ...STRATEGY, gate: [{ name: 'door', webhook: gate.url, timeout: '60s' }] }
const services = {
  ...{ solo: {}, step: {}, told: {} },
  gate: { deploy_strategy: gated },
}
const fleet = await Fleet.make(t, { services, more: { page: { webhook: onCall.url } } })
const [a, b, c] = ['a', 'b', 'c'].map((name) => fleet.node(name)) as [
  FleetNode,
  FleetNode,
  FleetNode,
]

/** Requests that the verdict has counted. */
function counted({ rollout }: ServiceView): number {
  const { candidate, stable } = rollout?.evidence[0] ?? {}
  return (candidate?.requests ?? 0) + (stable?.requests ?? 0)
}

function until8<T>(what: string, probe: () => Promise<T | null> | T | null): Promise<T> {
  return until(probe, { what, withinMs: WITHIN_MS })
}

await t.test('the rollout of a node that worked alone goes on for the fleet', async (t) => {
  const { fleet: _, ...alone } = fleet.config('a', { solo: {} })
  a.configure(alone)
  await a.vertex.start()
  const body = { version: 'v2', targets: [fleet.candidate.url] }
  await a.does('POST solo/rollouts', { body })
  await fleet.seen('solo', ({ candidate }) => candidate?.weight === 50, { nodes: [a] })
  await a.gets('solo', 24)
  await fleet.seen('solo', (view) => counted(view) === 24, { nodes: [a] })
  await a.end('SIGTERM')

  a.configure(fleet.config('a'))
  await a.vertex.start()
  const served = await a.gets('solo', 24)
  t.ok((served.v2 ?? 0) > 0, 'what it has served alone it goes on serving')
  await fleet.leader(['a'])
  await Promise.all([b, c].map((node) => node.vertex.start()))
  await fleet.leader()
  await b.gets('solo', 16)
  const views = await fleet.seen('solo', (view) => counted(view) === 64)
  for (const { candidate, rollout } of views) {
    t.match({ candidate, rollout }, { candidate: { weight: 50 }, rollout: { id: 'solo-1' } })
  }
})

await t.test('a leader that is killed is followed by another, and nothing is lost', async (t) => {
  const { leader, one, two } = await fleet.three()
  await fleet.deploy('step', one)
  await fleet.deploy('told', one)
  const body = { version: 'v2', targets: [fleet.candidate.url] }
  await one.does('POST gate/rollouts', { body })
  await until8('the gate runs', () => (gate.posts.length === 1 ? true : null))
  for (const node of fleet.some()) await node.gets('step', 40)
  await fleet.seen('step', (view) => counted(view) === 120)
  fleet.candidate.failing.add('told.test')
  await two.getsUntilOut('told')
  await fleet.seen('told', ({ ended }) => ended?.ending === 'rolled-back')
  await until8('on-call is told', () => (onCall.posts.length > 0 ? true : null))
  t.ok(onCall.posts.every(({ status }) => status === 503))
  const before = await one.view('step')
  await until8('the evidence is saved', async () =>
    (await fleet.savedGood('step')) === 120 ? true : null,
  )

  const killed = performance.now()
  await leader.end('SIGKILL')
  onCall.answer(204)
  const [next] = await fleet.leader([one.name, two.name])
  t.comment(`another leads after ${performance.now() - killed} ms`)
  await until8('the gate runs again', () => (gate.posts.length === 2 ? true : null))
  await until8('on-call takes the page', () =>
    onCall.posts.some(({ status }) => status === 204) ? true : null,
  )
  const after = await fleet.seen('step', ({ revision }) => revision > before.revision, {
    nodes: [one, two],
  })
  for (const view of after) {
    t.match(view, { candidate: { weight: 50 }, rollout: { step: 1, phase: 'shifting' } })
    t.equal(counted(view), 120, 'the evidence goes on')
  }
  gate.answer(204)
  await fleet.seen('gate', ({ candidate }) => candidate?.weight === 50, { nodes: [one, two] })
  t.equal(gate.posts[1]?.body.rollout, 'gate-1')
  const incidents = new Set(onCall.posts.map(({ body }) => body.incident))
  t.equal(incidents.size, 1, 'all nodes call it the same')

  // It comes back with another routing block, as when files are pushed node by node.
  const { revision } = await next.view('step')
  leader.configure(
    fleet.config(leader.name, {
      ...services,
      step: { routing: { stable: 'v1 @ 90%', candidate: 'v2 @ 10%' } },
    }),
  )
  await leader.vertex.start()
  await fleet.leader()
  await leader.gets('step', 30)
  await next.gets('step', 30)
  const all = await fleet.seen('step', (view) => counted(view) === 180)
  for (const view of all) t.match(view, { revision, candidate: { weight: 50 } })
  t.strictSame(await leader.gets('told', 8), { v1: 8 })
})

await t.test('no node has failed of its own', (t) => {
  t.strictSame(fleet.faults(), [])
  t.end()
})
