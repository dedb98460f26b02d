// Files that a config names besides itself: secrets, certificates. They are read when the config
// is, so that a file which is missing or wrong is a mistake with its place and not a surprise
// later. What stands in them appears in no mistake. Paths are relative to the config.

import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { nameOf, type Report, under } from './mistake.ts'
import type { Setting } from './setting.ts'

/** What is known while a block of a config is being resolved. */
export interface BlockContext {
  /** The config's absolute path. */
  readonly file: string
  readonly report: Report
  /** Whether a key stands in the file: what was wrong has been cut away, and was reported. */
  readonly isWritten: (pointer: string) => boolean
}

/** The content of the file that the key at `pointer` names; null when it was reported. */
export function readBeside(
  file: string,
  ask: { readonly context: BlockContext; readonly pointer: string },
): string | null {
  const { context, pointer } = ask
  try {
    return readFileSync(resolve(dirname(context.file), file), 'utf8')
  } catch (error) {
    const { message } = error as Error
    const rule = `the system refuses: ${message}`
    context.report(pointer, `Cannot read the file of ${nameOf(pointer)} as ${rule}`)
    return null
  }
}

/** Reports that what a file holds is not what its key asks for. */
export function reportContent(
  rule: string,
  ask: { readonly context: BlockContext; readonly pointer: string },
): void {
  const { context, pointer } = ask
  const must = `it must be ${rule}: current value is not shown here`
  context.report(pointer, `Cannot take the content of the file of ${nameOf(pointer)} as ${must}`)
}

/** A secret in a file of its own, read by the row of its setting. Empty when it was reported. */
export function readSecret(
  file: string,
  ask: {
    readonly row: Setting<string>
    readonly context: BlockContext
    readonly pointer: string
  },
): string {
  const text = readBeside(file, ask)
  if (text === null) return ''
  const value = ask.row.read(text.trim())
  if (value === undefined) reportContent(ask.row.rule, ask)
  return value ?? ''
}

/**
 * The secret that stands under `key`, or else in the file that `key_file` names. Null when neither
 * is there; empty when it was reported.
 *
 * @param ask.at the pointer of `part`
 */
export function secretIn(
  part: Readonly<Record<string, unknown>>,
  ask: {
    readonly at: string
    readonly key: string
    readonly row: Setting<string>
    readonly context: BlockContext
  },
): string | null {
  const { at, context, key, row } = ask
  const { [key]: text, [`${key}_file`]: file } = part
  if (typeof text === 'string' && typeof file === 'string') {
    const rule = `it stands in the file of ${key}_file: leave one of them out`
    context.report(under(at, key), `Cannot use ${nameOf(at)}.${key} as ${rule}`, 'key')
  }
  if (typeof text === 'string') return text
  if (typeof file === 'string') {
    return readSecret(file, { row, context, pointer: under(at, `${key}_file`) })
  }
  const isWrong = context.isWritten(under(at, key)) || context.isWritten(under(at, `${key}_file`))
  return isWrong ? '' : null
}
