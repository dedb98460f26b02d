// The schemas that are made here are those that typebox makes, key by key and in the same order.

import t from 'tap'
import typebox from 'typebox'
import { Type } from '../../src/core/json-schema.ts'

/** One schema with all that there is, made by either. */
function everything(by: typeof Type): unknown {
  const text = by.String({ minLength: 1, description: 'Some text' })
  const parts = by.Object(
    {
      text,
      left: by.Optional(text),
      count: by.Integer({ minimum: 0 }),
      share: by.Optional(by.Number({ maximum: 1 })),
      word: by.Enum(['one', 'two'], { description: 'A word' }),
      list: by.Array(by.Boolean(), { minItems: 1 }),
      either: by.Union([by.String(), by.Null()], { description: 'Or nothing' }),
      names: by.Record(by.String(), by.Object({ deep: by.Optional(by.Any()) })),
      what: by.Unknown({ description: 'Whatever' }),
      own: by.Optional(by.Unsafe({ type: 'string', 'x-own': 'yes' })),
    },
    { additionalProperties: false },
  )
  return by.Array(by.Union([parts, by.Object({}), by.Any({ title: 'any' })]))
}

await t.test('a schema is what typebox makes of the same words', async (t) => {
  t.equal(JSON.stringify(everything(Type)), JSON.stringify(everything(typebox)))
})

await t.test('what is optional in one object may be needed in another', async (t) => {
  const part = Type.String()
  t.strictSame(Type.Object({ part: Type.Optional(part) }).required, undefined)
  t.strictSame(Type.Object({ part }).required, ['part'])
})
