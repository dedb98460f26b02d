// A part of a scenario file with its place: what it holds, what may stand in it, and how a mistake
// in it is told. The readers of scenarios are written with it.

import { nameOf, quote, type Report, under } from './mistake.ts'
import type { Environment, Plain, SourceDocument } from './document.ts'
import { keyOf, type Setting, valueFrom } from './setting.ts'
import { suggest } from './suggest.ts'

/** What is the same for all parts of a file. */
export interface TransactionFile {
  /** Secrets in files are relative to it. */
  readonly file: string
  readonly env: Environment
  readonly document: SourceDocument
  readonly report: Report
  /** Values of secrets that were found so far. */
  readonly secrets: Set<string>
  /** Names that the steps until now have captured. */
  readonly captured: Set<string>
}

export type Mapping = Readonly<Record<string, Plain>>

export class Part {
  readonly file: TransactionFile
  readonly pointer: string
  /** Undefined when it does not stand in the file. */
  readonly value: Plain | undefined

  constructor(file: TransactionFile, { pointer, value }: { pointer: string; value?: Plain }) {
    this.file = file
    this.pointer = pointer
    this.value = value
  }

  get name(): string {
    return this.pointer === '' ? 'the scenario' : nameOf(this.pointer)
  }

  get isThere(): boolean {
    return this.value !== undefined
  }

  /** Its text, or undefined when it is something else. */
  get text(): string | undefined {
    return typeof this.value === 'string' ? this.value : undefined
  }

  report(message: string, part: 'key' | 'value' = 'value'): void {
    this.file.report(this.pointer, message, part)
  }

  /** Says «Cannot set NAME as it must be RULE: current value is …». */
  refuse(rule: string): void {
    this.report(
      `Cannot set ${this.name} as it must be ${rule}: current value is ${quote(this.value)}`,
    )
  }

  child(key: string | number): Part {
    const { value } = this
    const inner = typeof value === 'object' && value !== null ? (value as Mapping)[key] : undefined
    const pointer = under(this.pointer, key)
    return new Part(this.file, inner === undefined ? { pointer } : { pointer, value: inner })
  }

  /** Its keys, which must be among the known ones; none when it is absent or no mapping. */
  keys(known: readonly string[] | null): readonly string[] {
    const { value } = this
    if (value === undefined) return []
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      this.report(
        `Cannot read ${this.name} as it must be a mapping: current value is ${quote(value)}`,
      )
      return []
    }
    const keys = Object.keys(value)
    if (known === null) return keys
    for (const key of keys.filter((key) => !known.includes(key))) {
      const guess = suggest(key, known)
      const hint = guess === null ? `known are ${known.join(', ')}` : `did you mean ${guess}?`
      const message = `Cannot use the key ${quote(key)} as it is unknown here: ${hint}`
      this.child(key).report(message, 'key')
    }
    return keys.filter((key) => known.includes(key))
  }

  /** Its items; those of a list, or itself when it may stand alone. */
  items(most: number, canBeOne = false): readonly Part[] {
    const { value } = this
    if (value === undefined) return []
    if (!Array.isArray(value)) {
      if (canBeOne) return [this]
      this.refuse(`a list of 1 to ${most}`)
      return []
    }
    if (value.length === 0 || value.length > most) this.refuse(`a list of 1 to ${most}`)
    return value.slice(0, most).map((_, index) => this.child(index))
  }

  /** What a row reads from its key here; undefined when it is absent or wrong. */
  optional<T>(row: Setting<T>): T | undefined {
    const part = this.child(keyOf(row))
    if (!part.isThere) return undefined
    const value = part.text === undefined ? undefined : row.read(part.text)
    if (value === undefined) part.refuse(row.rule)
    return value
  }

  /** The same, with the row's default. */
  setting<T>(row: Setting<T>): T {
    return this.optional(row) ?? valueFrom(row, undefined)
  }
}
