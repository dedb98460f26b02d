// Where `vertex simulate` finds a journal: a file, a state directory with the file that was rotated
// away, or a running node. Journals are large and a replay needs one rollout, so they are read
// twice: once for what rollouts there are, once for the entries of the one that is meant.

import { open, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { type JournalEntry, type JournalKind, readJournal } from '../core/journal.ts'
import { rolloutNamedBy } from '../core/replay/chapter.ts'
import type { AdminClient } from './admin-client.ts'
import { count } from '../core/verdict/words.ts'
import { EXIT, failure, type Result, success } from './exit.ts'

/** Lines are far shorter; a block holds many of them. */
const BLOCK_BYTES = 8 * 1024 * 1024
const PAGE = '1000'
const LF = 0x0a
/** So many entries at most are written while a decision waits for the disk. */
const NEAR = 1000

export interface Found {
  readonly entries: readonly JournalEntry[]
  readonly rollout: string
  /** Sentences about what could not be read. */
  readonly notes: readonly string[]
}

export interface Wanted {
  /** Undefined: the last one. */
  readonly rollout: string | undefined
  readonly service: string | undefined
}

type Take = (entry: JournalEntry) => void

interface Damage {
  tornBytes: number
  unreadable: number
}

interface Extent {
  /** A seq before which nobody needs any entry. */
  readonly from: number
  /**
   * Lines of evidence may be left out: decisions name the rollouts, too, as far as they are there.
   */
  readonly evidence: boolean
}

/** What gives all entries, oldest first. */
type Source = (take: Take, extent: Extent) => Promise<Result<Damage>>

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

async function readFileInto(path: string, take: Take, damage: Damage): Promise<void> {
  const file = await open(path, 'r')
  try {
    let rest = Buffer.alloc(0)
    for (;;) {
      const block = Buffer.alloc(BLOCK_BYTES)
      const { bytesRead } = await file.read(block, 0, BLOCK_BYTES, null)
      if (bytesRead === 0) break
      const bytes = Buffer.concat([rest, block.subarray(0, bytesRead)])
      const end = bytes.lastIndexOf(LF) + 1
      const { entries, unreadable } = readJournal(bytes.subarray(0, end))
      damage.unreadable += unreadable
      for (const entry of entries) take(entry)
      rest = bytes.subarray(end)
    }
    damage.tornBytes += rest.length
  } finally {
    await file.close()
  }
}

/** A journal file, or the journal of a state directory. */
function fileSource(path: string): Source {
  return async (take) => {
    const damage = { tornBytes: 0, unreadable: 0 }
    try {
      const isDirectory = (await stat(path)).isDirectory()
      if (!isDirectory) {
        await readFileInto(path, take, damage)
        return success(damage)
      }
      const older = join(path, 'journal.1.jsonl')
      await readFileInto(older, take, damage).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') throw error // nothing was rotated away yet
      })
      await readFileInto(join(path, 'journal.jsonl'), take, damage)
      return success(damage)
    } catch (error) {
      const line = `Cannot read the journal as the system refuses: ${reasonOf(error)}`
      return failure(EXIT.failed, line)
    }
  }
}

/** The kinds that name a rollout, apart from its evidence: there are few of them. */
const DECISIONS: readonly JournalKind[] = ['raise', 'weight', 'resume', 'start']

function nodeSource(client: AdminClient, service: string | undefined): Source {
  return async (take, { evidence, from }) => {
    const kind = evidence ? {} : { kind: DECISIONS.join(',') }
    const query = { ...(service === undefined ? {} : { service }), ...kind, limit: PAGE }
    let after = String(Math.max(0, from - 1))
    for (;;) {
      const page = await client.journal({ ...query, after })
      if (!page.ok) return page
      for (const entry of page.value.entries) take(entry)
      if (page.value.next === null) return success({ tornBytes: 0, unreadable: 0 })
      after = String(page.value.next)
    }
  }
}

interface Known {
  readonly service: string | null
  readonly firstSeq: number
}

function chosen(known: ReadonlyMap<string, Known>, wanted: Wanted): Result<string> {
  const of = [...known].filter(
    ([, { service }]) => wanted.service === undefined || service === wanted.service,
  )
  const ids = of.map(([id]) => id)
  const id = wanted.rollout ?? ids.at(-1)
  if (id !== undefined && ids.includes(id)) return success(id)
  if (id === undefined) {
    const rule = 'it must hold the evidence of a rollout: current value is none'
    return failure(EXIT.failed, `Cannot replay this journal as ${rule}`)
  }
  const rule = `it must be one of ${ids.join(', ')}: current value is ${id}`
  return failure(EXIT.failed, `Cannot replay this rollout as ${rule}`)
}

async function find(source: Source, wanted: Wanted): Promise<Result<Found>> {
  const known = new Map<string, Known>()
  for (const evidence of [false, true]) {
    const seen = await source(
      (entry) => {
        const id = rolloutNamedBy(entry)
        if (id === null || known.has(id)) return
        known.set(id, { service: entry.service, firstSeq: entry.seq })
      },
      { from: 0, evidence },
    )
    if (!seen.ok) return seen
    if (wanted.rollout === undefined ? known.size > 0 : known.has(wanted.rollout)) break
  }
  const rollout = chosen(known, wanted)
  if (!rollout.ok) return rollout
  const { firstSeq, service } = known.get(rollout.value) ?? { firstSeq: 0, service: null }
  const entries: JournalEntry[] = []
  const read = await source(
    (entry) => {
      // A decision may stand behind the first lines that were counted under it.
      if (entry.seq < firstSeq - NEAR || entry.service !== service) return
      const id = rolloutNamedBy(entry)
      if (id === null || id === rollout.value) entries.push(entry)
    },
    { from: Math.max(0, firstSeq - NEAR), evidence: true },
  )
  if (!read.ok) return read
  return success({ entries, rollout: rollout.value, notes: damageNotes(read.value) })
}

function damageNotes({ tornBytes, unreadable }: Damage): readonly string[] {
  return [
    ...(tornBytes === 0
      ? []
      : [`the journal was cut off in the middle of a line: ${tornBytes} bytes are left out`]),
    ...(unreadable === 0 ? [] : [`${count(unreadable, 'line')} of the journal cannot be read`]),
  ]
}

/** Finds a rollout in a journal file or a state directory. */
export function findInFile(path: string, wanted: Wanted): Promise<Result<Found>> {
  return find(fileSource(path), wanted)
}

/** Finds a rollout in the journal of a running node. */
export function findInNode(client: AdminClient, wanted: Wanted): Promise<Result<Found>> {
  return find(nodeSource(client, wanted.service), wanted)
}
