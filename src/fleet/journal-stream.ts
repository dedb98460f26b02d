// The fleet's journal: a stream a service in Redis, the newest entries of all nodes. Entries that
// cannot be added wait in memory, up to a bound; beyond it the oldest are lost, and that is told.
// Each node's own journal file has them all.

import type { JournalEntry } from '../core/journal.ts'
import { codeOf, failureSentence } from './advice.ts'
import { together } from './client.ts'
import type { Connection, Session } from './connection.ts'
import type { Keys } from './keys.ts'
import type { FleetOptions } from './options.ts'
import type { Troubles } from './troubles.ts'
import { within } from './within.ts'

const KEPT_ABOUT = 10_000
export const WAITING_MAX = 1_000
const ADDED_AT_ONCE = 100
/** An entry with more is added without its evidence: all that is kept has to fit into memory. */
const ENTRY_MAX_BYTES = 8 * 1024
const CALL_MS = 1_000
const AGAIN_MS = 1_000
/** How long losses are told of. */
const TOLD_MS = 3600 * 1_000
export const ASKED_MAX = 10_000

interface Waiting {
  readonly service: string | null
  readonly text: string
}

export type FleetEntry = JournalEntry & { readonly node: string }

export interface JournalStreamOptions {
  readonly connection: Connection
  readonly keys: Keys
  readonly fleet: FleetOptions
  readonly troubles: Troubles
}

function textOf(entry: JournalEntry): string {
  const text = JSON.stringify(entry)
  if (Buffer.byteLength(text) <= ENTRY_MAX_BYTES) return text
  const { evidence: _, ...rest } = entry
  return JSON.stringify(rest)
}

function readEntry(fields: readonly string[]): FleetEntry | null {
  const fieldOf = (name: string): string | undefined => fields[fields.indexOf(name) + 1]
  try {
    const entry = JSON.parse(fieldOf('entry') ?? '') as FleetEntry | null
    const node = fieldOf('node')
    if (typeof entry?.kind !== 'string' || typeof entry.seq !== 'number') return null
    return node === undefined ? null : { ...entry, node }
  } catch {
    return null // left out: whoever wrote it was not Vertex
  }
}

export class JournalStream {
  readonly #options: JournalStreamOptions
  #waiting: Waiting[] = []
  #lost = 0
  #isAdding = false
  #adding: Promise<void> = Promise.resolve()
  #timer: NodeJS.Timeout | null = null

  constructor(options: JournalStreamOptions) {
    this.#options = options
  }

  note(entry: JournalEntry): void {
    this.#waiting.push({ service: entry.service, text: textOf(entry) })
    this.#bound()
    this.flush()
  }

  /** Adds what waits; called when Redis is there again. */
  flush(): void {
    const { session } = this.#options.connection
    if (this.#isAdding || session === null || this.#waiting.length === 0) return
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
    this.#isAdding = true
    this.#adding = this.#addAll(session)
  }

  /** Adds what waits, once; resolves when that has been tried. */
  async drain(): Promise<void> {
    this.flush()
    await this.#adding
  }

  close(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#waiting = []
  }

  /** The newest entries, oldest first. */
  async read(
    service: string,
    count: number,
  ): Promise<readonly FleetEntry[] | { readonly failed: string }> {
    const { connection, keys, fleet } = this.#options
    const wanted = Math.max(1, Math.min(ASKED_MAX, Math.floor(count)))
    try {
      const { session } = connection
      if (session === null) throw new Error('Redis is away')
      const rows = await within(
        CALL_MS,
        session.client.xrevrange(keys.journal(service), '+', '-', 'COUNT', wanted),
      )
      // An answer that was lost makes a node add an entry again.
      const seen = new Set<string>()
      const entries: FleetEntry[] = []
      for (const [, fields] of rows.toReversed()) {
        const entry = readEntry(fields)
        if (entry === null || seen.has(`${entry.seq} ${entry.at} ${entry.node}`)) continue
        seen.add(`${entry.seq} ${entry.at} ${entry.node}`)
        entries.push(entry)
      }
      return entries
    } catch (error) {
      return { failed: failureSentence(error, { ...fleet, action: "read the fleet's journal" }) }
    }
  }

  async #addAll(session: Session): Promise<void> {
    const { connection } = this.#options
    let goesOn = true
    while (goesOn && this.#waiting.length > 0 && connection.session === session) {
      const batch = this.#waiting.splice(0, ADDED_AT_ONCE)
      together(session.client)
      const left = (await Promise.all(batch.map((entry) => this.#add(session, entry)))).flatMap(
        (entry) => entry ?? [],
      )
      this.#waiting.unshift(...left)
      this.#bound()
      goesOn = left.length === 0
    }
    this.#isAdding = false
    if (this.#waiting.length === 0 || connection.session === null) return
    this.#timer = setTimeout(() => this.flush(), AGAIN_MS)
  }

  /** Null when it is added or can never be; the entry when it has to be tried again. */
  async #add(session: Session, entry: Waiting): Promise<Waiting | null> {
    const { connection, keys, fleet, troubles } = this.#options
    const key = keys.journal(entry.service)
    const fields = ['node', fleet.node, 'entry', entry.text]
    const subject = `journal ${entry.service ?? ''}`
    try {
      const { client } = session
      await within(CALL_MS, client.xadd(key, 'MAXLEN', '~', KEPT_ABOUT, '*', ...fields))
      troubles.clear(subject)
      return null
    } catch (error) {
      if (connection.session !== session) return entry
      const action = `add to the fleet's journal ${key}`
      troubles.callFailed(subject, failureSentence(error, { ...fleet, action }))
      if (!['WRONGTYPE', 'NOPERM'].includes(codeOf(error))) return entry
      this.#lose(1)
      return null
    }
  }

  #bound(): void {
    const over = this.#waiting.length - WAITING_MAX
    if (over <= 0) return
    this.#waiting.splice(0, over)
    this.#lose(over)
  }

  #lose(count: number): void {
    this.#lost += count
    const { fleet, troubles } = this.#options
    const sentence = `The fleet's journal lacks ${this.#lost} entries of node ${fleet.node}`
    troubles.mention('journal losses', {
      sentence: `${sentence}: Redis did not take them in time`,
      forMs: TOLD_MS,
    })
  }
}
