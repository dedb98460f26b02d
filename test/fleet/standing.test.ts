// Who leads: one node at a time, another one soon after it is gone, and none where Redis cannot be
// trusted to keep what it is told.

import t from 'tap'
import { bodyOf, fleetNode, follows, isCutOff, leads, single } from './fleet-node.ts'
import { Holder } from './holder.ts'
import { RedisServer, until } from './redis-server.ts'

await t.test('one node leads, the other follows and takes over when it leaves', async (t) => {
  const server = await RedisServer.start(t)
  const redis = single(server.port)
  const a = await fleetNode(t, { node: 'a', redis })
  await leads(a)
  t.strictSame(a.fleet.standing, {
    standing: 'leading',
    leader: 'a',
    lease: 1,
    mayNotRaise: null,
  })
  const b = await fleetNode(t, { node: 'b', redis })
  await follows(b)
  t.strictSame(b.fleet.standing, {
    standing: 'following',
    leader: 'a',
    lease: null,
    mayNotRaise: 'node a leads the fleet',
  })
  await until('a knows of b', { is: () => a.fleet.others().join() === 'b' })
  const owner = (): Promise<string> => server.cli('HGET', 'vertex:{fleet}:lease', 'owner')
  const first = await owner()
  await a.fleet.close()
  t.not(await owner(), first, 'the lease is given back, and does not run out')
  await leads(b)
  t.equal(b.fleet.standing.lease, 2)
  t.equal(await server.cli('HEXISTS', 'vertex:{fleet}:nodes', 'a'), '0', 'who has left says so')
  await until('b does not wait for a', { is: () => b.fleet.others().length === 0 })
})

await t.test('a paused Redis cuts all nodes off, and they come back', async (t) => {
  const server = await RedisServer.start(t)
  const redis = single(server.port)
  const a = await fleetNode(t, { node: 'a', redis })
  await leads(a)
  const b = await fleetNode(t, { node: 'b', redis })
  await follows(b)
  server.pause()
  const began = performance.now()
  await Promise.all([isCutOff(a), isCutOff(b)])
  t.comment(`noticed after ${performance.now() - began} ms`)
  await until('it is told', {
    is: () => /Redis has been away for/.test(b.fleet.standing.mayNotRaise ?? ''),
  })
  t.match(b.fleet.knowledge().degraded, [/Cannot reach Redis at redis:.* as it does not answer/])
  t.type(b.fleet.knowledge().awaySinceMs, 'number')
  const connected = b.heard.connected
  server.resume()
  await until('one leads again', {
    is: () => [a, b].filter(({ fleet }) => fleet.standing.standing === 'leading').length === 1,
  })
  await until('the other follows', {
    is: () => [a, b].filter(({ fleet }) => fleet.standing.standing === 'following').length === 1,
  })
  t.equal(b.heard.connected, connected + 1, 'everything is to be compared')
  t.strictSame(b.fleet.knowledge().degraded, [])
  t.equal(b.fleet.knowledge().awaySinceMs, null)
})

await t.test('a connection that is lost is made anew, and the lease is kept', async (t) => {
  const server = await RedisServer.start(t)
  const node = await fleetNode(t, { node: 'a', redis: single(server.port) })
  await leads(node)
  for (const kind of ['normal', 'pubsub']) {
    const { connected } = node.heard
    await server.cli('CLIENT', 'KILL', 'TYPE', kind)
    await until('it is connected again', { is: () => node.heard.connected === connected + 1 })
    t.match(node.fleet.standing, { standing: 'leading', lease: 1 }, kind)
    t.strictSame(node.fleet.knowledge().degraded, [])
  }
})

await t.test('a node that stood still itself takes nobody else for silent', async (t) => {
  const server = await RedisServer.start(t)
  const holder = new Holder(t, { node: 'other', port: server.port })
  await until('the other leads', { is: () => holder.leadsNow })
  const node = await fleetNode(t, { node: 'a', redis: single(server.port) })
  await follows(node)
  const told = node.heard.standings.length
  // Behind this phase of the loop come timers, and only then what was heard.
  await new Promise((resolve) => setImmediate(resolve))
  const end = performance.now() + 2_000
  while (performance.now() < end);
  const { fleet, heard } = node
  const broadcasts = heard.broadcasts.length
  await until('the other is heard again', { is: () => heard.broadcasts.length > broadcasts + 10 })
  t.equal(fleet.standing.standing, 'following')
  t.strictSame(heard.standings.slice(told), [])
  t.equal(heard.connected, 1, 'Redis was there all the time')
})

await t.test('fleets with other prefixes do not see each other', async (t) => {
  const server = await RedisServer.start(t)
  const redis = single(server.port)
  const one = await fleetNode(t, { node: 'a', redis })
  const other = await fleetNode(t, { node: 'b', redis, prefix: 'staging:' })
  await leads(one)
  await leads(other)
  t.strictSame(other.fleet.others(), [])
})

await t.test('a leader that is fenced off by what was lost takes a later lease', async (t) => {
  const server = await RedisServer.start(t)
  const node = await fleetNode(t, { node: 'a', redis: single(server.port) })
  await leads(node)
  const propose = async (lease: number | null, epoch: number) => {
    const term = await server.term('shop')
    const expected = epoch === 1 ? null : { term, epoch: epoch - 1, writer: 'a' }
    const body = bodyOf('shop', { epoch })
    return node.fleet.propose('shop', { body, lease, knownTerm: 0, expected })
  }
  // A holder before it had this lease, and Redis has lost that it gave it.
  t.match(await propose(50, 1), { result: 'accepted' })
  t.match(await propose(node.fleet.standing.lease, 2), { result: 'fenced', lease: 50 })
  t.equal(node.fleet.standing.standing, 'cut-off')
  await leads(node)
  t.equal(node.fleet.standing.lease, 51)
  t.match(await propose(51, 2), { result: 'accepted' })
})
