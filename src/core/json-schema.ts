// Makes the JSON Schemas of the config and of the admin API. What they are called and which
// TypeScript type each stands for is typebox's; but typebox brings nearly four hundred files for
// it, and reading them took a node longer than all else of its start. So its types are taken, and
// the schemas, which are plain objects, are made here. A test compares them with typebox's own.

import type typebox from 'typebox'
import type { TSchema } from 'typebox'

/** What the config and the admin API are described with; a key more needs a line more below. */
type Builders = Pick<
  typeof typebox,
  | ('Any' | 'Array' | 'Boolean' | 'Enum' | 'Integer' | 'Null' | 'Number' | 'Object')
  | ('Optional' | 'Record' | 'String' | 'Union' | 'Unknown' | 'Unsafe')
>

type Options = Readonly<Record<string, unknown>>
type Properties = Readonly<Record<string, TSchema>>

/** Schemas of properties that may be left out: it is their object that says so. */
const optional = new WeakSet<TSchema>()

function object(properties: Properties, options?: Options): TSchema {
  const required = Object.keys(properties).filter((key) => !optional.has(properties[key] ?? {}))
  return {
    type: 'object',
    ...(required.length > 0 ? { required } : {}),
    properties,
    ...options,
  }
}

function asOptional(schema: TSchema): TSchema {
  const copy = { ...schema }
  optional.add(copy)
  return copy
}

const builders = {
  Any: (options?: Options) => ({ ...options }),
  Array: (items: TSchema, options?: Options) => ({ type: 'array', items, ...options }),
  Boolean: (options?: Options) => ({ type: 'boolean', ...options }),
  Enum: (values: readonly string[], options?: Options) => ({ enum: values, ...options }),
  Integer: (options?: Options) => ({ type: 'integer', ...options }),
  Null: (options?: Options) => ({ type: 'null', ...options }),
  Number: (options?: Options) => ({ type: 'number', ...options }),
  Object: object,
  Optional: asOptional,
  /** With any text as the key. */
  Record: (_key: TSchema, value: TSchema, options?: Options) => ({
    type: 'object',
    patternProperties: { '^.*$': value },
    ...options,
  }),
  String: (options?: Options) => ({ type: 'string', ...options }),
  Union: (anyOf: readonly TSchema[], options?: Options) => ({ anyOf, ...options }),
  Unknown: (options?: Options) => ({ ...options }),
  Unsafe: (schema: TSchema) => ({ ...schema }),
} satisfies Record<keyof Builders, unknown>

/** typebox types what is made here by markers that only its types have. */
export const Type = builders as unknown as Builders
