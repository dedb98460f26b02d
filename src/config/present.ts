// The part of a schema that a document can offend against: a key that nobody has written cannot be
// wrong. Compiling the schema of all that can be said takes longer than all else of reading a file,
// and most files say little. The names of the keys stay, as mistakes are told with them.

import type { TSchema } from 'typebox'
import type { Plain } from './document.ts'

type Shapes = Readonly<Record<string, TSchema>>

interface Shape {
  readonly properties?: Shapes
  readonly additionalProperties?: TSchema | boolean
  readonly items?: TSchema
}

/** Schemas for the same value. */
const BRANCHES = ['then', 'else'] as const

/**
 * @param values all that the schema will be asked about
 * @returns a schema that says the same of them
 */
export function presentPart(schema: TSchema, values: readonly Plain[]): TSchema {
  if (values.length === 0) return {}
  const { additionalProperties, items, properties } = schema as Shape
  const present: Record<string, unknown> = { ...schema }
  if (properties !== undefined) present.properties = presentProperties(properties, values)
  if (typeof additionalProperties === 'object') {
    const inner = mappingsIn(values).flatMap((mapping) => Object.values(mapping))
    present.additionalProperties = presentPart(additionalProperties, inner)
  }
  if (items !== undefined) {
    const inner = values.flatMap((value) => (Array.isArray(value) ? value : []))
    present.items = presentPart(items, inner)
  }
  for (const branch of BRANCHES) {
    const inner = (schema as Shapes)[branch]
    if (inner !== undefined) present[branch] = presentPart(inner, values)
  }
  return present
}

function presentProperties(properties: Shapes, values: readonly Plain[]): Shapes {
  const mappings = mappingsIn(values)
  const parts = Object.entries(properties).map(([key, part]) => {
    const inner = mappings.flatMap((mapping) => {
      return Object.hasOwn(mapping, key) ? [mapping[key] as Plain] : []
    })
    return [key, presentPart(part, inner)]
  })
  return Object.fromEntries(parts)
}

type Mapping = Readonly<Record<string, Plain>>

function mappingsIn(values: readonly Plain[]): readonly Mapping[] {
  return values.flatMap((value) => {
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? [value] : []
  })
}
