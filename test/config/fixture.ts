// Config files for tests: text in, what the loader says about it out.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { Config } from '../../src/config/config.ts'
import type { Environment } from '../../src/config/document.ts'
import { type Loaded, loadConfig } from '../../src/config/load.ts'
import { formatMistake } from '../../src/config/mistake.ts'

/** A directory that goes with the test. */
export function directory(t: Test): string {
  const path = mkdtempSync(join(tmpdir(), 'vertex-config-'))
  t.teardown(() => rmSync(path, { recursive: true, force: true }))
  return path
}

export function load(t: Test, text: string, env: Environment = {}): Loaded {
  const file = join(directory(t), 'vertex.yaml')
  writeFileSync(file, text)
  return loadConfig({ file, env })
}

/** The config of a text that must load. */
export function configOf(t: Test, text: string, env: Environment = {}): Config {
  const loaded = load(t, text, env)
  if ('mistakes' in loaded) throw new Error(loaded.mistakes.map(formatMistake).join('\n'))
  return loaded.config
}

/** `line:column: message` of each mistake; none when the text loads. */
export function mistakesOf(t: Test, text: string, env: Environment = {}): string[] {
  const loaded = load(t, text, env)
  if (!('mistakes' in loaded)) return []
  return loaded.mistakes.map((found) => formatMistake(found).slice(found.file.length + 1))
}

/** The shortest whole file. */
export const BASE = `versions:
  v1: { targets: [http://127.0.0.1:9001] }
  v2: { targets: [http://127.0.0.1:9002] }
routing: { stable: v1 @ 95%, candidate: v2 @ 5% }
`
