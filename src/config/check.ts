// Asks ajv whether a document has the right shape, turns each complaint into one sentence with its
// place, and cuts away what is wrong, so that the questions that follow (do two services match the
// same?) can be asked of the rest. An operator sees every mistake of a file at once.

import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv'
import type { TSchema } from 'typebox'
import { Type } from '../core/json-schema.ts'
import { nameOf, quote, type Report, segmentsOf, under } from './mistake.ts'
import type { Plain } from './document.ts'
import { presentPart } from './present.ts'
import { documentSchema, strategySchema } from './schema.ts'
import type { Setting } from './setting.ts'
import { suggest } from './suggest.ts'

const KEYWORD = 'x-setting'

/** Every row that the schemas use, by name. */
const rows = new Map<string, Setting<unknown>>()

function leaf(row: Setting<unknown>): TSchema {
  rows.set(row.name, row)
  return Type.Unsafe({ type: 'string', [KEYWORD]: row.name })
}

const ajv = new Ajv({
  ...{ allErrors: true, verbose: true, ownProperties: true, strictTypes: false },
  // The schemas are ours, and a test has them checked; for one document nothing is worth
  // optimizing.
  ...{ meta: false, validateSchema: false, code: { optimize: false } },
})
ajv.addKeyword({
  keyword: KEYWORD,
  type: 'string',
  schemaType: 'string',
  validate: (name: string, text: string) => rows.get(name)?.read(text) !== undefined,
})

const schemas = { document: documentSchema(leaf), strategy: strategySchema(leaf) }

/** Strategies come again and again over the API; compiled with the first one. */
let strategyValidator: ValidateFunction | null = null

function validatorFor(value: Plain, as: keyof typeof schemas): ValidateFunction {
  if (as === 'strategy') {
    strategyValidator ??= ajv.compile(schemas.strategy)
    return strategyValidator
  }
  const schema = presentPart(schemas.document, [value])
  const validate = ajv.compile(schema)
  ajv.removeSchema(schema) // it is for this document only
  return validate
}

/** All rows, in the order of the schema. */
export function allSettings(): readonly Setting<unknown>[] {
  return [...rows.values()]
}

/**
 * Reports what is wrong with the shape of `value` and removes those parts from it. List items
 * become undefined, so that the places of the others stay right.
 *
 * @param base the pointer of `value` in the whole document
 */
export function checkShape(
  value: Plain,
  options: { as: keyof typeof schemas; report: Report; base: string },
): void {
  const validate = validatorFor(value, options.as)
  if (validate(value)) return
  const wrong: string[] = []
  for (const error of validate.errors ?? []) {
    const found = describe(error, options.base)
    if (found === null) continue
    options.report(found.pointer, found.message, found.part)
    if (found.remove !== null) wrong.push(found.remove)
  }
  for (const pointer of wrong) removeAt(value, pointer)
}

interface Complaint {
  readonly pointer: string
  readonly message: string
  readonly part: 'key' | 'value'
  /** The part to cut away, relative to the checked value. */
  readonly remove: string | null
}

/** The sentence for one of ajv's errors, or null when another error says the same. */
function describe(error: ErrorObject, base: string): Complaint | null {
  const path = error.instancePath
  const pointer = base + path
  const name = nameOf(pointer)
  const params: Readonly<Record<string, unknown>> = error.params
  const here = { pointer, part: 'value', remove: path } as const
  switch (error.keyword) {
    case KEYWORD:
    case 'type':
      return { ...here, message: wrongValue(error, name) }
    case 'additionalProperties':
      return unknownKey(error, { path, base })
    case 'required': {
      const missing = String(params.missingProperty)
      const message = `Cannot read ${where(name)} as it needs the key ${missing}`
      return { pointer, part: 'key', remove: null, message }
    }
    case 'minItems':
    case 'minProperties':
      return { ...here, remove: null, message: `Cannot read ${where(name)} as it is empty` }
    case 'maxProperties': {
      const keys = Object.keys(error.data as object).join(' and ')
      return { ...here, message: `Cannot set ${name} as it must be one thing: it names ${keys}` }
    }
    case 'if':
      return null // what its branch found says it
    default:
      return {
        ...here,
        message: `Cannot accept ${where(name)} as it ${error.message ?? 'is wrong'}`,
      }
  }
}

function where(name: string): string {
  return name === '' ? 'the file' : name
}

const SHAPES: Readonly<Record<string, string>> = { object: 'a mapping', array: 'a list' }

function wrongValue(error: ErrorObject, name: string): string {
  const schema = error.parentSchema as Readonly<Record<string, unknown>>
  const { [KEYWORD]: setting } = schema
  const row = typeof setting === 'string' ? rows.get(setting) : undefined
  const current = row?.secret ? 'not shown here' : quote(error.data)
  const special = typeof error.data === 'string' ? row?.objection?.(error.data) : undefined
  if (special !== undefined) return `Cannot set ${name} as ${special}: current value is ${current}`
  const rule =
    row?.rule ?? SHAPES[error.keyword === 'type' ? error.params.type : ''] ?? 'something else'
  const action = name === '' ? 'read the file' : `set ${name}`
  return `Cannot ${action} as it must be ${rule}: current value is ${current}`
}

function unknownKey(error: ErrorObject, at: { path: string; base: string }): Complaint {
  const key = String(error.params.additionalProperty)
  const schema = error.parentSchema as { properties?: Readonly<Record<string, unknown>> }
  const known = Object.keys(schema.properties ?? {})
  const guess = suggest(key, known)
  const hint = guess === null ? `known are ${known.join(', ')}` : `did you mean ${guess}?`
  const path = under(at.path, key)
  const message = `Cannot use the key ${JSON.stringify(key)} as it is unknown here: ${hint}`
  return { pointer: at.base + path, part: 'key', remove: path, message }
}

function removeAt(value: Plain, pointer: string): void {
  const segments = segmentsOf(pointer)
  const last = segments.pop()
  let parent: Plain | undefined = value
  for (const segment of segments) parent = child(parent, segment)
  if (last === undefined || parent === null || typeof parent !== 'object') return
  // A hole keeps the numbers of the items behind it.
  delete (parent as { [key: string]: Plain })[last]
}

function child(value: Plain | undefined, segment: string): Plain | undefined {
  if (value === null || typeof value !== 'object') return undefined
  return (value as { [key: string]: Plain })[segment]
}
