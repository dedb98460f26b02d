// A node's own ledger: one JSON file a service, replaced as a whole, so that
// after a crash there is the old document or the new one and never a half. A document that cannot
// be read is put aside, not overwritten: it may be all that is known about what was running.

import { mkdir, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { documentComplaint } from '../core/fleet/document-form.ts'
import { replaceFile } from './durable-file.ts'
import type { Ledger, Proposal, Reading, SavedDocument } from './ledger.ts'
import { takeLock } from './lock-file.ts'

const FORMAT = 1

export interface StateDirectoryOptions {
  readonly directory: string
  /** Milliseconds since 1970, for the names of files that are put aside. */
  readonly wall: () => number
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** What is wrong with the form of a saved document; null when it can be used. */
function complaintOf(value: unknown, service: string): string | null {
  if (!isRecord(value)) return 'it is no object'
  const { format } = value
  if (format !== FORMAT) return `its format is ${String(format)}, not ${FORMAT}`
  return documentComplaint(value, service)
}

export class StateDirectory implements Ledger {
  readonly #services: string
  readonly #wall: () => number
  readonly #epochs = new Map<string, number>()
  readonly #release: () => Promise<void>

  private constructor(options: StateDirectoryOptions, release: () => Promise<void>) {
    this.#services = join(options.directory, 'services')
    this.#wall = options.wall
    this.#release = release
  }

  /** Opens and locks the directory, which is made when it is missing. Throws with one sentence. */
  static async open(options: StateDirectoryOptions): Promise<StateDirectory> {
    const { directory } = options
    try {
      await mkdir(join(directory, 'services'), { recursive: true, mode: 0o700 })
    } catch (error) {
      const { message } = error as Error
      throw new Error(`Cannot make the state directory as the system refuses: ${message}`)
    }
    const lock = await takeLock(join(directory, 'lock'))
    if ('refused' in lock) throw new Error(lock.refused)
    return new StateDirectory(options, lock.release)
  }

  async read(service: string): Promise<Reading> {
    const path = this.#path(service)
    let text: string
    try {
      text = await readFile(path, 'utf8')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { found: 'nothing' }
      throw error
    }
    let value: unknown
    let complaint: string | null
    try {
      value = JSON.parse(text)
      complaint = complaintOf(value, service)
    } catch (error) {
      complaint = (error as Error).message
    }
    if (complaint !== null) {
      const aside = `${path}.damaged-${this.#wall()}`
      await rename(path, aside)
      const sentence = `Cannot use the saved state of service ${service} as ${complaint}`
      return { found: 'damage', text: `${sentence}: it was put aside as ${aside}` }
    }
    const { document, clockMs, fleet, place } = value as SavedDocument
    this.#epochs.set(service, document.state.epoch)
    const own = place === undefined ? {} : { place }
    const saved = { document, clockMs, ...(fleet === undefined ? {} : { fleet }), ...own }
    return { found: 'document', saved }
  }

  async propose(
    saved: SavedDocument,
    options: { expectedEpoch: number | null | undefined; durable: boolean },
  ): Promise<Proposal> {
    const { service, epoch } = saved.document.state
    const held = this.#epochs.get(service) ?? null
    const { expectedEpoch } = options
    if (expectedEpoch !== undefined && held !== expectedEpoch)
      return { result: 'conflict', epoch: held ?? 0 }
    try {
      await replaceFile(this.#path(service), {
        text: `${JSON.stringify({ format: FORMAT, ...saved })}\n`,
        durable: options.durable,
      })
    } catch (error) {
      return { result: 'failed', reason: (error as Error).message }
    }
    this.#epochs.set(service, epoch)
    return { result: 'accepted' }
  }

  async close(): Promise<void> {
    await this.#release()
  }

  #path(service: string): string {
    return join(this.#services, `${encodeURIComponent(service)}.json`)
  }
}
