// Replaces a file as a whole: written beside its place, flushed, renamed over it, and the directory
// flushed, so that after a crash there is the old content or the new one and never a half.

import { open, rename } from 'node:fs/promises'
import { dirname } from 'node:path'

/** Flushes a directory's own entries. Systems that cannot do that need it not. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r')
  try {
    await directory.sync()
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'EINVAL' && code !== 'EPERM' && code !== 'ENOTSUP') throw error
  } finally {
    await directory.close()
  }
}

/**
 * Throws what the system says when it refuses.
 *
 * @param durable whether it must be there after a power failure: the directory is flushed, too
 */
export async function replaceFile(
  path: string,
  content: { text: string; durable: boolean },
): Promise<void> {
  const beside = `${path}.new`
  const file = await open(beside, 'w', 0o600)
  try {
    await file.writeFile(content.text)
    await file.datasync()
  } finally {
    await file.close()
  }
  await rename(beside, path)
  if (content.durable) await syncDirectory(dirname(path))
}
