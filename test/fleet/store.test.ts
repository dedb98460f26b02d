// The documents in Redis: replaced only by whoever knows what is there, fenced by the lease, and in
// a new term whenever another server process holds them.

import t from 'tap'
import { CALL_MS } from '../../src/fleet/connection.ts'
import { bodyOf, fleetNode, isCutOff, leads, single } from './fleet-node.ts'
import { RedisServer, until } from './redis-server.ts'

const DOC = 'vertex:{svc:shop}:doc'

function proposal(epoch: number, more: { lease?: number; note?: string; knownTerm?: number } = {}) {
  const { lease = null, note = '', knownTerm = 0 } = more
  return { body: bodyOf('shop', { epoch, note }), lease, knownTerm }
}

await t.test('a document is replaced by whoever knows what is there', async (t) => {
  const server = await RedisServer.start(t)
  const { fleet: a } = await fleetNode(t, { node: 'a', redis: single(server.port) })
  const { fleet: b, heard } = await fleetNode(t, { node: 'b.example', redis: single(server.port) })
  t.strictSame(await a.read('shop', 0), { found: 'nothing' })

  const first = await a.propose('shop', { ...proposal(1), expected: null })
  const one = { term: 1, epoch: 1, writer: 'a' }
  t.strictSame(first, { result: 'accepted', position: one, save: 1 })
  await until('b hears of it', { is: () => heard.broadcasts.some((m) => m.message === 'changed') })
  const stored = { position: one, base: one, save: 1, body: bodyOf('shop', { epoch: 1 }) }
  const news = heard.broadcasts.find((m) => m.message === 'changed')
  t.strictSame(news, { message: 'changed', service: 'shop', position: one, save: 1, stored })

  const late = await b.propose('shop', { ...proposal(1), expected: null })
  t.strictSame(late, { result: 'conflict', stored }, 'the first has won')
  const second = await b.propose('shop', { ...proposal(2), expected: one })
  const term = await server.term('shop')
  t.ok(term > 1, 'what is begun by who knows nothing is below all that is decided later')
  const two = { term, epoch: 2, writer: 'b.example' }
  t.strictSame(second, { result: 'accepted', position: two, save: 2 })
  t.match(await a.propose('shop', { ...proposal(2), expected: one }), {
    result: 'conflict',
    stored: { position: two },
  })
  const nowhere = { term, epoch: 9, writer: 'a' }
  t.match(await a.propose('other', { ...proposal(10), expected: nowhere }), {
    result: 'conflict',
    stored: null,
  })

  const places = await a.positions(['shop', 'other'])
  t.strictSame(
    [...places],
    [
      ['shop', { position: two, save: 2 }],
      ['other', null],
    ],
  )
})

await t.test('newer evidence keeps its position and is told without the document', async (t) => {
  const server = await RedisServer.start(t)
  const { fleet: a, heard } = await fleetNode(t, { node: 'a', redis: single(server.port) })
  await a.propose('shop', { ...proposal(4), expected: null })
  const position = { term: 1, epoch: 4, writer: 'a' }
  const { fleet: b } = await fleetNode(t, { node: 'b', redis: single(server.port) })
  const again = await b.propose('shop', { ...proposal(4, { note: 'new' }), expected: position })
  t.strictSame(again, { result: 'accepted', position, save: 2 }, 'it stays a decision of a')
  await until('it is told', {
    is: () => heard.broadcasts.some((m) => m.message === 'changed' && m.save === 2),
  })
  const news = heard.broadcasts.find((m) => m.message === 'changed' && m.save === 2)
  t.match(news, { position, stored: null })
  t.match(await a.read('shop', 0), {
    stored: { save: 2, body: bodyOf('shop', { epoch: 4, note: 'new' }) },
  })
  t.match(await a.propose('shop', { ...proposal(3), expected: position }), {
    result: 'failed',
    reason: 'Cannot save service shop in Redis as revisions never go back: it holds 4',
  })
})

await t.test('an earlier holder of the lease is fenced off', async (t) => {
  const server = await RedisServer.start(t)
  const { fleet } = await fleetNode(t, { node: 'a', redis: single(server.port) })
  await fleet.propose('shop', { ...proposal(1, { lease: 7 }), expected: null })
  const expected = { term: 1, epoch: 1, writer: 'a' }
  t.match(await fleet.propose('shop', { ...proposal(2, { lease: 6 }), expected }), {
    result: 'fenced',
    lease: 7,
    stored: { position: expected },
  })
  const any = await fleet.propose('shop', { ...proposal(2), expected })
  t.match(any, { result: 'accepted' }, 'what any node may write is not fenced')
  const after = { term: await server.term('shop'), epoch: 2, writer: 'a' }
  t.match(await fleet.propose('shop', { ...proposal(3, { lease: 6 }), expected: after }), {
    result: 'fenced',
  })
  t.match(await fleet.propose('shop', { ...proposal(3, { lease: 7 }), expected: after }), {
    result: 'accepted',
  })
})

