// Who holds a state directory: a process that lives, and not one that has ended and that nobody has
// asked yet how. Such a one is left by whoever kills a node and starts it again at once.

import { spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { until } from '../../bench/lab/clock.ts'
import { takeLock } from '../../src/control/lock-file.ts'
import { removeDirectory, temporaryDirectory } from './node.ts'

const statOf = (pid: number): readonly string[] =>
  readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? []

const commandOf = (pid: number): string => readFileSync(`/proc/${pid}/comm`, 'utf8').trim()

/** A process that was killed, whose parent never asks; and one that lives, its parent. */
async function zombie(t: Test): Promise<{ parent: number; pid: number }> {
  const child = spawn('sh', ['-c', 'sleep 600 & echo $!; exec sleep 600'])
  t.teardown(() => child.kill('SIGKILL'))
  const parent = child.pid ?? 0
  let text = ''
  child.stdout.on('data', (bytes: Buffer) => {
    text += bytes.toString()
  })
  const pid = await until(() => (text.endsWith('\n') ? Number(text) : null), {
    ...{ what: 'a process was started', withinMs: 30_000 },
  })
  // A shell would ask how it ended; what it has become does not.
  await until(() => (commandOf(parent) === 'sleep' ? true : null), {
    ...{ what: 'its parent is no shell any more', withinMs: 30_000 },
  })
  process.kill(pid, 'SIGKILL')
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
    const { parent, pid } = await zombie(t)
    const lockOf = (of: number): string => JSON.stringify({ pid: of, started: statOf(of)[19] })
    writeFileSync(path, lockOf(parent))
    t.match(await takeLock(path), { refused: `is process ${parent}` }, 'one that lives does')
    writeFileSync(path, lockOf(pid))
    const taken = await takeLock(path)
    t.ok('release' in taken)
    if ('release' in taken) await taken.release()
    await removeDirectory(directory)
  },
)
