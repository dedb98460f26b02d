// The one switch, step by step: rows, laps of the ring, and a pick that is overtaken by a switch at
// its worst moment. The same under real threads stands in stress.test.ts.

import t from 'tap'
import {
  type Assignment,
  assignedCandidate,
  assignedStable,
  assignedWeight,
  assignmentNumber,
  currentAssignment,
  NO_SLOT,
  publishAssignment,
  serves,
} from '../../src/board/assignment.ts'
import { type Board, createBoard } from '../../src/board/board.ts'
import { RING_ROWS } from '../../src/board/layout.ts'
import { claims } from '../../src/board/tallies.ts'
import type { Edge } from '../../src/edge/edge.ts'
import { pickNamed, pickStable, pickVersion } from '../../src/edge/pick.ts'
import { type Service, Version } from '../../src/edge/routes.ts'

const makeBoard = (): Board =>
  createBoard({ threads: 2, services: 2, slots: 8, targets: 1, latencyStripes: 1 })

function rowOf(n: number): Assignment {
  return { stableSlot: n, candidateSlot: n + 1000, weight: n + 2000 }
}

function readRow(board: Board, number: number): Assignment {
  return {
    stableSlot: assignedStable(board, 1, number),
    candidateSlot: assignedCandidate(board, 1, number),
    weight: assignedWeight(board, 1, number),
  }
}

await t.test('what is published is in force, for its own service', async (t) => {
  const board = makeBoard()
  t.equal(currentAssignment(board, 1), null)
  t.equal(publishAssignment(board, 1, rowOf(1)), 1)
  t.same(currentAssignment(board, 1), rowOf(1))
  t.equal(currentAssignment(board, 0), null)
  publishAssignment(board, 1, { stableSlot: 3, candidateSlot: NO_SLOT, weight: 0 })
  t.same(currentAssignment(board, 1), { stableSlot: 3, candidateSlot: NO_SLOT, weight: 0 })
})

await t.test('a row stays whole until the number has gone on by 15', async (t) => {
  const board = makeBoard()
  for (let n = 1; n <= 100; n++) {
    const number = publishAssignment(board, 1, rowOf(n))
    t.equal(number, n)
    for (let back = Math.max(1, n - (RING_ROWS - 1)); back <= n; back++) {
      if (readRow(board, back).stableSlot !== back) t.fail(`row ${back} is gone at ${n}`)
    }
  }
  t.not(readRow(board, 100 - RING_ROWS).stableSlot, 100 - RING_ROWS, 'then it is another row')
})

await t.test('the number wraps and is never 0, which says that there is no row', async (t) => {
  const board = makeBoard()
  publishAssignment(board, 1, rowOf(0))
  const cell = board.cells.indexOf(1, board.layout.servicesAt)
  for (const start of [0x7fff_fff0, -16]) {
    Atomics.store(board.cells, cell, start)
    for (let n = 1; n <= 40; n++) {
      const number = publishAssignment(board, 1, rowOf(n))
      if (number === 0 || assignmentNumber(board, 1) !== number) t.fail('a number 0')
      t.same(currentAssignment(board, 1), rowOf(n))
    }
  }
})

await t.test('a slot serves while the row in force of any service sends it requests', async (t) => {
  const board = makeBoard()
  const serving = (): number[] => [0, 1, 2, 3, 4, 5, 6, 7].filter((slot) => serves(board, slot))
  t.same(serving(), [], 'no row yet')
  publishAssignment(board, 1, { stableSlot: 4, candidateSlot: 5, weight: 0 })
  t.same(serving(), [4], 'a candidate without weight gets nothing')
  publishAssignment(board, 0, { stableSlot: 2, candidateSlot: NO_SLOT, weight: 0 })
  t.same(serving(), [2, 4])
  publishAssignment(board, 1, { stableSlot: 4, candidateSlot: 5, weight: 1 })
  t.same(serving(), [2, 4, 5])
  publishAssignment(board, 1, { stableSlot: 4, candidateSlot: 5, weight: 9999 })
  t.same(serving(), [2, 4, 5])
  publishAssignment(board, 1, { stableSlot: 4, candidateSlot: 5, weight: 10_000 })
  t.same(serving(), [2, 5], 'nor does stable beside a candidate with all of it')
  publishAssignment(board, 1, { stableSlot: 5, candidateSlot: 4, weight: 0 })
  t.same(serving(), [2, 5], 'earlier rows do not count')
})