await t.test('another server process begins another term, with what it held as base', async (t) => {
  const server = await RedisServer.start(t, { lines: ['appendonly no'] })
  const node = await fleetNode(t, { node: 'a', redis: single(server.port) })
  const { fleet } = node
  await fleet.propose('shop', { ...proposal(1), expected: null })
  const one = { term: 1, epoch: 1, writer: 'a' }
  await fleet.propose('shop', { ...proposal(2), expected: one })
  const term = await server.term('shop')
  const dump = await server.cli('HGETALL', DOC)
  await server.restartEmpty()
  // What a server that saved its data would hold: an older document of the process before.
  const fields = dump.split('\n')
  await server.cli('HSET', DOC, ...fields, 'later', 'kept')
  await until('the node is back', { is: () => fleet.knowledge().awaySinceMs === null })
  const two = { term, epoch: 2, writer: 'a' }
  t.match(await fleet.read('shop', 0), { stored: { position: two, base: two, save: 2 } })
  const third = await fleet.propose('shop', { ...proposal(3), expected: two })
  const next = await server.term('shop')
  t.ok(next > term)
  t.match(third, { position: { term: next, epoch: 3, writer: 'a' }, save: 3 })
  t.match(await fleet.read('shop', 0), { stored: { base: two } })
  t.equal(await server.cli('HGET', DOC, 'later'), 'kept', 'unknown fields stay')

  await server.restartEmpty()
  await until('the node is back', { is: () => fleet.knowledge().awaySinceMs === null })
  t.strictSame(await fleet.read('shop', 0), { found: 'nothing' })
  // A clock that was far ahead, by then, must not make an earlier term of a later one.
  const knownTerm = next + 3_600_000_000
  const restored = await fleet.propose('shop', { ...proposal(3, { knownTerm }), expected: null })
  const last = await server.term('shop')
  t.match(restored, { position: { term: last, epoch: 3, writer: 'a' } })
  t.ok(last > knownTerm, 'terms do not go back')
  t.match(await fleet.read('shop', 0), { stored: { base: null } })
})

await t.test('two servers that go on from one state begin two terms', async (t) => {
  const first = await RedisServer.start(t, { lines: ['appendonly no'] })
  const a = await fleetNode(t, { node: 'a', redis: single(first.port) })
  await a.fleet.propose('shop', { ...proposal(1), expected: null })
  const fields = (await first.cli('HGETALL', DOC)).split('\n')
  const second = await RedisServer.start(t)
  await second.cli('HSET', DOC, ...fields)
  await first.restartEmpty()
  await first.cli('HSET', DOC, ...fields)
  await until('the node is back', { is: () => a.fleet.knowledge().awaySinceMs === null })
  const b = await fleetNode(t, { node: 'b', redis: single(second.port) })
  await a.fleet.read('shop', 0)
  await b.fleet.read('shop', 0)
  const [one, other] = [await first.cli('HGET', DOC, 'term'), await second.cli('HGET', DOC, 'term')]
  t.not(one, other)
})

await t.test('what cannot be used is told and left alone', async (t) => {
  const server = await RedisServer.start(t)
  const { fleet } = await fleetNode(t, { node: 'a', redis: single(server.port) })
  const cases: readonly (readonly [commands: readonly string[][], sentence: RegExp])[] = [
    [[['SET', DOC, 'x']], /its key must be a hash: vertex:\{svc:shop\}:doc is a string/],
    [[['HSET', DOC, 'format', '2']], /reads formats up to 1: .* is in format 2/],
    [[['HSET', DOC, 'color', 'red']], /a field is missing or no number: .* lacks format/],
    [[['HSET', DOC, 'format', '1', 'term', 'x']], /lacks term/],
  ]
  for (const [commands, sentence] of cases) {
    await server.cli('DEL', DOC)
    for (const command of commands) await server.cli(...command)
    const before = await server.cli('DUMP', DOC)
    const reading = await fleet.read('shop', 0)
    t.match(reading, { found: 'damage', text: sentence })
    t.match(fleet.knowledge().degraded, [sentence])
    const answer = await fleet.propose('shop', { ...proposal(1), expected: null })
    t.match(answer, { result: 'failed', reason: sentence })
    t.strictSame([...(await fleet.positions(['shop']))], [], 'there is no position')
    t.equal(await server.cli('DUMP', DOC), before, 'nothing was overwritten')
  }
  await server.cli('DEL', DOC)
  await fleet.propose('shop', { ...proposal(1), expected: null })
  t.strictSame(fleet.knowledge().degraded, [], 'it is well again')
  for (const body of ['{', '[]', JSON.stringify(bodyOf('other', { epoch: 1 }))]) {
    await server.cli('HSET', DOC, 'body', body)
    t.match(await fleet.read('shop', 0), { found: 'damage', text: /its body cannot be used/ })
  }
})

await t.test('while Redis is away every call fails at once and says why', async (t) => {
  const server = await RedisServer.start(t)
  const node = await fleetNode(t, { node: 'a', redis: single(server.port) })
  await leads(node)
  await server.kill()
  await isCutOff(node)
  const began = performance.now()
  t.match(await node.fleet.read('shop', 0), { found: 'failed', reason: /Redis is away/ })
  t.match(await node.fleet.propose('shop', { ...proposal(1), expected: null }), {
    result: 'failed',
    reason: /Redis is away/,
  })
  t.strictSame([...(await node.fleet.positions(['shop']))], [])
  t.match(await node.fleet.journal('shop', 5), { failed: /Redis is away/ })
  t.ok(performance.now() - began < CALL_MS, 'none waits for the limit of a call')
  await server.start()
  await leads(node)
  t.match(await node.fleet.propose('shop', { ...proposal(1), expected: null }), {
    result: 'accepted',
  })
})
