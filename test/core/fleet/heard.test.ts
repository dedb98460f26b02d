// Whatever comes from other nodes is either a message with all that is relied on, or nothing.

import fc from 'fast-check'
import t from 'tap'
import { bodyComplaint } from '../../../src/core/fleet/document-form.ts'
import { readBroadcast, readLetter } from '../../../src/core/fleet/heard.ts'

const position = { term: 1, epoch: 2, writer: 'a' }
const state = { service: 'shop', epoch: 2, weight: 100, versions: {}, quarantine: {} }
const body = { document: { state, evidence: null, facts: {} }, counters: null, clockMs: 1 }
const stored = { position, base: null, save: 3, body }
const changed = { message: 'changed', service: 'shop', position, save: 3, stored }

await t.test('a message is read as it was written, without what is unknown', async (t) => {
  t.strictSame(readBroadcast(JSON.stringify({ ...changed, format: 1, more: 1 })), changed)
  const leads = { message: 'leads', node: 'a', lease: 4 }
  t.strictSame(readBroadcast(JSON.stringify(leads)), leads)
  const asked = { message: 'asked', id: '1', node: 'a', command: { do: 'list' } }
  t.strictSame(readLetter(JSON.stringify(asked)), asked)
  t.equal(readLetter(JSON.stringify(leads)), null, 'a broadcast is no letter')
  t.equal(readBroadcast(JSON.stringify(asked)), null)
  const applied = { message: 'applied', node: 'a', service: 'shop', position, atMs: 5 }
  const both = { ...applied, others: { b: 4 } }
  for (const one of [applied, both]) {
    t.strictSame(readBroadcast(JSON.stringify(one)), one)
    t.strictSame(readLetter(JSON.stringify(one)), one)
  }
  for (const others of [null, [4], { b: '4' }, 'b']) {
    t.equal(readBroadcast(JSON.stringify({ ...applied, others })), null)
  }
})

await t.test('a document that cannot be used is left out of the news', async (t) => {
  const wrong: readonly unknown[] = [
    null,
    { ...stored, position: { ...position, epoch: 1.5 } },
    { ...stored, base: {} },
    { ...stored, save: '3' },
    { ...stored, body: { ...body, clockMs: null } },
    { ...stored, body: { ...body, counters: {} } },
    { ...stored, body: { ...body, document: { state: { ...state, weight: 10_001 }, facts: {} } } },
    { ...stored, body: { ...body, document: { state: { ...state, service: 'x' }, facts: {} } } },
  ]
  for (const one of wrong) {
    const news = readBroadcast(JSON.stringify({ ...changed, format: 1, stored: one }))
    t.strictSame(news, { ...changed, stored: null })
  }
  for (const format of [2, '1', undefined]) {
    const news = readBroadcast(JSON.stringify({ ...changed, format }))
    t.strictSame(news, { ...changed, stored: null }, 'another release has to be read')
  }
  const counters = { rollout: 'shop-1', nodes: {} }
  t.equal(bodyComplaint({ ...body, counters }, 'shop'), null)
  t.match(bodyComplaint(body, 'other'), 'it is about service shop')
})

await t.test('nothing that comes makes it fail', async () => {
  const field = fc.constantFrom(
    ...['message', 'node', 'service', 'position', 'save', 'stored', 'lease', 'atMs', 'id'],
    ...['command', 'answer', 'counters', 'intervals', 'term', 'epoch', 'writer', 'body'],
  )
  const names = ['changed', 'leads', 'applied', 'counted', 'asked', 'answered']
  const value = fc.oneof(
    fc.constantFrom(...names),
    fc.jsonValue(),
    fc.dictionary(field, fc.jsonValue()),
  )
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.dictionary(field, value).map((it) => JSON.stringify(it)),
      ),
      (text) => {
        readBroadcast(text)
        readLetter(text)
      },
    ),
    { numRuns: 300 },
  )
})
