// What the admin API tells of a fleet, with a control side that the test plays: alone, in a fleet,
// and cut off from Redis.

import t from 'tap'
import type { NodeView } from '../../src/core/command.ts'
import { convergenceView, fleetView, inFleet, MEMBERS, memberView } from './fleet-views.ts'
import { call, nodeView, obliging, startAdmin } from './harness.ts'

const admin = await startAdmin()
t.teardown(() => admin.stop())

const AWAY = 'Redis has been away for 12 s: this node serves on and raises no weight'
/** Redis is away, one node has not been heard of for long, another has not confirmed. */
const CUT_OFF = fleetView({
  standing: 'cut-off',
  leader: null,
  mayNotRaise: 'Redis has been away for 12 s',
  awaySince: '2026-01-01T00:00:00.000Z',
  meaning: AWAY,
  members: [...MEMBERS, memberView('edge-4', { isLive: false, silentMs: 40_000 })],
  services: [
    convergenceView({ applied: [{ node: 'edge-2', afterMs: 0 }], waiting: ['edge-1', 'edge-3'] }),
    convergenceView({ service: 'cart', applied: [], waiting: ['edge-1'] }),
  ],
})

/** Answers as this node would. */
function beNode(change: Partial<NodeView>): void {
  admin.answer = (command) =>
    command.do === 'node' ? { ok: true, answer: 'node', node: nodeView(change) } : inFleet(command)
}

await t.test('a node that works alone has no fleet, and says why', async (t) => {
  admin.answer = obliging
  const fleet = await call(`${admin.url}/v1/fleet`)
  t.equal(fleet.status, 404)
  t.same(fleet.json, {
    type: 'urn:vertex:problem:no-fleet',
    title: 'No fleet',
    status: 404,
    detail:
      'Cannot describe the fleet as this node works alone: there is no fleet block in its config',
  })
  const journal = await call(`${admin.url}/v1/fleet/journal?service=shop`)
  t.equal(journal.status, 404)
  t.match(journal.json?.detail, /^Cannot read the fleet's journal as this node works alone/)
  t.equal((await call(`${admin.url}/v1/node`)).json?.fleet, null)
  const changed = await call(`${admin.url}/v1/services/shop/rollout/pause`, {
    method: 'POST',
    body: {},
  })
  t.equal(changed.json?.convergence, null)
})

await t.test('the fleet is told, and with a change how far it has come', async (t) => {
  admin.answer = inFleet
  t.same((await call(`${admin.url}/v1/fleet`)).json, fleetView())
  t.same((await call(`${admin.url}/v1/node`)).json?.fleet, fleetView())
  const shop = `${admin.url}/v1/services/shop`
  const body = { candidate: 5 }
  const changed = await call(`${shop}/weight`, { method: 'PUT', body })
  t.same(changed.json?.convergence, convergenceView())
  t.notOk(Object.hasOwn((await call(shop)).json ?? {}, 'convergence'), 'a look is no change')
})

await t.test("the fleet's journal is asked for by service and count", async (t) => {
  admin.answer = inFleet
  admin.asked.length = 0
  const { json, status } = await call(`${admin.url}/v1/fleet/journal?service=shop&limit=7`)
  t.equal(status, 200)
  t.match(json?.entries, [
    { node: 'edge-2', seq: 12, text: 'Set to 5 %' },
    { node: 'edge-1', seq: 4, text: 'Aborted' },
  ])
  await call(`${admin.url}/v1/fleet/journal?service=shop`)
  t.same(admin.asked, [
    { do: 'fleet-journal', service: 'shop', count: 7 },
    { do: 'fleet-journal', service: 'shop', count: 100 },
  ])
  const unknown = await call(`${admin.url}/v1/fleet/journal?service=nope`)
  t.match(unknown.json, { type: 'urn:vertex:problem:unknown-service' })
  for (const query of ['', '?service=', '?service=shop&limit=0', '?service=shop&after=3']) {
    t.equal((await call(`${admin.url}/v1/fleet/journal${query}`)).status, 400, query)
  }
})

await t.test('a node without Redis stays ready, and says that it is degraded', async (t) => {
  const degraded = { status: 200, text: /^ready, but degraded: see [^\n]+\n$/ }
  beNode({ fleet: CUT_OFF })
  t.match(await call(`${admin.url}/readyz`), degraded)
  beNode({ degraded: ['The state of service shop cannot be saved: EACCES'] })
  const answer = await call(`${admin.url}/readyz`)
  t.match(answer, degraded)
  t.notMatch(answer.text, /shop/, 'not what it is, as it is told without a token')
  beNode({ fleet: fleetView() })
  t.equal((await call(`${admin.url}/readyz`)).text, 'ready\n')
  beNode({ fleet: CUT_OFF, draining: true })
  t.equal((await call(`${admin.url}/readyz`)).status, 503)
})

async function fleetMetrics(): Promise<string[]> {
  const { text } = await call(`${admin.url}/metrics`)
  return text.split('\n').filter((line) => line.startsWith('vertex_fleet'))
}

await t.test('metrics of a fleet are there in a fleet only', async (t) => {
  admin.answer = obliging
  t.same(await fleetMetrics(), [])
  admin.answer = inFleet
  t.same(await fleetMetrics(), [
    'vertex_fleet_standing{standing="leading"} 0',
    'vertex_fleet_standing{standing="following"} 1',
    'vertex_fleet_standing{standing="cut-off"} 0',
    'vertex_fleet_redis_up 1',
    'vertex_fleet_members 3',
    'vertex_fleet_members_live 3',
    'vertex_fleet_clock_ahead_seconds 0.003',
    'vertex_fleet_unconfirmed{service="shop"} 0',
    'vertex_fleet_convergence_seconds{service="shop"} 0.008',
  ])
  beNode({ fleet: CUT_OFF })
  t.same(await fleetMetrics(), [
    'vertex_fleet_standing{standing="leading"} 0',
    'vertex_fleet_standing{standing="following"} 0',
    'vertex_fleet_standing{standing="cut-off"} 1',
    'vertex_fleet_redis_up 0',
    'vertex_fleet_members 4',
    'vertex_fleet_members_live 3',
    'vertex_fleet_clock_ahead_seconds 0.003',
    'vertex_fleet_unconfirmed{service="shop"} 2',
    'vertex_fleet_unconfirmed{service="cart"} 1',
    'vertex_fleet_convergence_seconds{service="shop"} 0',
  ])
})
