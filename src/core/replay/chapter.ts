// Which entries of a journal belong to a rollout, and in which order it lived through them. The
// journal's order is nearly that: what a decision says is written when the disk has its document,
// and lines of evidence that came meanwhile stand before it. The epoch puts that right, since it
// grows with each decision: of one epoch the decision comes first, then what was counted under it.

import type { JournalEntry, JournalKind } from '../journal.ts'
import { type EvidenceLine, isEvidenceLine } from './line.ts'
import { type FoldRecord, isFoldRecord } from './record.ts'

/** What an entry of a rollout brings: counts, a change of the weight, or only its words. */
export type Passage =
  | { readonly brings: 'line'; readonly entry: JournalEntry; readonly line: EvidenceLine }
  | { readonly brings: 'fold'; readonly entry: JournalEntry; readonly record: FoldRecord }
  | { readonly brings: 'words'; readonly entry: JournalEntry }

export interface Chapter {
  /** The id of the rollout. */
  readonly rollout: string
  readonly service: string
  readonly passages: readonly Passage[]
}

/** The entries behind which a rollout is over. */
const ENDS: ReadonlySet<JournalKind> = new Set(['promoted', 'aborted', 'rolled-back'])

function passageOf(entry: JournalEntry): Passage {
  const { evidence } = entry
  if (entry.kind === 'evidence' && isEvidenceLine(evidence)) {
    return { brings: 'line', entry, line: evidence }
  }
  if (isFoldRecord(evidence)) return { brings: 'fold', entry, record: evidence }
  return { brings: 'words', entry }
}

/** The rollout that an entry names; null when it names none. */
export function rolloutNamedBy(entry: JournalEntry): string | null {
  const passage = passageOf(entry)
  if (passage.brings === 'line') return passage.line.rollout
  return passage.brings === 'fold' ? passage.record.rollout : null
}

/** The rollouts whose evidence a journal holds, in the order in which they begin. */
export function rolloutsIn(entries: readonly JournalEntry[]): readonly string[] {
  const ids = new Set<string>()
  for (const entry of entries) {
    const id = rolloutNamedBy(entry)
    if (id !== null) ids.add(id)
  }
  return [...ids]
}

function inOrder(some: Passage, other: Passage): number {
  const epochs = (some.entry.epoch ?? 0) - (other.entry.epoch ?? 0)
  if (epochs !== 0) return epochs
  const kinds = Number(some.brings === 'line') - Number(other.brings === 'line')
  return kinds === 0 ? some.entry.seq - other.entry.seq : kinds
}

/** What a journal tells of a rollout; null when it tells nothing. */
export function chapterOf(entries: readonly JournalEntry[], rollout: string): Chapter | null {
  const first = entries.findIndex((entry) => rolloutNamedBy(entry) === rollout)
  const { epoch = null, service = null } = entries[first] ?? {}
  if (service === null) return null
  const passages: Passage[] = []
  for (const entry of entries.slice(first)) {
    if (entry.service !== service) continue
    const named = rolloutNamedBy(entry)
    // Its own beginning may have reached the disk behind its first lines.
    const begins = entry.kind === 'rollout' && (entry.epoch ?? 0) > (epoch ?? 0)
    if (begins || (named !== null && named !== rollout)) break
    passages.push(passageOf(entry))
    if (ENDS.has(entry.kind)) break
  }
  return { rollout, service, passages: passages.toSorted(inOrder) }
}

/** How many lines of evidence are missing: the disk was too slow for them, or they were cut out. */
export function missingLines({ passages }: Chapter): number {
  let missing = 0
  let last: number | null = null
  for (const passage of passages) {
    if (passage.brings === 'fold' && passage.record.fold === 'restart') last = null
    if (passage.brings !== 'line') continue
    const { line } = passage.line
    if (last !== null && line > last + 1) missing += line - last - 1
    last = line
  }
  return missing
}
