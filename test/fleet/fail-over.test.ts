// When another server takes the place of the one that held the keys: the nodes find it, a term
// begins, and who leads is settled anew.

import t from 'tap'
import { freePort } from '../../bench/lab/free-port.ts'
import { bodyOf, fleetNode, follows, leads } from './fleet-node.ts'
import { sentinelGroup } from './redis-groups.ts'
import { until } from './redis-server.ts'

await t.test('a replica takes over, as the sentinel says', async (t) => {
  const { master, replica, sentinel } = await sentinelGroup(t)
  const sentinels = [
    { host: '127.0.0.1', port: await freePort() },
    { host: '127.0.0.1', port: sentinel.port },
  ]
  const redis = {
    kind: 'sentinel',
    name: 'shop',
    sentinels,
    db: 0,
    tls: null,
    sentinelUsername: null,
    sentinelPassword: null,
  } as const
  const a = await fleetNode(t, { node: 'a', redis })
  await leads(a)
  const b = await fleetNode(t, { node: 'b', redis })
  await follows(b)
  const body = (epoch: number) => ({ body: bodyOf('shop', { epoch }), lease: 1, knownTerm: 0 })
  t.match(await a.fleet.propose('shop', { ...body(1), expected: null }), { result: 'accepted' })
  const one = { term: 1, epoch: 1, writer: 'a' }
  const isCopied = async (): Promise<boolean> =>
    (await replica.cli('HGET', 'vertex:{svc:shop}:doc', 'epoch')) === '1'
  await until('the replica has it', { is: isCopied })
  // What is accepted now is lost with the master.
  replica.pause()
  await master.cli('CLIENT', 'KILL', 'TYPE', 'replica')
  t.match(await a.fleet.propose('shop', { ...body(2), expected: one }), { result: 'accepted' })
  const term = await master.term('shop')
  master.pause()
  replica.resume()
  const connections = [a, b].map(({ heard }) => heard.connected)
  await until('both are connected to the new master', {
    is: () => [a, b].every(({ heard }, index) => heard.connected > (connections[index] ?? 0)),
    withinMs: 10_000,
  })
  await until('one leads', {
    is: () => [a, b].some(({ fleet }) => fleet.standing.standing === 'leading'),
  })
  const leader = [a, b].find(({ fleet }) => fleet.standing.standing === 'leading') ?? a
  const reading = await leader.fleet.read('shop', 0)
  t.match(reading, { stored: { position: one, base: one } }, 'the second is lost, and it shows')
  const lease = leader.fleet.standing.lease
  const again = await leader.fleet.propose('shop', { ...body(3), lease, expected: one })
  t.match(again, { position: { epoch: 3 } })
  t.ok((await replica.term('shop')) > term, 'what is decided now is of a new term')
})
