// Broken answers: what a client sees is an answer of Vertex's own that says so, or a connection
// that breaks; never a wrong answer, and never somebody else's. Each row of the table is played to
// a real edge in every situation that could make a difference, one after the other, so that each
// can be held against what the board counted for it.

import t, { type Test } from 'tap'
import { STABLE } from './harness.ts'
import { BROKEN_BODIES, IDLE_KINDS, NEXT_TURN_KINDS, SLOW_KINDS } from './hostile-bodies.ts'
import { BROKEN_HEADS, type Kind } from './hostile-kinds.ts'
import { soon, startHostile } from './hostile-origin.ts'
import {
  confront,
  each,
  type Report,
  SITUATIONS,
  type Situation,
  type Stage,
  sumOf,
  watchCounts,
} from './hostile-runner.ts'
import { startLab } from './lab.ts'

/**
 * Kinds, by their names, that are known to get past the engine: they are played, and what they do
 * is a comment instead of a failure. Nothing may stay here for long.
 */
const KNOWN_FAILURES: ReadonlySet<string> = new Set<string>([])

const lab = await startLab()
t.teardown(() => lab.close())

const QUICK = [...BROKEN_HEADS, ...BROKEN_BODIES]
const KINDS = [...QUICK, ...SLOW_KINDS, ...NEXT_TURN_KINDS, ...IDLE_KINDS]
const origin = await startHostile(lab, KINDS)
const stage: Stage = { lab, origin, kinds: KINDS }

interface Play {
  readonly how: Situation
  /** Whether a request may go out on a connection whose poison has not been read yet. */
  readonly mayRace?: boolean
  /** Whether each kind gets a target that Vertex has no reason to distrust yet. */
  readonly fresh?: boolean
}

/** Plays a kind and says everything that was wrong; `closed` as in Report. */
async function play(kind: Kind, { how, mayRace = false }: Play): Promise<Report> {
  // Of a POST on a connection that has waited, a reset says nothing: it shall have a new one.
  if (how.method === 'POST' || how.warm) await origin.hangUp()
  const misused = origin.misused.length
  const wrongCounts = watchCounts(lab, STABLE)
  const report = await confront(stage, kind, how)
  const complaints = [...report.complaints]
  const where = `${kind.name}, ${how.name}`
  if (!(await soon(() => !origin.holdsSpoiled()))) complaints.push(`${where}: not hung up on`)
  const counts = await wrongCounts(report.counts)
  if (counts !== '') complaints.push(`${where}: counted ${counts}`)
  if (origin.misused.length > misused && !mayRace) {
    complaints.push(`${where}: its connection was used again`)
  }
  return { ...report, complaints }
}

/** Plays kinds one after the other; what is wrong, and how many connections were closed. */
async function playAll(t: Test, kinds: readonly Kind[], options: Play): Promise<void> {
  const wrong: string[] = []
  let closed = 0
  for (const kind of kinds) {
    if (options.fresh) await lab.serve({ stable: [origin.port] })
    const report = await play(kind, options)
    if (report.closed) closed++
    if (!KNOWN_FAILURES.has(kind.name)) wrong.push(...report.complaints)
    else for (const text of report.complaints) t.comment(text)
  }
  t.same(wrong, [], `${kinds.length} kinds`)
  // A connection whose answer was ours, or whole, need not be closed.
  if (!options.how.old) t.equal(closed, 0, 'no connection was closed that could be used')
  await lab.counts()
}

await t.test('there are more than 300 kinds, and no two of a name', async (t) => {
  t.ok(KINDS.length > 300, `${KINDS.length}`)
  t.equal(new Set(KINDS.map(({ name }) => name)).size, KINDS.length)
  const names = new Set(KINDS.map(({ name }) => name))
  t.same(
    [...KNOWN_FAILURES].filter((name) => !names.has(name)),
    [],
    'the known ones are in it',
  )
})

for (const how of SITUATIONS) {
  await t.test(`broken answers to ${how.name}`, async (t) => {
    await lab.serve({ stable: [origin.port] })
    // Behind an answer that ends with its head, bytes in the next turn are poison: see below.
    const toHead = (kind: Kind): boolean => kind.toHead !== 'answer' || !isSpread(kind)
    await playAll(t, how.method === 'HEAD' ? QUICK.filter(toHead) : QUICK, { how })
  })
}

for (const how of SITUATIONS) {
  await t.test(`bytes that nobody asked for, in the turn behind ${how.name}`, async (t) => {
    const toHead = (kind: Kind): boolean => kind.toHead === 'answer' && isSpread(kind)
    const kinds = how.method === 'HEAD' ? QUICK.filter(toHead) : []
    await playAll(t, [...kinds, ...NEXT_TURN_KINDS], { how, mayRace: true, fresh: true })
  })
}

await t.test('bytes on a connection that waits', async (t) => {
  for (const how of SITUATIONS) {
    await playAll(t, IDLE_KINDS, { how: { ...how, patient: true }, fresh: true })
  }
})

await t.test('answers that stop are broken off by their time limits', async (t) => {
  const timeouts = { responseHeadMs: 300, responseIdleMs: 300 }
  await lab.serve({ stable: [origin.port], timeouts })
  const rounds = SITUATIONS.filter(({ method }) => method !== 'HEAD').flatMap((how) =>
    SLOW_KINDS.map((kind) => ({ how, kind })),
  )
  const reports = await each(rounds, rounds.length, ({ how, kind }) => confront(stage, kind, how))
  t.same(
    reports.flatMap(({ complaints }) => complaints),
    [],
  )
  t.ok(await soon(() => !origin.holdsSpoiled()))
  t.same((await lab.counts()).stable, sumOf(reports.map(({ counts }) => counts)))
})

/** Whether the bytes come in more than one packet. */
function isSpread(kind: Kind): boolean {
  let writes = 0
  for (const step of kind.steps()) if (typeof step === 'string' && ++writes > 1) return true
  return false
}
