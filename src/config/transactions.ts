// All scenarios of synthetic transactions: one file each in one directory. They are part of the
// config: one mistake in one of them is a mistake of the whole, since a gate that cannot run would
// be found out in the middle of a rollout.

import { readdirSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import type { Transaction } from '../core/transaction/transaction.ts'
import type { Environment } from './document.ts'
import { type Mistake, quote, type Report } from './mistake.ts'
import { loadTransaction } from './transaction.ts'
import { isName, NAME_RULE } from './words.ts'

const MOST_FILES = 256

interface Context {
  /** The config's absolute path. */
  readonly file: string
  readonly env: Environment
  readonly isWritten: (pointer: string) => boolean
  readonly report: Report
  readonly mistakes: Mistake[]
}

/** @param directory as in the config; relative to it */
export function loadTransactions(directory: string, context: Context): readonly Transaction[] {
  const path = resolve(dirname(context.file), directory)
  const transactions: Transaction[] = []
  for (const entry of filesIn(path, context)) {
    // As short as the operator would write it, and clickable where the config's own path is.
    const short = relative(process.cwd(), join(path, entry))
    const file = short.startsWith('..') ? join(path, entry) : short
    const say = (message: string) => {
      context.mistakes.push({ file, line: 1, column: 1, message })
    }
    const name = entry.slice(0, entry.lastIndexOf('.'))
    if (entry.endsWith('.yml')) say('Cannot take this scenario as its name must end in .yaml')
    else if (!isName(name)) say(`Cannot name a scenario ${quote(name)} as ${NAME_RULE}`)
    else {
      const loaded = loadTransaction({ file, name, env: context.env })
      if ('mistakes' in loaded) context.mistakes.push(...loaded.mistakes)
      else transactions.push(loaded.transaction)
    }
  }
  return transactions
}

/** The names of the scenario files, in order. */
function filesIn(path: string, { isWritten, report }: Context): readonly string[] {
  let entries: readonly string[]
  try {
    entries = readdirSync(path)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' && !isWritten('/scenarios')) return []
    report('/scenarios', `Cannot read the scenarios as the system refuses: ${message}`)
    return []
  }
  const files = entries.filter((name) => /\.ya?ml$/.test(name) && !name.startsWith('.')).toSorted()
  if (files.length <= MOST_FILES) return files
  const rule = `a directory may hold at most ${MOST_FILES}: current value is ${files.length}`
  report('/scenarios', `Cannot read the scenarios as ${rule}`)
  return []
}
