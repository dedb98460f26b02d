// A deploy_strategy block becomes a Strategy: from the file, where the rest comes from the
// defaults, or from the API, where the rest comes from what the file says. It decides what steps
// make sense.

import type { Step, Strategy } from '../core/strategy.ts'
import { FULL_WEIGHT, percentFromWeight } from '../core/weight.ts'
import { checkShape } from './check.ts'
import type { Plain } from './document.ts'
import { type Report, under } from './mistake.ts'
import { gatesOf, reportForeign } from './gates.ts'
import type { StepDocument, StrategyDocument, Texts } from './schema.ts'
import {
  DEFAULT_STEPS,
  FIRST_OBSERVE,
  STEP_OBSERVE,
  STEP_WEIGHT,
  STRATEGY,
  TRIGGER,
} from './service-settings.ts'
import { type Group, keyOf, valueFrom, valuesFrom } from './setting.ts'

/** What holds when nothing is said. */
export function defaultStrategy(): Strategy {
  const steps = DEFAULT_STEPS.map((weight, index) => stepOf({ weight }, index))
  return { ...valuesFrom(STRATEGY, {}), steps, gates: [], trigger: valuesFrom(TRIGGER, {}) }
}

/**
 * @param document a block that has passed checkShape
 * @param at the block's pointer, and what holds where the block says nothing
 */
export function resolveStrategy(
  document: StrategyDocument | undefined,
  at: { pointer: string; base: Strategy; report: Report },
): Strategy {
  const { base } = at
  if (document === undefined) return base
  const gateAt = { pointer: under(at.pointer, 'gate'), report: at.report }
  const steps = document.steps
    ? resolveSteps(document.steps, under(at.pointer, 'steps'), at.report)
    : base.steps
  return {
    ...base,
    ...written(STRATEGY, document as Texts),
    steps,
    gates: document.gate ? gatesOf(document.gate, gateAt) : base.gates,
    trigger: { ...base.trigger, ...written(TRIGGER, document.rollback_trigger) },
  }
}

/** The values of those settings of a group that are written. */
function written<G extends Group>(group: G, mapping: Texts | undefined) {
  const rows = Object.entries(group).filter(([, row]) => mapping?.[keyOf(row)] !== undefined)
  return valuesFrom(Object.fromEntries(rows) as Partial<G> & Group, mapping)
}

function stepOf(document: StepDocument, index: number): Step {
  const first = document.observe === undefined && index === 0
  const observe = first ? FIRST_OBSERVE : document.observe
  return {
    weight: STEP_WEIGHT.read(document.weight ?? '') ?? FULL_WEIGHT,
    observeMs: valueFrom(STEP_OBSERVE, observe),
  }
}

function resolveSteps(
  documents: readonly (StepDocument | undefined)[],
  pointer: string,
  report: Report,
): readonly Step[] {
  const steps: Step[] = []
  let before = 0
  let whole = true
  for (let index = 0; index < documents.length; index++) {
    const document = documents[index]
    whole &&= document?.weight !== undefined
    if (document?.weight === undefined) continue // already reported
    const gateAt = { pointer: under(under(pointer, index), 'gate'), report }
    const gates = document.gate ? { gates: gatesOf(document.gate, gateAt) } : {}
    const step = { ...stepOf(document, index), ...gates }
    const weight = percentFromWeight(step.weight)
    if (step.weight <= before) {
      const rule = `steps must rise: ${weight}% follows ${percentFromWeight(before)}%`
      report(`${under(pointer, index)}/weight`, `Cannot take this step as ${rule}`)
    }
    before = Math.max(before, step.weight)
    steps.push(step)
  }
  const last = steps.at(-1)
  if (whole && last !== undefined && last.weight !== FULL_WEIGHT && before !== FULL_WEIGHT) {
    const rule = `the last must be 100%: current value is ${percentFromWeight(last.weight)}%`
    report(`${under(pointer, documents.length - 1)}/weight`, `Cannot end the steps here as ${rule}`)
  }
  return steps
}

/** JSON as a file would say it: scalars as texts. */
function plainOf(value: unknown): Plain {
  if (value === null || value === undefined) return null
  if (Array.isArray(value)) return value.map(plainOf)
  if (typeof value !== 'object') return `${value as string | number | boolean}`
  const result: { [key: string]: Plain } = Object.create(null)
  for (const [key, inner] of Object.entries(value)) result[key] = plainOf(inner)
  return result
}

/**
 * Reads the JSON form of a `deploy_strategy` block, as the API receives it.
 *
 * @param base what holds where the block says nothing; null or undefined as value gives it as it is
 */
export function parseStrategy(
  value: unknown,
  base: Strategy,
): { readonly strategy: Strategy } | { readonly mistakes: readonly string[] } {
  if (value === null || value === undefined) return { strategy: base }
  const mistakes: string[] = []
  const report: Report = (_pointer, message) => mistakes.push(message)
  const document = plainOf(value)
  checkShape(document, { as: 'strategy', report, base: '/strategy' })
  if (mistakes.length > 0) return { mistakes }
  const at = { pointer: '/strategy', base, report }
  const asked = document as unknown as StrategyDocument
  const strategy = resolveStrategy(asked, at)
  const lists = [asked.gate, ...(asked.steps ?? []).map((step) => step?.gate)]
  reportForeign(lists, (message) => mistakes.push(message))
  return mistakes.length > 0 ? { mistakes } : { strategy }
}
