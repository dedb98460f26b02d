// The package: `npm pack` makes a tarball that runs as `vertex` in an empty folder. The network is
// not touched: the tarball is unpacked where npm would put it, and beside it stand links to the
// modules that it depends on. A program beside it is compiled against the SDK's declarations and
// runs on the oldest Node that is at hand, as those of users do.

import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { track } from '../../bench/lab/children.ts'

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

const PROGRAM = `
import { type ServiceView, VertexClient, VertexError, VertexUnreachable } from 'vertex-edge/client'

async function errorOf(call: Promise<unknown>): Promise<unknown> {
  return call.then(() => null, (error: unknown) => error)
}

export async function use(url: string): Promise<void> {
  const stop = new AbortController()
  const client = new VertexClient({ url, signal: stop.signal, token: undefined })
  const start = client.events({ after: 0 })
  const first = await start.next()
  await start.return()
  // Many calls on one signal leave nothing behind on it, and warn of nothing.
  const views: ServiceView[] = await Promise.all(Array.from({ length: 20 }, () => client.service()))
  const stable: string | undefined = views[0]?.stable?.version
  const news = client.events({ service: 'default', after: first.value?.seq })
  const changed = await client.deploy('v2', { targets: ['http://127.0.0.1:2'] })
  let seen = ''
  for await (const entry of news) {
    if (entry.kind !== 'rollout') continue
    seen = /v2/.exec(entry.text)?.[0] ?? entry.text
    break
  }
  const stale = await errorOf(client.pause({ ifMatch: 1 }))
  const unknown = await errorOf(client.runSyntheticTransaction({ version: 'v1', scenario: 'x' }))
  const { ended } = await client.abort({ ifMatch: (await client.service()).revision })
  const nobody = await errorOf(new VertexClient({ url: 'http://127.0.0.1:1' }).pause())
  const said = {
    first: first.value?.kind,
    stable,
    ready: (await client.readyz()).ready,
    rollout: changed.candidate?.version,
    seen,
    stale: stale instanceof VertexError ? stale.status : stale,
    unknown: unknown instanceof VertexError ? unknown.code : unknown,
    ending: ended?.ending,
    unreachable: nobody instanceof VertexUnreachable ? nobody.reason : nobody,
    metrics: (await client.metrics()).includes('vertex_'),
  }
  console.log(JSON.stringify(said))
  stop.abort()
}
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
    'dist/client/client.d.ts',
    'dist/client/client.js',
    'LICENSE',
    'config/vertex.schema.json',
  ]) {
    t.ok(files.includes(file), file)
  }
  const top = readdirSync(installed)
  const known =
    'FLEET.md LICENSE OPERATING.md PROVING.md README.md bin config dist package.json'.split(' ')
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
})

await t.test('a program finds the SDK and its types, whatever it takes fetch from', async (t) => {
  const words = readFileSync(join(root, 'bench', 'lab', 'snippet.ts'), 'utf8')
  const snippet = words.replace(/'[^']+client\.ts'/, "'vertex-edge/client'")
  t.not(snippet, words)
  writeFileSync(join(directory, 'snippet.ts'), snippet)
  writeFileSync(join(directory, 'program.ts'), PROGRAM)
  const manual = readFileSync(join(root, 'OPERATING.md'), 'utf8')
  const [, example = ''] = /^```ts\n(.*?)^```/ms.exec(manual) ?? []
  writeFileSync(join(directory, 'example.ts'), example)
  writeFileSync(join(directory, 'package.json'), '{ "type": "module" }')
  link({ '@types/node': '', 'undici-types': '' })
  // The example reads its token from the environment, as programs that run on Node do.
  for (const platform of [{ types: ['node'] }, { types: [], lib: ['es2023', 'dom'] }]) {
    const files = ['program.ts', 'snippet.ts', ...platform.types.map(() => 'example.ts')]
    const strict = { strict: true, exactOptionalPropertyTypes: true, skipLibCheck: false }
    const compilerOptions = { target: 'es2022', module: 'nodenext', ...strict, ...platform }
    const config = { compilerOptions, files }
    writeFileSync(join(directory, 'tsconfig.json'), JSON.stringify(config))
    const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
    await exec('env', ['-u', 'NODE_OPTIONS', tsc, '-p', directory], { env })
  }
})

await t.test(
  'a node serves, answers a program on the oldest Node at hand, and drains',
  async (t) => {
    // The thread files are found in the package too.
    const { child, line } = await startNode(t)
    const answer = await fetch(`http://${line.listen}/`)
    t.equal(answer.status, 502, 'no app server stands behind it')
    await answer.text()

    const { file, version } = await oldestNode()
    t.comment(`Node ${version}`)
    const script = `import('./program.js').then((it) => it.use('http://${line.admin}'))`
    const run = ['-u', 'NODE_OPTIONS', file, '-e', script]
    const { stdout, stderr } = await exec('env', run, { cwd: directory, timeout: 60_000 })
    t.equal(stderr, '', 'no warnings')
    t.same(JSON.parse(stdout), {
      first: 'config',
      stable: 'v1',
      ready: true,
      rollout: 'v2',
      seen: 'v2',
      stale: 412,
      unknown: 'unknown-scenario',
      ending: 'aborted',
      unreachable: 'network',
      metrics: true,
    })

    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGTERM')
    t.equal(await ended, 0, 'it drains')
  },
)

/** A node of the package, and the line with which it says that it is ready. */
async function startNode(t: Test): Promise<{
  readonly child: ChildProcess
  readonly line: { readonly listen: string; readonly admin: string }
}> {
  const door = join(installed, 'bin', 'vertex.js')
  const child = spawn(process.execPath, [door, 'run', '-c', join(directory, 'vertex.yaml')], {
    cwd: directory,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  track(child)
  t.teardown(() => child.kill('SIGKILL'))
  const text = await firstLine(child.stdout, /(\{.*"msg":"ready".*\})/)
  return { child, line: JSON.parse(text) as { listen: string; admin: string } }
}

/** Of those on the path and the one that runs this, from 20 on. */
async function oldestNode(): Promise<{ readonly file: string; readonly version: string }> {
  const folders = (process.env.PATH ?? '').split(delimiter)
  const found = [{ file: process.execPath, version: process.versions.node }]
  for (const file of folders.map((folder) => join(folder, 'node'))) {
    try {
      const { stdout } = await exec('env', ['-u', 'NODE_OPTIONS', file, '--version'])
      const version = stdout.trim().slice(1)
      if (Number.parseInt(version, 10) >= 20) found.push({ file, version })
    } catch {
      // No Node stands there.
    }
  }
  const [oldest] = found.toSorted(
    (a, b) => Number.parseInt(a.version, 10) - Number.parseInt(b.version, 10),
  )
  if (oldest === undefined) throw new Error('this runs on a Node older than 20')
  return oldest
}

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
