// What a setting is: one row with its name, type, bounds, default, unit and reason, and the one
// function that reads its text. Everything said about a setting is derived from its row: the check
// of a file, the default, the editors' schema and the table in OPERATING.md. Values reach a row as
// text, since YAML's own guesses (1.10 is 1.1, `no` is false) would change what an operator wrote.

/** The part of JSON Schema that editors need to help with a value. */
export interface LeafSchema {
  readonly type: string | readonly string[]
  readonly pattern?: string
  readonly enum?: readonly (string | number | boolean)[]
}

export interface Setting<T> {
  /** As in the file, dotted: `timeouts.connect`. Unique. */
  readonly name: string
  readonly type: string
  /** Written forms; null where a bound makes no sense. */
  readonly min: string | null
  readonly max: string | null
  /** The written form of the default, or null: the setting has none and is needed or absent. */
  readonly default: string | null
  readonly unit: string
  /** Why it exists and why this default: one sentence. */
  readonly why: string
  /** What is accepted, as the end of «it must be …». */
  readonly rule: string
  /** A rule of its own for a value that is refused for a special reason. */
  readonly objection?: (text: string) => string | undefined
  /** Its value is never shown in a message. */
  readonly secret: boolean
  readonly schema: LeafSchema
  /** The value, or undefined when `text` is not accepted. */
  readonly read: (text: string) => T | undefined
}

/** What every kind of setting is told. */
export interface Row {
  readonly default?: string
  readonly why: string
}

export interface BoundedRow extends Row {
  readonly min: string
  readonly max: string
}

/** A kind of value: how it is called, accepted and read. */
interface Kind<T> {
  readonly type: string
  readonly unit: string
  readonly rule: string
  readonly schema: LeafSchema
  readonly read: (text: string) => T | undefined
  readonly secret?: boolean
  readonly objection?: (text: string) => string | undefined
}

/** A row of any kind without bounds. */
export function setting<T>(name: string, row: Row & Kind<T>): Setting<T> {
  const bounds = { min: null, max: null, secret: false }
  return { ...bounds, ...row, name, default: row.default ?? null }
}

/** A row whose values are numbers between two written bounds, both included. */
function bounded(name: string, row: BoundedRow, kind: Kind<number>): Setting<number> {
  const least = kind.read(row.min)
  const most = kind.read(row.max)
  if (least === undefined || most === undefined) throw new Error(`bad bounds of ${name}`)
  return {
    ...setting(name, { ...row, ...kind }),
    min: row.min,
    max: row.max,
    rule: `${kind.rule} from ${row.min} to ${row.max}`,
    read(text) {
      const value = kind.read(text)
      return value !== undefined && value >= least && value <= most ? value : undefined
    },
  }
}

const DURATION = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/
const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}

/** Milliseconds of `500ms`, `30s`, `2m`, `1h`, `1d` or a plain `0`. */
export function readDuration(text: string): number | undefined {
  if (text === '0') return 0
  const [, amount, unit] = DURATION.exec(text) ?? []
  if (amount === undefined || unit === undefined) return undefined
  const ms = Number(amount) * (UNIT_MS[unit] ?? Number.NaN)
  return Number.isFinite(ms) ? Math.round(ms) : undefined
}

export function duration(name: string, row: BoundedRow): Setting<number> {
  return bounded(name, row, {
    type: 'duration',
    unit: 'ms, s, m, h or d',
    rule: 'a duration with its unit, such as 500ms, 30s or 2m,',
    schema: { type: ['string', 'integer'], pattern: '^(0|\\d+(\\.\\d+)?(ms|s|m|h|d))$' },
    read: readDuration,
  })
}

const SIZE = /^(\d+)(B|KiB|MiB|GiB)?$/
const UNIT_BYTES: Readonly<Record<string, number>> = {
  B: 1,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
}

export function readSize(text: string): number | undefined {
  const [, amount, unit] = SIZE.exec(text) ?? []
  if (amount === undefined) return undefined
  const bytes = Number(amount) * (UNIT_BYTES[unit ?? 'B'] ?? Number.NaN)
  return Number.isSafeInteger(bytes) ? bytes : undefined
}

export function size(name: string, row: BoundedRow): Setting<number> {
  return bounded(name, row, {
    type: 'size',
    unit: 'B, KiB, MiB or GiB',
    rule: 'a size in bytes, such as 65536, 64KiB or 1MiB,',
    schema: { type: ['string', 'integer'], pattern: '^\\d+(B|KiB|MiB|GiB)?$' },
    read: readSize,
  })
}

