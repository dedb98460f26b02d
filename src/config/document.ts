// From the text of a YAML file to plain values with places. Every scalar stays the text that was
// written, since YAML's guesses would change it (a version 1.10 would become 1.1).
// `${VAR:-default}` is filled in from the environment here, after YAML has been read, so that a
// value can never turn into structure. Aliases are followed with a bound, since a few lines of them
// can stand for gigabytes.

import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml'
import { type Mistake, quote, under } from './mistake.ts'

/** A scalar's text, null for an empty one, a list, or a mapping without prototype. */
export type Plain = string | null | Plain[] | { [key: string]: Plain }

export type Environment = Readonly<Record<string, string | undefined>>

export interface SourceDocument {
  /** Null when nothing can be read from the file. */
  readonly value: Plain
  readonly mistakes: readonly Mistake[]
  /** Scalars whose variables could not be filled in; nothing more is to be said about them. */
  readonly unfilled: ReadonlySet<string>
  /**
   * Whether the scalar at this pointer stands in quotes or in a block: it is text, not a number.
   */
  readonly isQuoted: (pointer: string) => boolean
  /** Whether the key at this pointer stands in the file, whatever its value is. */
  readonly isWritten: (pointer: string) => boolean
  /** Where a part stands in the file; the nearest part around it when it is not written. */
  readonly placeOf: (pointer: string, part: 'key' | 'value') => Place
}

export interface Place {
  readonly line: number
  readonly column: number
}

/**
 * Aliases can make a few lines a million values. A file without them has no more values than
 * characters, so a long one may have more than this.
 */
const MAX_NODES = 100_000
const MAX_DEPTH = 64

interface Reading {
  readonly source: string
  readonly env: Environment
  readonly keys: Map<string, number>
  readonly values: Map<string, number>
  readonly unfilled: Set<string>
  readonly quoted: Set<string>
  readonly resolve: (node: Node) => Node | undefined
  readonly say: (offset: number, message: string) => void
  nodes: number
}

const SYNTAX: Readonly<Record<string, string>> = {
  MULTIPLE_DOCS: 'Cannot read more than one YAML document in a file',
}

/** Where the parser quotes what may be a value, and so a secret. */
const VALUE_IN_SYNTAX = /^(Unexpected scalar .*?: |Block scalar header .*?: ).*/s

/** @param source the file's text and its name as the operator gave it */
export function readDocument(
  source: { file: string; text: string },
  env: Environment,
): SourceDocument {
  const { file, text } = source
  const lines = new LineCounter()
  // Whether a key stands twice is seen here, since the parser names the wrong place after an empty
  // value.
  const options = { schema: 'failsafe', prettyErrors: false, uniqueKeys: false } as const
  const yaml = parseDocument(text, { ...options, lineCounter: lines })
  const mistakes: Mistake[] = []
  const placeAt = (offset: number): Place => {
    const { line, col } = lines.linePos(Math.min(offset, text.length))
    return { line: Math.max(1, line), column: Math.max(1, col) }
  }
  const say = (offset: number, message: string) => {
    mistakes.push({ file, ...placeAt(offset), message })
  }
  for (const error of yaml.errors) {
    const reason = error.message.replace(VALUE_IN_SYNTAX, '$1not shown here')
    say(error.pos[0], SYNTAX[error.code] ?? `Cannot read this as YAML: ${reason}`)
  }
  const reading: Reading = {
    source: text,
    env,
    keys: new Map(),
    values: new Map(),
    unfilled: new Set(),
    quoted: new Set(),
    resolve: (node) => (isAlias(node) ? node.resolve(yaml) : node),
    say,
    nodes: 0,
  }
  const value =
    yaml.errors.length > 0 || yaml.contents === null ? null : plain(reading, yaml.contents, '')
  const { unfilled } = reading
  return {
    value,
    mistakes,
    unfilled,
    isQuoted: (pointer) => reading.quoted.has(pointer),
    isWritten: (pointer) => reading.keys.has(pointer),
    placeOf: (pointer, part) => placeAt(offsetOf(reading, pointer, part)),
  }
}

