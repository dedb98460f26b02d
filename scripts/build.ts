// Builds dist/ from src/: the compiler turns TypeScript into JavaScript and `.ts` imports into
// `.js`; everything else below src (the dashboard's page) is copied as it is. The old dist is
// removed first, so that a file that was renamed does not live on in the package.

import { spawnSync } from 'node:child_process'
import { cpSync, readdirSync, rmSync } from 'node:fs'
import { extname, join } from 'node:path'

const root = join(import.meta.dirname, '..')
const source = join(root, 'src')
const target = join(root, 'dist')

rmSync(target, { recursive: true, force: true })
const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
const built = spawnSync(process.execPath, [tsc, '-p', join(root, 'tsconfig.build.json')], {
  stdio: 'inherit',
})
if (built.status !== 0) process.exit(built.status ?? 1)
for (const entry of readdirSync(source, { recursive: true, withFileTypes: true })) {
  if (!entry.isFile() || extname(entry.name) === '.ts') continue
  const from = join(entry.parentPath, entry.name)
  cpSync(from, join(target, from.slice(source.length)))
}
