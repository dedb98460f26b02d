// Whether a service's requests are mirrored, and by which order: one cell a service, on the cache
// line of its assignment's number. Control writes it, edge threads look. So the end of a rollout
// ends its mirroring with one store too, whatever table a thread serves from.

import type { Board } from './board.ts'
import { SERVICE_CELLS } from './layout.ts'

/** The cells from 1 to 15 of a service's row are free, see assignment.ts. */
const MIRROR = 1

/** Puts an order in force, or none with 0. Only the control thread calls this. */
export function setMirrorOrder(board: Board, service: number, order: number): void {
  Atomics.store(board.cells, board.layout.servicesAt + service * SERVICE_CELLS + MIRROR, order)
}

/** The number of the order in force; 0: nothing is mirrored. */
export function mirrorOrder(board: Board, service: number): number {
  return Atomics.load(board.cells, board.layout.servicesAt + service * SERVICE_CELLS + MIRROR)
}
