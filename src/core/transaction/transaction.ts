// What a scenario of synthetic transactions says, once its file has been read: the steps that one
// transaction takes, what each answer must be, what is kept from it for later steps, and how many
// transactions are begun a second. Operators call it a scenario; inside it is a transaction, since
// core/scenario/ is about what `vertex simulate` plays. Plain data that can be posted between
// threads. How a file is read is config/transaction.ts, how it is run is synthetic/.

import type { Assertion } from '../synthetic.ts'
import type { JsonPath } from './json-path.ts'

/** How a captured value is written in its place. */
export type SlotForm =
  /** As it is. */
  | 'text'
  /** Percent-encoded, as a part of a path or query. */
  | 'path'
  /** Within the quotes of a JSON string. */
  | 'quoted'
  /** As JSON, with the type that it was captured with. */
  | 'json'

export interface Slot {
  readonly capture: string
  readonly form: SlotForm
}

/** Text with captured values in it. Secrets have been put in when the file was read. */
export type Template = readonly (string | Slot)[]

/** What a text must be. A regular expression has no flags that keep a state. */
export type TextRule =
  | { readonly is: 'text'; readonly text: Template }
  | { readonly is: 'regex'; readonly regex: RegExp }

/** What a value in JSON must be. */
export type JsonRule =
  /** The template is JSON. */
  | { readonly is: 'equal'; readonly json: Template }
  | { readonly is: 'regex'; readonly regex: RegExp }
  | { readonly is: 'min' | 'max'; readonly bound: number }
  | { readonly is: 'there'; readonly there: boolean }

export interface Expectation {
  /** Ranges, both ends included; one of them must hold the status. */
  readonly status: readonly { readonly from: number; readonly to: number }[]
  /** By lower-case name; a text is the whole value. */
  readonly headers: readonly { readonly name: string; readonly rule: TextRule }[]
  readonly json: readonly { readonly path: JsonPath; readonly rules: readonly JsonRule[] }[]
  /** A text must be contained. */
  readonly body: readonly TextRule[]
  /** From when the request was due to the end of its answer. */
  readonly timeMs: number | null
}

export type CaptureSource =
  | { readonly from: 'json'; readonly path: JsonPath }
  | { readonly from: 'header'; readonly header: string }
  /** Of the body: the first group, or the whole match without one. */
  | { readonly from: 'regex'; readonly regex: RegExp }

export interface Capture {
  readonly name: string
  readonly source: CaptureSource
}

export interface Step {
  readonly name: string
  readonly method: string
  readonly path: Template
  /** Lower-case names. */
  readonly headers: readonly { readonly name: string; readonly value: Template }[]
  readonly body: Template | null
  readonly expect: Expectation
  readonly captures: readonly Capture[]
}

export interface Transaction {
  /** The name of its file without `.yaml`: the scenario's name. */
  readonly name: string
  /** At least one. */
  readonly steps: readonly Step[]
  /** Transactions that become due a second. */
  readonly rate: number
  /** How long transactions become due. */
  readonly durationMs: number
  /**
   * So long before that the rate grows up to its full, and what is sent does not count; 0: none.
   */
  readonly warmUpMs: number
  /** What waited so long to be sent, or so long for its answer, has failed. */
  readonly timeoutMs: number
  /** Open connections to all targets together, at most. */
  readonly connections: number
  readonly assertions: readonly Assertion[]
  /** The values of its secrets, which must not appear in anything that is told. */
  readonly secrets: readonly string[]
}

/** Whether the body of the answer must be read as a whole. */
export function looksAtBody({ captures, expect }: Step): boolean {
  if (expect.body.length > 0 || expect.json.length > 0) return true
  return captures.some(({ source }) => source.from !== 'header')
}
