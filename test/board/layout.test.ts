// No two things share a cell: every function that writes is called once for each thing there is,
// and each call must have changed a cell of its own.

import t from 'tap'
import { publishAssignment } from '../../src/board/assignment.ts'
import {
  type Board,
  createBoard,
  openBoard,
  shareBoard,
  wakeControl,
} from '../../src/board/board.ts'
import { markBucket } from '../../src/board/buckets.ts'
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

/** Watches a board: which cells an act changes, and who changed them before. */
class Watch {
  readonly board: Board
  readonly wrong: string[] = []
  readonly #owner = new Map<number, string>()
  #before: Int32Array

  constructor(board: Board) {
    this.board = board
    this.#before = board.cells.slice()
  }

  /** The act must change exactly `many` cells, none of which anybody has changed before. */
  own(name: string, many: number, act: () => void): void {
    act()
    const { cells } = this.board
    let changed = 0
    for (let cell = 0; cell < cells.length; cell++) {
      if (cells[cell] === this.#before[cell]) continue
      changed++
      const other = this.#owner.get(cell)
      if (other !== undefined) this.wrong.push(`${name} wrote into the cell of ${other}`)
      this.#owner.set(cell, name)
    }
    if (changed !== many) this.wrong.push(`${name} changed ${changed} cells`)
    this.#before = cells.slice()
  }

  /** Changes by the act are nobody's. */
  ignore(act: () => void): void {
    act()
    this.#before = this.board.cells.slice()
  }
}

function ownTallies(watch: Watch, slots: readonly number[]): void {
  const { board } = watch
  const words = new Set(slots.map((slot) => slot >>> 5))
  for (let thread = 0; thread < board.layout.threads; thread++) {
    // The first count of a slot marks it too; the marks of 32 slots are one cell.
    watch.own(`marks of ${thread}`, words.size + slots.length, () => {
      for (const slot of slots) count(board, thread, slot, 0)
    })
    for (const slot of slots) {
      for (let cell = 1; cell < TALLY.claims; cell++) {
        const name = `tally ${thread}/${slot}/${cell}`
        watch.own(name, 1, () => count(board, thread, slot, cell))
      }
      watch.own(`claim ${thread}/${slot}`, 1, () => raiseClaim(board, thread, slot))
    }
  }
  for (const slot of slots) {
    watch.own(`limit ${slot}`, 1, () => {
      setLatencyLimitUs(board, slot, 5)
      board.cells[board.layout.limitChanges] = 0 // the changes of all slots are counted in one cell
    })
  }
}

function ownTargets(watch: Watch): void {
  const { board } = watch
  const { targets, threads } = board.layout
  for (let target = 0; target < targets; target += 4) {
    watch.own(`ejected ${target}`, 1, () => setEjected(board, target, true))
    for (let thread = 0; thread < threads; thread++) {
      const name = `${thread}/${target}`
      watch.own(`in flight ${name}`, 1, () => addInFlight(board, thread, target, 1))
      watch.own(`failed ${name}`, 2, () => countTarget(board, thread, target, false))
    }
  }
}

function ownThreads(watch: Watch): void {
  const { board } = watch
  const { latencyStripes, threads } = board.layout
  for (let thread = 0; thread < threads; thread++) {
    watch.own(`beat ${thread}`, 1, () => beat(board, thread))
    watch.own(`acknowledged ${thread}`, 1, () => acknowledgeTable(board, thread, 3))
    watch.own(`connections ${thread}`, 1, () => addConnection(board, thread, 1))
    for (let stripe = 0; stripe < latencyStripes; stripe++) {
      watch.ignore(() => setLatencyStripe(board, 0, stripe))
      watch.own(`latency ${thread}/${stripe}`, 2, () => {
        recordLatency(board, thread, 0, 0)
        recordLatency(board, thread, 0, 60_000_000)
      })
    }
  }
}

function ownBuckets(watch: Watch): void {
  const { board } = watch
  for (let service = 0; service < board.layout.services; service++) {
    for (const event of ['error', 'exceedance'] as const) {
      // The last bucket shares no word with the first; the first mark of a map marks the map.
      watch.own(`buckets ${service}/${event}`, 3, () => {
        for (const bucket of [0, 9999]) markBucket(board, { service, event, bucket })
      })
    }
  }
}

await t.test('everything has cells of its own', async (t) => {
  for (const size of SIZES) {
    const board = createBoard(size)
    const watch = new Watch(board)
    watch.own('wake', 1, () => wakeControl(board))
    for (let service = 0; service < size.services; service++) {
      watch.own(`service ${service}`, 1 + 3 * RING_ROWS, () => {
        for (let row = 0; row < RING_ROWS; row++) {
          publishAssignment(board, service, { stableSlot: 7, candidateSlot: 8, weight: 9 })
        }
      })
    }
    const slots = [0, 1, 31, 32, size.slots - 1].filter((slot) => slot < size.slots)
    ownTallies(watch, [...new Set(slots)])
    ownTargets(watch)
    ownThreads(watch)
    ownBuckets(watch)
    t.same(watch.wrong, [], JSON.stringify(size))
  }
})

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
