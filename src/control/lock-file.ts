// One process per state directory. The lock names the process and when it was started, so that a
// lock which a killed process left behind is told from a living one, also when its number has been
// given to another process since (as in a container, where everything is number 1).

import { readFileSync } from 'node:fs'
import { open, readFile, unlink } from 'node:fs/promises'

interface Holder {
  readonly pid: number
  /** Start of the process in ticks since boot; null where the system does not tell. */
  readonly started: string | null
}

const heldHere = new Set<string>()

/** The fields of /proc/PID/stat from the third on: the command's name before may hold spaces. */
function statOf(pid: number): readonly string[] {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return text.slice(text.lastIndexOf(')') + 2).split(' ')
  } catch {
    return [] // no such process, or a system without /proc
  }
}

function startOf(pid: number): string | null {
  return statOf(pid)[19] ?? null
}

/** Whether it has ended, and only its parent has not asked yet how: it holds nothing any more. */
function isZombie(pid: number): boolean {
  return statOf(pid)[0] === 'Z'
}

function isAlive(holder: Holder): boolean {
  if (holder.pid === process.pid) return false // it is not us, as `heldHere` was asked before
  try {
    process.kill(holder.pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
  if (isZombie(holder.pid)) return false
  const started = startOf(holder.pid)
  return holder.started === null || started === null || started === holder.started
}

function readHolder(text: string): Holder | null {
  try {
    const value: unknown = JSON.parse(text)
    const { pid, started } = value as Partial<Holder>
    if (typeof pid !== 'number' || !(pid > 0)) return null
    return { pid, started: typeof started === 'string' ? started : null }
  } catch {
    return null // a lock that was cut off while it was written holds nothing
  }
}

async function create(path: string, text: string): Promise<boolean> {
  try {
    const file = await open(path, 'wx')
    try {
      await file.writeFile(text)
      await file.sync()
    } finally {
      await file.close()
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
  // Two processes may have removed the same stale lock; the one whose lock was removed loses.
  return (await readFile(path, 'utf8')) === text
}

/** Takes the lock. Answers with how to release it, or with the sentence why it cannot be had. */
export async function takeLock(
  path: string,
): Promise<{ release: () => Promise<void> } | { refused: string }> {
  const refusal = (pid: number): { refused: string } => ({
    refused:
      `Cannot open the state directory as another process uses it: ` +
      `current value of ${path} is process ${pid}`,
  })
  if (heldHere.has(path)) return refusal(process.pid)
  const text = JSON.stringify({ pid: process.pid, started: startOf(process.pid) })
  for (let attempt = 0; attempt < 3; attempt++) {
    if (await create(path, text)) {
      heldHere.add(path)
      return {
        release: async () => {
          heldHere.delete(path)
          // Somebody may have cleared the directory away: that must not keep a node from ending.
          await unlink(path).catch((error: NodeJS.ErrnoException) => {
            if (error.code !== 'ENOENT') throw error
          })
        },
      }
    }
    const holder = readHolder(await readFile(path, 'utf8').catch(() => ''))
    if (holder !== null && isAlive(holder)) return refusal(holder.pid)
    await unlink(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error // somebody else removed it first: we try again
    })
  }
  return { refused: `Cannot open the state directory as its lock changes hands: ${path}` }
}
