// What does not work as it should on the control side, in sentences for an operator. It only asks
// each part; nothing is decided here.

import type { Problem } from '../core/problem.ts'
import type { JournalFile } from './journal-file.ts'
import type { Keeper } from './keeper.ts'
import type { Pager } from './pages/pager.ts'
import type { Publisher } from './publisher.ts'
import type { Residency } from './residency.ts'

export interface DegradedParts {
  /** What the last table has no room for. */
  readonly problems: readonly Problem[]
  readonly keepers: ReadonlyMap<string, Keeper>
  readonly journal: JournalFile
  readonly pager: Pager
  readonly publisher: Publisher
  readonly residency: Residency
}

/** Empty when all is well. */
export function degradedSentences(parts: DegradedParts): readonly string[] {
  const { journal, keepers, pager, problems, publisher, residency } = parts
  const sentences = problems.map((problem) => problem.detail)
  for (const [name, keeper] of keepers) {
    if (keeper.fault !== null) {
      sentences.push(`Service ${name} is frozen after a fault of Vertex itself: ${keeper.fault}`)
    }
    if (keeper.unsaved !== null) {
      sentences.push(`The state of service ${name} cannot be saved: ${keeper.unsaved}`)
    }
  }
  for (const text of [journal.failure, journal.fault]) if (text !== null) sentences.push(text)
  if (journal.dropped > 0) {
    sentences.push(`The journal lacks ${journal.dropped} lines of evidence: slow disk`)
  }
  sentences.push(...pager.faults())
  if (publisher.isLate) sentences.push('An edge thread has not taken over the newest table yet')
  const { unmeasured } = residency
  if (unmeasured > 0) {
    sentences.push(`The latency of ${unmeasured} versions is not measured: the board is full`)
  }
  return sentences
}
