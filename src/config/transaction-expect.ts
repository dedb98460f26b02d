// What a step expects of its answer, and what it captures from it, from a scenario file.

import { type JsonPath, readJsonPath } from '../core/transaction/json-path.ts'
import type {
  Capture,
  CaptureSource,
  Expectation,
  JsonRule,
  TextRule,
} from '../core/transaction/transaction.ts'
import { quote } from './mistake.ts'
import { duration, setting } from './setting.ts'
import type { Part } from './transaction-place.ts'
import { CAPTURE_NAME, readJsonTemplate, readTemplate } from './transaction-template.ts'

const MOST = 50
const why = ''
const TIME = duration('expect.time', { min: '1ms', max: '5m', why })
const BOUND = setting<number>('bound', {
  ...{ type: 'number', unit: '', rule: 'a number', schema: { type: 'number' }, why },
  read: (text) => (/^-?\d{1,15}(\.\d{1,15})?$/.test(text) ? Number(text) : undefined),
})
const MIN = { ...BOUND, name: 'min' }
const MAX = { ...BOUND, name: 'max' }
const STATUS = /^([1-5])(\d\d|xx)$/
const STATUS_RULE = 'a status such as 200, a class such as 2xx, or a list of them'
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/
const EXPECT_KEYS = ['status', 'headers', 'json', 'body', 'time'] as const
const JSON_KEYS = ['equals', 'matches', 'min', 'max', 'exists'] as const
const SOURCE_KEYS = ['json', 'header', 'regex'] as const

/** A header's name in lower case, or undefined: reported. */
export function headerNameOf(part: Part, key: string): string | undefined {
  if (HEADER_NAME.test(key)) return key.toLowerCase()
  part.report(`Cannot use the header ${quote(key)} as it is no name of a header`, 'key')
  return undefined
}

/** The expectations of a step; any 2xx where no status is named. */
export function readExpectation(part: Part): Expectation {
  part.keys(EXPECT_KEYS)
  return {
    status: statusOf(part.child('status')),
    headers: headersOf(part.child('headers')),
    json: jsonOf(part.child('json')),
    body: part
      .child('body')
      .items(MOST, true)
      .flatMap((item) => textRule(item) ?? []),
    timeMs: part.optional(TIME) ?? null,
  }
}

function statusOf(part: Part): Expectation['status'] {
  if (!part.isThere) return [{ from: 200, to: 299 }]
  return part.items(MOST, true).map((item) => {
    const [text, hundreds, rest] = STATUS.exec(item.text ?? '') ?? []
    if (text === undefined) item.refuse(STATUS_RULE)
    const from = rest === 'xx' ? Number(hundreds) * 100 : Number(text)
    return { from, to: rest === 'xx' ? from + 99 : from }
  })
}

function headersOf(part: Part): Expectation['headers'] {
  return part.keys(null).flatMap((key) => {
    const name = headerNameOf(part.child(key), key)
    const rule = textRule(part.child(key))
    return name === undefined || rule === null ? [] : [{ name, rule }]
  })
}

/** `/…/` is a regular expression, anything else is a text. */
function textRule(part: Part): TextRule | null {
  const { text } = part
  if (text === undefined || text === '') {
    part.refuse('a text or a /regular expression/')
    return null
  }
  if (!isRegex(text)) return { is: 'text', text: readTemplate(text, { part, form: 'text' }) }
  const regex = readRegex(text.slice(1, -1), part)
  return regex === null ? null : { is: 'regex', regex }
}

function isRegex(text: string): boolean {
  return text.length > 2 && text.startsWith('/') && text.endsWith('/')
}

function readRegex(source: string, part: Part): RegExp | null {
  try {
    return new RegExp(source, 'u')
  } catch (error) {
    const reason = (error as Error).message
    part.report(`Cannot read ${part.name} as it is no regular expression: ${reason}`)
    return null
  }
}

function readPath(part: Part, text: string, at: 'key' | 'value'): JsonPath | null {
  const path = readJsonPath(text)
  if (!('complaint' in path)) return path
  part.report(`Cannot read the JSON path ${quote(text)} as ${path.complaint}`, at)
  return null
}

