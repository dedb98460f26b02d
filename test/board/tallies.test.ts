// Counting on one thread: differences, wraps, marks, claims. Counting on several at once stands in
// stress.test.ts.

import fc from 'fast-check'
import t from 'tap'
import { type Board, createBoard } from '../../src/board/board.ts'
import { TALLY, TARGET_TALLY } from '../../src/board/layout.ts'
import {
  acknowledgedTable,
  acknowledgeTable,
  addConnection,
  beat,
  clearConnections,
  connections,
  heartbeat,
  waitForTable,
} from '../../src/board/liveness.ts'
import {
  addInFlight,
  claims,
  clearTargetFailures,
  count,
  countTarget,
  isEjected,
  latencyLimitUs,
  raiseClaim,
  releaseClaim,
  releaseThread,
  setEjected,
  setLatencyLimitUs,
  TallyReader,
  targetFailuresInARow,
  targetInFlight,
  targetServed,
} from '../../src/board/tallies.ts'
import { OUTCOMES, outcomeIndex } from '../../src/core/outcome.ts'

const SIZE = { threads: 3, services: 1, slots: 70, targets: 3, latencyStripes: 1 }

function tallyCell(board: Board, at: { thread: number; slot: number; cell: number }): number {
  return board.layout.talliesAt + (at.thread * board.layout.slots + at.slot) * TALLY.cells + at.cell
}

await t.test('each reading is what was counted since the last one', async (t) => {
  const board = createBoard(SIZE)
  const reader = new TallyReader(board)
  const none = { earlierBad: 0, earlierExceeded: 0, repeatedBad: 0 }
  const nothing = {
    ...none,
    outcomes: OUTCOMES.map(() => 0),
    evidenceGood: 0,
    evidenceBad: 0,
    rescued: 0,
    userErrors: 0,
    exceeded: 0,
  }
  t.same(reader.read(5), nothing)
  count(board, 0, 5, outcomeIndex('ok'))
  count(board, 2, 5, outcomeIndex('ok'))
  count(board, 1, 5, outcomeIndex('reset'))
  count(board, 1, 5, TALLY.evidenceBad)
  count(board, 1, 5, TALLY.userErrors)
  count(board, 1, 6, TALLY.exceeded)
  count(board, 0, 5, TALLY.evidenceGood)
  count(board, 0, 5, TALLY.rescued)
  raiseClaim(board, 0, 5)
  const outcomes = OUTCOMES.map((outcome) => (outcome === 'ok' ? 2 : outcome === 'reset' ? 1 : 0))
  const seen = {
    outcomes,
    evidenceGood: 1,
    evidenceBad: 1,
    rescued: 1,
    userErrors: 1,
    exceeded: 0,
    ...none,
  }
  t.same(reader.read(5), seen)
  t.same(reader.read(5), nothing)
  t.same(reader.read(6), { ...nothing, exceeded: 1 })
  t.same(new TallyReader(board).read(5), nothing, 'a new reader begins at what is there')
})

await t.test('a counter may wrap', async (t) => {
  for (const start of [0x7fff_fffe, -2]) {
    const board = createBoard(SIZE)
    const cell = tallyCell(board, { thread: 1, slot: 3, cell: outcomeIndex('ok') })
    Atomics.store(board.cells, cell, start)
    const reader = new TallyReader(board)
    for (let i = 0; i < 5; i++) count(board, 1, 3, outcomeIndex('ok'))
    t.equal(reader.read(3).outcomes[0], 5, `from ${start}`)
  }
  const board = createBoard(SIZE)
  const reader = new TallyReader(board)
  Atomics.store(board.cells, tallyCell(board, { thread: 0, slot: 0, cell: 0 }), -1)
  t.equal(reader.read(0).outcomes[0], 2 ** 32 - 1, 'as far as a counter can go')
})

await t.test('slots that changed are named once', async (t) => {
  const board = createBoard(SIZE)
  const reader = new TallyReader(board)
  t.same(reader.dirtySlots(), [])
  const changes = fc.array(
    fc.record({ thread: fc.nat(SIZE.threads - 1), slot: fc.nat(SIZE.slots - 1) }),
  )
  fc.assert(
    fc.property(changes, (list) => {
      for (const { thread, slot } of list) count(board, thread, slot, 0)
      const expected = [...new Set(list.map(({ slot }) => slot))].sort((a, b) => a - b)
      const dirty = reader.dirtySlots()
      return (
        JSON.stringify(dirty.toSorted((a, b) => a - b)) === JSON.stringify(expected) &&
        reader.dirtySlots().length === 0
      )
    }),
    { numRuns: 500, seed: 2026 },
  )
})

