// Who holds a state directory: a process that lives, and not one that has ended and that nobody has
// asked yet how. Such a one is left by whoever kills a node and starts it again at once.

import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { until } from '../../bench/lab/clock.ts'
import { takeLock } from '../../src/control/lock-file.ts'
import { removeDirectory, temporaryDirectory } from './node.ts'

const statOf = (pid: number): readonly string[] =>
  readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? []

/** A process that has ended, whose parent never asks; and one that lives, its parent. */
async function zombie(): Promise<{ parent: ChildProcess; pid: number }> {
  const parent = spawn('sh', ['-c', 'true & echo $!; exec sleep 600'])
  let text = ''
  parent.stdout.on('data', (bytes: Buffer) => {
    text += bytes.toString()
  })
  const pid = await until(() => (text.endsWith('\n') ? Number(text) : null), {
    ...{ what: 'a process was started', withinMs: 30_000 },
  })
  await until(() => (statOf(pid)[0] === 'Z' ? true : null), {
    ...{ what: 'it has ended', withinMs: 30_000 },
  })
  return { parent, pid }
}

const options = process.platform === 'linux' ? {} : { skip: 'there is no /proc' }

await t.test(
  'a process that has ended and was not waited for holds nothing',
  options,
  async (t) => {
    const directory = await temporaryDirectory()
    const path = join(directory, 'lock')
    const { parent, pid } = await zombie()
    const lockOf = (of: number): string => JSON.stringify({ pid: of, started: statOf(of)[19] })
    writeFileSync(path, lockOf(parent.pid ?? 0))
    t.match(await takeLock(path), { refused: `is process ${parent.pid}` }, 'one that lives does')
    writeFileSync(path, lockOf(pid))
    const taken = await takeLock(path)
    t.ok('release' in taken)
    if ('release' in taken) await taken.release()
    parent.kill('SIGKILL')
    await removeDirectory(directory)
  },
)
