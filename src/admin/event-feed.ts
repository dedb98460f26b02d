// Live decisions for everybody who listens: each entry that the control thread tells is handed to
// all streams and kept for a while, so that a listener who was away for a moment finds what it
// missed. A stream that does not read is ended instead of filling memory; its reader comes back
// with the last id it saw and goes on from the journal.
//
// It also counts decisions by kind for the metrics. It knows nothing of HTTP beyond a writable.

import { once } from 'node:events'
import type { Writable } from 'node:stream'
import type { JournalEntry, JournalKind } from '../core/journal.ts'

/** Covers the time between telling an entry and its line being in the journal file, many times. */
const KEPT_ENTRIES = 1000
/** Dashboards and scripts of one team; each costs a socket and its buffer. */
const STREAM_LIMIT = 32
/** What one stream may lag behind before it is ended. */
const BACKLOG_BYTES = 1024 * 1024
/** Below the idle limits of common proxies. */
const HEARTBEAT_MS = 15_000

interface Stream {
  readonly out: Writable
  readonly service: string | null
  /** The greatest seq that was written. */
  sent: number
  /** Entries wait in `kept` while the journal is still being replayed. */
  live: boolean
}

/** One page of older entries; `next` is null when there are no more. */
export interface ReplayPage {
  readonly entries: readonly JournalEntry[]
  readonly next: number | null
}

/** Reads entries with a greater seq than `after`, oldest first. */
export type Replay = (after: number) => Promise<ReplayPage>

/** A listener that was away for longer reads the journal itself. */
const REPLAY_PAGES = 50
/** How long a replay waits for a listener that does not read. */
const DRAIN_LIMIT_MS = 10_000

/** Waits until the listener has read what was written; destroys it when it takes too long. */
async function drained(out: Writable): Promise<void> {
  if (!out.writableNeedDrain) return
  const signal = AbortSignal.timeout(DRAIN_LIMIT_MS)
  try {
    await Promise.race([once(out, 'drain', { signal }), once(out, 'close', { signal })])
  } catch (error) {
    out.destroy(error instanceof Error ? error : undefined)
  }
}

function eventText(entry: JournalEntry): string {
  return `id: ${entry.seq}\nevent: ${entry.kind}\ndata: ${JSON.stringify(entry)}\n\n`
}

export class EventFeed {
  readonly #streams = new Set<Stream>()
  readonly #kept: JournalEntry[] = []
  readonly #counts = new Map<string, Map<JournalKind, number>>()
  readonly #heartbeat: NodeJS.Timeout

  constructor() {
    this.#heartbeat = setInterval(() => {
      for (const stream of this.#streams) this.#write(stream, ': heartbeat\n\n')
    }, HEARTBEAT_MS)
    this.#heartbeat.unref()
  }

  isFull(): boolean {
    return this.#streams.size >= STREAM_LIMIT
  }

  /** Decisions of each kind since the thread started; '' stands for the node itself. */
  counts(): ReadonlyMap<string, ReadonlyMap<JournalKind, number>> {
    return this.#counts
  }

  publish(entry: JournalEntry): void {
    const ofService = this.#counts.get(entry.service ?? '') ?? new Map<JournalKind, number>()
    ofService.set(entry.kind, (ofService.get(entry.kind) ?? 0) + 1)
    this.#counts.set(entry.service ?? '', ofService)
    this.#kept.push(entry)
    if (this.#kept.length > KEPT_ENTRIES) this.#kept.shift()
    for (const stream of this.#streams) if (stream.live) this.#hand(stream, entry)
  }

  /** Returns false when the stream has been ended. */
  #write(stream: Stream, text: string): boolean {
    const { out } = stream
    if (!out.destroyed && !out.writableEnded && out.writableLength <= BACKLOG_BYTES) {
      out.write(text)
      return true
    }
    this.#streams.delete(stream)
    out.destroy()
    return false
  }

  #hand(stream: Stream, entry: JournalEntry): boolean {
    if (entry.seq <= stream.sent) return true
    stream.sent = entry.seq
    if (stream.service !== null && entry.service !== stream.service) return true
    return this.#write(stream, eventText(entry))
  }

  /**
   * Adds a listener.
   *
   * @param out where text/event-stream goes; it is removed when it closes
   * @param options `after`: the last seq that the listener saw, or null to hear only what is new;
   *   `service`: null for all; `replay`: where older entries come from
   */
  async add(
    out: Writable,
    options: {
      readonly after: number | null
      readonly service: string | null
      readonly replay: Replay
    },
  ): Promise<void> {
    const { after, service, replay } = options
    const newest = this.#kept.at(-1)?.seq ?? 0
    const stream: Stream = { out, service, sent: after ?? newest, live: after === null }
    this.#streams.add(stream)
    out.on('close', () => this.#streams.delete(stream))
    // With its place, a listener that is cut off before the first entry misses nothing either.
    const place = after === null && newest > 0 ? `id: ${newest}\n` : ''
    this.#write(stream, `: connected\n${place}\n`)
    if (after === null) return
    let from: number | null = after
    for (let page = 0; page < REPLAY_PAGES && from !== null; page++) {
      const { entries, next } = await replay(from)
      for (const entry of entries) if (!this.#hand(stream, entry)) return
      await drained(out)
      if (!this.#streams.has(stream)) return
      from = next
    }
    for (const entry of this.#kept) if (!this.#hand(stream, entry)) return
    stream.live = true
  }

  /** Ends all streams. */
  close(): void {
    clearInterval(this.#heartbeat)
    for (const { out } of this.#streams) out.end()
    this.#streams.clear()
  }
}
