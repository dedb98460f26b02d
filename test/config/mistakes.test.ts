// Every mistake that a config file can hold, with the exact place and sentence that an operator
// reads: mistakes.txt holds the files and what is said about them.

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { loadConfig } from '../../src/config/load.ts'
import { formatMistake } from '../../src/config/mistake.ts'
import { BASE, directory, load, mistakesOf } from './fixture.ts'

const transcript = readFileSync(join(import.meta.dirname, 'mistakes.txt'), 'utf8')
for (const part of transcript.split(/^== /m).slice(1)) {
  const name = part.slice(0, part.indexOf('\n'))
  const [text = '', says = ''] = part.slice(name.length + 1).split('----\n')
  await t.test(name, async (t) => {
    const expected = says.split('\n').filter((line) => line !== '')
    t.strictSame(mistakesOf(t, text.replace('...\n', BASE)), expected)
  })
}

await t.test('a file shows all its mistakes at once, in the order of its lines', async (t) => {
  const says = mistakesOf(t, 'listn: 1\nthreads: 0\nversions: 5\nrouting: { candidate: v }\n')
  t.match(says, [/^1:1: .*listen/, /^2:10: /, /^3:11: .*mapping/, /^4:1: .*stable/])
  t.equal(says.length, 4, 'and says nothing that only follows from another mistake')
})

await t.test('services', async (t) => {
  const service = (port: number, match: string) =>
    `{ versions: { v1: { targets: ['http://a:${port}'] } }, routing: { stable: v1 }, ${match} }`
  const text = `routing: { stable: v1 }
services:
  a: ${service(1, 'match: { host: A.org }')}
  b: ${service(2, 'match: [{ host: b.org }, { host: a.org }]')}
  c/d: ${service(3, 'match: { path: /c }')}
  e: { versions: {} }
`
  t.strictSame(mistakesOf(t, text), [
    '1:1: Cannot use routing beside services as it belongs to one service: ' +
      'move it below the service in services',
    '4:105: Cannot match host a.org, path / for b as a match belongs to one service: ' +
      'a has it already',
    '5:3: Cannot name a service "c/d" as a name has 1 to 128 letters, digits, dots, underscores, ' +
      'pluses and hyphens and begins with a letter or digit',
    '6:3: Cannot read services.e as it needs the key routing',
    '6:18: Cannot read services.e.versions as it is empty',
  ])
})

await t.test('a missing file', async (t) => {
  const file = join(directory(t), 'none.yaml')
  const loaded = loadConfig({ file, env: {} })
  const says = 'mistakes' in loaded ? loaded.mistakes.map(formatMistake) : []
  t.match(says, [`${file}:1:1: Cannot read the config file as the system refuses: ENOENT`])
})

await t.test('the environment', async (t) => {
  const environment = { VERTEX_THREADS: 'many', VERTEX_ADMIN_TOKEN_FILE: '/nowhere' }
  const loaded = load(t, BASE, environment)
  t.match('mistakes' in loaded && loaded.mistakes.map((found) => found.message), [
    'Cannot take threads from VERTEX_THREADS in the environment as it must be auto or',
    'Cannot read the admin token from VERTEX_ADMIN_TOKEN_FILE as the system refuses: ENOENT',
  ])
})

await t.test('a secret is never shown', async (t) => {
  const says = mistakesOf(
    t,
    BASE.replace('127.0.0.1:9001', 'me:pw@a:1').concat('admin_token: hunter2\n'),
  )
  t.notMatch(says.join('\n'), /hunter2|pw/)
})

await t.test('a few lines of aliases cannot fill the memory', async (t) => {
  const lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x, x]']
  for (let i = 1; i < 10; i++) lines.push(`a${i}: &a${i} [${`*a${i - 1}, `.repeat(10)}]`)
  const says = mistakesOf(t, lines.join('\n'))
  t.match(says.join('\n'), /nested too deep or repeats itself by aliases/)
  t.match(mistakesOf(t, 'state: &s [*s]\n').join('\n'), /nested too deep|no anchor/)
  // A long file may have as many values as it writes out.
  const long = mistakesOf(t, `${BASE}many: [${'v, '.repeat(100_001)}]\n`).join('\n')
  t.notMatch(long, /nested too deep/)
  t.match(long, /"many" as it is unknown/)
})

await t.test('any text either loads or is a list of mistakes', async (t) => {
  const file = join(directory(t), 'any.yaml')
  const words =
    `versions routing stable targets services match steps page : - { } [ ] , &a *a \${A } :- " ' | ` +
    'v1 @5% 100% http://a:1 __proto__ null ? !!map %YAML << #'
  const token = fc.constantFrom('\n', '\n  ', ' ', ...words.split(' '))
  const pieces = fc.array(fc.oneof(token, fc.string()), { maxLength: 40 })
  const spoiled = fc
    .tuple(fc.nat(BASE.length), fc.nat(12), pieces)
    .map(([at, gone, more]) => BASE.slice(0, at) + more.join('') + BASE.slice(at + gone))
  const texts = fc.oneof(
    pieces.map((p) => p.join('')),
    spoiled,
  )
  const property = fc.property(texts, (text) => {
    writeFileSync(file, text)
    const loaded = loadConfig({ file, env: {} })
    if (!('mistakes' in loaded)) return
    const lines = text.split(/\r\n|\r|\n/).length
    if (loaded.mistakes.length === 0) throw new Error('neither a config nor a mistake')
    for (const { line, column } of loaded.mistakes) {
      if (line < 1 || line > lines || column < 1)
        throw new Error(`no such place: ${line}:${column}`)
    }
  })
  fc.assert(property, { numRuns: 2000 })
  t.pass('2,000 texts')
})
