// The package: `npm pack` makes a tarball that runs as `vertex` in an empty folder. The network is
// not touched: the tarball is unpacked where npm would put it, and beside it stand links to the
// modules that it depends on.

import { execFile, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'

const root = join(import.meta.dirname, '..', '..')
const exec = promisify(execFile)

// The npm that runs this, under the Node that runs this.
const env = { ...process.env, PATH: [dirname(process.execPath), process.env.PATH].join(delimiter) }

const directory = mkdtempSync(join(tmpdir(), 'vertex-pack-'))
t.teardown(() => rmSync(directory, { recursive: true, force: true }))
const modules = join(directory, 'node_modules')
const installed = join(modules, 'vertex-edge')

// Nothing listens on the targets' ports, which only the system may open.
const CONFIG = `listen: 127.0.0.1:0
admin: 127.0.0.1:0
threads: 1
timeouts: { drain_delay: 0 }
versions: { v1: { targets: [http://127.0.0.1:1] } }
routing: { stable: v1 }
`

await t.test('the package holds what runs, and neither tests nor measurements', async (t) => {
  // Without the options by which tap follows child processes, with which tsc does not start.
  const pack = ['-u', 'NODE_OPTIONS', 'npm', 'pack', '--json', '--pack-destination', directory]
  const { stdout } = await exec('env', pack, { cwd: root, env })
  const tarball = readdirSync(directory).find((name) => name.endsWith('.tgz')) ?? ''
  t.match(stdout, tarball)
  mkdirSync(installed, { recursive: true })
  await exec('tar', ['-xzf', join(directory, tarball), '--strip-components=1', '-C', installed])
  const files = readdirSync(installed, { recursive: true, encoding: 'utf8' })
  for (const file of [
    'bin/vertex.js',
    'dist/cli/main.js',
    'LICENSE',
    'config/vertex.schema.json',
  ]) {
    t.ok(files.includes(file), file)
  }
  const top = readdirSync(installed)
  const known = 'LICENSE OPERATING.md README.md bin config dist package.json'.split(' ')
  t.strictSame(
    top.filter((name) => !known.includes(name)),
    [],
  )
  t.strictSame(
    files.filter((name) => /(?<!\.d)\.ts$/.test(name)),
    [],
    'no sources, which Node does not run below node_modules',
  )
})

await t.test('it runs in an empty folder', async (t) => {
  link(readManifest(installed).dependencies)
  const door = join(installed, 'bin', 'vertex.js')
  const version = await exec(process.execPath, [door, 'version'], { cwd: directory })
  t.match(version.stdout, readManifest(installed).version)

  const file = join(directory, 'vertex.yaml')
  writeFileSync(file, CONFIG)
  const validated = await exec(process.execPath, [door, 'validate', '-c', file])
  t.match(validated.stdout, 'is valid')

  // The thread files are found in the package too: a node starts, serves and drains.
  const child = spawn(process.execPath, [door, 'run', '-c', file], {
    cwd: directory,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.teardown(() => child.kill('SIGKILL'))
  const line = await firstLine(child.stdout, /"listen":"([^"]+)"/)
  const answer = await fetch(`http://${line}/`)
  t.equal(answer.status, 502, 'no app server stands behind it')
  await answer.text()
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGTERM')
  t.equal(await ended, 0, 'it drains')
})

interface Manifest {
  readonly version: string
  readonly dependencies: Readonly<Record<string, string>>
}

function readManifest(directory: string): Manifest {
  return JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')) as Manifest
}

/** Links the direct dependencies; their own are found beside the files that the links lead to. */
function link(dependencies: Readonly<Record<string, string>>): void {
  for (const name of Object.keys(dependencies)) {
    mkdirSync(dirname(join(modules, name)), { recursive: true })
    symlinkSync(join(root, 'node_modules', name), join(modules, name), 'dir')
  }
}

/** The first group of the first line that matches; tap's time limit bounds the wait. */
async function firstLine(stream: NodeJS.ReadableStream, pattern: RegExp): Promise<string> {
  let text = ''
  for await (const chunk of stream) {
    text += String(chunk)
    const [, found] = pattern.exec(text) ?? []
    if (found !== undefined) return found
  }
  throw new Error(`it ended without ${String(pattern)}: ${text}`)
}
