// The door, bin/vertex.js: a Node that is too old gets one sentence.

import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
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
