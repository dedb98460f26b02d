// What is told about the settings is what they are: the committed schema and table are current, and
// an editor that uses the schema accepts what the loader accepts.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv } from 'ajv'
import t from 'tap'
import { parse } from 'yaml'
import { allSettings } from '../../src/config/check.ts'
import { schemaText, withSettings } from '../../src/config/manual.ts'
import { suggest } from '../../src/config/suggest.ts'

const root = join(import.meta.dirname, '..', '..')
const read = (...path: string[]) => readFileSync(join(root, ...path), 'utf8')

await t.test('the committed files are current (npm run schema)', async (t) => {
  t.equal(read('config', 'vertex.schema.json'), schemaText())
  t.equal(read('OPERATING.md'), withSettings(read('OPERATING.md')))
})

await t.test('an editor accepts the examples', async (t) => {
  const validate = new Ajv({ strictTypes: false }).compile(JSON.parse(schemaText()))
  for (const name of ['vertex.yaml', 'services.yaml', 'compose.yaml', 'fleet.example.yaml']) {
    validate(parse(read('config', name)))
    t.strictSame(validate.errors, null, name)
  }
  t.notOk(validate({ versions: { v1: { targets: ['127.0.0.1:1'] } } }))
})

await t.test(
  'a default is a value that the setting itself accepts, and a row says why',
  async (t) => {
    for (const row of allSettings()) {
      if (row.default !== null) t.not(row.read(row.default), undefined, row.name)
      t.match(row.why, /\.$/, row.name)
    }
  },
)

await t.test('suggestions are near or none', async (t) => {
  t.equal(suggest('candiate', ['stable', 'candidate']), 'candidate')
  t.equal(suggest('errorRateThreshold', ['error_rate_threshold']), 'error_rate_threshold')
  t.equal(suggest('lisetn', ['listen']), 'listen')
  t.equal(suggest('zebra', ['stable', 'candidate']), null)
})