function jsonOf(part: Part): Expectation['json'] {
  return part.keys(null).flatMap((key) => {
    const path = readPath(part.child(key), key, 'key')
    const rules = jsonRules(part.child(key))
    return path === null ? [] : [{ path, rules }]
  })
}

/** A mapping holds conditions; anything else is the value itself. */
function jsonRules(part: Part): readonly JsonRule[] {
  const { text, value } = part
  if (text !== undefined && isRegex(text)) return regexRule(part, text.slice(1, -1))
  const isMapping = typeof value === 'object' && value !== null && !Array.isArray(value)
  if (!isMapping) return [{ is: 'equal', json: readJsonTemplate(part) }]
  const keys = part.keys(JSON_KEYS)
  if (Object.keys(value).length === 0) part.refuse(`a value or one of ${JSON_KEYS.join(', ')}`)
  return keys.flatMap((key) => conditionOf(part, key as (typeof JSON_KEYS)[number]))
}

function conditionOf(part: Part, key: (typeof JSON_KEYS)[number]): readonly JsonRule[] {
  const child = part.child(key)
  switch (key) {
    case 'equals':
      return [{ is: 'equal', json: readJsonTemplate(child) }]
    case 'matches': {
      const { text = '' } = child
      if (text === '') child.refuse('a regular expression')
      return regexRule(child, isRegex(text) ? text.slice(1, -1) : text)
    }
    case 'min':
    case 'max': {
      const bound = part.optional(key === 'min' ? MIN : MAX)
      return bound === undefined ? [] : [{ is: key, bound }]
    }
    case 'exists': {
      const { text = '' } = child
      if (text !== 'true' && text !== 'false') child.refuse('true or false')
      return [{ is: 'there', there: text === 'true' }]
    }
  }
}

function regexRule(part: Part, source: string): readonly JsonRule[] {
  const regex = readRegex(source, part)
  return regex === null ? [] : [{ is: 'regex', regex }]
}

/** What a step captures; its names can be used from the next step on. */
export function readCaptures(part: Part): readonly Capture[] {
  return part.keys(null).flatMap((name) => {
    const child = part.child(name)
    if (!CAPTURE_NAME.test(name)) {
      const rule = 'a name has up to 64 letters, digits and underscores and begins with no digit'
      child.report(`Cannot capture ${quote(name)} as ${rule}`, 'key')
    }
    const source = sourceOf(child)
    return source === null ? [] : [{ name, source }]
  })
}

/** `$.path` and `/regex/` in short, or a mapping with `json`, `header` or `regex`. */
function sourceOf(part: Part): CaptureSource | null {
  const { text } = part
  const rule = 'a JSON path, a /regular expression/, or a mapping with json, header or regex'
  if (text?.startsWith('$')) return fromJson(part, text)
  if (text !== undefined && isRegex(text)) return fromRegex(part, text.slice(1, -1))
  if (typeof part.value !== 'object' || part.value === null) {
    part.refuse(rule)
    return null
  }
  const [key, ...more] = part.keys(SOURCE_KEYS)
  if (key === undefined || more.length > 0) {
    if (Object.keys(part.value).length !== 1) part.refuse(rule)
    return null
  }
  const child = part.child(key)
  if (child.text === undefined) {
    child.refuse('a text')
    return null
  }
  if (key === 'json') return fromJson(child, child.text)
  if (key === 'regex')
    return fromRegex(child, isRegex(child.text) ? child.text.slice(1, -1) : child.text)
  const header = headerNameOf(child, child.text)
  return header === undefined ? null : { from: 'header', header }
}

function fromJson(part: Part, text: string): CaptureSource | null {
  const path = readPath(part, text, 'value')
  return path === null ? null : { from: 'json', path }
}

function fromRegex(part: Part, source: string): CaptureSource | null {
  const regex = readRegex(source, part)
  return regex === null ? null : { from: 'regex', regex }
}