interface Stand {
  readonly board: Board
  readonly edge: Edge
  readonly service: Service
  /** Called by the pick after it has read the row and before it raises its claim. */
  overtake: () => void
}

function makeStand(): Stand {
  const board = makeBoard()
  const versions = [2, 3, 4, 5].map((slot) => {
    return new Version(board, { service: 's', name: `v${slot}`, slot, targets: [] })
  })
  const bySlot = new Map(versions.map((version) => [version.slot, version]))
  const stand: Stand = {
    board,
    service: {
      index: 1,
      versions: new Map(versions.map((v) => [v.name, v])),
    } as unknown as Service,
    edge: {
      board,
      thread: 1,
      routes: {
        names: new Map(),
        bySlot: {
          get(slot: number) {
            const { overtake } = stand
            stand.overtake = () => undefined
            overtake()
            return bySlot.get(slot)
          },
        },
      },
    } as unknown as Edge,
    overtake: () => undefined,
  }
  return stand
}

await t.test('a pick claims what its ticket falls on', async (t) => {
  const { board, edge, service } = makeStand()
  t.equal(pickVersion(edge, service, 0), null, 'no row yet')
  publishAssignment(board, 1, { stableSlot: 2, candidateSlot: 3, weight: 500 })
  const slots = [0, 499, 500, 9999].map(
    (ticket) => pickVersion(edge, service, ticket)?.version.slot,
  )
  t.same(slots, [3, 3, 2, 2])
  t.same([claims(board, 2), claims(board, 3)], [2, 2])
  t.equal(pickStable(edge, service)?.slot, 2)
  t.equal(pickNamed(edge, service, 'v3')?.slot, 3)
  t.equal(pickNamed(edge, service, 'v9'), null)
  t.same([claims(board, 2), claims(board, 3)], [3, 3])
})

await t.test('without a candidate, or with an unknown slot', async (t) => {
  const { board, edge, service } = makeStand()
  publishAssignment(board, 1, { stableSlot: 2, candidateSlot: NO_SLOT, weight: 10_000 })
  t.equal(pickVersion(edge, service, 0)?.version.slot, 2)
  publishAssignment(board, 1, { stableSlot: NO_SLOT, candidateSlot: 3, weight: 10_000 })
  t.equal(pickVersion(edge, service, 9999)?.version.slot, 3)
  t.equal(pickStable(edge, service), null)
  publishAssignment(board, 1, { stableSlot: 7, candidateSlot: NO_SLOT, weight: 0 })
  t.equal(pickVersion(edge, service, 0), null)
  t.equal(claims(board, 7), 0)
})

await t.test('a switch between the look at the row and the claim: picked again', async (t) => {
  for (const laps of [1, 15, 16, 17, 32]) {
    const stand = makeStand()
    const { board, edge, service } = stand
    publishAssignment(board, 1, { stableSlot: 2, candidateSlot: 3, weight: 5000 })
    stand.overtake = () => {
      for (let n = 0; n < laps; n++) {
        publishAssignment(board, 1, { stableSlot: 4, candidateSlot: 5, weight: 5000 })
      }
      // The switch is done, and a drain looks for claims at this very moment.
      t.same([claims(board, 2), claims(board, 3)], [0, 0])
    }
    t.equal(pickVersion(edge, service, 0)?.version.slot, 5, `${laps} rows later`)
    t.same(
      [2, 3, 4, 5].map((slot) => claims(board, slot)),
      [0, 0, 0, 1],
    )
  }
})
