// `error_rate_threshold=0.05%..1%/5`: a setting of a strategy over a range of values, for a table
// of what each of them would have led to. The values are evenly far apart as ratios, since that is
// how thresholds differ; from a range that begins at 0, as differences.

import type { Strategy } from '../core/strategy.ts'
import { STRATEGY, TRIGGER } from './service-settings.ts'
import { keyOf, type Setting } from './setting.ts'

/** More rows than this nobody reads, and each is a whole replay. */
const MOST_VALUES = 50
const BLOCK = 'deploy_strategy.'

export interface SweepValue {
  /** As it would be written in a file. */
  readonly text: string
  /** The strategy with this value. */
  readonly of: (strategy: Strategy) => Strategy
}

export interface Sweep {
  /** The setting's key. */
  readonly key: string
  readonly values: readonly SweepValue[]
}

interface Place {
  readonly row: Setting<unknown>
  readonly of: (strategy: Strategy, value: number) => Strategy
}

/** The settings that are numbers, by their names below `deploy_strategy`. */
function places(): Map<string, Place> {
  const found = new Map<string, Place>()
  for (const [field, row] of Object.entries(STRATEGY)) {
    const of = (strategy: Strategy, value: number) => ({ ...strategy, [field]: value })
    found.set(row.name.slice(BLOCK.length), { row, of })
  }
  for (const [field, row] of Object.entries(TRIGGER)) {
    const of = (strategy: Strategy, value: number) => {
      return { ...strategy, trigger: { ...strategy.trigger, [field]: value } }
    }
    found.set(row.name.slice(BLOCK.length), { row, of })
  }
  for (const [name, { row }] of found) if (row.min === null) found.delete(name)
  return found
}

function placeOf(name: string): Place | undefined {
  const all = places()
  const exact = all.get(name.replace(BLOCK, ''))
  if (exact !== undefined) return exact
  return [...all.values()].find(({ row }) => keyOf(row) === name)
}

/** How a number is written for a row, with no more digits than it needs. */
function written(row: Setting<unknown>, value: number): string {
  if (row.type === 'percentage') return `${Number((value * 100).toPrecision(3))}%`
  if (row.type === 'duration') return `${Math.round(value)}ms`
  const whole = row.schema.type === 'integer'
  return whole ? String(Math.round(value)) : String(Number(value.toPrecision(3)))
}

function between(from: number, to: number, times: number): readonly number[] {
  return Array.from({ length: times }, (_, i) => {
    const part = times === 1 ? 0 : i / (times - 1)
    return from > 0 ? from * (to / from) ** part : from + (to - from) * part
  })
}

const FORM = /^([a-z_.0-9]+)=(.+?)\.\.(.+?)\/(\d{1,3})$/

/** Reads a sweep; the sentence says why it cannot be read. */
export function readSweep(text: string): Sweep | { readonly cannot: string } {
  const [, name = '', low = '', high = '', times = ''] = FORM.exec(text) ?? []
  const current = `current value is ${text}`
  if (name === '') {
    return { cannot: `Cannot sweep as the form is setting=from..to/values: ${current}` }
  }
  const place = placeOf(name)
  if (place === undefined) {
    const known = [...places().keys()].join(', ')
    return { cannot: `Cannot sweep ${name} as it must be one of ${known}: ${current}` }
  }
  const { of, row } = place
  const [from, to] = [row.read(low), row.read(high)]
  for (const [bound, value] of [[low, from] as const, [high, to] as const]) {
    if (typeof value === 'number') continue
    return { cannot: `Cannot sweep ${name} as it must be ${row.rule}: current value is ${bound}` }
  }
  const count = Number(times)
  if (typeof from !== 'number' || typeof to !== 'number' || from > to) {
    return {
      cannot: `Cannot sweep ${name} as the range must rise: current value is ${low}..${high}`,
    }
  }
  if (count < 1 || count > MOST_VALUES) {
    return { cannot: `Cannot sweep ${name} as it must be 1 to ${MOST_VALUES} values: ${current}` }
  }
  const values = between(from, to, count).map((value) => {
    const form = written(row, value)
    const exact = row.read(form)
    const number = typeof exact === 'number' ? exact : value
    return { text: form, of: (strategy: Strategy) => of(strategy, number) }
  })
  return { key: keyOf(row), values }
}
