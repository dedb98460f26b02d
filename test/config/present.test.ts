// What is left of the schema for one document says the same of it as the whole schema. The whole
// one is checked here against what a schema may look like, which no start takes the time for.

import { Ajv } from 'ajv'
import fc from 'fast-check'
import t from 'tap'
import type { Plain } from '../../src/config/document.ts'
import { presentPart } from '../../src/config/present.ts'
import { documentSchema, strategySchema } from '../../src/config/schema.ts'
import { Type } from '../../src/core/json-schema.ts'

const leaf = () => Type.Unsafe({ type: 'string', minLength: 2 })
const whole = documentSchema(leaf)
const ajv = new Ajv({ allErrors: true, strictTypes: false })
const validate = ajv.compile(whole)

await t.test('the schemas are what they may be', async (t) => {
  for (const schema of [whole, strategySchema(leaf)]) {
    t.equal(ajv.validateSchema(schema), true, ajv.errorsText())
  }
})

/** Keys of all levels, so that documents get somewhere. */
const key = fc.constantFrom(
  ...['services', 'versions', 'v1', 'targets', 'routing', 'stable', 'match', 'host', 'listen'],
  ...['deploy_strategy', 'steps', 'weight', 'gate', 'command', 'affinity', 'timeouts', 'unknown'],
  ...['mirror', 'compare', 'headers', 'page', 'receivers', 'slack', 'labels', '__proto__'],
)

const { document } = fc.letrec<{ document: Plain }>((tie) => ({
  document: fc.oneof(
    { depthSize: 'large', withCrossShrink: true },
    fc.constantFrom(null, '', 'text'),
    fc.array(tie('document'), { maxLength: 3 }),
    fc.array(fc.tuple(key, tie('document')), { maxLength: 8 }).map(mappingOf),
  ),
}))

function mappingOf(entries: readonly (readonly [string, Plain])[]): Plain {
  const object: { [key: string]: Plain } = Object.create(null)
  for (const [name, value] of entries) object[name] = value
  return object
}

function complaints(check: typeof validate, value: Plain): readonly string[] {
  check(value)
  const told = (check.errors ?? []).map(({ instancePath, keyword, params }) => {
    return `${instancePath} ${keyword} ${JSON.stringify(params)}`
  })
  return told.toSorted()
}

await t.test('it says of a document what the whole schema says', async (t) => {
  let spoiled = 0
  fc.assert(
    fc.property(document, (value) => {
      const schema = presentPart(whole, [value])
      const says = complaints(validate, value)
      t.strictSame(complaints(ajv.compile(schema), value), says)
      ajv.removeSchema(schema)
      if (says.length > 2) spoiled++
    }),
    { numRuns: 200 },
  )
  t.ok(spoiled > 20, `${spoiled} documents had much to complain of`)
})
