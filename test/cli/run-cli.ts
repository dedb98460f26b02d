// Runs the command line as a user does: a process of its own through bin/vertex.js.

import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { track, unfollowed } from '../../bench/lab/children.ts'

const BIN = fileURLToPath(new URL('../../bin/vertex.js', import.meta.url))

export interface Ran {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>
  /** Called with all of stdout so far whenever more has come. */
  readonly onOutput?: (so: string, interrupt: () => void) => void
}

const LINES = fileURLToPath(new URL('./run-lines.ts', import.meta.url))

function start(args: readonly string[], { env = {}, onOutput }: RunOptions): Promise<Ran> {
  const { PATH = '', HOME = '', NODE_COMPILE_CACHE = '' } = process.env
  const command = unfollowed([process.execPath, ...args])
  const child = spawn(command.file, command.args, {
    env: { PATH, HOME, NODE_COMPILE_CACHE, ...env },
  })
  track(child)
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString()
    onOutput?.(stdout, () => child.kill('SIGINT'))
  })
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString()
  })
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, stdout, stderr }))
  })
}

/** Runs one line, its arguments split at spaces. */
export function cli(line: string, options: RunOptions = {}): Promise<Ran> {
  return start([BIN, ...line.split(' ').filter((word) => word !== '')], options)
}

/** Runs several lines one after another in one process that calls the same `main`. */
export async function cliLines(
  lines: readonly string[],
  options: RunOptions = {},
): Promise<readonly Ran[]> {
  const { code, stdout, stderr } = await start([LINES, JSON.stringify(lines)], options)
  if (code !== 0) throw new Error(`the lines ended with ${code}: ${stderr}`)
  return JSON.parse(stdout)
}
