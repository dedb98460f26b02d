// A Redis Cluster of three masters: what belongs together is kept on one server, whichever it is.

import t from 'tap'
import { bodyOf, fleetNode, follows, isCutOff, leads } from './fleet-node.ts'
import { CLUSTER_COMMANDS, COMMANDS } from './acl.ts'
import { redisCluster } from './redis-groups.ts'
import { until } from './redis-server.ts'

await t.test('a fleet works on a cluster and comes back after its outage', async (t) => {
  const servers = await redisCluster(t)
  const nodes = servers.map(({ port }) => ({ host: '127.0.0.1', port }))
  const redis = { kind: 'cluster', nodes: nodes.slice(0, 2), tls: null } as const
  const rules = [...COMMANDS.split(' '), ...CLUSTER_COMMANDS.split(' ')]
  const allow = async (): Promise<void> => {
    const setting = ['ACL', 'SETUSER', 'vertex', 'on', '>pw-of-vertex', ...rules]
    await Promise.all(servers.map((server) => server.cli(...setting)))
  }
  await allow()
  const access = { redis, username: 'vertex', password: 'pw-of-vertex' }
  const a = await fleetNode(t, { node: 'a', ...access })
  await leads(a)
  const b = await fleetNode(t, { node: 'b', ...access })
  await follows(b)

  const services = Array.from({ length: 12 }, (_, index) => `service-${index}`)
  const proposals = services.map((service) => {
    const body = bodyOf(service, { epoch: 1 })
    return a.fleet.propose(service, { body, lease: 1, knownTerm: 0, expected: null })
  })
  for (const answer of await Promise.all(proposals))
    t.match(answer, { result: 'accepted', save: 1 })
  const sizes = await Promise.all(servers.map((server) => server.cli('DBSIZE')))
  t.ok(
    sizes.every((size) => Number(size) > 0),
    'each server holds some',
  )
  t.equal((await b.fleet.positions(services)).size, services.length)
  const news = (): number =>
    b.heard.broadcasts.filter(({ message }) => message === 'changed').length
  await until('all is heard, wherever it is kept', { is: () => news() === services.length })
  a.fleet.send('b', { message: 'answered', id: '1', answer: {} as never })
  await until('letters arrive', { is: () => b.heard.letters.length === 1 })
  t.strictSame(a.fleet.knowledge().degraded, [])

  await Promise.all(servers.map((server) => server.kill()))
  await isCutOff(a)
  await isCutOff(b)
  t.match(a.fleet.knowledge().degraded, [/Cannot reach Redis at redis\+cluster:\/\//])
  await Promise.all(servers.map((server) => server.start()))
  await allow()
  await until('one leads again', {
    is: () =>
      a.fleet.knowledge().awaySinceMs === null &&
      [a, b].some(({ fleet }) => fleet.standing.standing === 'leading'),
    withinMs: 8_000,
  })
  t.strictSame(await a.fleet.read('service-1', 0), { found: 'nothing' })
})
