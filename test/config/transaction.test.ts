// Scenarios of synthetic transactions: every mistake with its exact place and sentence
// (transaction-mistakes.txt), what the shipped example means, and where scenarios are looked for.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { Environment } from '../../src/config/document.ts'
import { loadConfig } from '../../src/config/load.ts'
import { formatMistake } from '../../src/config/mistake.ts'
import { loadTransaction } from '../../src/config/transaction.ts'
import { BASE, directory } from './fixture.ts'

function loaded(t: Test, text: string, env: Environment = {}) {
  const file = join(directory(t), 'pay.yaml')
  writeFileSync(file, text)
  return loadTransaction({ file, name: 'pay', env })
}

function mistakesOf(t: Test, text: string, env: Environment = {}): readonly string[] {
  const found = loaded(t, text, env)
  if (!('mistakes' in found)) return []
  const inOrder = found.mistakes.toSorted((a, b) => a.line - b.line || a.column - b.column)
  return inOrder.map((one) => formatMistake(one).slice(one.file.length + 1))
}

const transcript = readFileSync(join(import.meta.dirname, 'transaction-mistakes.txt'), 'utf8')
for (const part of transcript.split(/^== /m).slice(1)) {
  const name = part.slice(0, part.indexOf('\n'))
  const [text = '', says = ''] = part.slice(name.length + 1).split('----\n')
  await t.test(name, async (t) => {
    t.strictSame(
      mistakesOf(t, text, { SHORT: 'abc', LINES: 'two\nlines' }),
      says.split('\n').filter((line) => line !== ''),
    )
  })
}

await t.test('the shipped example is whole', async (t) => {
  const file = join(import.meta.dirname, '../../config/scenarios/critical_path.yaml')
  const loaded = loadTransaction({ file, name: 'critical_path', env: {} })
  if ('mistakes' in loaded) throw new Error(loaded.mistakes.map(formatMistake).join('\n'))
  const { transaction } = loaded
  t.match(transaction, {
    ...{ name: 'critical_path', rate: 20, durationMs: 10_000, timeoutMs: 5000, connections: 64 },
    warmUpMs: 2000,
    assertions: [
      { metric: 'p99_latency', threshold: 250 },
      { metric: 'error_rate', threshold: 0.001 },
    ],
  })
  t.same(
    transaction.steps.map(({ captures, method, name, path }) => [
      name,
      method,
      path,
      captures.length,
    ]),
    [
      ['log in', 'POST', ['/login'], 1],
      ['fill the basket', 'POST', ['/basket/items'], 1],
      ['pay', 'POST', ['/basket/', { capture: 'basket', form: 'path' }, '/payment'], 0],
    ],
  )
  t.match(transaction.steps[0]?.body, ['{"user":"synthetic","remember":false}'])
})

await t.test('secrets come from the environment and from files, and are known', async (t) => {
  const folder = directory(t)
  writeFileSync(join(folder, 'token'), 'from a "file"\n')
  const file = join(folder, 'pay.yaml')
  const text = `steps: [{ method: POST, path: '/{{env.A}}', headers: { x: '{{file.token}}' }, json: { a: '{{file.token}}', b: '5', c: 5 } }]`
  writeFileSync(file, text)
  const loaded = loadTransaction({ file, name: 'pay', env: { A: 'a/bc' } })
  t.match(loaded, {
    transaction: {
      secrets: ['from a "file"', 'a/bc'],
      steps: [
        {
          path: ['/', 'a%2Fbc'],
          headers: [{ name: 'x', value: ['from a "file"'] }, { name: 'content-type' }],
          body: ['{"a":"from a \\"file\\"","b":"5","c":5}'],
        },
      ],
    },
  })
})

await t.test('scenarios belong to the config', async (t) => {
  const folder = directory(t)
  const file = join(folder, 'vertex.yaml')
  const load = (more: string) => {
    writeFileSync(file, `${BASE}${more}`)
    const loaded = loadConfig({ file, env: {} })
    if ('config' in loaded) return loaded.config.scenarios.map(({ name }) => name)
    return loaded.mistakes.map(formatMistake).map((text) => text.replaceAll(`${folder}/`, ''))
  }
  t.same(load(''), [], 'without a directory there are none')
  mkdirSync(join(folder, 'scenarios'))
  mkdirSync(join(folder, 'mine'))
  writeFileSync(join(folder, 'scenarios', 'pay.yaml'), 'steps: [{ path: / }]')
  writeFileSync(join(folder, 'scenarios', 'look.yaml'), 'steps: [{ path: / }]')
  writeFileSync(join(folder, 'scenarios', 'notes.txt'), 'not one')
  t.same(load(''), ['look', 'pay'])
  t.same(load('scenarios: mine\n'), [])
  writeFileSync(join(folder, 'mine', 'a b.yaml'), '')
  writeFileSync(join(folder, 'mine', 'c.yml'), '')
  writeFileSync(join(folder, 'mine', 'd.yaml'), 'steps: [{ path: x }]')
  t.match(load('scenarios: mine\nthreads: 0\n'), [
    /^vertex\.yaml:6:10: Cannot set threads/,
    /^mine\/a b\.yaml:1:1: Cannot name a scenario "a b" as a name has/,
    /^mine\/c\.yml:1:1: Cannot take this scenario as its name must end in \.yaml$/,
    /^mine\/d\.yaml:1:17: Cannot set steps\[0\]\.path/,
  ])
})
