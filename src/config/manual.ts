// What is told about the settings to those who write a config: the JSON Schema for editors, and the
// table of the manual. Both are derived from the rows; scripts/schema.ts writes them to their files
// and a test sees that the committed files are current.

import type { TSchema } from 'typebox'
import { Type } from '../core/json-schema.ts'
import { allSettings } from './check.ts'
import { documentSchema } from './schema.ts'
import type { Setting } from './setting.ts'

/** A setting as editors show it. */
function described(row: Setting<unknown>): TSchema {
  const limits = row.min === null ? '' : ` ${row.min} to ${row.max}.`
  const fallback = row.default === null || row.default === '' ? {} : { default: row.default }
  const anyOf = [row.schema, { type: 'string', pattern: '\\$\\{' }] // a variable fits everywhere
  return Type.Unsafe({ anyOf, description: `${row.why}${limits}`, ...fallback })
}

/** The text of config/vertex.schema.json. */
export function schemaText(): string {
  const schema = {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Vertex',
    description: 'The config of vertex-edge, a programmable edge reverse proxy.',
    ...documentSchema(described),
  }
  return `${JSON.stringify(schema, null, 2)}\n`
}

/** Text in a cell of a Markdown table. */
function cell(text: string): string {
  return text.replaceAll('|', '\\|')
}

function line(row: Setting<unknown>): string {
  const range = row.min === null ? '' : `${row.min} to ${row.max}`
  const unit = row.unit === '' ? row.type : `${row.type} (${row.unit})`
  const fallback = row.default === null || row.default === '' ? '' : `\`${row.default}\``
  return `| \`${row.name}\` | ${cell(unit)} | ${range} | ${fallback} | ${cell(row.why)} |`
}

/** The table of settings in Markdown, a row each in the order of the schema. */
export function settingsTable(): string {
  const head = '| setting | type | range | default | why |\n| --- | --- | --- | --- | --- |'
  return [head, ...allSettings().map(line)].join('\n')
}

const BEGIN = '<!-- settings: written by `npm run schema` -->'
const END = '<!-- end of settings -->'

/** The manual with the present table between its markers, which are added when they are missing. */
export function withSettings(manual: string): string {
  const table = `${BEGIN}\n${settingsTable()}\n${END}`
  const begin = manual.indexOf(BEGIN)
  const end = manual.indexOf(END)
  if (begin < 0 || end < begin) return `${manual.trimEnd()}\n\n## Settings\n\n${table}\n`
  return manual.slice(0, begin) + table + manual.slice(end + END.length)
}
