// What an operator is told when Redis cannot be used as a fleet needs it. Nothing of it stops a
// node from serving; no secret is ever told.

import t from 'tap'
import { freePort } from '../../bench/lab/free-port.ts'
import { bodyOf, entryOf, fleetNode, follows, isCutOff, leads, single } from './fleet-node.ts'
import { COMMANDS } from './acl.ts'
import { RedisServer, until } from './redis-server.ts'

await t.test('a wrong password is told without telling it', async (t) => {
  const server = await RedisServer.start(t, { lines: ['requirepass correct-horse'] })
  const redis = single(server.port)
  const { fleet, lines } = await fleetNode(t, { node: 'a', redis, password: 'battery-staple' })
  const refused = new RegExp(
    `^Cannot reach Redis at redis://127.0.0.1:${server.port}/0 as Redis refuses the user name or`,
  )
  t.match(fleet.knowledge().degraded, [refused])
  t.match(fleet.standing, {
    standing: 'cut-off',
    mayNotRaise: /^Redis (is not reached yet|has not been reached for)/,
  })
  t.notMatch(JSON.stringify([fleet.knowledge(), lines]), 'battery-staple')
  const none = await fleetNode(t, { node: 'b', redis })
  t.match(none.fleet.knowledge().degraded, [/as Redis wants a password and none is configured/])
  const right = await fleetNode(t, { node: 'c', redis, password: 'correct-horse' })
  await leads(right)
  t.notMatch(JSON.stringify([right.fleet.knowledge(), right.lines]), 'correct-horse')
})

await t.test('a server that is not there is told', async (t) => {
  const port = await freePort()
  const nobody = await fleetNode(t, { node: 'a', redis: single(port) })
  t.match(nobody.fleet.knowledge().degraded, [
    `as the connection is refused: connect ECONNREFUSED 127.0.0.1:${port}`,
  ])
  t.type(nobody.fleet.knowledge().awaySinceMs, 'number')
  const unknown = { ...single(port), host: 'no-such-host.invalid' } as const
  const nowhere = await fleetNode(t, { node: 'b', redis: unknown })
  t.match(nowhere.fleet.knowledge().degraded, [/as its name (is not known|cannot be resolved now)/])
})

await t.test('a read-only replica is told, and left when it is a master', async (t) => {
  const master = await RedisServer.start(t)
  const replica = await RedisServer.start(t, { lines: [`replicaof 127.0.0.1 ${master.port}`] })
  const node = await fleetNode(t, { node: 'a', redis: single(replica.port) })
  t.match(node.fleet.knowledge().degraded, [/as the server is a read-only replica/])
  await replica.cli('REPLICAOF', 'NO', 'ONE')
  await leads(node)
  t.strictSame(node.fleet.knowledge().degraded, [])
  await replica.cli('REPLICAOF', '127.0.0.1', String(master.port))
  await isCutOff(node)
  await until('it is told', {
    is: () => /is a read-only replica/.test(node.fleet.knowledge().degraded.join()),
  })
})

await t.test('nobody leads where Redis may evict keys', async (t) => {
  const server = await RedisServer.start(t, { lines: ['maxmemory-policy allkeys-lru'] })
  const node = await fleetNode(t, { node: 'a', redis: single(server.port) })
  const clause = `Redis must not evict keys, and the maxmemory-policy of 127.0.0.1:${server.port}`
  const sentence = `Cannot let any node lead the fleet as ${clause} is allkeys-lru`
  t.strictSame(node.fleet.knowledge().degraded, [sentence])
  t.match(node.fleet.standing, { standing: 'cut-off', mayNotRaise: `${clause} is allkeys-lru` })
  await server.cli('CONFIG', 'SET', 'maxmemory-policy', 'noeviction')
  await leads(node)
  t.strictSame(node.fleet.knowledge().degraded, [])
  await server.cli('CONFIG', 'SET', 'maxmemory-policy', 'volatile-ttl')
  await isCutOff(node)
  const held = await server.cli('HGET', 'vertex:{fleet}:lease', 'owner')
  t.equal(held, '', 'the lease is given back')
})

