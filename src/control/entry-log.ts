// The journal's decisions as lines of the node's own log, since that is where somebody looks who
// asks what a proxy is doing. Counters are left out; so is what is about the node itself, which is
// logged by those who do it, and what pages tell, which have their own lines.

import type { JournalEntry, JournalKind } from '../core/journal.ts'
import type { Log } from './options.ts'

const LEFT_OUT: ReadonlySet<JournalKind> = new Set(['evidence', 'page'])
/** What took a version away from customers. */
const WARNED: ReadonlySet<JournalKind> = new Set(['rolled-back', 'quarantine'])

/** Logs an entry of the journal, when it is one that is logged. */
export function logEntry(log: Log, entry: JournalEntry): void {
  const { by, epoch, kind, seq, service, text, weight } = entry
  if (service === null || LEFT_OUT.has(kind)) return
  const fields = { service, kind, by, epoch, seq, ...(weight === undefined ? {} : { weight }) }
  if (WARNED.has(kind)) log.warn(fields, `${service}: ${text}`)
  else log.info(fields, `${service}: ${text}`)
}
