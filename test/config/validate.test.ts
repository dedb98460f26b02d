// `vertex validate`, as an operator or a pipeline runs it.

import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { unfollowed } from '../../bench/lab/children.ts'
import { BASE, directory } from './fixture.ts'

const door = join(import.meta.dirname, '..', '..', 'bin', 'vertex.js')
const run = (...words: readonly string[]) => {
  const { file, args } = unfollowed([process.execPath, door, ...words])
  return spawnSync(file, args, { encoding: 'utf8', env: {} })
}

await t.test('a good file: exit 0 and a summary', async (t) => {
  const file = join(directory(t), 'vertex.yaml')
  writeFileSync(file, BASE)
  const { status, stdout, stderr } = run('validate', '-c', file)
  t.strictSame([status, stderr], [0, ''])
  t.match(stdout, `${file} is valid\n`)
  t.match(stdout, /default: stable v1, candidate v2 @ 5%, steps 5% 25% 100%/)
})

await t.test('a bad file: exit 3 and every mistake on stderr, also at a start', async (t) => {
  const file = join(directory(t), 'vertex.yaml')
  writeFileSync(file, `${BASE}threads: 0\ntreads: 1\n`)
  for (const verb of ['validate', 'run']) {
    const { status, stdout, stderr } = run(verb, '-c', file)
    t.strictSame([status, stdout], [3, ''], verb)
    t.match(stderr, new RegExp(`^${file}:5:10: .*\n${file}:6:1: .*did you mean threads`), verb)
  }
})

await t.test('as JSON for programs', async (t) => {
  const file = join(directory(t), 'vertex.yaml')
  writeFileSync(file, `${BASE}deploy_strategy: { warm_up: 0, warm_up_requests: 5 }\n`)
  const good = run('validate', '-c', file, '-o', 'json')
  t.strictSame([good.status, good.stderr], [0, ''])
  t.match(JSON.parse(good.stdout), { valid: true, mistakes: [], warnings: [/never acts/] })
  writeFileSync(file, `${BASE}threads: 0\n`)
  const bad = run('validate', '-c', file, '-o', 'json')
  t.strictSame([bad.status, bad.stderr], [3, ''])
  t.match(JSON.parse(bad.stdout), { valid: false, mistakes: [{ line: 5 }], warnings: [] })
})

await t.test('a missing file: exit 3', async (t) => {
  const { status, stderr } = run('validate', '-c', '/nowhere/vertex.yaml')
  t.equal(status, 3)
  t.match(stderr, /^\/nowhere\/vertex\.yaml:1:1: Cannot read the config file as .*ENOENT/)
})
