// The schemas of the admin API are what a schema may be, which its thread does not ask at its
// start.

import { Ajv } from 'ajv'
import t from 'tap'
import * as explanation from '../../src/admin/explanation-schema.ts'
import * as parts from '../../src/admin/schema-parts.ts'
import * as schemas from '../../src/admin/schemas.ts'
import * as synthetic from '../../src/admin/synthetic-schemas.ts'

const ajv = new Ajv()
for (const [name, schema] of Object.entries({
  ...explanation,
  ...parts,
  ...schemas,
  ...synthetic,
})) {
  if (typeof schema === 'object') t.equal(ajv.validateSchema(schema), true, name)
}
