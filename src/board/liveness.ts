// How the control thread knows that an edge thread is alive and which table it serves from.

import type { Board } from './board.ts'
import { THREAD } from './layout.ts'

function threadAt(board: Board, thread: number): number {
  return board.layout.threadsAt + thread * THREAD.cells
}

export function beat(board: Board, thread: number): void {
  Atomics.add(board.cells, threadAt(board, thread) + THREAD.heartbeat, 1)
}

/** Changes as long as the thread's event loop turns. */
export function heartbeat(board: Board, thread: number): number {
  return Atomics.load(board.cells, threadAt(board, thread) + THREAD.heartbeat)
}

/** The thread serves from the table with this revision from now on. */
export function acknowledgeTable(board: Board, thread: number, revision: number): void {
  const cell = threadAt(board, thread) + THREAD.acknowledged
  Atomics.store(board.cells, cell, revision)
  Atomics.notify(board.cells, cell)
}

export function acknowledgedTable(board: Board, thread: number): number {
  return Atomics.load(board.cells, threadAt(board, thread) + THREAD.acknowledged)
}

/** Adds `by` (1 or −1) to the client connections of a thread. */
export function addConnection(board: Board, thread: number, by: number): void {
  Atomics.add(board.cells, threadAt(board, thread) + THREAD.connections, by)
}

export function connections(board: Board, thread: number): number {
  return Atomics.load(board.cells, threadAt(board, thread) + THREAD.connections)
}

/** A thread that died holds no connections any more. */
export function clearConnections(board: Board, thread: number): void {
  Atomics.store(board.cells, threadAt(board, thread) + THREAD.connections, 0)
}

/**
 * Resolves when the thread serves from this revision or a later one, or after `timeoutMs`. As every
 * wait on the board it does not keep the process alive.
 */
export async function waitForTable(
  board: Board,
  thread: number,
  options: { readonly revision: number; readonly timeoutMs: number },
): Promise<boolean> {
  const cell = threadAt(board, thread) + THREAD.acknowledged
  const until = performance.now() + options.timeoutMs
  for (;;) {
    const seen = Atomics.load(board.cells, cell)
    if (seen >= options.revision) return true
    // An earlier table may be acknowledged first: that ends a wait, but not the waiting.
    const leftMs = until - performance.now()
    if (leftMs <= 0) return false
    const wait = Atomics.waitAsync(board.cells, cell, seen, leftMs)
    if (wait.async) await wait.value
  }
}
