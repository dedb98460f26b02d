// Reading a journal back, whole or torn at any byte.

import fc from 'fast-check'
import t from 'tap'
import { type JournalEntry, readJournal } from '../../src/core/journal.ts'

function entry(seq: number, text: string): JournalEntry {
  return {
    seq,
    at: '2026-01-02T03:04:05.678Z',
    kind: 'raise',
    service: 'default',
    epoch: seq,
    text,
    by: 'rollout',
  }
}

const lines = (entries: readonly JournalEntry[]): string =>
  entries.map((each) => `${JSON.stringify(each)}\n`).join('')

await t.test('what was written is read, in order', async (t) => {
  const entries = [entry(1, 'one'), entry(2, 'p99 × 1.2 → 0 %'), entry(3, 'a\nb')]
  const whole = { entries, tornBytes: 0, unreadable: 0 }
  t.same(readJournal(lines(entries)), whole)
  t.same(readJournal(Buffer.from(lines(entries))), whole)
  t.same(readJournal(''), { entries: [], tornBytes: 0, unreadable: 0 })
})

await t.test(
  'torn at any byte, the whole lines stay and the rest is counted in bytes',
  async (t) => {
    const entries = [entry(1, 'one'), entry(2, 'θ ≥ 0.1 %'), entry(3, '💥')]
    const bytes = Buffer.from(lines(entries))
    for (let cut = 0; cut <= bytes.length; cut++) {
      const part = bytes.subarray(0, cut)
      const reading = readJournal(part)
      const whole = part.lastIndexOf(10) + 1
      if (reading.tornBytes !== cut - whole) t.fail(`cut at ${cut}: ${reading.tornBytes} bytes`)
      const expected = entries.slice(0, part.toString('latin1').split('\n').length - 1)
      t.same(reading.entries, expected)
      t.equal(reading.unreadable, 0)
    }
  },
)

await t.test('a torn line that was written on is one unreadable line', async (t) => {
  const torn = lines([entry(1, 'one'), entry(2, 'two')]).slice(0, -9)
  const { entries, tornBytes, unreadable } = readJournal(`${torn}\n${lines([entry(3, 'three')])}`)
  t.same(
    entries.map(({ seq }) => seq),
    [1, 3],
  )
  t.equal(tornBytes, 0)
  t.equal(unreadable, 1)
})

await t.test('lines that are something else are counted and left out', async (t) => {
  const odd = ['null', '1', '[]', '{}', '{"seq":"1","kind":"x"}', '{"seq":1}', 'x', '{', '\0']
  const { entries, unreadable } = readJournal(`${odd.join('\n')}\n\n${lines([entry(9, 'nine')])}`)
  t.equal(unreadable, odd.length)
  t.equal(entries.length, 1)
})

await t.test('bytes of any kind never throw', async (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const { entries, tornBytes } = readJournal(bytes)
      return entries.length === 0 && tornBytes <= bytes.length
    }),
    { numRuns: 2000, seed: 2026 },
  )
  t.pass('2,000 files')
})
