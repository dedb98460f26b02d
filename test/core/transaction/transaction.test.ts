// JSON paths, templates, and what is said of an answer. The forms of a file are test/config's.

import fc from 'fast-check'
import t from 'tap'
import { checkAnswer } from '../../../src/core/transaction/check.ts'
import {
  type Json,
  jsonAt,
  readJsonPath,
  sameJson,
} from '../../../src/core/transaction/json-path.ts'
import { fill } from '../../../src/core/transaction/template.ts'
import type { Expectation, JsonRule, Step } from '../../../src/core/transaction/transaction.ts'

const DATA: Json = { a: { 'b c': [{ d: 1 }, null], length: 2 }, '0': 'zero', text: 'abc' }

await t.test('a JSON path names one place', async (t) => {
  const found: readonly (readonly [string, Json | undefined])[] = [
    ['$', DATA],
    ["$.a['b c'][0].d", 1],
    ['$.a["b c"][1]', null],
    ['$.a["b c"][2]', undefined],
    ['$.a.length', 2],
    ['$.text.length', undefined],
    ['$.text[0]', undefined],
    ["$['0']", 'zero'],
    ['$.constructor', undefined],
    ['$.a["b c"].length', undefined],
  ]
  for (const [text, value] of found) {
    const path = readJsonPath(text)
    if ('complaint' in path) t.fail(path.complaint)
    else t.same(jsonAt(DATA, path), value, text)
  }
  for (const text of [
    'a',
    '',
    '$..a',
    '$.*',
    '$[*]',
    '$[0:1]',
    '$[?@.a]',
    "$['a','b']",
    '$[-1:]',
  ]) {
    t.match(readJsonPath(text), { complaint: /^a path (names one place|begins with \$)/ }, text)
  }
  for (const text of ['$a', '$.', '$[a]', '$.a b', '$[-1]', '$["a\\"]']) {
    t.match(readJsonPath(text), { complaint: /^a path is made of/ }, text)
  }
})

await t.test('the same JSON is the same whatever the order of its keys', async (t) => {
  const shuffled = (value: Json): Json => {
    if (Array.isArray(value)) return value.map(shuffled)
    if (typeof value !== 'object' || value === null) return value
    const entries = Object.entries(value).map(([key, inner]) => [key, shuffled(inner as Json)])
    return Object.fromEntries(entries.toReversed())
  }
  const plain = fc.json().map((text) => JSON.parse(text) as Json)
  fc.assert(
    fc.property(plain, plain, (one, other) => {
      t.equal(sameJson(one, shuffled(one)), true)
      const isSame = JSON.stringify(one) === JSON.stringify(other)
      if (isSame !== sameJson(one, other)) t.equal(sameJson(one, other), sameJson(other, one))
    }),
    { numRuns: 50 },
  )
  t.equal(sameJson({ a: 1 }, { b: 1 }), false)
  t.equal(sameJson([], {}), false)
  t.equal(sameJson({ a: 1 }, { a: 1, b: 2 }), false)
})

await t.test('a captured value is written as its place needs it', async (t) => {
  const captured = new Map<string, Json>([
    ['s', 'a/"b'],
    ['n', 7],
  ])
  const slot = (capture: string, form: 'text' | 'path' | 'quoted' | 'json') =>
    fill(['<', { capture, form }, '>'], captured)
  t.equal(slot('s', 'text'), '<a/"b>')
  t.equal(slot('s', 'path'), '<a%2F%22b>')
  t.equal(slot('s', 'quoted'), '<a/\\"b>')
  t.equal(slot('s', 'json'), '<"a/\\"b">')
  t.equal(slot('n', 'text'), '<7>')
  t.equal(slot('n', 'json'), '<7>')
})

const NOTHING: Expectation = {
  ...{ status: [{ from: 200, to: 299 }], headers: [], json: [], body: [], timeMs: null },
}
const answer = { status: 200, headers: { 'x-a': 'one', b: ['1', '2'] }, tookMs: 20 }

function said(expect: Partial<Expectation>, body = '{"n":5,"s":"five","z":null}'): string {
  const step: Step = {
    ...{ name: '1', method: 'GET', path: ['/'], headers: [], body: null, captures: [] },
    expect: { ...NOTHING, ...expect },
  }
  const checked = checkAnswer(step, { ...answer, body }, new Map())
  return 'wrong' in checked ? checked.wrong : 'fine'
}

await t.test('the first thing that is wrong with an answer is told', async (t) => {
  const json = (text: string, ...rules: readonly JsonRule[]) => {
    const path = readJsonPath(text)
    if ('complaint' in path) throw new Error(path.complaint)
    return { json: [{ path, rules }] }
  }
  const equal = (value: Json): JsonRule => ({ is: 'equal', json: [JSON.stringify(value)] })
  const rows: readonly (readonly [string, string])[] = [
    [said({}), 'fine'],
    [
      said({
        status: [
          { from: 404, to: 404 },
          { from: 500, to: 599 },
        ],
      }),
      'the status is 200, 404 or 5xx is expected',
    ],
    [said({ headers: [{ name: 'x-a', rule: { is: 'text', text: ['one'] } }] }), 'fine'],
    [
      said({ headers: [{ name: 'x-a', rule: { is: 'text', text: ['on'] } }] }),
      'the header x-a is "one", "on" is expected',
    ],
    [said({ headers: [{ name: 'b', rule: { is: 'regex', regex: /^1, 2$/ } }] }), 'fine'],
    [
      said({ headers: [{ name: 'c', rule: { is: 'regex', regex: /./ } }] }),
      'the header c is missing',
    ],
    [said({ body: [{ is: 'text', text: ['five'] }] }), 'fine'],
    [said({ body: [{ is: 'text', text: ['six'] }] }), 'the body does not hold "six"'],
    [said(json('$.n', equal(5), { is: 'min', bound: 5 }, { is: 'max', bound: 5 })), 'fine'],
    [said(json('$.n', equal('5'))), '$.n is 5, "5" is expected'],
    [said(json('$.n', { is: 'min', bound: 6 })), '$.n is 5, at least 6 is expected'],
    [said(json('$.s', { is: 'max', bound: 6 })), '$.s is "five", at most 6 is expected'],
    [said(json('$.s', { is: 'regex', regex: /^f/ })), 'fine'],
    [said(json('$.z', equal(null), { is: 'there', there: true })), 'fine'],
    [said(json('$.q', { is: 'there', there: false })), 'fine'],
    [said(json('$.q', equal(1))), '$.q is missing'],
    [said(json('$.z', { is: 'there', there: false })), '$.z is there, it must not be'],
    [said(json('$.n', equal(5)), 'oops'), 'the body is no JSON'],
    [said({ timeMs: 20 }), 'fine'],
    [said({ timeMs: 19 }), 'the answer took longer than 19 ms'],
  ]
  for (const [found, expected] of rows) t.equal(found, expected)
})
