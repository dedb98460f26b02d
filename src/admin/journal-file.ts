// Reads pages of the journal from the state directory without loading it whole: `seq` grows along
// the file, so the place after a given seq is found by halving byte ranges, and the newest entries
// are found from the end. One page looks at no more than 32 MiB. The files are `journal.jsonl`
// and, after a rotation, the older `journal.1.jsonl`; nothing is ever written here.

import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import { type JournalEntry, readJournal } from '../core/journal.ts'

const CURRENT = 'journal.jsonl'
const ROTATED = 'journal.1.jsonl'
const BLOCK_BYTES = 256 * 1024
/** Bounds the work that one request can ask for; a filter that matches little ends a page early. */
const PAGE_BYTES = 32 * 1024 * 1024

export interface PageRequest {
  /** Entries with a greater seq, oldest first; null asks for the newest ones. */
  readonly after: number | null
  readonly limit: number
  readonly wanted: (entry: JournalEntry) => boolean
}

export interface Page {
  readonly entries: readonly JournalEntry[]
  /** The value of `after` with which to go on; null at the end of the journal. */
  readonly next: number | null
  /** The greatest seq that was looked at; null when the journal is empty. */
  readonly last: number | null
}

interface Part {
  readonly handle: FileHandle
  readonly size: number
}

async function openPart(path: string): Promise<FileHandle | null> {
  try {
    return await open(path, 'r')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}

/**
 * Opens the files, oldest first. The current one is opened first, so that a rotation in between
 * shows the same file twice (and it is taken once) instead of hiding one.
 */
async function openParts(stateDir: string): Promise<Part[]> {
  const current = await openPart(join(stateDir, CURRENT))
  const rotated = await openPart(join(stateDir, ROTATED))
  const parts: Part[] = []
  const inodes = new Set<bigint>()
  for (const handle of [rotated, current]) {
    if (handle === null) continue
    const stat = await handle.stat({ bigint: true })
    if (inodes.has(stat.ino)) await handle.close()
    else parts.push({ handle, size: Number(stat.size) })
    inodes.add(stat.ino)
  }
  return parts
}

async function readAt({ handle, size }: Part, from: number): Promise<Buffer> {
  const buffer = Buffer.alloc(Math.max(0, Math.min(BLOCK_BYTES, size - from)))
  const { bytesRead } = await handle.read(buffer, 0, buffer.length, from)
  return buffer.subarray(0, bytesRead)
}

/** The first whole entry that begins at or after a byte, or null. Looks at one block. */
async function entryFrom(part: Part, from: number): Promise<JournalEntry | null> {
  const text = await readAt(part, from === 0 ? 0 : from - 1)
  const start = from === 0 ? 0 : text.indexOf(10) + 1
  const end = text.indexOf(10, start) + 1
  return readJournal(text.subarray(start, Math.max(start, end)).toString()).entries[0] ?? null
}

/**
 * A byte at or before the first entry with a seq greater than `after`, at most a block before it.
 */
async function placeAfter(part: Part, after: number): Promise<number> {
  let low = 0
  let high = part.size
  while (high - low > BLOCK_BYTES) {
    const middle = Math.floor((low + high) / 2)
    const entry = await entryFrom(part, middle)
    if (entry === null || entry.seq > after) high = middle
    else low = middle
  }
  return low
}

interface Collected {
  readonly entries: JournalEntry[]
  last: number | null
  bytesLeft: number
  full: boolean
}

/** Takes entries from one file onwards until the page is full. */
async function collectForward(part: Part, after: number, ask: PageRequest, into: Collected) {
  let from = await placeAfter(part, after)
  let first = from !== 0 // a place inside the file may lie inside a line
  while (from < part.size && !into.full) {
    const block = await readAt(part, from)
    const start = first ? block.indexOf(10) + 1 : 0
    const end = block.lastIndexOf(10) + 1
    first = false
    if (end <= start) return // a line without its end, or longer than any that is written
    for (const entry of readJournal(block.subarray(start, end).toString()).entries) {
      if (entry.seq <= after) continue
      if (into.entries.length === ask.limit) {
        into.full = true
        return
      }
      into.last = entry.seq
      if (ask.wanted(entry)) into.entries.push(entry)
    }
    from += end
    into.bytesLeft -= end
    if (into.bytesLeft <= 0) into.full = true
  }
}

/** Takes entries from the end of one file backwards; `into.entries` runs from new to old. */
async function collectBackward(part: Part, ask: PageRequest, into: Collected) {
  let end = part.size
  while (end > 0 && !into.full) {
    const from = Math.max(0, end - BLOCK_BYTES)
    const block = (await readAt(part, from)).subarray(0, end - from)
    const start = from === 0 ? 0 : block.indexOf(10) + 1
    const entries = readJournal(block.subarray(start, block.lastIndexOf(10) + 1).toString()).entries
    for (const entry of entries.toReversed()) {
      if (into.entries.length === ask.limit) into.full = true
      if (into.full) return
      into.last ??= entry.seq
      if (ask.wanted(entry)) into.entries.push(entry)
    }
    if (from > 0 && start === 0) return // no line ends in the whole block
    end = from + start
    if (from === 0) return
    into.bytesLeft -= block.length
    if (into.bytesLeft <= 0) into.full = true
  }
}

/**
 * Reads one page of the journal.
 *
 * @param stateDir the state directory's absolute path; without journal files the page is empty
 */
export async function readJournalPage(stateDir: string, ask: PageRequest): Promise<Page> {
  const parts = await openParts(stateDir)
  const into: Collected = { entries: [], last: null, bytesLeft: PAGE_BYTES, full: false }
  try {
    if (ask.after === null) {
      for (const part of parts.toReversed()) {
        if (!into.full) await collectBackward(part, ask, into)
      }
      return { entries: into.entries.reverse(), next: null, last: into.last }
    }
    for (const part of parts) {
      if (!into.full) await collectForward(part, into.last ?? ask.after, ask, into)
    }
    return { entries: into.entries, next: into.full ? into.last : null, last: into.last }
  } finally {
    for (const { handle } of parts) await handle.close()
  }
}
