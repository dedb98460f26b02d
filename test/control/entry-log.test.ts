// Which entries of the journal are lines of the log, and how loud they are.

import t from 'tap'
import { logEntry } from '../../src/control/entry-log.ts'
import type { JournalEntry, JournalKind } from '../../src/core/journal.ts'

/** How an entry of this kind is logged: a level and a line, or nothing. */
function logged(kind: JournalKind, more: Partial<JournalEntry> = {}): unknown[] {
  const lines: unknown[] = []
  const at =
    (level: string) =>
    (fields: object, text: string): void =>
      void lines.push(level, fields, text)
  const log = { info: at('info'), warn: at('warn'), error: at('error') }
  const entry: JournalEntry = {
    ...{ seq: 7, at: '2026-01-01T00:00:00.000Z', kind, service: 'shop', epoch: 3 },
    ...{ text: 'v2 goes to 5 %', by: 'rollout' as const, weight: 5, evidence: { large: true } },
  }
  logEntry(log, { ...entry, ...more })
  return lines
}

await t.test('a decision is a line with what a log is searched for', (t) => {
  const fields = { service: 'shop', kind: 'raise', by: 'rollout', epoch: 3, seq: 7, weight: 5 }
  t.same(logged('raise'), ['info', fields, 'shop: v2 goes to 5 %'], 'and without the evidence')
  t.end()
})

await t.test('what took a version away from customers is a warning', (t) => {
  t.match(logged('rolled-back'), ['warn'])
  t.match(logged('quarantine'), ['warn'])
  t.match(logged('aborted'), ['info'], 'an operator knows')
  t.end()
})

await t.test('counters, pages and what the node does for itself are not repeated', (t) => {
  t.same([...logged('evidence'), ...logged('page')], [])
  t.same(logged('config', { service: null }), [])
  t.match(logged('config'), ['info'], 'but what a file changed of a service is')
  t.end()
})
