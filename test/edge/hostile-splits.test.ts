// It does not matter how the bytes of a broken answer were cut into packets: it stays broken, and
// no prefix of it is taken for something else. Every kind comes byte by byte, and a few are cut in
// two at each of their positions.

import t, { type Test } from 'tap'
import { BROKEN_BODIES } from './hostile-bodies.ts'
import { bodyFor } from './hostile-client.ts'
import { BROKEN_HEADS, EVERYWHERE, type Kind } from './hostile-kinds.ts'
import { soon, startHostile } from './hostile-origin.ts'
import { confront, each, PLAIN, sumOf } from './hostile-runner.ts'
import { startLab } from './lab.ts'

const lab = await startLab()
t.teardown(() => lab.close())

/** Longer ones would take longer than they teach. */
const MAX_BYTES = 400
/** Clients at a time. */
const CLIENTS = 16

/** The bytes of a kind that is one write, and perhaps an end. */
function bytesOf(kind: Kind): string | null {
  let bytes = ''
  let writes = 0
  for (const step of kind.steps()) {
    if (typeof step !== 'string') continue
    if (++writes > 1) return null
    bytes = step
  }
  return bytes.length <= MAX_BYTES ? bytes : null
}

// Poison behind a whole answer must come with it: a turn later it may meet another client's
// request.
const SHORT = [...BROKEN_HEADS, ...BROKEN_BODIES].filter(
  (kind) => bytesOf(kind) !== null && kind.sees !== 'answer' && !resets(kind),
)

/**
 * A reset discards what its sender's system still holds, so of bytes sent one by one nobody knows
 * how many came before it.
 */
function resets(kind: Kind): boolean {
  return [...kind.steps()].some((step) => typeof step !== 'string' && step.act === 'rst')
}

async function playAll(t: Test, kinds: readonly Kind[]): Promise<void> {
  const origin = await startHostile(lab, kinds)
  await lab.serve({ stable: [origin.port] })
  const stage = { lab, origin, kinds }
  const reports = await each(kinds, CLIENTS, (kind) => confront(stage, kind, PLAIN))
  t.same(
    reports.flatMap(({ complaints }) => complaints),
    [],
    `${kinds.length} answers`,
  )
  t.ok(await soon(() => !origin.holdsSpoiled()), 'no broken connection stays open')
  t.same(origin.misused, [], 'or is used again')
  t.same((await lab.counts()).stable, sumOf(reports.map(({ counts }) => counts)))
}

await t.test('every kind byte by byte', async (t) => {
  t.ok(SHORT.length > 200, `${SHORT.length} kinds`)
  await playAll(
    t,
    SHORT.map((kind) => ({ ...kind, cutAt: EVERYWHERE })),
  )
})

const CUT = [
  'status line: two of them',
  'field: a bare CR that hides a field',
  'field: folded with a space',
  'Content-Length: twice, and not the same',
  'Transfer-Encoding: with a Content-Length behind',
  'head: a good 103, then nonsense',
  'chunks: less data than the size says',
  'chunks: a bare LF in a trailer',
  'chunks: a line end in a quoted extension',
  'FIN behind a trailer',
]

for (const name of CUT) {
  await t.test(`cut in two at every byte: ${name}`, async (t) => {
    const kind = SHORT.find((one) => one.name === name)
    if (kind === undefined) throw new Error(`There is no kind ${name}`)
    const bytes = (bytesOf(kind) ?? '').replaceAll('%NONCE%', 'n'.repeat(16))
    const { length } = bytes.replaceAll('%BODY%', bodyFor('n'.repeat(16)))
    const kinds = Array.from({ length: length - 1 }, (_, i) => ({ ...kind, cutAt: i + 1 }))
    await playAll(t, kinds)
  })
}
