// Writes the journal: one JSON object a line, appended in order, flushed for decisions. Numbers go
// on where the last run stopped. A last line that a crash has cut off is removed and noted. At 64
// MiB the file becomes journal.1.jsonl, in the place of an older one, and a new one begins.
//
// What was decided goes out before it is told: listeners hear of an entry at the end of the turn,
// and it is written then; the promise of `append` resolves when it is on the disk.

import { type FileHandle, open, rename, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate as endOfTurn } from 'node:timers/promises'
import { type JournalEntry, readJournal } from '../core/journal.ts'

const ROTATE_BYTES = 64 * 1024 * 1024
/** The end of the file that is read to find the last number. Lines are far shorter. */
const TAIL_BYTES = 1024 * 1024
/** Lines that may wait for a slow disk; then evidence lines are left out and counted. */
const WAITING_LINES = 10_000

export type NewEntry = Omit<JournalEntry, 'seq' | 'at'>

interface Waiting {
  readonly entry: JournalEntry
  readonly flush: boolean
  readonly done: () => void
}

export interface JournalOptions {
  readonly directory: string
  readonly wall: () => number
  /** For tests: when to rotate. */
  readonly rotateBytes?: number
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0
    throw error
  }
}

async function readTail(file: FileHandle, size: number): Promise<Buffer> {
  const length = Math.min(size, TAIL_BYTES)
  const bytes = Buffer.alloc(length)
  await file.read(bytes, 0, length, size - length)
  return bytes
}

/** The last number of a file, and how many bytes at its end are no whole line. */
async function inspect(path: string): Promise<{ seq: number; size: number; torn: number }> {
  const size = await sizeOf(path)
  if (size === 0) return { seq: 0, size, torn: 0 }
  const file = await open(path, 'r')
  try {
    const reading = readJournal(await readTail(file, size))
    const seq = reading.entries.reduce((last, entry) => Math.max(last, entry.seq), 0)
    return { seq, size, torn: reading.tornBytes }
  } finally {
    await file.close()
  }
}

export class JournalFile {
  readonly #path: string
  readonly #older: string
  readonly #wall: () => number
  readonly #rotateBytes: number
  readonly #listeners = new Set<(entry: JournalEntry) => void>()
  readonly #waiting: Waiting[] = []
  readonly #untold: JournalEntry[] = []
  #file: FileHandle
  #size: number
  #seq: number
  #dropped = 0
  /** A write failed in its middle, perhaps: what stands behind `#size` is no whole line. */
  #isTorn = false
  #writing: Promise<void> | null = null
  /** Why the last write failed; null when it did not. */
  failure: string | null = null
  /** Why a listener failed last, which is a fault of ours; null: none ever has. */
  fault: string | null = null

  private constructor(
    options: JournalOptions,
    found: { file: FileHandle; size: number; seq: number },
  ) {
    this.#path = join(options.directory, 'journal.jsonl')
    this.#older = join(options.directory, 'journal.1.jsonl')
    this.#wall = options.wall
    this.#rotateBytes = options.rotateBytes ?? ROTATE_BYTES
    this.#file = found.file
    this.#size = found.size
    this.#seq = found.seq
  }

  /** Opens the journal of a state directory; `torn` is what was cut off at its end, in bytes. */
  static async open(options: JournalOptions): Promise<{ journal: JournalFile; torn: number }> {
    const path = join(options.directory, 'journal.jsonl')
    const found = await inspect(path)
    const older = found.seq > 0 ? found : await inspect(join(options.directory, 'journal.1.jsonl'))
    const file = await open(path, 'a', 0o600)
    const size = found.size - found.torn
    if (found.torn > 0) await file.truncate(size)
    return { journal: new JournalFile(options, { file, size, seq: older.seq }), torn: found.torn }
  }

  onEntry(listener: (entry: JournalEntry) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Appends an entry. Decisions are flushed to the disk, evidence is not. Never rejects. */
  append(entry: NewEntry): Promise<void> {
    const evidence = entry.kind === 'evidence'
    if (evidence && this.#waiting.length >= WAITING_LINES) {
      this.#dropped++
      return Promise.resolve()
    }
    const whole = { seq: ++this.#seq, at: new Date(this.#wall()).toISOString(), ...entry }
    if (this.#untold.push(whole) === 1) setImmediate(() => this.tell())
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#waiting.push({ entry: whole, flush: !evidence, done: resolve })
    this.#writing ??= this.#write()
    return promise
  }

  /** Tells the listeners of all entries now. */
  tell(): void {
    while (this.#untold.length > 0) {
      for (const entry of this.#untold.splice(0)) {
        for (const listener of this.#listeners) this.#tellOne(listener, entry)
      }
    }
  }

  #tellOne(listener: (entry: JournalEntry) => void, entry: JournalEntry): void {
    try {
      listener(entry)
    } catch (error) {
      const why = (error as Error).message
      this.fault = `Cannot tell of entry ${entry.seq} of the journal as Vertex itself fails: ${why}`
    }
  }

  /** Entries left out as the disk was too slow. */
  get dropped(): number {
    return this.#dropped
  }

  async close(): Promise<void> {
    this.tell()
    while (this.#writing !== null) await this.#writing
    await this.#file.close()
  }

  async #write(): Promise<void> {
    await endOfTurn() // lines of the same turn are written together
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0)
      try {
        await this.#writeBatch(batch)
        this.failure = null
      } catch (error) {
        // The decision itself stands: it is in the ledger. That the journal lacks it is shown.
        this.failure = `Cannot write the journal as the system refuses: ${(error as Error).message}`
      }
      for (const { done } of batch) done()
    }
    this.#writing = null
  }

  async #writeBatch(batch: readonly Waiting[]): Promise<void> {
    const bytes = Buffer.from(batch.map(({ entry }) => `${JSON.stringify(entry)}\n`).join(''))
    if (this.#size > 0 && this.#size + bytes.length > this.#rotateBytes) await this.#rotate()
    // Else the next decision would be glued to half a line, and lost with it.
    if (this.#isTorn) await this.#file.truncate(this.#size)
    this.#isTorn = true
    await this.#file.appendFile(bytes)
    this.#isTorn = false
    this.#size += bytes.length
    if (batch.some((line) => line.flush)) await this.#file.datasync()
  }

  async #rotate(): Promise<void> {
    await this.#file.sync()
    await rename(this.#path, this.#older)
    const next = await open(this.#path, 'a', 0o600)
    await this.#file.close()
    this.#file = next
    this.#size = 0
  }
}
