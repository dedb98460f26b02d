// Reads a scenario for `vertex simulate`: a YAML file that says how much traffic there is, how
// stable and candidate behave, and what changes when. Every mistake is told with its place. What
// the words mean stands in core/scenario/scenario.ts.

import type { Latency } from '../core/scenario/latency.ts'
import type { Behaviour, Change, Scenario } from '../core/scenario/scenario.ts'
import type { Environment, Plain } from './document.ts'
import { nameOf, quote, type Mistake, type Report, under } from './mistake.ts'
import { type BoundedRow, duration, fraction, percentage, type Setting } from './setting.ts'
import { openFile } from './strategy-file.ts'
import { suggest } from './suggest.ts'

type Mapping = Readonly<Record<string, Plain>>

/** Where a part of the file stands. */
interface Place {
  readonly pointer: string
  readonly report: Report
}

const why = ''
const share = (min: string): BoundedRow => ({ min, max: '100%', why })
const RATE = fraction('rate', { min: '0.01', max: '100000', why })
const DURATION = duration('duration', { min: '1s', max: '1d', default: '30m', why })
const RESCUED = percentage('rescued', share('0%'))
const RESPONSE_HEAD = duration('response_head', { min: '1s', max: '1h', default: '60s', why })
const ERRORS = percentage('errors', share('0%'))
const HANGS = percentage('hangs', share('0%'))
const AT = duration('at', { min: '0', max: '1d', why })
const FOR = duration('for', { min: '100ms', max: '1d', why })

const DEFAULT: Behaviour = {
  errors: 0,
  hangs: 0,
  latency: { p50Us: 10_000, p99Us: 50_000 },
}
const ARM_KEYS = ['errors', 'hangs', 'latency'] as const
const CHANGE_KEYS = ['at', 'for', 'rate', 'stable', 'candidate', 'both'] as const
const KEYS = [
  ...['rate', 'duration', 'rescued', 'response_head', 'stable', 'candidate', 'both', 'changes'],
] as const
/** More than these nobody describes by hand. */
const MOST_CHANGES = 1000

