// Texts with captured values in them. Each value is written as its place needs it: encoded in a
// path, escaped in a JSON string, and with its own type where it is a JSON value as a whole.

import type { Json } from './json-path.ts'
import type { Slot, Template } from './transaction.ts'

export type Captured = ReadonlyMap<string, Json>

/** A template without slots is the same for every transaction. */
export function isFixed(template: Template): boolean {
  return template.every((part) => typeof part === 'string')
}

/** A value as text: strings as they are, everything else as JSON. */
export function textOf(value: Json): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}

/** The text with its values put in. The loader has seen to it that they are captured before. */
export function fill(template: Template, captured: Captured): string {
  let text = ''
  for (const part of template) text += typeof part === 'string' ? part : written(part, captured)
  return text
}

function written({ capture, form }: Slot, captured: Captured): string {
  const value = captured.get(capture) ?? ''
  if (form === 'text') return textOf(value)
  if (form === 'path') return encodeURIComponent(textOf(value).toWellFormed())
  return form === 'json' ? JSON.stringify(value) : JSON.stringify(textOf(value)).slice(1, -1)
}
