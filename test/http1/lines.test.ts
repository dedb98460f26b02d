// The parts of a head are the same texts whether the whole was made a text or each by itself.

import fc from 'fast-check'
import t from 'tap'
import { FieldLines, readFieldLines } from '../../src/http1/lines.ts'

const FIELDS = 'Host: a\r\nX-Byte: \x80\xff\r\nAccept:  */*  \r\nX-Long: 0123456789abcdef\r\n\r\n'

/**
 * Names and values of the fields that stand behind `before` and in front of `behind` more bytes.
 */
function read(before: number, behind: number): readonly string[] {
  const bytes = Buffer.from(`${'-'.repeat(before)}${FIELDS}${'-'.repeat(behind)}`, 'latin1')
  const lines = new FieldLines()
  lines.begin(bytes, before, bytes.length)
  t.equal(readFieldLines(lines, before, bytes.length, 10), before + FIELDS.length)
  return Array.from({ length: lines.count }, (_, line) => [
    lines.name(line),
    lines.value(line),
    lines.part(lines.lineStart(line), lines.lineEnd(line)),
  ]).flat()
}

await t.test('few bytes or many, at the beginning or behind something', async (t) => {
  const alone = read(0, 0)
  t.match(alone, ['Host', 'a', 'Host: a\r\n', 'X-Byte', '\x80\xff'])
  const sizes = fc.integer({ min: 0, max: 6000 })
  fc.assert(
    fc.property(sizes, sizes, (before, behind) => {
      t.strictSame(read(before, behind), alone)
    }),
    { numRuns: 50 },
  )
})

await t.test('what does not lie in the text is read from the bytes', async (t) => {
  const bytes = Buffer.from('before, within, behind')
  const lines = new FieldLines()
  lines.begin(bytes, 8, 14)
  t.same(
    [lines.part(8, 14), lines.part(0, 6), lines.part(16, 22), lines.part(8, 22)],
    ['within', 'before', 'behind', 'within, behind'],
  )
})
