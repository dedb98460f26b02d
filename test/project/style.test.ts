// The rules that a linter cannot know: who may import whom, what the pure folders must not touch,
// and what must never be committed. (The sizes of files and functions are rules of .oxlintrc.json.)

import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, sep } from 'node:path'
import t from 'tap'

const root = join(import.meta.dirname, '..', '..')
const OUT_OF_SIGHT: ReadonlySet<string> = new Set(
  'node_modules .git .tap dist .vertex results'.split(' '),
)

function* filesUnder(directory: string): Generator<string> {
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    if (OUT_OF_SIGHT.has(entry.name) || entry.name.startsWith('.vertex')) continue
    const path = join(directory, entry.name)
    if (entry.isDirectory()) yield* filesUnder(path)
    else if (entry.isFile()) yield path
  }
}

interface Source {
  /** With forward slashes, from the root of the project. */
  readonly name: string
  readonly text: string
}

function sources(...within: readonly string[]): readonly Source[] {
  const paths = within.flatMap((directory) => [...filesUnder(join(root, directory))])
  return paths.map((path) => ({
    name: relative(root, path).split(sep).join('/'),
    text: readFileSync(path, 'utf8'),
  }))
}

interface Import {
  readonly specifier: string
  readonly typeOnly: boolean
}

const IMPORT = /(?:^|\n)\s*(import|export)\s+(type\s)?(?:[^'";]*?\sfrom\s+)?'([^']+)'/g
const DYNAMIC_IMPORT = /\bimport\(\s*'([^']+)'/g

function importsOf({ text }: Source): readonly Import[] {
  const listed = [...text.matchAll(IMPORT)].map(([whole, , type, specifier = '']) => {
    // `import { type A, type B }` is erased as a whole too.
    const names = /\{([^}]*)\}/
      .exec(whole)?.[1]
      ?.split(',')
      .map((name) => name.trim()) ?? ['value']
    const allTypes = names.every((name) => name === '' || name.startsWith('type '))
    return { specifier, typeOnly: type !== undefined || allTypes }
  })
  const dynamic = [...text.matchAll(DYNAMIC_IMPORT)].map(([, specifier = '']) => specifier)
  return [...listed, ...dynamic.map((specifier) => ({ specifier, typeOnly: false }))]
}

/** The folder below src that a file belongs to, or null for the composition root. */
function folderOf(name: string): string | null {
  return /^src\/([^/]+)\//.exec(name)?.[1] ?? null
}

/** What each folder may import besides itself; `config:types` allows types only. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  core: [],
  http1: [],
  board: ['core'],
  config: ['core'],
  edge: ['core', 'board', 'http1', 'config:types'],
  control: ['core', 'board', 'config:types'],
  synthetic: ['core', 'board', 'config:types'],
  mirror: ['core', 'board', 'http1', 'config:types'],
  // It stands behind a port of control's (`fleet-port.ts`), as an adapter that control never sees.
  fleet: ['core', 'board', 'config:types', 'control:types'],
  client: ['core:types'],
  admin: ['core', 'board', 'config:types'],
}
/** They put the others together. */
const MAY_IMPORT_ALL: readonly string[] = ['cli', 'demo']

/** The packages that these folders may use; the SDK runs where nothing of Vertex is but itself. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  core: ['hdr-histogram-js/dist/Int32Histogram.js', 'typebox'],
  http1: [],
  client: [],
}

function forbidden(source: Source, found: Import): string | null {
  const folder = folderOf(source.name)
  if (folder === null || MAY_IMPORT_ALL.includes(folder)) return null
  if (!found.specifier.startsWith('.')) {
    const packages = PACKAGES[folder]
    if (packages === undefined || packages.includes(found.specifier)) return null
    return `${source.name} imports the package ${found.specifier}`
  }
  const target = join(dirname(source.name), found.specifier).split(sep).join('/')
  const other = folderOf(target)
  const allowed = MAY_IMPORT[folder] ?? []
  if (other === folder || (other !== null && allowed.includes(other))) return null
  if (found.typeOnly && allowed.includes(`${other}:types`)) return null
  return `${source.name} imports ${target}`
}

await t.test('imports go in the directions of ARCHITECTURE.md', async (t) => {
  const wrong = sources('src').flatMap((source) =>
    importsOf(source).flatMap((found) => forbidden(source, found) ?? []),
  )
  t.strictSame(wrong, [])
})

await t.test('typebox is taken for its types: json-schema.ts makes the schemas', async (t) => {
  const wrong = sources('src').filter((source) =>
    importsOf(source).some(({ specifier, typeOnly }) => specifier === 'typebox' && !typeOnly),
  )
  t.strictSame(
    wrong.map(({ name }) => name),
    [],
  )
})

await t.test('every folder below src has its rule', async (t) => {
  const folders = new Set(sources('src').flatMap(({ name }) => folderOf(name) ?? []))
  const known = [...Object.keys(MAY_IMPORT), ...MAY_IMPORT_ALL]
  t.strictSame(
    [...folders].filter((folder) => !known.includes(folder)),
    [],
  )
})

/** The text without comments and without what stands between quotes. */
function codeOf(text: string): string {
  return text.replaceAll(
    /\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"/g,
    (found) => found.replaceAll(/[^\n]/g, ' '),
  )
}

const IMPURE = new RegExp(
  [
    'Date\\.now|new Date\\(\\)|Math\\.random|performance\\b|crypto\\b|process\\b|console\\b',
    'setTimeout|setInterval|setImmediate|queueMicrotask|fetch\\(|\\bawait\\b|\\basync\\b',
  ].join('|'),
)

await t.test('core and http1 are pure: no clock, randomness, timers or waiting', async (t) => {
  const wrong: string[] = []
  for (const { name, text } of sources('src/core', 'src/http1')) {
    codeOf(text)
      .split('\n')
      .forEach((line, index) => {
        const found = IMPURE.exec(line)
        if (found !== null) wrong.push(`${name}:${index + 1}: ${found[0]}`)
      })
  }
  t.strictSame(wrong, [])
})

/** A sentence in quotes stays in one piece, so that it can be searched for. */
function isLongText(line: string): boolean {
  const texts = line.match(/'(?:\\.|[^'\\])*'|"[^"]*"|`[^`]*`/g) ?? []
  return texts.some((text) => text.length > 50)
}

await t.test('a source file opens with prose and keeps to 100 columns', async (t) => {
  const wrong: string[] = []
  for (const { name, text } of sources('src', 'bench', 'scripts', 'bin')) {
    if (!/\.(ts|js)$/.test(name)) continue
    const lines = text.split('\n').filter((line) => !line.startsWith('#!'))
    if (!lines[0]?.startsWith('// ')) wrong.push(`${name}: opens without a sentence`)
    lines.forEach((line, index) => {
      if (line.length > 100 && !isLongText(line))
        wrong.push(`${name}:${index + 1}: ${line.length} columns`)
    })
  }
  t.strictSame(wrong, [])
})

await t.test('nothing of one machine is committed', async (t) => {
  const homes = new RegExp(`(^|[\\s'"\`(=:])/(${['work', 'root', 'home'].join('|')})/[\\w.]`)
  const wrong: string[] = []
  for (const { name, text } of sources('.')) {
    text.split('\n').forEach((line, index) => {
      if (homes.test(line)) wrong.push(`${name}:${index + 1}: ${line.trim().slice(0, 80)}`)
    })
  }
  t.strictSame(wrong, [])
  const lock = readFileSync(join(root, 'package-lock.json'), 'utf8')
  t.notMatch(lock, /"resolved"/, 'the lock file names no registry')
})
