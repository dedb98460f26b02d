// Texts of a scenario with `{{…}}` in them. `{{name}}` is what an earlier step has captured;
// `{{env.NAME}}` and `{{file.PATH}}` are secrets, which are put in here and noted, so that they can
// be kept out of everything that is told. A mistake never shows one.

import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import type { SlotForm, Template } from '../core/transaction/transaction.ts'
import type { Plain } from './document.ts'
import { quote } from './mistake.ts'
import type { Part } from './transaction-place.ts'

const SLOT = /\{\{\s*([^{}]*?)\s*\}\}/g
/** Shorter ones would blot out half of every sentence. */
const LEAST_SECRET = 4
const MOST_SECRET = 16 * 1024
export const CAPTURE_NAME = /^[A-Za-z_][A-Za-z0-9_]{0,63}$/

/** How a secret is written in its place. */
function inForm(secret: string, form: SlotForm): string {
  if (form === 'path') return encodeURIComponent(secret.toWellFormed())
  return form === 'quoted' ? JSON.stringify(secret).slice(1, -1) : secret
}

/** Reads a text whose slots are written in this form. */
export function readTemplate(text: string, at: { part: Part; form: SlotForm }): Template {
  const { form, part } = at
  const parts: (Template[number] | undefined)[] = []
  let end = 0
  for (const found of text.matchAll(SLOT)) {
    if (found.index > end) parts.push(text.slice(end, found.index))
    end = found.index + found[0].length
    parts.push(slotOf(found[1] ?? '', { part, form }))
  }
  if (end < text.length) parts.push(text.slice(end))
  return parts.filter((one) => one !== undefined)
}

function slotOf(inner: string, at: { part: Part; form: SlotForm }): Template[number] | undefined {
  const { form, part } = at
  const shown = quote(`{{${inner}}}`)
  const [, kind, name = ''] = /^(env|file)\.(.+)$/s.exec(inner) ?? []
  if (kind !== undefined) {
    const secret = secretOf(kind, name, part)
    if ('rule' in secret) {
      part.report(`Cannot fill in ${shown} as ${secret.rule}`)
      return undefined
    }
    part.file.secrets.add(secret.value)
    return inForm(secret.value, form)
  }
  if (!CAPTURE_NAME.test(inner)) {
    part.report(`Cannot fill in ${shown} as the form is {{name}}, {{env.NAME}} or {{file.PATH}}`)
  } else if (!part.file.captured.has(inner)) {
    const known = [...part.file.captured].join(', ')
    const hint = known === '' ? 'none does' : `captured are ${known}`
    part.report(`Cannot fill in ${shown} as no step before captures it: ${hint}`)
  }
  return { capture: inner, form }
}

function secretOf(kind: string, name: string, part: Part): { value: string } | { rule: string } {
  const { env, file } = part.file
  let text: string | undefined
  if (kind === 'env') {
    text = env[name]
    if (text === undefined) return { rule: `the environment has no ${name}` }
  } else {
    try {
      text = readFileSync(resolve(dirname(file), name), 'utf8').trim()
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      return { rule: `the system refuses: ${code ?? message}` }
    }
  }
  if (text.length >= LEAST_SECRET && text.length <= MOST_SECRET) return { value: text }
  const rule = `a secret has ${LEAST_SECRET} to ${MOST_SECRET} characters`
  return { rule: `${rule}: current value is not shown here` }
}

const NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/
const WORDS: Readonly<Record<string, string>> = {
  true: 'true',
  false: 'false',
  null: 'null',
  '~': 'null',
}

/**
 * A value as JSON. What stands without quotes is a number, true, false or null where it looks like
 * one; a text that is nothing but one captured value keeps the type that it was captured with.
 */
export function readJsonTemplate(part: Part): Template {
  return joined(jsonParts(part, part.value ?? null))
}

function jsonParts(part: Part, value: Plain): Template {
  if (value === null) return ['null']
  if (typeof value === 'string') return scalarParts(part, value)
  if (Array.isArray(value)) {
    const items = value.map((item, index) => jsonParts(part.child(index), item))
    return ['[', ...between(items), ']']
  }
  const members = Object.entries(value).map(([key, inner]) => {
    return [`${JSON.stringify(key)}:`, ...jsonParts(part.child(key), inner)]
  })
  return ['{', ...between(members), '}']
}

function scalarParts(part: Part, text: string): Template {
  if (!part.file.document.isQuoted(part.pointer)) {
    const word = Object.hasOwn(WORDS, text) ? WORDS[text] : undefined
    if (word !== undefined) return [word]
    if (NUMBER.test(text)) return [text]
  }
  const isOneCapture = /^\{\{\s*[^{}.]+\s*\}\}$/.test(text)
  if (isOneCapture) return readTemplate(text, { part, form: 'json' })
  return ['"', ...escaped(text, part), '"']
}

/** The parts of a JSON string: literals escaped, slots in the quoted form. */
function escaped(text: string, part: Part): Template {
  const pieces = text.split(/(\{\{[^{}]*\}\})/)
  return pieces.flatMap((piece) => {
    if (piece === '') return []
    if (piece.startsWith('{{')) return [...readTemplate(piece, { part, form: 'quoted' })]
    return [JSON.stringify(piece).slice(1, -1)]
  })
}

function between(lists: readonly Template[]): Template {
  return lists.flatMap((list, index) => (index === 0 ? [...list] : [',', ...list]))
}

/** Neighbouring literals as one. */
function joined(template: Template): Template {
  const parts: Template[number][] = []
  for (const part of template) {
    const last = parts.at(-1)
    if (typeof part === 'string' && typeof last === 'string') parts[parts.length - 1] = last + part
    else parts.push(part)
  }
  return parts
}
