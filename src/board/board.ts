// The shared memory itself, as both sides receive it: the control thread makes it, an edge thread
// gets `share()` through its workerData and opens it again. What the cells mean stands in
// layout.ts; the protocols on them stand in assignment.ts, tallies.ts, latency.ts and liveness.ts.

import { type BoardLayout, type BoardSize, layOut } from './layout.ts'

export type Cells = Int32Array<SharedArrayBuffer>

export interface Board {
  readonly cells: Cells
  readonly layout: BoardLayout
}

/** The part of a board that can be posted to another thread. */
export interface SharedBoard {
  readonly buffer: SharedArrayBuffer
  readonly size: BoardSize
}

export function createBoard(size: BoardSize): Board {
  const layout = layOut(size)
  return { cells: new Int32Array(new SharedArrayBuffer(layout.cells * 4)), layout }
}

export function shareBoard(board: Board): SharedBoard {
  const { threads, services, slots, targets, latencyStripes } = board.layout
  return {
    buffer: board.cells.buffer,
    size: { threads, services, slots, targets, latencyStripes },
  }
}

export function openBoard(shared: SharedBoard): Board {
  return { cells: new Int32Array(shared.buffer), layout: layOut(shared.size) }
}

/** Wakes the control thread: something happened that it should judge before its next tick. */
export function wakeControl(board: Board): void {
  Atomics.add(board.cells, board.layout.wake, 1)
  Atomics.notify(board.cells, board.layout.wake)
}

/**
 * Resolves when `wakeControl` is called after this call, or after `timeoutMs`.
 * The caller reads the tallies after it resolves, so a wake-up between two calls is not lost: the
 * cell's value differs from `seen` and the wait ends at once.
 */
export async function waitForWake(board: Board, seen: number, timeoutMs: number): Promise<void> {
  const wait = Atomics.waitAsync(board.cells, board.layout.wake, seen, timeoutMs)
  if (wait.async) await wait.value
}

/** The value to hand to `waitForWake`; read it before reading the tallies. */
export function wakeCount(board: Board): number {
  return Atomics.load(board.cells, board.layout.wake)
}
