// Makes tap run TypeScript as Node does. tap's test class is generated from its list of plugins,
// and a fresh install has one that still loads a compiler of its own (.taprc takes that plugin
// out); then it is generated anew. That takes some seconds, once after each install, and no
// network.

import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const modules = join(import.meta.dirname, '..', 'node_modules')
const built = join(modules, '@tapjs', 'test', 'test-built', 'dist', 'esm', 'index.js')

if (!existsSync(built) || readFileSync(built, 'utf8').includes('@tapjs/typescript')) {
  const tap = join(modules, 'tap', 'dist', 'esm', 'run.mjs')
  const made = spawnSync(process.execPath, [tap, 'build'], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  if (made.status !== 0) {
    process.stderr.write('Cannot prepare tap as `tap build` failed: run it by hand to see why\n')
    process.exit(made.status ?? 1)
  }
}
