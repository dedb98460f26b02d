// Where two JSON answers differ: the places, said of random values that are spoiled on purpose.

import fc from 'fast-check'
import t from 'tap'
import { type Json, jsonDifferences, readJson } from '../../../src/core/mirror/json-difference.ts'
import { isJsonPath, isWithin, memberPath, toldPath } from '../../../src/core/mirror/json-path.ts'

const json = fc.jsonValue({ maxDepth: 4 }).map((value) => value as Json)
const name = fc.oneof(
  fc.constantFrom('a', 'b-c', 'odd name', 'quo"te', '__proto__', 'größe'),
  fc.string(),
)

await t.test(
  'a value differs from itself nowhere, whatever the order of its members',
  async (t) => {
    const shuffled = (value: Json): Json => {
      if (Array.isArray(value)) return value.map((item) => shuffled(item as Json))
      if (typeof value !== 'object' || value === null) return value
      const entries = Object.entries(value as { readonly [name: string]: Json }).reverse()
      const out: Record<string, Json> = Object.create(null) as Record<string, Json>
      for (const [key, item] of entries) out[key] = shuffled(item)
      return out
    }
    fc.assert(
      fc.property(json, (value) => {
        const text = JSON.stringify(value)
        const read = readJson(text)
        return read !== undefined && jsonDifferences(read, shuffled(read)).length === 0
      }),
    )
    t.pass()
  },
)

await t.test(
  'a member that is changed, added or taken away is named, and nothing else',
  async (t) => {
    const spoiled = fc.record({
      value: fc.dictionary(name, json, { minKeys: 1 }),
      key: name,
      to: json,
      within: fc.boolean(),
    })
    fc.assert(
      fc.property(spoiled, ({ key, to, value, within }) => {
        const inner = { ...(value as Record<string, Json>) }
        const changed = Object.fromEntries([...Object.entries(inner), [key, to]])
        const one: Json = within ? { list: [inner] } : inner
        const other: Json = within ? { list: [changed] } : changed
        const path = memberPath(within ? '$.list[*]' : '$', key)
        const places = jsonDifferences(one, other)
        const isSame =
          Object.hasOwn(inner, key) && JSON.stringify(inner[key]) === JSON.stringify(to)
        if (isSame) return places.length === 0
        // 0 and −0, or members in another order, are the same value in another text.
        return places.every((place) => isWithin(place, path))
      }),
    )
    const one: Json = { id: 1, items: [{ n: 1 }, { n: 2 }], total: 3 }
    t.same(jsonDifferences(one, { ...one, total: 4 }), ['$.total'])
    t.same(jsonDifferences(one, { id: 1, items: [{ n: 1 }, { n: 2 }] }), ['$.total'])
    t.same(jsonDifferences(one, { ...one, items: [{ n: 1 }, { n: 3 }] }), ['$.items[*].n'])
    t.same(jsonDifferences(one, { ...one, items: [{ n: 1 }] }), ['$.items'])
    t.same(jsonDifferences(one, [1]), ['$'])
    t.same(jsonDifferences({ 'a b': 1 }, { 'a b': 2 }), ['$["a b"]'])
  },
)

await t.test('differences are symmetric and bounded', async (t) => {
  fc.assert(
    fc.property(json, json, (one, other) => {
      const there = jsonDifferences(one, other)
      const back = jsonDifferences(other, one)
      return there.length <= 64 && there.toSorted().join() === back.toSorted().join()
    }),
  )
  const many = (by: number): Json =>
    Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`k${i}`, i + by]))
  t.equal(jsonDifferences(many(0), many(1)).length, 64)
})

await t.test('a text that is nested too deep, or no JSON, is no JSON', async (t) => {
  t.equal(readJson('['.repeat(100_000)), undefined)
  t.equal(readJson(`${'['.repeat(65)}${']'.repeat(65)}`), undefined)
  t.not(readJson(`${'['.repeat(64)}${']'.repeat(64)}`), undefined)
  t.same(readJson(`"${'['.repeat(100)}"`), '['.repeat(100))
  t.equal(readJson('hello'), undefined)
  t.equal(readJson('{"a":1'), undefined)
})

await t.test('a path is one that is told, and lies within its beginning only', async (t) => {
  for (const path of ['$', '$.a', '$.a[*].b-c', '$["a b"]', '$["quo\\"te"].x', '$[*]']) {
    t.ok(isJsonPath(path), path)
  }
  for (const path of ['', 'a', '$.', '$a', '$.a[0]', '$.*', '$..a', '$["a', '$.a b', '$.1']) {
    t.notOk(isJsonPath(path), path)
  }
  t.ok(isWithin('$.a.b', '$.a'))
  t.ok(isWithin('$.a[*]', '$.a'))
  t.ok(isWithin('$.a', '$'))
  t.notOk(isWithin('$.ab', '$.a'))
  t.notOk(isWithin('$.a', '$.a.b'))
  fc.assert(fc.property(name, (key) => isWithin(memberPath('$.a', key), '$.a')))
})

await t.test('names that may be of customers are not told', async (t) => {
  const rows: readonly (readonly [string, string])[] = [
    ['$.order.unit_price', '$.order.unit_price'],
    ['$.items[*].line2', '$.items[*].line2'],
    ['$.sessions.tok_S3CRET.n', '$.sessions[*].n'],
    ['$["ann@example.org"].n', '$[*].n'],
    ['$["a\\"].b"].n', '$[*].n'],
    ['$["plain"]', '$[*]'],
    ['$.u4711', '$[*]'],
    [`$.${'a'.repeat(33)}.b`, '$[*].b'],
    [memberPath(`$.${'ab.'.repeat(83)}c`, 'secret'), `$.${'ab.'.repeat(83)}c[*]`],
    [memberPath('$', `"${'x'.repeat(300)}`), '$[*]'],
  ]
  for (const [path, told] of rows) t.equal(toldPath(path), told)
  fc.assert(
    fc.property(json, json, (one, other) =>
      jsonDifferences(one, other).every((path) => isJsonPath(toldPath(path))),
    ),
  )
})
