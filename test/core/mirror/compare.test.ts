// When two answers count as different, and what of it is noise.

import fc from 'fast-check'
import t from 'tap'
import {
  areComparable,
  type CompareRules,
  type Difference,
  differences,
  type MirrorAnswer,
} from '../../../src/core/mirror/compare.ts'
import { Kinds } from '../../../src/core/mirror/kinds.ts'
import { isAmong, Noise, shapeOf } from '../../../src/core/mirror/noise.ts'

const RULES: CompareRules = { headers: ['x-kind'], compareBody: true, ignore: [] }

function answer(body: string, change: Partial<MirrorAnswer> = {}): MirrorAnswer {
  return { status: 200, headers: ['a'], body: { is: 'whole', bytes: body }, ...change }
}

function texts(one: MirrorAnswer, other: MirrorAnswer, rules = RULES): readonly string[] {
  return differences({ stable: one, candidate: other }, rules).map(({ text }) => text)
}

await t.test('status, headers and bodies, in words', async (t) => {
  const a = answer('{"total":1,"at":5}')
  t.same(texts(a, a), [])
  t.same(texts(a, answer('{ "at": 5, "total": 1 }')), [], 'only the text is another')
  t.same(texts(a, answer('{"total":2,"at":6}')), [
    'body differs at $.total',
    'body differs at $.at',
  ])
  const ignore = { ...RULES, ignore: ['$.at'] }
  t.same(texts(a, answer('{"total":1,"at":6}'), ignore), [])
  t.same(texts(a, answer('{"total":1}'), ignore), [])
  t.same(texts(a, answer('{"total":2}'), ignore), ['body differs at $.total'])
  t.same(texts(a, answer('oops')), ['body is no JSON'])
  t.same(texts(answer('a'), answer('b')), ['body differs'])
  const map = (n: number): MirrorAnswer => answer(JSON.stringify({ by: { tok_S3CRET: { n } } }))
  t.same(texts(map(1), map(2)), ['body differs at $.by[*].n'])
  for (const path of ['$.by[*].n', '$.by.tok_S3CRET']) {
    t.same(texts(map(1), map(2), { ...RULES, ignore: [path] }), [], `${path} is ignored`)
  }
  t.same(texts(answer('{"größe":1}'), answer('{"größe":1}')), [])
  t.same(texts(a, answer('', { status: 500, headers: ['b'] })), ['status 500 instead of 200'])
  t.same(texts(a, { ...a, headers: ['b'] }), ['header x-kind differs'])
  t.same(texts(a, { ...a, headers: [null] }), ['header x-kind differs'])
  t.same(texts(a, answer('x', {}), { ...RULES, compareBody: false }), [])
})

await t.test('bodies that are not known whole', async (t) => {
  const a = answer('a')
  const long = answer('', { body: { is: 'long' } })
  const unknown = answer('', { body: { is: 'unknown' } })
  t.same(texts(long, long), [])
  t.same(texts(a, long), ['body is longer than what is compared'])
  t.same(texts(long, a), ['body is shorter'])
  t.same(texts(a, unknown), [])
  t.same(texts(a, answer('', { body: { is: 'undecodable' } })), ['body cannot be decoded'])
  const with304 = { stable: a, candidate: answer('', { status: 304 }) }
  t.ok(areComparable({ stable: a, candidate: answer('', { status: 500 }) }, true))
  t.notOk(areComparable(with304, true), 'only stable knows what the client has')
  t.ok(areComparable(with304, false), 'and this client has nothing')
})

function place(name: string): Difference {
  return { place: name, text: `body differs at ${name}` }
}

await t.test('a difference counts when stable does not differ from itself there', async (t) => {
  const noise = new Noise()
  const shape = 'GET /a'
  const asked = { shape, differs: true, mayAsk: true }
  t.equal(noise.judge(asked), 'ask')
  noise.learn(shape, [place('$.at')])
  t.same(noise.without(shape, [place('$.at'), place('$.at.ms'), place('$.total')]), [
    place('$.total'),
  ])
  t.same(noise.without('GET /b', [place('$.at')]), [place('$.at')], 'another page')
  for (let i = 0; i < 20; i++) noise.learn(shape, [])
  t.same(noise.without(shape, [place('$.at')]), [place('$.at')], 'once in 21 is no noise')
})

await t.test('stable is asked no more than its budget allows, whatever comes', async (t) => {
  const request = fc.record({ shape: fc.constantFrom('a', 'b', 'c'), differs: fc.boolean() })
  fc.assert(
    fc.property(fc.array(request, { maxLength: 500 }), (requests) => {
      const noise = new Noise()
      let asked = 0
      let count = 0
      for (const { differs, shape } of requests) {
        const word = noise.judge({ shape, differs, mayAsk: true })
        if (word === 'ask') {
          asked++
          noise.learn(shape, [])
        }
        if (asked > 20 + ++count * 0.1) return false
        if (word === 'leave' && !differs) return false
      }
      return asked >= Math.min(20, requests.length) // the first are asked, all of them
    }),
  )
  const noise = new Noise()
  for (let i = 0; i < 100; i++) {
    const word = noise.judge({ shape: 'a', differs: true, mayAsk: false })
    if (word !== 'count') t.fail('what may not be asked counts as it is')
  }
  t.pass()
})

await t.test('nothing that answers say can fill the memory', async (t) => {
  const noise = new Noise()
  for (let i = 0; i < 5000; i++) {
    noise.learn(`GET /${'x'.repeat(i % 300)}`, [place(`$.k${i}`)])
    noise.learn('GET /one', [place(`$.k${i}`)])
  }
  t.ok(isAmong('$.a', ['$']))
  const kinds = new Kinds()
  for (let i = 0; i < 5000; i++) kinds.add(`kind ${i}`)
  const top = kinds.top()
  t.equal(top.length, 10)
  t.same(top[0], { text: 'other differences', count: 4800 })
})

await t.test('requests of one kind have one shape', async (t) => {
  t.equal(shapeOf('GET', '/orders/17/lines?x=1'), 'GET /orders/*/lines')
  t.equal(shapeOf('GET', '/u/0b0a6b1e-7a8c-4d6e-9a51-1f6de35c2a11'), 'GET /u/*')
  t.equal(shapeOf('HEAD', '/about/us'), 'HEAD /about/us')
  t.equal(shapeOf('GET', `/${'x/'.repeat(1000)}`).length, 200)
})