function offsetOf(reading: Reading, pointer: string, part: 'key' | 'value'): number {
  const [first, second] =
    part === 'key' ? [reading.keys, reading.values] : [reading.values, reading.keys]
  for (let at = pointer; ; at = at.slice(0, at.lastIndexOf('/'))) {
    const offset = first.get(at) ?? second.get(at)
    if (offset !== undefined) return offset
    if (at === '') return 0
  }
}

/** Turns a node and all below it into plain values and notes where each stands. */
function plain(reading: Reading, found: Node, pointer: string): Plain {
  const node = reading.resolve(found)
  const at = found.range?.[0] ?? 0
  if (!reading.values.has(pointer)) reading.values.set(pointer, at)
  if (node === undefined) {
    reading.say(at, 'Cannot follow this alias as no anchor before it has its name')
    reading.unfilled.add(pointer)
    return null
  }
  const most = Math.max(MAX_NODES, reading.source.length)
  if (++reading.nodes > most || pointer.split('/').length > MAX_DEPTH) {
    if (reading.nodes !== Number.POSITIVE_INFINITY) {
      reading.say(at, 'Cannot read this file as it is nested too deep or repeats itself by aliases')
    }
    reading.nodes = Number.POSITIVE_INFINITY // say it once
    return null
  }
  if (isScalar(node)) return scalar(reading, node, pointer)
  if (isSeq<Node>(node)) {
    return node.items.map((item, index) => plain(reading, item, under(pointer, index)))
  }
  return isMap(node) ? mapping(reading, node.items, pointer) : null
}

function mapping(
  reading: Reading,
  items: readonly { key: unknown; value: unknown }[],
  pointer: string,
): Plain {
  const result: { [key: string]: Plain } = Object.create(null)
  for (const item of items) {
    const key = item.key as Node
    if (!isScalar(key)) {
      reading.say(key.range?.[0] ?? 0, 'Cannot take this key as it is not a plain word')
      continue
    }
    const inner = under(pointer, String(key.value))
    if (String(key.value) in result) {
      const message = `Cannot take the key ${quote(key.value)} as it stands twice in one mapping`
      reading.say(key.range?.[0] ?? 0, message)
      continue
    }
    reading.keys.set(inner, key.range?.[0] ?? 0)
    result[String(key.value)] = item.value ? plain(reading, item.value as Node, inner) : null
  }
  return result
}

const VARIABLE = /\$\{([^}]*)\}?/g
const FORM = /^([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$/s

function scalar(
  reading: Reading,
  node: { value: unknown; type?: string; range?: readonly number[] | null },
  pointer: string,
): Plain {
  if (node.type !== 'PLAIN') reading.quoted.add(pointer)
  const [start = 0, end = start] = node.range ?? []
  if (start === end) return null
  const text = String(node.value)
  if (!text.includes('${')) return text
  let from = start
  return text.replaceAll(VARIABLE, (whole, inner: string) => {
    const found = reading.source.indexOf(whole, from)
    const at = found >= 0 && found < end ? found : start
    from = at + 1
    const filled = fillIn(whole.endsWith('}') ? inner : '', reading.env)
    if ('value' in filled) return filled.value
    reading.say(at, `Cannot fill in ${quote(whole)} as ${filled.rule}`)
    reading.unfilled.add(pointer)
    return ''
  })
}

/**
 * The value of `NAME` or `NAME:-default`, as a shell has it: an empty variable takes the default.
 */
function fillIn(inner: string, env: Environment): { value: string } | { rule: string } {
  const [, name, fallback] = FORM.exec(inner) ?? []
  if (name === undefined) return { rule: `the form is \${NAME} or \${NAME:-default}` }
  const value = env[name]
  if (fallback !== undefined) return { value: value ? value : fallback }
  if (value !== undefined) return { value }
  return { rule: `the environment has no ${name}: write \${${name}:-default} to allow that` }
}
