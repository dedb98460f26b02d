// Who belongs to the fleet: nodes come, go, change their names, and no two bear one name.

import t from 'tap'
import { entryOf, fleetNode, follows, isCutOff, leads, single } from './fleet-node.ts'
import { RedisServer, until } from './redis-server.ts'

const NODES = 'vertex:{fleet}:nodes'

await t.test('a node is a member from its start to its end', async (t) => {
  const server = await RedisServer.start(t)
  const redis = single(server.port)
  const a = await fleetNode(t, { node: 'a', redis, version: '0.2.0', listen: '10.0.0.1:80' })
  t.strictSame(a.fleet.others(), [])
  const b = await fleetNode(t, { node: 'b', redis })
  t.strictSame(b.fleet.others(), ['a'], 'who is there is known at once')
  const { members } = b.fleet.knowledge()
  t.strictSame(
    members.map(({ node }) => node),
    ['a', 'b'],
  )
  t.match(members[0], { version: '0.2.0', format: 1, listen: '10.0.0.1:80', isLive: true })
  t.match(members[0]?.startedAt, /^20\d\d-.*Z$/)
  t.ok(Math.abs(members[0]?.clockAheadMs ?? Number.NaN) < 1_000)
  await a.fleet.close()
  await until('a is gone', { is: () => b.fleet.knowledge().members.length === 1 })
})

await t.test('a node that is not heard of is no longer waited for', async (t) => {
  const server = await RedisServer.start(t)
  const redis = single(server.port)
  const now = Number((await server.cli('TIME')).split('\n')[0]) * 1_000
  const entry = '{"version":"0.1.0","format":1,"startedAt":"","listen":"x:1","clock":0}'
  await server.cli('HSET', NODES, 'crashed', `${now}|id-1|run-1|${entry}`)
  await server.cli('HSET', NODES, 'long-ago', `${now - 24 * 3600 * 1_000 - 60_000}|i|r|${entry}`)
  await server.cli('HSET', NODES, 'ahead', `${now + 3600 * 1_000}|id-2|run-2|${entry}`)
  await server.cli('HSET', NODES, 'newer', 'whatever it will be')
  const { fleet } = await fleetNode(t, { node: 'a', redis })
  t.strictSame(fleet.others(), ['crashed'])
  t.equal(await server.cli('HEXISTS', NODES, 'long-ago'), '0', 'after a day it is forgotten')
  t.match(fleet.knowledge().degraded, ['Cannot read the entries of some nodes: newer'])
  await until('it is silent', { is: () => fleet.others().length === 0 })
  const { members } = fleet.knowledge()
  t.match(
    members.find(({ node }) => node === 'crashed'),
    { isLive: false, silentMs: Number },
    'it is still listed',
  )
  t.match(members.find(({ node }) => node === 'ahead')?.isLive, false, 'its time cannot be')
})

await t.test('a node that has another name now leaves no old one behind', async (t) => {
  const server = await RedisServer.start(t)
  const redis = single(server.port)
  const now = Number((await server.cli('TIME')).split('\n')[0]) * 1_000
  const entry = '{"version":"0.1.0","format":1,"startedAt":"","listen":"x:1","clock":0}'
  await server.cli('HSET', NODES, 'old-name', `${now - 60_000}|same|run-1|${entry}`)
  await server.cli('HSET', NODES, 'a-while-ago', `${now - 60_000}|other|run-1|${entry}`)
  const { fleet } = await fleetNode(t, { node: 'new-name', id: 'same', redis })
  const names = fleet.knowledge().members.map(({ node }) => node)
  t.strictSame(names, ['a-while-ago', 'new-name'])
})

await t.test('a name that is taken stays with whoever has it', async (t) => {
  const server = await RedisServer.start(t)
  const redis = single(server.port)
  const first = await fleetNode(t, { node: 'a', redis, id: 'one', listen: '10.0.0.1:80' })
  await leads(first)
  const second = await fleetNode(t, { node: 'a', redis, id: 'two' })
  await isCutOff(second)
  const sentence = 'Cannot join the fleet as node "a" as the name is taken: the one at 10.0.0.1:80'
  t.match(second.fleet.knowledge().degraded, [sentence])
  t.match(second.fleet.standing.mayNotRaise, /may not join the fleet as the name is taken/)
  const third = await fleetNode(t, { node: 'b', redis })
  third.fleet.send('a', { message: 'asked', id: '1', node: 'b', command: { do: 'list' } as never })
  await until('the letter is there', { is: () => first.heard.letters.length === 1 })
  t.strictSame(second.heard.letters, [], 'who may not bear the name gets no letters')
  t.strictSame(first.fleet.knowledge().degraded, [])

  await first.fleet.close()
  await until('the second has joined', {
    is: () => second.fleet.knowledge().degraded.length === 0,
  })
  t.equal(await server.cli('HLEN', NODES), '2')
})

