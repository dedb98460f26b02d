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
  readonly report: Report
  readonly mistakes: Mistake[]
}

/**
 * Reads all scenarios of a directory and reports what is wrong with them.
 *
 * @param directory relative to the config
 * @param isGiven whether the config names it: the default one may be missing
 */
export function loadTransactions(
  { directory, isGiven }: { readonly directory: string; readonly isGiven: boolean },
  context: Context,
): readonly Transaction[] {
  const path = resolve(dirname(context.file), directory)
  const transactions: Transaction[] = []
  for (const entry of filesIn(path, { isGiven, report: context.report })) {
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
function filesIn(
  path: string,
  { isGiven, report }: { isGiven: boolean; report: Report },
): readonly string[] {
  let entries: readonly string[]
  try {
    entries = readdirSync(path)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' && !isGiven) return []
    report('/scenarios', `Cannot read the scenarios as the system refuses: ${code ?? message}`)
    return []
  }
  const files = entries.filter((name) => /\.ya?ml$/.test(name) && !name.startsWith('.')).toSorted()
  if (files.length <= MOST_FILES) return files
  const rule = `a directory may hold at most ${MOST_FILES}: current value is ${files.length}`
  report('/scenarios', `Cannot read the scenarios as ${rule}`)
  return []
}
