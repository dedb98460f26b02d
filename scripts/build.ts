// Builds dist/ from src/. A start reads every module that it needs, and reading some hundred small
// files takes longer than running them; so what a thread runs is one file, and the command line one
// file with a part for each verb that is loaded later. The packages that a start needs are in it,
// with their licenses beside it, and all others stay outside. The declarations of the SDK come from
// the compiler, and everything else below src (the dashboard's page) is copied as it is. The old
// dist is removed first, so that nothing that was renamed lives on in the package.
//
// A module that looks for a file beside itself (`import.meta`) must stay where it is: each of them
// is a file of its own, at its own place. Of the packages pino would look for files beside itself
// for a transport, which is never asked for.

import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { dirname, extname, join, relative } from 'node:path'
import { type OutputChunk, rolldown } from 'rolldown'

const root = join(import.meta.dirname, '..')
const source = join(root, 'src')
const target = join(root, 'dist')

const files = readdirSync(source, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => relative(source, join(entry.parentPath, entry.name)))

/** Without their endings: what is started by its file. */
const entries = ['cli/main', 'client/client', 'demo/app'].concat(
  files.filter((file) => file.endsWith('/thread.ts')).map((file) => file.slice(0, -3)),
)
const anchored = files
  .filter((file) => file.endsWith('.ts') && isAnchored(join(source, file)))
  .map((file) => file.slice(0, -3))
  .filter((name) => !entries.includes(name))

/** To require a package is the same from everywhere below the package's own folder. */
function isAnchored(file: string): boolean {
  const text = readFileSync(file, 'utf8').replaceAll('createRequire(import.meta.url)', '')
  return /import\.meta\.(url|dirname|filename)/.test(text)
}

/** Packages that stand between a start and its first request. */
const NEEDED = ['ajv', 'commander', 'pino', 'yaml']
const MODULES = '/node_modules/'

/** Whether what `importer` calls `id` stays outside of the file that is made of this entry. */
function isOutside(entry: string, id: string, importer: string | undefined): boolean {
  if (id.startsWith('.') || id.startsWith('/')) return false
  if (isBuiltin(id) || entry !== 'cli/main') return true
  // What a package within needs itself is within too.
  return importer?.includes(MODULES) !== true && !NEEDED.includes(id.split('/')[0] ?? '')
}

/** The folders of the packages that are within. */
const within = new Set<string>()

function folderOf(id: string): string | null {
  const at = id.lastIndexOf(MODULES)
  if (at < 0) return null
  const [first = '', second = ''] = id.slice(at + MODULES.length).split('/')
  return id.slice(0, at + MODULES.length) + (first.startsWith('@') ? join(first, second) : first)
}

/** The licenses of what is within, as they ask to be kept with it. */
function licenses(): string {
  const texts = [...within].toSorted().map((folder) => {
    const { name, version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
      name: string
      version: string
    }
    const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry))
    if (file === undefined) throw new Error(`Cannot build as ${name} comes without its license`)
    return `${name} ${version}\n\n${readFileSync(join(folder, file), 'utf8').trim()}\n`
  })
  return `Within the files beside this one are:\n\n${texts.join('\n\n')}`
}

async function bundle(entry: string): Promise<void> {
  await using built = await rolldown({
    input: { [entry]: join(source, `${entry}.ts`) },
    platform: 'node',
    external: (id, importer) => isOutside(entry, id, importer),
  })
  const groups = anchored.map((name) => ({
    name,
    // A group takes along what it imports, if no other has: so those that are imported come first.
    priority: name.split('/').length,
    test: (id: string) => id === join(source, `${name}.ts`),
  }))
  const { output } = await built.write({
    dir: target,
    format: 'esm',
    entryFileNames: '[name].js',
    chunkFileNames: ({ name }) =>
      anchored.includes(name) ? '[name].js' : 'parts/[name]-[hash].js',
    // A thread has nothing that it loads later, and is one file.
    codeSplitting: entry === 'cli/main' ? { groups } : false,
  })
  for (const file of output) if (file.type === 'chunk') check(file)
}

function check({ fileName, moduleIds }: OutputChunk): void {
  for (const id of moduleIds) {
    const folder = folderOf(id)
    if (folder !== null) within.add(folder)
    else if (existsSync(id)) checkPlace(id, fileName)
  }
}

/** What looks for files beside itself would not find them from elsewhere. */
function checkPlace(id: string, fileName: string): void {
  if (!isAnchored(id) || dirname(relative(source, id)) === dirname(fileName)) return
  throw new Error(`Cannot build ${fileName} as ${id} looks for files beside itself`)
}

rmSync(target, { recursive: true, force: true })
for (const entry of entries) await bundle(entry)
writeFileSync(join(target, 'LICENSES.txt'), licenses())
const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
const built = spawnSync(process.execPath, [tsc, '-p', join(root, 'tsconfig.build.json')], {
  stdio: 'inherit',
})
if (built.status !== 0) process.exit(built.status ?? 1)
for (const file of files) {
  if (extname(file) !== '.ts') cpSync(join(source, file), join(target, file))
}
