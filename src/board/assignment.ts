// The only switch there is. Per service one cell holds the number of the current assignment row;
// the row says which slots are stable and candidate and at which weight. Publishing writes a new
// row and then stores its number: weight change, promote, rollback and abort are all this one
// store.
//
// Rows live in a ring of 16. A reader loads the number, reads the row, raises its claim and loads
// the number again. The row of number n is overwritten only after n + 15 was published, so when
// the second load still gives n, nobody touched the row meanwhile, and the publisher of any later
// row is bound to see the claim (all operations are sequentially consistent).

import { FULL_WEIGHT, type Weight } from '../core/weight.ts'
import type { Board } from './board.ts'
import { RING_ROWS, ROW_CELLS, SERVICE_CELLS } from './layout.ts'

export const NO_SLOT = -1

export interface Assignment {
  readonly stableSlot: number
  readonly candidateSlot: number
  readonly weight: Weight
}

const RING = 16

function numberCell(board: Board, service: number): number {
  return board.layout.servicesAt + service * SERVICE_CELLS
}

function rowCell(board: Board, service: number, number: number): number {
  return numberCell(board, service) + RING + ((number >>> 0) % RING_ROWS) * ROW_CELLS
}

/** Puts an assignment in force. Only the control thread calls this. Returns the row's number. */
export function publishAssignment(board: Board, service: number, row: Assignment): number {
  const { cells } = board
  // Zero says that nothing was published, so it is left out when the number wraps.
  const number = (Atomics.load(cells, numberCell(board, service)) + 1) | 0 || 1
  const at = rowCell(board, service, number)
  Atomics.store(cells, at, row.stableSlot)
  Atomics.store(cells, at + 1, row.candidateSlot)
  Atomics.store(cells, at + 2, row.weight)
  Atomics.store(cells, numberCell(board, service), number)
  return number
}

/** The number of the row in force; 0 when none was published yet. */
export function assignmentNumber(board: Board, service: number): number {
  return Atomics.load(board.cells, numberCell(board, service))
}

export function assignedStable(board: Board, service: number, number: number): number {
  return Atomics.load(board.cells, rowCell(board, service, number))
}

export function assignedCandidate(board: Board, service: number, number: number): number {
  return Atomics.load(board.cells, rowCell(board, service, number) + 1)
}

export function assignedWeight(board: Board, service: number, number: number): Weight {
  return Atomics.load(board.cells, rowCell(board, service, number) + 2)
}

/** The assignment in force, or null when none was published yet. For the control thread. */
export function currentAssignment(board: Board, service: number): Assignment | null {
  const number = assignmentNumber(board, service)
  if (number === 0) return null
  return {
    stableSlot: assignedStable(board, service, number),
    candidateSlot: assignedCandidate(board, service, number),
    weight: assignedWeight(board, service, number),
  }
}

/** Whether the service's row in force sends requests to this slot. */
export function sendsTo(board: Board, service: number, slot: number): boolean {
  const row = currentAssignment(board, service)
  if (row === null) return false
  if (row.stableSlot === slot && row.weight < FULL_WEIGHT) return true
  return row.candidateSlot === slot && row.weight > 0
}

/** Whether the row in force of any service sends requests to this slot. */
export function serves(board: Board, slot: number): boolean {
  for (let service = 0; service < board.layout.services; service++) {
    if (sendsTo(board, service, slot)) return true
  }
  return false
}
