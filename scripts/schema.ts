// Writes what is derived from the rows of settings: config/vertex.schema.json for editors and the
// table in OPERATING.md. Run it after a setting was changed; a test fails until then.

import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { schemaText, withSettings } from '../src/config/manual.ts'

const root = join(import.meta.dirname, '..')
writeFileSync(join(root, 'config', 'vertex.schema.json'), schemaText())
const manual = join(root, 'OPERATING.md')
const text = existsSync(manual) ? readFileSync(manual, 'utf8') : '# Operating Vertex\n'
writeFileSync(manual, withSettings(text))