await t.test('a node that starts again takes its own place at once', async (t) => {
  const server = await RedisServer.start(t)
  const redis = single(server.port)
  const before = await fleetNode(t, { node: 'a', redis })
  await leads(before)
  const after = await fleetNode(t, { node: 'a', redis })
  t.match(after.fleet.knowledge().members, [{ node: 'a', isLive: true }])
  await until('the one before finds itself replaced', {
    is: () => /is taken/.test(before.fleet.knowledge().degraded.join()),
  })
  await isCutOff(before)
  await leads(after)
  t.strictSame(after.fleet.knowledge().degraded, [])
  await before.fleet.close()
  t.equal(await server.cli('HLEN', NODES), '1', 'it does not take the entry of its successor')
})

await t.test('a copied state directory is told', async (t) => {
  const server = await RedisServer.start(t)
  const redis = single(server.port)
  const a = await fleetNode(t, { node: 'a', redis, id: 'copied' })
  const b = await fleetNode(t, { node: 'b', redis, id: 'copied' })
  t.match(b.fleet.knowledge().degraded, [/needs a state directory of its own: "a" has the same id/])
  await until('both tell it', { is: () => a.fleet.knowledge().degraded.length === 1 })
  t.strictSame(b.fleet.others(), ['a'], 'they work nevertheless')
})

await t.test('members come back by themselves when Redis has lost them', async (t) => {
  const server = await RedisServer.start(t)
  const redis = single(server.port)
  const a = await fleetNode(t, { node: 'a', redis })
  await leads(a)
  const b = await fleetNode(t, { node: 'b', redis })
  await follows(b)
  const lease = a.fleet.standing.lease ?? 0
  await server.restartEmpty()
  await until('both are there again', {
    is: () => [a, b].every(({ fleet }) => fleet.others().length === 1),
  })
  const leader = (): number | null | undefined =>
    [a, b].map(({ fleet }) => fleet.standing).find((one) => one.standing === 'leading')?.lease
  // The number of the lease does not begin anew.
  await until('one leads by a later lease', { is: () => (leader() ?? 0) > lease })
})

await t.test("the fleet's journal has the entries of all nodes", async (t) => {
  const server = await RedisServer.start(t)
  const redis = single(server.port)
  const a = await fleetNode(t, { node: 'a', redis })
  const b = await fleetNode(t, { node: 'b', redis })
  a.fleet.note(entryOf('shop', 1))
  a.fleet.note(entryOf(null, 2))
  await until('it is added', { is: async () => (await server.cli('DBSIZE')) === '4' })
  b.fleet.note(entryOf('shop', 1))
  await until('all are there', {
    is: async () => {
      const found = await a.fleet.journal('shop', 10)
      return 'length' in found && found.length === 2
    },
  })
  const entries = await b.fleet.journal('shop', 10)
  t.strictSame(entries, [
    { ...entryOf('shop', 1), node: 'a' },
    { ...entryOf('shop', 1), node: 'b' },
  ])
  t.match(await b.fleet.journal('shop', 1), [{ node: 'b' }], 'the newest')

  await server.kill()
  await isCutOff(a)
  for (let seq = 1; seq <= 1_003; seq++) a.fleet.note(entryOf('shop', seq))
  t.match(a.fleet.knowledge().degraded, {
    1: "The fleet's journal lacks 3 entries of node a: Redis did not take them in time",
  })
  await server.start()
  await until('what was kept is added', {
    is: async () => {
      const found = await b.fleet.journal('shop', 2_000)
      return 'length' in found && found.length === 1_000
    },
  })
  const kept = await b.fleet.journal('shop', 2_000)
  t.match(kept, { 0: { seq: 4 }, 999: { seq: 1_003 } }, 'in their order')

  await server.cli('DEL', 'vertex:{svc:shop}:journal')
  await server.cli('SET', 'vertex:{svc:shop}:journal', 'x')
  a.fleet.note(entryOf('shop', 2_000))
  await until('it is told', {
    is: () => a.fleet.knowledge().degraded.some((text) => /lacks 4 entries/.test(text)),
  })
  t.match(a.fleet.knowledge().degraded.join('\n'), /as a key holds another type/)
  t.match(await a.fleet.journal('shop', 5), { failed: /a key holds another type/ })
})
