// The protocols of the board under real threads. The publisher's side runs here, on the main
// thread, as fast as it can; the threads of crew.ts are the edge.

import t from 'tap'
import { publishAssignment } from '../../src/board/assignment.ts'
import { type Board, waitForWake, wakeCount } from '../../src/board/board.ts'
import { setLatencyStripe, takeLatency } from '../../src/board/latency.ts'
import { TALLY } from '../../src/board/layout.ts'
import { waitForTable } from '../../src/board/liveness.ts'
import { claims, TallyReader } from '../../src/board/tallies.ts'
import { OUTCOMES } from '../../src/core/outcome.ts'
import { ACKNOWLEDGED, ENDED, STOP } from './crew.ts'
import { makeBoard, SLOTS, startCrew, THREADS, turn } from './start-crew.ts'

/** Waits in place: the publisher of the real board is synchronous too. */
function until(condition: () => boolean, limitMs: number): boolean {
  const end = performance.now() + limitMs
  while (!condition()) if (performance.now() > end) return false
  return true
}

/**
 * Publishes for `forMs`: each switch ends the slots of the row before. When their claims are 0 they
 * are marked as ended; before they come into use again the mark is taken away.
 */
function switchSlots(board: Board, cells: Int32Array<SharedArrayBuffer>, forMs: number): number {
  const end = performance.now() + forMs
  const mark = (slot: number, ended: number): void => {
    Atomics.store(cells, ENDED + slot, ended)
  }
  let switches = 0
  let stable = 0
  publishAssignment(board, 0, { stableSlot: 0, candidateSlot: 1, weight: 5000 })
  while (performance.now() < end) {
    const next = (stable + 2) % SLOTS
    mark(next, 0)
    mark(next + 1, 0)
    publishAssignment(board, 0, { stableSlot: next, candidateSlot: next + 1, weight: 5000 })
    for (const slot of [stable, stable + 1]) {
      if (!until(() => claims(board, slot) === 0, 60_000)) throw new Error('a claim stays')
      mark(slot, 1)
    }
    stable = next
    switches++
  }
  return switches
}

await t.test(
  'nobody is in a slot that was ended, as each claim is followed by a second look',
  async (t) => {
    const board = makeBoard()
    const crew = await startCrew(board, { do: 'pick', secondLook: true, slots: SLOTS })
    const switches = switchSlots(board, crew.cells, 500)
    Atomics.store(crew.cells, STOP, 1)
    const answers = await crew.finish()
    const picks = answers.reduce((sum, [picked = 0]) => sum + picked, 0)
    const trespasses = answers.reduce((sum, [, times = 0]) => sum + times, 0)
    t.ok(switches > 1000 && picks > 1000, `${picks} picks across ${switches} switches`)
    t.equal(trespasses, 0)
    for (let slot = 0; slot < SLOTS; slot++)
      if (claims(board, slot) !== 0) t.fail('a claim is left')
  },
)

await t.test('without the second look somebody is', async (t) => {
  const board = makeBoard()
  const crew = await startCrew(board, { do: 'pick', secondLook: false, slots: SLOTS })
  switchSlots(board, crew.cells, 500)
  Atomics.store(crew.cells, STOP, 1)
  const answers = await crew.finish()
  const trespasses = answers.reduce((sum, [, times = 0]) => sum + times, 0)
  t.ok(trespasses > 0, `${trespasses} times: the test above can fail`)
})

await t.test('no torn row passes the second look, however often the ring laps', async (t) => {
  const board = makeBoard()
  const row = (n: number) => ({ stableSlot: n, candidateSlot: n + 1, weight: n % 10_000 })
  publishAssignment(board, 0, row(0))
  const crew = await startCrew(board, { do: 'rows' })
  const end = performance.now() + 400
  let published = 0
  while (performance.now() < end) {
    for (let i = 0; i < 1000; i++) publishAssignment(board, 0, row(++published))
  }
  Atomics.store(crew.cells, STOP, 1)
  for (const [reads = 0, torn, foundOut = 0] of await crew.finish()) {
    t.ok(reads > 1000, `${reads} reads of ${published} rows, ${foundOut} taken back`)
    t.equal(torn, 0)
  }
})

const TIMES = 200_000

