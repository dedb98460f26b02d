// Who a node is, whatever it is called: a random id that is made once and kept in the state
// directory. By it the fleet tells a node that was renamed from another node, and two nodes that
// were given one name from one that was started again. Losing it costs little: the fleet then takes
// the node for a new one. So a file that cannot be read is put aside, and a new id is made.

import { randomUUID } from 'node:crypto'
import { readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { replaceFile } from './durable-file.ts'

const FORMAT = 1
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

export interface NodeId {
  readonly id: string
  /** What was wrong with the file, and where it was put; null: nothing. */
  readonly complaint: string | null
}

export interface NodeIdOptions {
  /** Milliseconds since 1970, for the names of files that are put aside. */
  readonly wall?: () => number
  /** A new id, a UUID in lower case. */
  readonly create?: () => string
}

/** The id in a file's text, or what is wrong with it. */
function idIn(text: string): { id: string } | { complaint: string } {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return { complaint: 'it is no JSON' }
  }
  const { format, id } = Object(value) as { format?: unknown; id?: unknown }
  if (format !== FORMAT) return { complaint: `its format is ${String(format)}, not ${FORMAT}` }
  return typeof id === 'string' && UUID.test(id) ? { id } : { complaint: 'it holds no UUID' }
}

/**
 * Reads the node's id, or makes it where there is none, in a state directory that exists and is
 * locked. An id that is returned is on the disk. Throws one sentence when the system refuses.
 *
 * @param options the wall clock and the random ids, the system's own unless given
 */
export async function readNodeId(directory: string, options: NodeIdOptions = {}): Promise<NodeId> {
  const { create = randomUUID, wall = Date.now } = options
  const path = join(directory, 'node.json')
  try {
    const text = await readText(path)
    const found = text === null ? null : idIn(text)
    if (found !== null && 'id' in found) return { id: found.id, complaint: null }
    let complaint: string | null = null
    if (found !== null) {
      const aside = `${path}.damaged-${wall()}`
      await rename(path, aside)
      complaint =
        `Cannot use the saved identity of this node as ${found.complaint}: it was put aside as ` +
        `${aside}, and the node has a new one`
    }
    const id = create()
    const content = `${JSON.stringify({ format: FORMAT, id })}\n`
    await replaceFile(path, { text: content, durable: true })
    return { id, complaint }
  } catch (error) {
    const { message } = error as Error
    throw new Error(`Cannot keep the identity of this node as the system refuses: ${message}`, {
      cause: error,
    })
  }
}

async function readText(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}
