// The journal as it grows: one connection after another, each of which goes on behind the last
// entry that was seen, so that a node that restarts or a load balancer that cuts loses nothing.
// What the node refuses ends it at once, what may pass is tried again, and only so often in a row.
// It holds one entry at a time: who reads slowly is not read ahead of.

import type { JournalEntry } from '../core/journal.ts'
import { abortedOf, Deadline, pause, type Signals, within } from './deadline.ts'
import { VertexError, VertexUnreachable } from './errors.ts'
import { type Block, BlockReader } from './sse.ts'
import type { Asked, Transport } from './transport.ts'

/** Three heartbeats of a node: without a byte for so long the connection is dead. */
const SILENCE_MS = 45_000
const BACKOFF_MS = 250
const BACKOFF_MAX_MS = 5000

export interface Following {
  /** With its query. */
  readonly path: string
  /** The `seq` to go on behind; null: what is new. */
  readonly after: number | null
  readonly timeoutMs: number
  readonly reconnects: number
  readonly signals: Signals
  /** Silence of a connection that is waited for, in milliseconds; for tests. */
  readonly silenceMs?: number
}

/** Where it stands, over all connections. */
interface Place {
  seen: number | null
  /** Connections in a row that brought nothing. */
  failures: number
}

function isEntry(value: unknown): value is JournalEntry {
  return (
    typeof value === 'object' && value !== null && typeof (value as JournalEntry).seq === 'number'
  )
}

/** The entry of a block; null when it has none, for which the place is moved on all the same. */
function entryOf({ id, data, comment }: Block, place: Place): JournalEntry | null {
  const entry: unknown = data === null ? null : JSON.parse(data)
  if (entry !== null && !isEntry(entry)) throw new SyntaxError('an event is no entry of a journal')
  if (id !== null && /^\d{1,15}$/.test(id)) place.seen = Number(id)
  // The greeting alone is no sign of life: a node that greets and hangs up would be asked for ever.
  if (comment === 'heartbeat' || entry !== null) place.failures = 0
  return entry
}

function askedFor({ path }: Following, { seen }: Place): Asked {
  const headers = { accept: 'text/event-stream' }
  const resumed = seen === null ? headers : { ...headers, 'last-event-id': String(seen) }
  return { method: 'GET', path, headers: resumed }
}

/** One connection, to its end. */
async function* connection(transport: Transport, following: Following, place: Place) {
  const { timeoutMs, signals, silenceMs = SILENCE_MS } = following
  const asked = askedFor(following, place)
  const deadline = new Deadline(timeoutMs, signals)
  let waitedMs = timeoutMs
  try {
    const response = await transport.send(asked, deadline.signal)
    const type = response.headers.get('content-type') ?? ''
    if (response.status !== 200) throw await transport.refusalOf(response, asked, deadline.signal)
    if (response.body === null || !type.startsWith('text/event-stream')) {
      throw transport.foreign({ status: response.status, type }, asked)
    }
    waitedMs = silenceMs
    const reader = response.body.getReader()
    const decoder = new TextDecoder()
    const blocks = new BlockReader()
    for (;;) {
      // Only the wait for bytes counts: the reader of entries may take its time.
      deadline.restart(silenceMs)
      const { done, value } = await within(reader.read(), deadline.signal)
      deadline.hold()
      if (done) return
      for (const block of blocks.read(decoder.decode(value, { stream: true }))) {
        const entry = entryOf(block, place)
        if (entry !== null) yield entry
        if (abortedOf(signals) !== undefined) return
      }
    }
  } catch (error) {
    if (error instanceof VertexError) throw error
    if (error instanceof SyntaxError || error instanceof RangeError) {
      throw transport.foreign({ status: 200, type: error.message }, asked)
    }
    throw transport.failed(error, { asked, waitedMs: deadline.passed ? waitedMs : null })
  } finally {
    deadline.end() // which ends the connection too
  }
}

/** The error for connections that were opened, brought nothing, and ended. */
function closed(transport: Transport, following: Following, place: Place): VertexUnreachable {
  const why = new Error('the stream of events was closed')
  return transport.failed(why, { asked: askedFor(following, place), waitedMs: null })
}

/** Whether another try can help: the node was not there, or could not serve one stream more. */
function mayPass(error: unknown): error is VertexError | VertexUnreachable {
  if (error instanceof VertexError) return error.status >= 500
  return error instanceof VertexUnreachable
}

/**
 * Entries of the journal from now on, or from behind `after`, without an end of their own.
 *
 * @throws VertexError when the node refuses, VertexUnreachable when so many connections in a row
 *   as `reconnects` says, and the first, have brought nothing
 */
export async function* follow(
  transport: Transport,
  following: Following,
): AsyncGenerator<JournalEntry, void, undefined> {
  const { after, reconnects, signals } = following
  const place: Place = { seen: after, failures: 0 }
  while (abortedOf(signals) === undefined) {
    try {
      yield* connection(transport, following, place)
      if (++place.failures > reconnects) throw closed(transport, following, place)
    } catch (error) {
      if (abortedOf(signals) !== undefined) return
      if (!mayPass(error) || ++place.failures > reconnects) throw error
    }
    const backoffMs = BACKOFF_MS * 2 ** Math.min(place.failures - 1, 10)
    await pause(Math.min(backoffMs, BACKOFF_MAX_MS), signals)
  }
}
