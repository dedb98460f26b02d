// Runs one command line in this process, through the same `main` as `vertex`, and catches what it
// prints and its exit code.

import { main } from '../../src/cli/main.ts'

export interface RanLine {
  readonly code: unknown
  readonly stdout: string
  readonly stderr: string
}

const real = {
  stdout: process.stdout.write.bind(process.stdout),
  stderr: process.stderr.write.bind(process.stderr),
}

/** The line's arguments are split at spaces. */
export async function runLine(line: string): Promise<RanLine> {
  const said = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    process[name].write = (text: string | Uint8Array) => {
      said[name] += String(text)
      return true
    }
  }
  process.exitCode = undefined
  await main(line.split(' ').filter((word) => word !== ''))
  process.stdout.write = real.stdout
  process.stderr.write = real.stderr
  process.stdout.removeAllListeners('error')
  const { exitCode } = process
  process.exitCode = 0
  return { code: exitCode ?? 0, ...said }
}