await t.test('claims are summed over threads', async (t) => {
  const board = createBoard(SIZE)
  for (const thread of [0, 0, 1, 2]) raiseClaim(board, thread, 4)
  t.equal(claims(board, 4), 4)
  t.equal(claims(board, 5), 0)
  releaseClaim(board, 0, 4)
  t.equal(claims(board, 4), 3)
})

await t.test('a thread that is gone holds nothing, and its counts stay', async (t) => {
  const board = createBoard(SIZE)
  const reader = new TallyReader(board)
  for (const thread of [0, 1]) {
    for (const slot of [0, 4, 69]) {
      raiseClaim(board, thread, slot)
      count(board, thread, slot, 0)
    }
    for (const target of [0, 2]) {
      addInFlight(board, thread, target, 1)
      countTarget(board, thread, target, false)
    }
    addConnection(board, thread, 1)
  }
  releaseThread(board, 1)
  clearConnections(board, 1)
  for (const slot of [0, 4, 69]) t.equal(claims(board, slot), 1)
  for (const target of [0, 2]) {
    t.equal(targetInFlight(board, target), 1)
    t.equal(targetServed(board, target), 2)
    t.equal(targetFailuresInARow(board, target), 2)
  }
  t.equal(connections(board, 0), 1)
  t.equal(connections(board, 1), 0)
  t.same(reader.dirtySlots(), [0, 4, 69])
  t.equal(reader.read(4).outcomes[0], 2)
})

await t.test('targets', async (t) => {
  const board = createBoard(SIZE)
  addInFlight(board, 0, 1, 1)
  addInFlight(board, 2, 1, 1)
  addInFlight(board, 0, 1, -1)
  t.equal(targetInFlight(board, 1), 1)
  t.equal(targetInFlight(board, 0), 0)
  t.equal(countTarget(board, 0, 1, false), 1)
  t.equal(countTarget(board, 0, 1, false), 2)
  t.equal(countTarget(board, 1, 1, false), 1, 'each thread has a row of its own')
  t.equal(targetFailuresInARow(board, 1), 3)
  t.equal(countTarget(board, 0, 1, true), 0)
  t.equal(targetFailuresInARow(board, 1), 1)
  t.equal(targetServed(board, 1), 4)
  clearTargetFailures(board, 1)
  t.equal(targetFailuresInARow(board, 1), 0)
  const { layout, cells } = board
  Atomics.store(cells, layout.targetTalliesAt + TARGET_TALLY.cells + TARGET_TALLY.served, -1)
  t.equal(targetServed(board, 1), 0, '2^32 − 1 and one more')
  t.equal(isEjected(board, 1), false)
  setEjected(board, 1, true)
  t.equal(isEjected(board, 1), true)
  t.equal(isEjected(board, 2), false)
  setEjected(board, 1, false)
  t.equal(isEjected(board, 1), false)
  setLatencyLimitUs(board, 7, 12_345)
  t.equal(latencyLimitUs(board, 7), 12_345)
  t.equal(latencyLimitUs(board, 6), 0)
})

await t.test('liveness', async (t) => {
  const board = createBoard(SIZE)
  const before = heartbeat(board, 1)
  beat(board, 1)
  t.not(heartbeat(board, 1), before)
  t.equal(heartbeat(board, 0), 0)
  t.equal(acknowledgedTable(board, 2), 0)
  acknowledgeTable(board, 2, 9)
  t.equal(acknowledgedTable(board, 2), 9)
  t.equal(await waitForTable(board, 2, { revision: 9, timeoutMs: 0 }), true, 'it is there already')
  t.equal(await waitForTable(board, 2, { revision: 10, timeoutMs: 0 }), false, 'no time left')
})

await t.test('an earlier table does not end the wait for a later one', async (t) => {
  // Waiting on the board does not keep a process alive by itself.
  const alive = setInterval(() => undefined, 1000)
  t.teardown(() => clearInterval(alive))
  const board = createBoard(SIZE)
  const waited = waitForTable(board, 0, { revision: 3, timeoutMs: 20_000 })
  for (const revision of [1, 2]) {
    acknowledgeTable(board, 0, revision)
    await new Promise((resolve) => setImmediate(resolve))
  }
  acknowledgeTable(board, 0, 3)
  t.equal(await waited, true)
  const late = waitForTable(board, 1, { revision: 3, timeoutMs: 20 })
  acknowledgeTable(board, 1, 2)
  t.equal(await late, false, 'only an earlier one came')
})
