// The door, bin/vertex.js: a Node that is too old gets one sentence.

import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs'
import { rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'

const door = join(import.meta.dirname, '..', '..', 'bin', 'vertex.js')

interface Ended {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

function run(args: readonly string[]): Promise<Ended> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [...args], { env: {} }, (_error, stdout, stderr) => {
      resolve({ code: child.exitCode ?? -1, stdout, stderr })
    })
  })
}

await t.test('a Node that is too old gets one clear sentence', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'vertex-door-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  for (const version of ['12.22.12', '20.20.2', '24.11.9']) {
    // Stands in for the old Node: the real one need not be installed where the tests run.
    const old = join(directory, 'old.cjs')
    const versions = `{ value: { node: '${version}' } }`
    const name = `{ value: 'v${version}' }`
    writeFileSync(
      old,
      `Object.defineProperties(process, { versions: ${versions}, version: ${name} })\n`,
    )
    const ended = await run(['--require', old, door, 'version'])
    t.equal(ended.code, 1, version)
    t.equal(ended.stdout, '')
    t.match(ended.stderr, `Vertex needs Node 24.12 or newer, this is v${version}: `)
    t.notMatch(ended.stderr, /^ +at /m, 'no stack trace')
  }
})

await t.test('it is written in words that old Nodes know', async (t) => {
  const code = readFileSync(door, 'utf8').replaceAll(/\/\/.*|\/\*[\s\S]*?\*\/|'[^'\n]*'/g, '')
  t.notMatch(code, /\b(const|let|async|await|class)\b|=>|\?\.|\?\?|`|^import /m)
})

await t.test('the Node of today comes through', async (t) => {
  const ended = await run([door, 'version'])
  t.match(ended, { code: 0, stdout: /0\.\d+\.\d+/, stderr: '' })
})

await t.test('it keeps what is compiled, also for threads', async (t) => {
  const checkout = mkdtempSync(join(tmpdir(), 'vertex-door-'))
  t.teardown(() => rmSync(checkout, { recursive: true, force: true }))
  cpSync(join(door, '..'), join(checkout, 'bin'), { recursive: true })
  mkdirSync(join(checkout, 'src', 'cli'), { recursive: true })
  writeFileSync(join(checkout, 'package.json'), '{ "type": "module" }')
  const say = `console.log(require('node:module').getCompileCacheDir())`
  writeFileSync(
    join(checkout, 'src', 'cli', 'main.ts'),
    `import { Worker } from 'node:worker_threads'
    export const main = (argv: readonly string[]) =>
      new Worker(${JSON.stringify(say)}, { eval: true })\n`,
  )
  const ended = await run([join(checkout, 'bin', 'vertex.js')])
  const kept = join(checkout, 'node_modules', '.cache', 'compiled')
  t.match(ended, { code: 0, stderr: '' })
  t.match(ended.stdout, kept)
  const [version = ''] = readdirSync(kept)
  t.ok(readdirSync(join(kept, version)).length > 0)
})
