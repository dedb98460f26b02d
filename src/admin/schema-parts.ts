// The small pieces that the schemas of the admin API are made of.

import type { TSchema } from 'typebox'
import { Type } from '../core/json-schema.ts'

export function nullable<T extends TSchema>(schema: T) {
  return Type.Union([schema, Type.Null()])
}

export const Count = Type.Integer({ minimum: 0 })
export const Percent = Type.Number({ minimum: 0, maximum: 100 })
export const Milliseconds = nullable(Type.Number({ minimum: 0, description: 'Milliseconds' }))
