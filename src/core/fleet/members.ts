// Who belongs to the fleet. Each node writes an entry of its own into Redis twice a second and
// reads those of all; a node is live as long as its entry is young by the clock of Redis. Entries
// that cannot be read stay what they are: they may be those of a newer Vertex.

import type { Member } from './standing.ts'

export const BEAT_EVERY_MS = 500
/** Heard of within this time, a node is waited for. */
export const LIVE_MS = 3_000
/** A node that has been silent for so long is no longer listed. */
export const FORGET_MS = 24 * 3600 * 1_000
/** More nodes than any fleet has; what is beyond is not listed. */
export const MEMBERS_MAX = 1_024

/** What a node writes about itself. */
export interface Entry {
  readonly version: string
  readonly format: number
  readonly startedAt: string
  readonly listen: string
  /** How far its clock is ahead of the one of Redis. */
  readonly clock: number
}

export interface Seen {
  readonly node: string
  readonly id: string
  readonly run: string
  readonly entry: Entry
  /** Since it was written, by the clock of Redis, when the book was made. */
  readonly ageMs: number
}

export interface MemberBook {
  /** By name. */
  readonly seen: readonly Seen[]
  /** Names of nodes whose entries cannot be read. */
  readonly unreadable: readonly string[]
  /** By the node's own clock that never goes back. */
  readonly madeMs: number
}

export const EMPTY_BOOK: MemberBook = { seen: [], unreadable: [], madeMs: 0 }

function isEntry(value: unknown): value is Entry {
  if (typeof value !== 'object' || value === null) return false
  const { version, format, startedAt, listen, clock } = value as Partial<Entry>
  return (
    typeof version === 'string' &&
    typeof format === 'number' &&
    typeof startedAt === 'string' &&
    typeof listen === 'string' &&
    typeof clock === 'number'
  )
}

/** An entry as it stands in Redis: `<ms>|<id>|<run>|<JSON>`; null when it is none. */
function readEntry(node: string, { text, redisMs }: { text: string; redisMs: number }) {
  const [, at, id, run, json] = /^(\d+)\|([^|]*)\|([^|]*)\|(.*)$/s.exec(text) ?? []
  if (at === undefined || id === undefined || run === undefined || json === undefined) return null
  try {
    const entry: unknown = JSON.parse(json)
    if (!isEntry(entry)) return null
    return { node, id, run, entry, ageMs: redisMs - Number(at) } satisfies Seen
  } catch {
    return null // counted by the caller as unreadable
  }
}

export function readBook(
  entries: readonly (readonly [node: string, text: string])[],
  { redisMs, madeMs }: { redisMs: number; madeMs: number },
): MemberBook {
  const seen: Seen[] = []
  const unreadable: string[] = []
  for (const [node, text] of entries.slice(0, MEMBERS_MAX)) {
    const found = readEntry(node, { text, redisMs })
    if (found === null) unreadable.push(node)
    else seen.push(found)
  }
  seen.sort((one, other) => (one.node < other.node ? -1 : 1))
  return { seen, unreadable, madeMs }
}

function silenceOf({ ageMs }: Seen, { madeMs }: MemberBook, nowMs: number): number {
  return Math.max(0, ageMs + Math.floor(nowMs - madeMs))
}

/** An entry from the future was written before the clock of Redis was set back. */
function isLive(seen: Seen, book: MemberBook, nowMs: number): boolean {
  return silenceOf(seen, book, nowMs) < LIVE_MS && seen.ageMs > -LIVE_MS
}

/** The names of the nodes that are live now, in their order. */
export function liveAt(book: MemberBook, nowMs: number): readonly string[] {
  return book.seen.filter((seen) => isLive(seen, book, nowMs)).map(({ node }) => node)
}

/** The members as they are known now, by name; nothing is heard of anyone while Redis is away. */
export function membersAt(book: MemberBook, nowMs: number): readonly Member[] {
  return book.seen.map((seen) => {
    const { node, entry } = seen
    const { version, format, startedAt, listen, clock } = entry
    const life = { silentMs: silenceOf(seen, book, nowMs), isLive: isLive(seen, book, nowMs) }
    return { node, version, format, startedAt, listen, ...life, clockAheadMs: clock }
  })
}

/** Another live node with this node's id: the state directory was copied. Null: there is none. */
export function twinOf({ seen }: MemberBook, { node, id }: { node: string; id: string }) {
  const twin = seen.find((other) => {
    return other.id === id && other.node !== node && Math.abs(other.ageMs) < LIVE_MS
  })
  return twin?.node ?? null
}
