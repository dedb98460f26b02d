// Scenarios as text, a host with its real thread, and orders for it.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { Environment } from '../../src/config/document.ts'
import { formatMistake } from '../../src/config/mistake.ts'
import { loadTransaction } from '../../src/config/transaction.ts'
import type { SyntheticOrder, SyntheticReport } from '../../src/core/synthetic.ts'
import type { Transaction } from '../../src/core/transaction/transaction.ts'
import { SyntheticHost, type SyntheticHostOptions } from '../../src/synthetic/host.ts'

const folder = mkdtempSync(join(tmpdir(), 'vertex-synthetic-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))

/** The scenario of a text that must load. */
export function scenario(name: string, text: string, env: Environment = {}): Transaction {
  mkdirSync(folder, { recursive: true })
  const file = join(folder, `${name}.yaml`)
  writeFileSync(file, text)
  const loaded = loadTransaction({ file, name, env })
  if ('mistakes' in loaded) throw new Error(loaded.mistakes.map(formatMistake).join('\n'))
  return loaded.transaction
}

export interface Lab {
  readonly host: SyntheticHost
  readonly deaths: readonly string[]
  /** Runs the scenario and returns its report; fails when there is none. */
  readonly report: (
    name: string,
    targets: readonly string[],
    more?: Partial<SyntheticOrder>,
  ) => Promise<SyntheticReport>
}

export function order(
  name: string,
  targets: readonly string[],
  more: Partial<SyntheticOrder> = {},
): SyntheticOrder {
  const rest = { assertions: [], rate: null, durationMs: null, ...more }
  return { service: 'shop', version: 'v2', scenario: name, targets, ...rest }
}

export const NEVER = new AbortController().signal

/** A host with these scenarios by name; it ends with the test. */
export function startLab(
  t: Test,
  texts: Readonly<Record<string, string>>,
  { env = {}, ...more }: { env?: Environment } & Partial<SyntheticHostOptions> = {},
): Lab {
  const deaths: string[] = []
  const host = new SyntheticHost({
    scenarios: Object.entries(texts).map(([name, text]) => scenario(name, text, env)),
    onDeath: (text) => deaths.push(text),
    rehearses: false, // how fast the first run is, is no matter of these tests
    ...more,
  })
  t.teardown(() => host.stop())
  return {
    host,
    deaths,
    async report(name, targets, more) {
      const ended = await host.run(order(name, targets, more), NEVER)
      if ('problem' in ended) throw new Error(ended.problem.detail)
      return ended.report
    },
  }
}
