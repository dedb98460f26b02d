// Keeps incidents on the disk until everybody has heard of their end: one file each, replaced as a
// whole, so that a node that was killed sends what it had not sent, in the same order. Nothing
// waits for these writes. When the disk refuses, pages go out all the same and it is said.

import { randomBytes } from 'node:crypto'
import { mkdir, readdir, readFile, rename, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { replaceFile } from '../durable-file.ts'
import { complaintOf, type Incident } from './incident.ts'

const FORMAT = 1
const ENDING = '.json'

export interface IncidentFilesOptions {
  /** The state directory. */
  readonly directory: string
  /** Milliseconds since 1970, for the names of files that are put aside. */
  readonly wall: () => number
}

interface Found {
  readonly incidents: readonly Incident[]
  /** Sentences about what could not be read. */
  readonly complaints: readonly string[]
}

export class IncidentFiles {
  /** Tells this installation from others in the keys of incidents. */
  readonly installation: string
  /** Why the last write failed; null when it did not. */
  failure: string | null = null
  readonly #directory: string
  /** What is to be written, by id; null: the file goes. Only the last state counts. */
  readonly #waiting = new Map<string, Incident | null>()
  #writing: Promise<void> | null = null

  private constructor(directory: string, installation: string) {
    this.#directory = directory
    this.installation = installation
  }

  /** Opens the folder of incidents. Throws what the system says when it refuses. */
  static async open(options: IncidentFilesOptions): Promise<{ files: IncidentFiles } & Found> {
    const directory = join(options.directory, 'pages')
    await mkdir(directory, { recursive: true, mode: 0o700 })
    const files = new IncidentFiles(directory, await installationOf(directory))
    return { files, ...(await readAll(directory, options.wall)) }
  }

  save(incident: Incident): void {
    this.#waiting.set(incident.id, incident)
    this.#writing ??= this.#write()
  }

  remove(id: string): void {
    this.#waiting.set(id, null)
    this.#writing ??= this.#write()
  }

  /** Resolves when all that was asked for is on the disk, or was refused. */
  async settle(): Promise<void> {
    while (this.#writing !== null) await this.#writing
  }

  async #write(): Promise<void> {
    await Promise.resolve() // changes of the same turn are written once
    let failure: string | null = null
    while (this.#waiting.size > 0) {
      const [id, incident] = this.#waiting.entries().next().value ?? ['', null]
      this.#waiting.delete(id)
      try {
        await this.#writeOne(id, incident)
      } catch (error) {
        failure = `Cannot keep pages for a restart as the system refuses: ${(error as Error).message}`
      }
    }
    this.failure = failure
    this.#writing = null
  }

  async #writeOne(id: string, incident: Incident | null): Promise<void> {
    const path = join(this.#directory, `${id}${ENDING}`)
    if (incident !== null) {
      const text = `${JSON.stringify({ format: FORMAT, incident })}\n`
      return replaceFile(path, { text, durable: true })
    }
    await unlink(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error // it had never been written
    })
  }
}

async function installationOf(directory: string): Promise<string> {
  const path = join(directory, 'installation')
  const known = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error
    return ''
  })
  if (/^[0-9a-f]{12}$/.test(known.trim())) return known.trim()
  const text = randomBytes(6).toString('hex')
  await replaceFile(path, { text: `${text}\n`, durable: true })
  return text
}

async function readAll(directory: string, wall: () => number): Promise<Found> {
  const incidents: Incident[] = []
  const complaints: string[] = []
  for (const name of await readdir(directory)) {
    if (!name.endsWith(ENDING)) continue
    const path = join(directory, name)
    const read = readIncident(await readFile(path, 'utf8'), name)
    if ('incident' in read) incidents.push(read.incident)
    else {
      const aside = `${path}.damaged-${wall()}`
      await rename(path, aside)
      complaints.push(
        `Cannot use the kept page ${name} as ${read.wrong}: it was put aside as ${aside}`,
      )
    }
  }
  const oldestFirst = incidents.toSorted((a, b) => (a.openedAt < b.openedAt ? -1 : 1))
  return { incidents: oldestFirst, complaints }
}

function readIncident(text: string, name: string): { incident: Incident } | { wrong: string } {
  try {
    const { format, incident } = JSON.parse(text) as { format?: unknown; incident?: Incident }
    if (format !== FORMAT) return { wrong: `its format is ${String(format)}, not ${FORMAT}` }
    const wrong = complaintOf(incident)
    if (incident === undefined || wrong !== null) return { wrong: wrong ?? 'it is no object' }
    return `${incident.id}${ENDING}` === name
      ? { incident }
      : { wrong: `it is about ${incident.id}` }
  } catch (error) {
    return { wrong: (error as Error).message }
  }
}
