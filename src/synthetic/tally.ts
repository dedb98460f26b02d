// What a run counts: requests and errors by step, latencies in HDR histograms (microseconds, three
// digits), and the kinds of failure with how often each was seen. A latency is counted for what was
// answered, and for what was given up after its time: who never answers must not look fast. What
// was refused at once is an error without a latency.

import { emptyHistogram, type Histogram } from '../core/histogram.ts'
import type { Json } from '../core/transaction/json-path.ts'

const MOST_KINDS = 200
/** One hour, far above any time limit; what is slower counts as that. */
const HIGHEST_US = 3_600_000_000
const SENTENCE = 300
const OTHERS = 'failures of further kinds'
/** Shorter texts are no secrets, and would blot the words around them. */
const LEAST_PRIVATE = 4
/** So many captured values are looked through, the outer ones first: a failure costs no more. */
const MOST_LOOKED = 1000

function histogram(): Histogram {
  return emptyHistogram({ highest: HIGHEST_US, digits: 3 })
}

export class StepTally {
  readonly name: string
  requests = 0
  errors = 0
  answered = 0
  /** Answers as expected within one duration from the first answer on. */
  goodInTime = 0
  #firstMs: number | null = null
  readonly #latency = histogram()

  constructor(name: string) {
    this.name = name
  }

  record(ms: number): void {
    this.#latency.recordValue(Math.min(HIGHEST_US, Math.max(1, Math.round(ms * 1000))))
  }

  /** An answer has come, of whatever kind. */
  answer(nowMs: number): void {
    this.answered++
    this.#firstMs ??= nowMs
  }

  /** It is as expected. */
  wasGood(nowMs: number, durationMs: number): void {
    if (nowMs - (this.#firstMs ?? nowMs) <= durationMs) this.goodInTime++
  }

  get latency(): Histogram {
    return this.#latency
  }
}

/** The secret as it is, in a JSON string, and in a URL; the longest first. */
function formsOf(secret: string): readonly string[] {
  const escaped = JSON.stringify(secret).slice(1, -1)
  return [secret, escaped, encodeURIComponent(secret.toWellFormed())]
}

/** The texts in captured values that must not be told, of whatever depth. */
function textsIn(values: readonly Json[]): readonly string[] {
  const texts: string[] = []
  const looked: Json[] = [...values]
  for (const value of looked) {
    if (typeof value === 'string' && value.length >= LEAST_PRIVATE) texts.push(value)
    if (typeof value !== 'object' || value === null) continue
    for (const inner of Object.values(value)) {
      if (looked.length >= MOST_LOOKED) break
      looked.push(inner as Json)
    }
  }
  return texts
}

function longestFirst(texts: readonly string[]): readonly string[] {
  return texts.toSorted((one, other) => other.length - one.length)
}

export class Tally {
  readonly steps: readonly StepTally[]
  /** Transactions that have ended. */
  transactions = 0
  failed = 0
  readonly #kinds = new Map<string, number>()
  readonly #secrets: readonly string[]

  constructor(steps: readonly string[], secrets: readonly string[]) {
    this.steps = steps.map((name) => new StepTally(name))
    this.#secrets = longestFirst(secrets.flatMap(formsOf))
  }

  /**
   * Counts a failure. What it says is freed of secrets first, and then cut.
   *
   * @param captured what was taken from answers and is as private, such as session tokens
   */
  fail(text: string, captured: readonly Json[] = []): void {
    let told = text
    const own = textsIn(captured).flatMap(formsOf)
    const secrets = own.length === 0 ? this.#secrets : longestFirst([...this.#secrets, ...own])
    for (const secret of secrets) told = told.replaceAll(secret, '***')
    if (told.length > SENTENCE) told = `${told.slice(0, SENTENCE)}…`
    const known = this.#kinds.get(told)
    if (known === undefined && this.#kinds.size >= MOST_KINDS) told = OTHERS
    this.#kinds.set(told, (this.#kinds.get(told) ?? 0) + 1)
  }

  /** Most frequent first. */
  failures(): readonly { readonly text: string; readonly count: number }[] {
    const kinds = [...this.#kinds].map(([text, count]) => ({ text, count }))
    return kinds.toSorted((one, other) => other.count - one.count)
  }

  /** All steps together. */
  latency(): Histogram {
    const all = histogram()
    for (const step of this.steps) all.add(step.latency)
    return all
  }
}