await t.test('a node whose clock is off may follow and not lead', async (t) => {
  const server = await RedisServer.start(t)
  const redis = single(server.port)
  const wall = (): number => Date.now() - 7_300
  const node = await fleetNode(t, { node: 'a', redis, wall })
  const sentence = /^Cannot let node "a" lead .* within 5 s .* of Redis, and is 7\.3 s behind$/
  t.match(node.fleet.knowledge().degraded, [sentence])
  await isCutOff(node)
  const other = await fleetNode(t, { node: 'b', redis })
  await leads(other)
  await follows(node)
})

await t.test('a user with exactly the commands that a fleet needs', async (t) => {
  const server = await RedisServer.start(t, { lines: [`user vertex on >pw-of-vertex ${COMMANDS}`] })
  const access = { redis: single(server.port), username: 'vertex', password: 'pw-of-vertex' }
  const a = await fleetNode(t, { node: 'a', ...access })
  await leads(a)
  const b = await fleetNode(t, { node: 'b', ...access })
  await follows(b)
  const body = { body: bodyOf('shop', { epoch: 1 }), lease: 1, knownTerm: 0 }
  t.match(await a.fleet.propose('shop', { ...body, expected: null }), { result: 'accepted' })
  t.match(await b.fleet.propose('shop', { ...body, expected: null }), { result: 'conflict' })
  t.match(await b.fleet.read('shop', 0), { found: 'document' })
  a.fleet.note(entryOf('shop', 1))
  a.fleet.send('b', { message: 'answered', id: '1', answer: {} as never })
  await until('the letter is there', { is: () => b.heard.letters.length === 1 })
  await until('the news is there', {
    is: () => b.heard.broadcasts.some(({ message }) => message === 'changed'),
  })
  t.match(await b.fleet.journal('shop', 1), [{ seq: 1, node: 'a' }])
  await server.cli('SET', 'vertex:{svc:other}:doc', 'x')
  t.match(await b.fleet.read('other', 0), { found: 'damage', text: /is a string/ })
  await server.cli('DEL', 'vertex:{svc:other}:doc')
  t.match(await b.fleet.read('other', 0), { found: 'nothing' })
  await a.fleet.close()
  await leads(b)
  t.strictSame(b.fleet.knowledge().degraded, [])
  t.strictSame(
    a.lines
      .concat(b.lines)
      .filter((line) => line.startsWith('Cannot'))
      .slice(1),
    [],
  )
})

await t.test('a command that the user may not give is told', async (t) => {
  const commands = ['info', 'evalsha', 'subscribe', 'hset', 'hgetall']
  const lines = commands.map((command) => {
    const rules = COMMANDS.split(' ').filter((rule) => rule !== `+${command}`)
    return `user no-${command} on nopass ${rules.join(' ')}`
  })
  const server = await RedisServer.start(t, { lines })
  for (const command of commands) {
    const access = { username: `no-${command}`, password: 'any' }
    const node = await fleetNode(t, { node: 'a', redis: single(server.port), ...access })
    const told = node.fleet.knowledge().degraded.join('\n')
    t.match(told, /as the user's ACL does not allow it: /, command)
    if (command === 'hset') t.match(told, 'script: beat, on')
    await node.fleet.close()
  }
})

await t.test('a call that has failed is not told beside a Redis that is away', async (t) => {
  const server = await RedisServer.start(t)
  const node = await fleetNode(t, { node: 'a', redis: single(server.port) })
  await leads(node)
  await server.cli('ACL', 'SETUSER', 'default', '-hset')
  await until('a heartbeat has failed', {
    is: () => /script: beat, on/.test(node.fleet.knowledge().degraded.join()),
  })
  await server.kill()
  await isCutOff(node)
  t.match(node.fleet.knowledge().degraded, [/^Cannot reach Redis at /])
  t.equal(node.fleet.knowledge().degraded.length, 1)
})
