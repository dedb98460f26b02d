// What the nodes tell each other arrives as it was sent; what is none of ours does no harm. And an
// answer of Redis that comes too late, or never, leaves the nodes with what is true.

import t from 'tap'
import type { StoreAnswer } from '../../src/control/fleet-port.ts'
import type { Broadcast, Letter } from '../../src/core/fleet/message.ts'
import type { Position } from '../../src/core/fleet/position.ts'
import { bodyOf, fleetNode, isCutOff, leads, single } from './fleet-node.ts'
import { RedisServer, until } from './redis-server.ts'
import { Relay } from './relay.ts'

const counts = { good: 7, bad: 1, exceeded: 0, userErrors: 0 }
const counters = {
  node: 'a',
  run: 1,
  number: 3,
  rollout: 'shop-1',
  candidate: counts,
  stable: counts,
  stableSlow: 0,
}
const interval = {
  version: 'v2',
  latency: '',
  outcomes: [1, 2],
  rescued: 0,
  evidenceGood: 3,
  evidenceBad: 0,
  given: { 'http://127.0.0.1:1': 4 },
  inFlight: 1,
}

await t.test('broadcasts reach all nodes and letters one', async (t) => {
  const server = await RedisServer.start(t)
  const redis = single(server.port)
  const a = await fleetNode(t, { node: 'a', redis })
  const b = await fleetNode(t, { node: 'b', redis })
  const position = { term: 1, epoch: 2, writer: 'a' }
  const applied: Broadcast = { message: 'applied', node: 'a', service: 'shop', position, atMs: 5 }
  a.fleet.broadcast(applied)
  const hears = ({ heard }: typeof a): boolean =>
    heard.broadcasts.some(({ message }) => message === 'applied')
  await until('both hear', { is: () => hears(a) && hears(b) })
  const heard = b.heard.broadcasts.filter(({ message }) => message === 'applied')
  t.strictSame(heard, [applied])

  const letters: readonly Letter[] = [
    { message: 'counted', service: 'shop', counters, intervals: [interval] },
    { message: 'counted', service: 'shop', counters: null, intervals: [] },
    { message: 'asked', id: '1', node: 'a', command: { do: 'list' } as never },
    { message: 'answered', id: '1', answer: { ok: true, answer: 'services', services: [] } },
  ]
  for (const letter of letters) a.fleet.send('b', letter)
  await until('the letters are there', { is: () => b.heard.letters.length === letters.length })
  t.strictSame(b.heard.letters, letters, 'in their order')
  t.strictSame(a.heard.letters, [])
})

await t.test('what is decided does not wait for the answer to what was said', async (t) => {
  const server = await RedisServer.start(t)
  const relay = await Relay.start(t, server.port)
  const a = await fleetNode(t, { node: 'a', redis: single(relay.port) })
  const b = await fleetNode(t, { node: 'b', redis: single(server.port) })
  await leads(a)
  const propose = (service: string): Promise<StoreAnswer> =>
    a.fleet.propose(service, {
      ...{ expected: null, body: bodyOf(service, { epoch: 3 }) },
      ...{ lease: null, knownTerm: 0 },
    })
  t.equal((await propose('cart')).result, 'accepted', 'Redis knows the script from now on')
  relay.mute()
  const position = { term: 1, epoch: 2, writer: 'a' }
  a.fleet.broadcast({ message: 'applied', node: 'a', service: 'shop', position, atMs: 5 })
  const heard = (name: string): boolean =>
    b.heard.broadcasts.some(
      (one) => one.message === name && 'service' in one && one.service === 'shop',
    )
  await until('b hears it', { is: () => heard('applied') })
  const decided = propose('shop')
  await until('b hears of the decision', { is: () => heard('changed') })
  relay.speak()
  t.equal((await decided).result, 'accepted')
})