await t.test('counts made by threads are read exactly once, marks are never lost', async (t) => {
  const board = makeBoard()
  const counters = TALLY.claims
  // Some of the counters wrap on the way.
  for (let at = 0; at < THREADS * SLOTS; at++) {
    Atomics.store(board.cells, board.layout.talliesAt + at * TALLY.cells + (at % counters), -100)
  }
  const reader = new TallyReader(board)
  const sums = Array.from<number>({ length: SLOTS * counters }).fill(0)
  const readDirty = (): number => {
    const dirty = reader.dirtySlots()
    for (const slot of dirty) {
      const delta = reader.read(slot)
      const { earlierBad, earlierExceeded, outcomes, repeatedBad, rescued, userErrors } = delta
      const bad = delta.evidenceBad - earlierBad - repeatedBad
      const exceeded = delta.exceeded - earlierExceeded
      const evidence = [delta.evidenceGood, bad, rescued, userErrors, exceeded]
      const all = [...outcomes, ...evidence, earlierBad, earlierExceeded, repeatedBad]
      all.forEach((times, cell) => {
        sums[slot * counters + cell] = (sums[slot * counters + cell] ?? 0) + times
      })
    }
    return dirty.length
  }
  const job = { do: 'count', times: TIMES, slots: SLOTS, cells: counters } as const
  const crew = await startCrew(board, job)
  let readings = 0
  for (; crew.working; readings++) {
    readDirty()
    if (readings % 50 === 0) await turn()
  }
  readDirty()
  const answers = await crew.finish()
  const expected = sums.map((_, at) => answers.reduce((sum, made) => sum + (made[at] ?? 0), 0))
  t.same(sums, expected, `after ${readings} readings`)
  t.equal(
    sums.reduce((a, b) => a + b),
    THREADS * TIMES,
  )
  t.equal(readDirty(), 0)
  t.equal(counters, OUTCOMES.length + 8)
})

await t.test('a mark that is set while another is taken is seen the next time', async (t) => {
  const board = makeBoard()
  const reader = new TallyReader(board)
  // A mark that can be lost is lost within the first thousand.
  const times = 6000
  const crew = await startCrew(board, { do: 'marks', times }, 1)
  let counted = 0
  const all = until(() => {
    for (const slot of reader.dirtySlots()) counted += reader.read(slot).outcomes[0] ?? 0
    Atomics.store(crew.cells, ACKNOWLEDGED, counted)
    return counted === 3 * times
  }, 60_000)
  Atomics.store(crew.cells, STOP, 1)
  t.ok(all, `${counted} of ${3 * times}`)
  await crew.finish()
})

await t.test('latencies are taken exactly once', async (t) => {
  const board = makeBoard()
  setLatencyStripe(board, 3, 1)
  const crew = await startCrew(board, { do: 'latency', times: TIMES, slot: 3 })
  const taken = new Map<number, number>()
  const takeAll = (): void => {
    takeLatency(board, 3, (us, times) => taken.set(us, (taken.get(us) ?? 0) + times))
  }
  let rounds = 0
  for (; crew.working; rounds++) {
    takeAll()
    if (rounds % 20 === 0) await turn()
  }
  takeAll()
  await crew.finish()
  let sum = 0
  for (const times of taken.values()) sum += times
  t.equal(sum, THREADS * TIMES, `in ${rounds} rounds`)
  t.equal(taken.get(7), (THREADS * TIMES) / 500)
})

await t.test('no wake-up is lost', async (t) => {
  const board = makeBoard()
  const times = 1000
  const reader = new TallyReader(board)
  const alive = setInterval(() => undefined, 1000) // a wait alone does not keep a process alive
  t.teardown(() => clearInterval(alive))
  const crew = await startCrew(board, { do: 'wake', times }, 1)
  let counted = 0
  let longestMs = 0
  while (counted < times) {
    const seen = wakeCount(board)
    for (const slot of reader.dirtySlots()) counted += reader.read(slot).outcomes[0] ?? 0
    Atomics.store(crew.cells, ACKNOWLEDGED, counted)
    Atomics.notify(crew.cells, ACKNOWLEDGED)
    if (counted === times) break
    const began = performance.now()
    await waitForWake(board, seen, 60_000)
    longestMs = Math.max(longestMs, performance.now() - began)
    if (longestMs > 50_000) break
  }
  t.equal(counted, times)
  t.ok(longestMs < 50_000, `the longest wait was ${longestMs.toFixed(1)} ms`)
  await crew.finish()
  const began = performance.now()
  await waitForWake(board, wakeCount(board), 30)
  t.ok(performance.now() - began >= 25, 'and without one it waits for its time')
})

await t.test('a table is waited for across threads', async (t) => {
  const board = makeBoard()
  const alive = setInterval(() => undefined, 1000)
  t.teardown(() => clearInterval(alive))
  const began = performance.now()
  const waited = [0, 1].map((thread) =>
    waitForTable(board, thread, { revision: 500, timeoutMs: 60_000 }),
  )
  const crew = await startCrew(board, { do: 'tables', last: 500 })
  t.same(await Promise.all(waited), [true, true])
  t.ok(performance.now() - began < 50_000, 'by its notice, not by the time limit')
  await crew.finish()
})
