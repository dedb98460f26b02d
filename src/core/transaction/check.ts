// Holds an answer against what a step expects of it, and takes from it what later steps need. The
// first thing that is not as it must be is told, in the order in which a person would look: the
// status, the headers, the body, what it says in JSON, the time. Pure; whoever calls it blots out
// secrets before a sentence goes anywhere. So nothing is cut here: a part of a secret would not be
// recognised any more.

import { type Json, jsonAt, type JsonPath, sameJson } from './json-path.ts'
import { type Captured, fill, textOf } from './template.ts'
import type { CaptureSource, Expectation, JsonRule, Step, TextRule } from './transaction.ts'

export interface AnswerFacts {
  readonly status: number
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  /** Empty when the step does not look at it. */
  readonly body: string
  /** From when the request was due to the end of the answer. */
  readonly tookMs: number
}

export type Checked =
  | { readonly captured: readonly (readonly [string, Json])[] }
  | {
      /** Such as `the status is 500, 200 to 299 is expected`. */
      readonly wrong: string
      /** What would have been captured: as private as what is. */
      readonly found: readonly Json[]
    }

const NOT_JSON = Symbol('no JSON')

/** @param before what earlier steps have captured */
export function checkAnswer(step: Step, answer: AnswerFacts, before: Captured): Checked {
  const { captures, expect } = step
  let parsed: Json | typeof NOT_JSON | undefined
  const json = (): Json | typeof NOT_JSON => {
    parsed ??= parse(answer.body)
    return parsed
  }
  const wrong =
    wrongStatus(expect, answer) ??
    wrongHeader(expect, answer, before) ??
    wrongBody(expect, answer, before) ??
    wrongJson(expect, json, before) ??
    wrongTime(expect, answer)
  const captured: [string, Json][] = []
  let missing: string | null = null
  for (const { name, source } of captures) {
    const value = take(source, answer, json)
    if (value !== undefined) captured.push([name, value])
    else missing ??= `nothing to capture as ${name}: ${lacks(source)}`
  }
  const told = wrong ?? missing
  if (told !== null) return { wrong: told, found: captured.map(([, value]) => value) }
  return { captured }
}

/** A range of statuses as people say it. */
function statusWords({ from, to }: { from: number; to: number }): string {
  if (from === to) return String(from)
  return to - from === 99 && from % 100 === 0 ? `${from / 100}xx` : `${from} to ${to}`
}

function wrongStatus({ status }: Expectation, answer: AnswerFacts): string | null {
  if (status.some(({ from, to }) => answer.status >= from && answer.status <= to)) return null
  const words = status.map(statusWords).join(' or ')
  return `the status is ${answer.status}, ${words} is expected`
}

function wrongHeader(
  { headers }: Expectation,
  answer: AnswerFacts,
  before: Captured,
): string | null {
  for (const { name, rule } of headers) {
    const found = answer.headers[name]
    if (found === undefined) return `the header ${name} is missing`
    const value = Array.isArray(found) ? found.join(', ') : found
    const expected = textWords(rule, before)
    const holds = rule.is === 'regex' ? rule.regex.test(value) : value === fill(rule.text, before)
    if (!holds) return `the header ${name} is ${shown(value)}, ${expected} is expected`
  }
  return null
}

function wrongBody({ body }: Expectation, answer: AnswerFacts, before: Captured): string | null {
  for (const rule of body) {
    const holds =
      rule.is === 'regex'
        ? rule.regex.test(answer.body)
        : answer.body.includes(fill(rule.text, before))
    if (!holds) return `the body does not hold ${textWords(rule, before)}`
  }
  return null
}

function textWords(rule: TextRule, before: Captured): string {
  return rule.is === 'regex' ? String(rule.regex) : shown(fill(rule.text, before))
}

function wrongJson(
  expect: Expectation,
  json: () => Json | typeof NOT_JSON,
  before: Captured,
): string | null {
  for (const { path, rules } of expect.json) {
    const whole = json()
    if (whole === NOT_JSON) return 'the body is no JSON'
    const value = jsonAt(whole, path)
    for (const rule of rules) {
      const wrong = wrongValue(value, { rule, path, before })
      if (wrong !== null) return wrong
    }
  }
  return null
}

function wrongValue(
  value: Json | undefined,
  { before, path, rule }: { rule: JsonRule; path: JsonPath; before: Captured },
): string | null {
  if (rule.is === 'there') {
    if ((value !== undefined) === rule.there) return null
    return rule.there ? `${path.text} is missing` : `${path.text} is there, it must not be`
  }
  if (value === undefined) return `${path.text} is missing`
  const is = `${path.text} is ${JSON.stringify(value)}`
  switch (rule.is) {
    case 'equal': {
      const wanted = fill(rule.json, before)
      return sameJson(value, JSON.parse(wanted)) ? null : `${is}, ${wanted} is expected`
    }
    case 'regex':
      return rule.regex.test(textOf(value)) ? null : `${is}, ${String(rule.regex)} is expected`
    case 'min':
      if (typeof value === 'number' && value >= rule.bound) return null
      return `${is}, at least ${rule.bound} is expected`
    case 'max':
      if (typeof value === 'number' && value <= rule.bound) return null
      return `${is}, at most ${rule.bound} is expected`
  }
}

function wrongTime({ timeMs }: Expectation, { tookMs }: AnswerFacts): string | null {
  if (timeMs === null || tookMs <= timeMs) return null
  // Without the measured time, so that all late answers are one kind of failure.
  return `the answer took longer than ${timeMs} ms`
}

function take(
  source: CaptureSource,
  answer: AnswerFacts,
  json: () => Json | typeof NOT_JSON,
): Json | undefined {
  if (source.from === 'header') {
    const found = answer.headers[source.header]
    return Array.isArray(found) ? found[0] : found
  }
  if (source.from === 'regex') {
    const found = source.regex.exec(answer.body)
    return found === null ? undefined : (found[1] ?? found[0])
  }
  const whole = json()
  return whole === NOT_JSON ? undefined : jsonAt(whole, source.path)
}

function lacks(source: CaptureSource): string {
  if (source.from === 'header') return `the header ${source.header} is missing`
  if (source.from === 'regex') return `the body does not hold ${String(source.regex)}`
  return `${source.path.text} is missing or the body is no JSON`
}

function parse(text: string): Json | typeof NOT_JSON {
  try {
    return JSON.parse(text) as Json
  } catch {
    return NOT_JSON
  }
}

function shown(text: string): string {
  return JSON.stringify(text)
}