function isMapping(value: Plain | undefined): value is Mapping {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The mapping at a place, with its keys checked; empty when it is none. */
function mappingAt(value: Plain | undefined, keys: readonly string[], at: Place): Mapping {
  if (value === undefined) return {}
  if (!isMapping(value)) {
    at.report(
      at.pointer,
      `Cannot read ${called(at.pointer)} as it must be a mapping: current value is ${quote(value)}`,
    )
    return {}
  }
  for (const key of Object.keys(value)) {
    if (keys.includes(key)) continue
    const guess = suggest(key, keys)
    const hint = guess === null ? `known are ${keys.join(', ')}` : `did you mean ${guess}?`
    const message = `Cannot use the key ${quote(key)} as it is unknown here: ${hint}`
    at.report(under(at.pointer, key), message, 'key')
  }
  return value
}

function called(pointer: string): string {
  return pointer === '' ? 'the scenario' : nameOf(pointer)
}

function read<T>(row: Setting<T>, mapping: Mapping, at: Place & { key: string }): T | undefined {
  const text = mapping[at.key]
  if (text === undefined) return undefined
  const value = typeof text === 'string' ? row.read(text) : undefined
  if (value === undefined) {
    const pointer = under(at.pointer, at.key)
    const message = `Cannot set ${called(pointer)} as it must be ${row.rule}: current value is ${quote(text)}`
    at.report(pointer, message)
  }
  return value
}

const LATENCY = /^(\d+(?:\.\d+)?)(us|ms|s)$/
const UNIT_US: Readonly<Record<string, number>> = { us: 1, ms: 1000, s: 1_000_000 }

function microseconds(mapping: Mapping, key: 'p50' | 'p99', at: Place): number | undefined {
  const text = mapping[key]
  const [, amount, unit = ''] = (typeof text === 'string' && LATENCY.exec(text)) || []
  const us = Number(amount) * (UNIT_US[unit] ?? Number.NaN)
  if (us >= 1 && us <= 60_000_000) return us
  const message = `Cannot set ${called(under(at.pointer, key))} as it must be a latency from 1us to 60s, such as 20ms: current value is ${quote(text)}`
  at.report(under(at.pointer, key), message)
  return undefined
}

function latencyAt(value: Plain | undefined, at: Place): Latency | undefined {
  if (value === undefined) return undefined
  const mapping = mappingAt(value, ['p50', 'p99'], at)
  const p50Us = microseconds(mapping, 'p50', at)
  const p99Us = microseconds(mapping, 'p99', at)
  if (p50Us === undefined || p99Us === undefined) return undefined
  if (p99Us < p50Us) {
    const message = `Cannot set ${called(at.pointer)} as p99 must not lie below p50: current value is ${quote(mapping.p99)}`
    at.report(under(at.pointer, 'p99'), message)
  }
  return { p50Us, p99Us }
}

function behaviourAt(value: Plain | undefined, at: Place): Partial<Behaviour> {
  const mapping = mappingAt(value, ARM_KEYS, at)
  const errors = read(ERRORS, mapping, { ...at, key: 'errors' })
  const hangs = read(HANGS, mapping, { ...at, key: 'hangs' })
  const latency = latencyAt(mapping.latency, { ...at, pointer: under(at.pointer, 'latency') })
  if ((errors ?? 0) + (hangs ?? 0) > 1) {
    const message = `Cannot set ${called(at.pointer)} as errors and hangs must not be more than 100% together`
    at.report(at.pointer, message)
  }
  return {
    ...(errors === undefined ? {} : { errors }),
    ...(hangs === undefined ? {} : { hangs }),
    ...(latency === undefined ? {} : { latency }),
  }
}

/** What is said of both versions holds for each, unless more is said of it alone. */
function armsAt(mapping: Mapping, at: Place): Record<'stable' | 'candidate', Partial<Behaviour>> {
  const arm = (key: string) => behaviourAt(mapping[key], { ...at, pointer: under(at.pointer, key) })
  const both = arm('both')
  return { stable: { ...both, ...arm('stable') }, candidate: { ...both, ...arm('candidate') } }
}

function changeAt(value: Plain | undefined, at: Place): Change {
  const mapping = mappingAt(value ?? null, CHANGE_KEYS, at)
  const atMs = read(AT, mapping, { ...at, key: 'at' })
  if (isMapping(value ?? null) && mapping.at === undefined) {
    at.report(at.pointer, `Cannot read ${called(at.pointer)} as it needs the key at`, 'key')
  }
  const rate = read(RATE, mapping, { ...at, key: 'rate' })
  const forMs = read(FOR, mapping, { ...at, key: 'for' }) ?? null
  return { atMs: atMs ?? 0, forMs, ...(rate === undefined ? {} : { rate }), ...armsAt(mapping, at) }
}

function changesAt(value: Plain | undefined, at: Place): readonly Change[] {
  if (value === undefined) return []
  if (!Array.isArray(value) || value.length > MOST_CHANGES) {
    const rule = `it must be a list of at most ${MOST_CHANGES}`
    at.report(at.pointer, `Cannot read changes as ${rule}: current value is ${quote(value)}`)
    return []
  }
  return value.map((item, index) => changeAt(item, { ...at, pointer: under(at.pointer, index) }))
}

/** Reads a scenario file. */
export function loadScenario(source: {
  readonly file: string
  readonly env: Environment
}): { readonly scenario: Scenario } | { readonly mistakes: readonly Mistake[] } {
  const { document, mistakes, report } = openFile(source)
  if (mistakes.length > 0) return { mistakes }
  const at = { pointer: '', report }
  const mapping = mappingAt(document.value, KEYS, at)
  const rate = read(RATE, mapping, { ...at, key: 'rate' })
  if (isMapping(document.value) && mapping.rate === undefined) {
    report('', 'Cannot read the scenario as it needs the key rate, in requests a second')
  }
  const arms = armsAt(mapping, at)
  const scenario: Scenario = {
    rate: rate ?? 1,
    stable: { ...DEFAULT, ...arms.stable },
    candidate: { ...DEFAULT, ...arms.candidate },
    durationMs: read(DURATION, mapping, { ...at, key: 'duration' }) ?? 1_800_000,
    rescued: read(RESCUED, mapping, { ...at, key: 'rescued' }) ?? 1,
    responseHeadMs: read(RESPONSE_HEAD, mapping, { ...at, key: 'response_head' }) ?? 60_000,
    changes: changesAt(mapping.changes, { ...at, pointer: '/changes' }),
  }
  return mistakes.length > 0 ? { mistakes } : { scenario }
}
