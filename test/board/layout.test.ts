// No two things share a cell: every function that writes is called once for each thing there is, and
// each call must have changed a cell of its own.

import t from 'tap'
import { publishAssignment } from '../../src/board/assignment.ts'
import { createBoard, openBoard, shareBoard, wakeControl } from '../../src/board/board.ts'
import { LATENCY_CELLS, layOut, RING_ROWS, TALLY } from '../../src/board/layout.ts'
import { recordLatency, setLatencyStripe } from '../../src/board/latency.ts'
import { acknowledgeTable, addConnection, beat } from '../../src/board/liveness.ts'
import {
  addInFlight,
  count,
  countTarget,
  raiseClaim,
  setEjected,
  setLatencyLimitUs,
} from '../../src/board/tallies.ts'

const SIZES = [
  { threads: 1, services: 1, slots: 1, targets: 1, latencyStripes: 1 },
  { threads: 3, services: 2, slots: 33, targets: 5, latencyStripes: 4 },
  { threads: 2, services: 17, slots: 520, targets: 70, latencyStripes: 2 },
]

await t.test('everything has cells of its own', async (t) => {
  for (const size of SIZES) {
    const board = createBoard(size)
    const { cells } = board
    const owner = new Map<number, string>()
    let before = cells.slice()
    /** The act must change exactly the cells that nobody has changed before. */
    const own = (name: string, many: number, act: () => void): void => {
      act()
      let changed = 0
      for (let cell = 0; cell < cells.length; cell++) {
        if (cells[cell] === before[cell]) continue
        changed++
        const other = owner.get(cell)
        if (other !== undefined) t.fail(`${name} wrote into the cell of ${other}`)
        owner.set(cell, name)
      }
      if (changed !== many) t.fail(`${name} changed ${changed} cells`)
      before = cells.slice()
    }
    own('wake', 1, () => wakeControl(board))
    const { latencyStripes, services, slots, targets, threads } = size
    for (let service = 0; service < services; service++) {
      // Row 16 takes the place in the ring that no row had before.
      own(`service ${service}`, 1 + 3 * RING_ROWS, () => {
        for (let row = 0; row < RING_ROWS; row++) {
          publishAssignment(board, service, { stableSlot: 7, candidateSlot: 8, weight: 9 })
        }
      })
    }
    const someSlots = [0, 1, 31, 32, slots - 1].filter(
      (slot, i, all) => slot < slots && all.indexOf(slot) === i,
    )
    for (const slot of someSlots) {
      own(`limit ${slot}`, 1, () => setLatencyLimitUs(board, slot, 5))
      for (let thread = 0; thread < threads; thread++) {
        // The first count of a slot marks it too; the marks of 32 slots are one cell.
        const word = owner.has(dirtyCell(board, thread, slot)) ? 0 : 1
        if (word === 0) owner.delete(dirtyCell(board, thread, slot))
        own(`tally ${thread}/${slot}`, 2, () => count(board, thread, slot, 0))
        for (let cell = 1; cell < TALLY.claims; cell++) {
          own(`tally ${thread}/${slot}/${cell}`, 1, () => count(board, thread, slot, cell))
        }
        own(`claim ${thread}/${slot}`, 1, () => raiseClaim(board, thread, slot))
      }
    }
    for (let target = 0; target < targets; target += 4) {
      own(`ejected ${target}`, 1, () => setEjected(board, target, true))
      for (let thread = 0; thread < threads; thread++) {
        own(`in flight ${thread}/${target}`, 1, () => addInFlight(board, thread, target, 1))
        own(`failed ${thread}/${target}`, 2, () => countTarget(board, thread, target, false))
      }
    }
    for (let thread = 0; thread < threads; thread++) {
      own(`beat ${thread}`, 1, () => beat(board, thread))
      own(`acknowledged ${thread}`, 1, () => acknowledgeTable(board, thread, 3))
      own(`connections ${thread}`, 1, () => addConnection(board, thread, 1))
    }
    for (let stripe = 0; stripe < latencyStripes; stripe++) {
      setLatencyStripe(board, 0, null)
      before = cells.slice()
      setLatencyStripe(board, 0, stripe)
      before = cells.slice()
      for (let thread = 0; thread < threads; thread++) {
        own(`latency ${thread}/${stripe}`, 2, () => {
          recordLatency(board, thread, 0, 0)
          recordLatency(board, thread, 0, 60_000_000)
        })
      }
    }
    t.pass(`${owner.size} cells of ${cells.length}`)
  }
})

function dirtyCell(board: ReturnType<typeof createBoard>, thread: number, slot: number): number {
  return board.layout.dirtyAt + thread * board.layout.dirtyWords + (slot >>> 5)
}

await t.test('regions follow each other and the last one fits', async (t) => {
  for (const size of SIZES) {
    const layout = layOut(size)
    const { threads, latencyStripes } = size
    const starts = [
      layout.threadsAt,
      layout.servicesAt,
      layout.slotsAt,
      layout.talliesAt,
      layout.dirtyAt,
      layout.targetsAt,
      layout.targetTalliesAt,
      layout.latencyAt,
    ]
    t.same(
      starts,
      [...starts].sort((a, b) => a - b),
    )
    t.ok(
      starts.every((at) => at % 16 === 0),
      'each begins on a cache line',
    )
    t.ok(layout.latencyAt + threads * latencyStripes * LATENCY_CELLS <= layout.cells)
    t.ok(TALLY.claims < TALLY.cells)
  }
})

await t.test('a board that is shared is the same board', async (t) => {
  const board = createBoard({ threads: 2, services: 1, slots: 2, targets: 2, latencyStripes: 1 })
  const other = openBoard(shareBoard(board))
  t.same(other.layout, board.layout)
  wakeControl(other)
  t.equal(board.cells[board.layout.wake], 1)
})
