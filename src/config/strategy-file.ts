// A strategy in a file of its own, for what is only tried out: a `deploy_strategy` block, with or
// without that key above it. What it does not say comes from a base. Mistakes have their place.

import { readFileSync } from 'node:fs'
import type { Strategy } from '../core/strategy.ts'
import { checkShape } from './check.ts'
import { type Environment, type Plain, readDocument, type SourceDocument } from './document.ts'
import type { Mistake, Report } from './mistake.ts'
import type { StrategyDocument } from './schema.ts'
import { resolveStrategy } from './strategy.ts'

/** A YAML file that was read, with a `report` that knows places. */
export interface OpenedFile {
  readonly document: SourceDocument
  readonly mistakes: Mistake[]
  readonly report: Report
}

/** Opens a YAML file; what is wrong with it stands in `mistakes`. */
export function openFile(source: { file: string; env: Environment }): OpenedFile {
  const { env, file } = source
  const mistakes: Mistake[] = []
  let text = ''
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    const message = `Cannot read the file as the system refuses: ${reason}`
    mistakes.push({ file, line: 1, column: 1, message })
  }
  const document = readDocument({ file, text }, env)
  mistakes.push(...document.mistakes)
  if (document.value === null && mistakes.length === 0) {
    mistakes.push({ file, line: 1, column: 1, message: 'Cannot read the file as it is empty' })
  }
  const report: Report = (pointer, message, part = 'value') => {
    if (document.unfilled.has(pointer)) return
    mistakes.push({ file, ...document.placeOf(pointer, part), message })
  }
  return { document, mistakes, report }
}

const BLOCK = 'deploy_strategy'

function blockOf(value: Plain): { block: Plain; pointer: string } {
  const isMapping = typeof value === 'object' && value !== null && !Array.isArray(value)
  if (isMapping && BLOCK in value) return { block: value[BLOCK] ?? null, pointer: `/${BLOCK}` }
  return { block: value, pointer: '' }
}

/**
 * Reads a strategy file.
 *
 * @param base what holds where the file says nothing
 */
export function loadStrategy(
  source: { file: string; env: Environment },
  base: Strategy,
): { readonly strategy: Strategy } | { readonly mistakes: readonly Mistake[] } {
  const { document, mistakes, report } = openFile(source)
  if (mistakes.length > 0) return { mistakes }
  const { block, pointer } = blockOf(document.value)
  checkShape(block, { as: 'strategy', report, base: pointer })
  if (mistakes.length > 0) return { mistakes }
  const strategy = resolveStrategy(block as unknown as StrategyDocument, { pointer, base, report })
  return mistakes.length > 0 ? { mistakes } : { strategy }
}
