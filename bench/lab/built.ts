// The program as users get it: what `npm run build` makes of the sources, in a folder like that of
// an installed package. What a request costs is measured on it, since it is not quite the same
// code: in the sources each constant that another module exports is looked up each time.

import { execFileSync } from 'node:child_process'
import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { onExit } from './children.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

let door: string | null = null

/** The file that starts the built program, which is built at the first call. */
export function builtDoor(): string {
  door ??= build()
  return door
}

function build(): string {
  execFileSync('npm', ['run', '-s', 'build'], { cwd: ROOT, stdio: 'inherit' })
  const folder = mkdtempSync(path.join(tmpdir(), 'vertex-built-'))
  onExit(() => rmSync(folder, { recursive: true, force: true }))
  for (const name of ['config', 'package.json', 'node_modules']) {
    symlinkSync(path.join(ROOT, name), path.join(folder, name))
  }
  // Without sources beside it the door starts what was built, and a copy stays as it is measured.
  for (const name of ['bin', 'dist']) {
    cpSync(path.join(ROOT, name), path.join(folder, name), { recursive: true })
  }
  return path.join(folder, 'bin', 'vertex.js')
}