export function count(name: string, row: BoundedRow): Setting<number> {
  return bounded(name, row, {
    type: 'number',
    unit: '',
    rule: 'a whole number',
    schema: { type: 'integer' },
    read: (text) => (/^\d{1,15}$/.test(text) ? Number(text) : undefined),
  })
}

export function fraction(name: string, row: BoundedRow): Setting<number> {
  return bounded(name, row, {
    type: 'number',
    unit: '',
    rule: 'a number',
    schema: { type: 'number' },
    read: (text) => (/^\d+(\.\d+)?(e-?\d+)?$/.test(text) ? Number(text) : undefined),
  })
}

/** A share written in percent and read as a fraction: `0.1%` is 0.001. The sign is needed, since a
 * bare 0.1 might as well mean 10 %. */
export function percentage(name: string, row: BoundedRow): Setting<number> {
  return bounded(name, row, {
    type: 'percentage',
    unit: '%',
    rule: 'a percentage with its sign, such as 0.1%,',
    schema: { type: 'string', pattern: '^\\d+(\\.\\d+)? ?%$' },
    read(text) {
      const [, percent] = /^(\d+(?:\.\d+)?) ?%$/.exec(text) ?? []
      // Through a decimal shift and not a division, so that 0.1% is exactly 0.001.
      return percent === undefined ? undefined : Number(`${percent}e-2`)
    },
  })
}

const YES: readonly string[] = ['true', 'on', 'yes']
const NO: readonly string[] = ['false', 'off', 'no']

export function flag(name: string, row: Row): Setting<boolean> {
  return setting(name, {
    ...row,
    type: 'on or off',
    unit: '',
    rule: 'on or off',
    schema: { type: ['boolean', 'string'], enum: [true, false, 'on', 'off', 'yes', 'no'] },
    read: (text) => (YES.includes(text) ? true : NO.includes(text) ? false : undefined),
  })
}

/** One of a few words. */
export function word<W extends string>(
  name: string,
  row: Row & { readonly words: readonly W[] },
): Setting<W> {
  const { words, ...rest } = row
  return setting(name, {
    ...rest,
    type: words.join(', '),
    unit: '',
    rule: words.length === 1 ? `${words[0]}` : `one of ${words.join(', ')}`,
    schema: { type: 'string', enum: words },
    read: (text) => words.find((known) => known === text),
  })
}

/** Makes a setting optional with a word for «not at all», which reads as null. */
export function orNone<T>(inner: Setting<T>, none: string): Setting<T | null> {
  return {
    ...inner,
    rule: `${inner.rule} or ${none}`,
    default: inner.default ?? none,
    schema: inner.schema.pattern
      ? { ...inner.schema, pattern: `${inner.schema.pattern}|^${none}$` }
      : inner.schema,
    read: (text) => (text === none ? null : inner.read(text)),
  }
}

/** The default as a value. A row without a default must not be asked: that is a bug. */
export function fallbackOf<T>(row: Setting<T>): T {
  const value = row.default === null ? undefined : row.read(row.default)
  if (value === undefined) throw new Error(`the setting ${row.name} has no readable default`)
  return value
}

/** Reads a text that has passed the check of its row; an absent one gives the default. */
export function valueFrom<T>(row: Setting<T>, text: string | null | undefined): T {
  const value = typeof text === 'string' ? row.read(text) : undefined
  return value === undefined ? fallbackOf(row) : value
}

/** Rows by the name of the field that they fill, and what reading them all gives. */
export type Group = Readonly<Record<string, Setting<unknown>>>
export type ValuesOf<G extends Group> = {
  readonly [K in keyof G]: G[K] extends Setting<infer T> ? T : never
}

/** The last part of a row's name: its key in the file. */
export function keyOf(row: Setting<unknown>): string {
  return row.name.slice(row.name.lastIndexOf('.') + 1)
}

/** Reads a group of rows from the mapping that holds them. */
export function valuesFrom<G extends Group>(
  group: G,
  mapping: Readonly<Record<string, unknown>> | null | undefined,
): ValuesOf<G> {
  const values: Record<string, unknown> = {}
  for (const [field, row] of Object.entries(group)) {
    const text = mapping?.[keyOf(row)]
    values[field] = valueFrom(row, typeof text === 'string' ? text : undefined)
  }
  return values as ValuesOf<G>
}
