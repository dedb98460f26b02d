// The journal: one JSON object a line, one line a decision, with the evidence that led to it. This
// file knows the form of a line and how to read lines back; who writes them to disk is control's
// business.

export type JournalKind =
  | 'start' // the node came up: what it found in the state directory
  | 'config' // a config was applied, or refused and the old one kept
  | 'rollout' // a rollout began
  | 'raise' // the weight was raised by a step
  | 'weight' // the weight was set by hand
  | 'hold' // a step ended without a raise: why
  | 'gate' // gates were begun, or one of them has reported
  | 'pause'
  | 'resume'
  | 'promoted'
  | 'aborted' // by an operator
  | 'rolled-back' // by the verdict, or by an operator after the promotion
  | 'quarantine'
  | 'retry'
  | 'targets'
  | 'evidence' // counters of a second, or of a tick with an error or an exceedance
  | 'target' // a target was ejected or came back
  | 'thread' // an edge thread was replaced
  | 'page'
  | 'fleet' // what the fleet's ledger has changed or taken back here, and what it had lost

export interface JournalEntry {
  /** Grows by one with every entry of a state directory. */
  readonly seq: number
  /** ISO 8601 with milliseconds. */
  readonly at: string
  readonly kind: JournalKind
  /** Null for entries about the node. */
  readonly service: string | null
  /** The service's revision after the decision. */
  readonly epoch: number | null
  /** One sentence for people. */
  readonly text: string
  /** Who decided. */
  readonly by: 'operator' | 'verdict' | 'rollout' | 'node'
  /** Weight in percent after the decision, where it is about one. */
  readonly weight?: number
  /** Numbers that led to the decision. */
  readonly evidence?: unknown
}

export interface JournalReading {
  readonly entries: readonly JournalEntry[]
  /** Bytes at the end that do not form a whole line: a write that was cut off. */
  readonly tornBytes: number
  /** Whole lines that are not journal entries. */
  readonly unreadable: number
}

const LF = 0x0a

function isEntry(value: unknown): value is JournalEntry {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as JournalEntry).seq === 'number' &&
    typeof (value as JournalEntry).kind === 'string'
  )
}

function parseLine(line: string): JournalEntry | null {
  try {
    const value: unknown = JSON.parse(line)
    return isEntry(value) ? value : null
  } catch {
    return null // counted by the caller as unreadable
  }
}

/**
 * Reads a journal. A last line without its end is not an error: it is reported and left out. Give
 * it bytes where `tornBytes` matters: a character that was cut in half is counted right only
 * there.
 */
export function readJournal(journal: string | Uint8Array): JournalReading {
  const bytes = typeof journal === 'string' ? new TextEncoder().encode(journal) : journal
  const end = bytes.lastIndexOf(LF) + 1
  const entries: JournalEntry[] = []
  let unreadable = 0
  for (const line of new TextDecoder().decode(bytes.subarray(0, end)).split('\n')) {
    if (line === '') continue
    const entry = parseLine(line)
    if (entry === null) unreadable++
    else entries.push(entry)
  }
  return { entries, tornBytes: bytes.length - end, unreadable }
}