await t.test('what is no message is ignored and told', async (t) => {
  const server = await RedisServer.start(t)
  const node = await fleetNode(t, { node: 'a', redis: single(server.port) })
  await leads(node)
  const wrong: readonly (readonly [channel: string, text: string])[] = [
    ['vertex:fleet', 'not JSON'],
    ['vertex:fleet', '[]'],
    ['vertex:fleet', '{"message":"leads","node":"x"}'],
    ['vertex:fleet', '{"message":"applied","node":"x","service":"shop","position":{},"atMs":1}'],
    ['vertex:fleet', '{"message":"changed","service":"shop","position":{"term":"1"},"save":1}'],
    ['vertex:fleet', `{"message":"leads","node":"x","lease":9,"more":"${'x'.repeat(1 << 20)}"}`],
    ['vertex:to:a', '{"message":"counted","service":"shop","counters":{},"intervals":[]}'],
    ['vertex:to:a', '{"message":"counted","service":"s","counters":null,"intervals":[1]}'],
    ['vertex:to:a', '{"message":"asked","id":"1","node":"x","command":"deploy"}'],
    ['vertex:to:a', '{"message":"nothing that is known"}'],
  ]
  const before = node.heard.broadcasts.length
  // redis-cli has no room for the longest as an argument.
  const sender = await fleetNode(t, { node: 'sender', redis: single(server.port) })
  for (const [channel, text] of wrong) {
    if (text.length < 1_000) await server.cli('PUBLISH', channel, text)
    else sender.fleet.broadcast(JSON.parse(text))
  }
  const told = 'Messages that are none of Vertex are ignored: 9 so far, the last on vertex:to:a'
  await until('all are counted', { is: () => node.fleet.knowledge().degraded.includes(told) })
  t.match(sender.fleet.knowledge().degraded.join('\n'), /Cannot send "leads" as a message has at/)
  t.strictSame(node.heard.letters, [])
  const others = node.heard.broadcasts.slice(before).filter(({ message }) => message !== 'leads')
  t.strictSame(others, [])
  t.equal(node.fleet.standing.standing, 'leading')
  await server.cli(
    'PUBLISH',
    'vertex:fleet',
    JSON.stringify({
      message: 'changed',
      format: 2,
      service: 'shop',
      position: { term: 1, epoch: 1, writer: 'x' },
      save: 1,
      stored: { position: 'of another form' },
    }),
  )
  const news = (): Broadcast | undefined =>
    node.heard.broadcasts.find(({ message }) => message === 'changed')
  await until('news of a newer format is news', { is: () => news() !== undefined })
  t.match(news(), { service: 'shop', stored: null })
})

await t.test('a document that is too large to be told to all is read by each', async (t) => {
  const server = await RedisServer.start(t)
  const redis = single(server.port)
  const a = await fleetNode(t, { node: 'a', redis })
  const large = (bytes: number) => bodyOf('shop', { epoch: 1, note: 'x'.repeat(bytes) })
  const proposal = { lease: null, knownTerm: 0, expected: null }
  const tooLarge = await a.fleet.propose('shop', { ...proposal, body: large(5 << 20) })
  t.match(tooLarge, { result: 'failed', reason: /as a document has at most 4194304 bytes: this/ })
  t.match(await a.fleet.propose('shop', { ...proposal, body: large(1 << 20) }), {
    result: 'accepted',
  })
  await until('it is told', {
    is: () => a.heard.broadcasts.some(({ message }) => message === 'changed'),
  })
  t.match(
    a.heard.broadcasts.find(({ message }) => message === 'changed'),
    { stored: null },
  )
  t.match(await a.fleet.read('shop', 0), { found: 'document' })
})

await t.test('a proposal whose answer was lost may have been accepted', async (t) => {
  const server = await RedisServer.start(t)
  const node = await fleetNode(t, { node: 'a', redis: single(server.port) })
  const propose = (epoch: number, expected: Position | null) => {
    const { lease } = node.fleet.standing
    const body = bodyOf('shop', { epoch })
    return node.fleet.propose('shop', { body, lease, knownTerm: 0, expected })
  }
  await propose(1, null)
  // It is not sent at all when another call waits for its answer as Redis is paused.
  for (let epoch = 2; epoch < 6; epoch++) {
    await leads(node)
    const expected = { term: 1, epoch: 1, writer: 'a' }
    server.pause()
    // Only the limit of a call ends it.
    const answer = await propose(epoch, expected)
    t.match(answer, { result: 'failed', reason: /^Cannot save service shop in Redis as it / })
    await isCutOff(node)
    server.resume()
    await leads(node)
    const reading = await node.fleet.read('shop', 0)
    const position = reading.found === 'document' ? reading.stored.position : null
    if (position?.epoch === 1) continue
    const term = await server.term('shop')
    t.strictSame(position, { term, epoch, writer: 'a' }, 'our own position')
    return
  }
  t.fail('no proposal was under way as Redis was paused')
})
