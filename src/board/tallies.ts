// Counting. An edge thread counts into its own stripe; the control thread sums the stripes of a
// slot. A cell that one thread alone writes needs no atomic addition, which costs as much as
// parsing a header line and is one of a dozen a request: who reads it sees this count or the one
// before, never a torn one. What others must see in order with the rest, such as claims, stays
// atomic. `TallyReader` remembers what it saw last and hands out differences, which are right
// across the wrap of a counter and across the replacement of a thread (a stripe is never reset).

import { OUT, WHOLE } from '../core/choose.ts'
import { OUTCOMES } from '../core/outcome.ts'
import type { Board, Cells } from './board.ts'
import { SLOT, TALLY, TARGET, TARGET_TALLY } from './layout.ts'

function tallyAt(board: Board, thread: number, slot: number): number {
  return board.layout.talliesAt + (thread * board.layout.slots + slot) * TALLY.cells
}

function targetTallyAt(board: Board, thread: number, target: number): number {
  return (
    board.layout.targetTalliesAt + (thread * board.layout.targets + target) * TARGET_TALLY.cells
  )
}

// --- the edge thread's side -------------------------------------------------------------------

/** Adds one to a cell of TALLY (or an outcome's index) and marks the slot as changed. */
export function count(board: Board, thread: number, slot: number, cell: number): void {
  const { cells, layout } = board
  addToOwn(cells, tallyAt(board, thread, slot) + cell, 1)
  const word = layout.dirtyAt + thread * layout.dirtyWords + (slot >>> 5)
  const bit = 1 << (slot & 31)
  // Behind the count and whatever the mark was before: who clears it reads the count after that.
  Atomics.or(cells, word, bit)
}

/** The same for two cells of the slot. */
export function countBoth(
  board: Board,
  thread: number,
  slot: number,
  first: number,
  second: number,
): void {
  addToOwn(board.cells, tallyAt(board, thread, slot) + first, 1)
  count(board, thread, slot, second)
}

function addToOwn(cells: Cells, at: number, by: number): void {
  cells[at] = (cells[at] as number) + by
}

export function raiseClaim(board: Board, thread: number, slot: number): void {
  Atomics.add(board.cells, tallyAt(board, thread, slot) + TALLY.claims, 1)
}

export function releaseClaim(board: Board, thread: number, slot: number): void {
  Atomics.sub(board.cells, tallyAt(board, thread, slot) + TALLY.claims, 1)
}

/** Adds `by` (1 or −1) to the thread's in-flight requests of a target. */
export function addInFlight(board: Board, thread: number, target: number, by: number): void {
  addToOwn(board.cells, targetTallyAt(board, thread, target) + TARGET_TALLY.inFlight, by)
}

/** Requests in flight at a target, over all threads. */
export function targetInFlight(board: Board, target: number): number {
  return sumOverThreads(board, target, TARGET_TALLY.inFlight)
}

/** Adds `by` (1 or −1) to the thread's connections to a target. */
export function addConnections(board: Board, thread: number, target: number, by: number): void {
  addToOwn(board.cells, targetTallyAt(board, thread, target) + TARGET_TALLY.connections, by)
}

/** Adds `by` (1 or −1) to the thread's requests that wait for a connection to a target. */
export function addWaiting(board: Board, thread: number, target: number, by: number): void {
  addToOwn(board.cells, targetTallyAt(board, thread, target) + TARGET_TALLY.waiting, by)
}

/** Connections to a target, over all threads, those that wait in a pool included. */
export function targetConnections(board: Board, target: number): number {
  return sumOverThreads(board, target, TARGET_TALLY.connections)
}

/** Requests that wait for a connection to a target, over all threads. */
export function targetWaiting(board: Board, target: number): number {
  return sumOverThreads(board, target, TARGET_TALLY.waiting)
}

function sumOverThreads(board: Board, target: number, cell: number): number {
  let sum = 0
  for (let thread = 0; thread < board.layout.threads; thread++) {
    sum += board.cells[targetTallyAt(board, thread, target) + cell] as number
  }
  return sum
}

/**
 * Records that a target answered (`good`) or failed. Returns the failures in a row of this thread.
 */
export function countTarget(board: Board, thread: number, target: number, good: boolean): number {
  const { cells } = board
  const at = targetTallyAt(board, thread, target)
  addToOwn(cells, at + TARGET_TALLY.served, 1)
  const streak = at + TARGET_TALLY.failuresInARow // control clears it too
  if (!good) return Atomics.add(cells, streak, 1) + 1
  if (cells[streak] !== 0) Atomics.store(cells, streak, 0)
  return 0
}

/** The share of a target: `OUT`, `WHOLE`, or thousandths of what is fair; see core/choose.ts. */
export function targetShare(board: Board, target: number): number {
  return board.cells[board.layout.targetsAt + target * TARGET.cells + TARGET.share] as number
}

export function isEjected(board: Board, target: number): boolean {
  return targetShare(board, target) === OUT
}

/** The latency limit of a slot in microseconds; 0 when latency is not judged now. */
export function latencyLimitUs(board: Board, slot: number): number {
  return board.cells[board.layout.slotsAt + slot * SLOT.cells + SLOT.limitUs] as number
}

/** Grows whenever a limit is set, so that nobody need look at those of all slots. */
export function latencyLimitChanges(board: Board): number {
  return Atomics.load(board.cells, board.layout.limitChanges)
}

// --- the control thread's side ----------------------------------------------------------------

export function setLatencyLimitUs(board: Board, slot: number, limitUs: number): void {
  Atomics.store(board.cells, board.layout.slotsAt + slot * SLOT.cells + SLOT.limitUs, limitUs)
  Atomics.add(board.cells, board.layout.limitChanges, 1) // behind it, so that who sees this sees it
}

export function setTargetShare(board: Board, target: number, share: number): void {
  const at = board.layout.targetsAt + target * TARGET.cells + TARGET.share
  Atomics.store(board.cells, at, share)
}

export function setEjected(board: Board, target: number, ejected: boolean): void {
  setTargetShare(board, target, ejected ? OUT : WHOLE)
}

/** The sum of the threads' failures in a row of a target; health.ts says what it can tell. */
export function targetFailuresInARow(board: Board, target: number): number {
  let sum = 0
  for (let thread = 0; thread < board.layout.threads; thread++) {
    const at = targetTallyAt(board, thread, target)
    sum += Atomics.load(board.cells, at + TARGET_TALLY.failuresInARow)
  }
  return sum
}

export function clearTargetFailures(board: Board, target: number): void {
  for (let thread = 0; thread < board.layout.threads; thread++) {
    Atomics.store(
      board.cells,
      targetTallyAt(board, thread, target) + TARGET_TALLY.failuresInARow,
      0,
    )
  }
}

/** Requests that a target has served since the start, over all threads; wraps at 2^32. */
export function targetServed(board: Board, target: number): number {
  let sum = 0
  for (let thread = 0; thread < board.layout.threads; thread++) {
    sum += Atomics.load(board.cells, targetTallyAt(board, thread, target) + TARGET_TALLY.served)
  }
  return sum >>> 0
}

/** In-flight requests and tunnels of a version over all threads. */
export function claims(board: Board, slot: number): number {
  let sum = 0
  for (let thread = 0; thread < board.layout.threads; thread++) {
    sum += Atomics.load(board.cells, tallyAt(board, thread, slot) + TALLY.claims)
  }
  return sum
}

/** Adds `by` (1 or −1) to the thread's requests of a version that are slow and still in flight. */
export function addOverdue(board: Board, thread: number, slot: number, by: number): void {
  addToOwn(board.cells, tallyAt(board, thread, slot) + TALLY.overdue, by)
}

/** Requests of a version in flight that are slower than their limit, over all threads. */
export function overdue(board: Board, slot: number): number {
  let sum = 0
  for (let thread = 0; thread < board.layout.threads; thread++) {
    sum += Atomics.load(board.cells, tallyAt(board, thread, slot) + TALLY.overdue)
  }
  return sum
}

/** A thread is gone: what it had claimed is free, and nothing of it is in flight any more. */
export function releaseThread(board: Board, thread: number): void {
  for (let slot = 0; slot < board.layout.slots; slot++) {
    Atomics.store(board.cells, tallyAt(board, thread, slot) + TALLY.claims, 0)
    Atomics.store(board.cells, tallyAt(board, thread, slot) + TALLY.overdue, 0)
  }
  for (let target = 0; target < board.layout.targets; target++) {
    const at = targetTallyAt(board, thread, target)
    Atomics.store(board.cells, at + TARGET_TALLY.inFlight, 0)
    Atomics.store(board.cells, at + TARGET_TALLY.connections, 0)
    Atomics.store(board.cells, at + TARGET_TALLY.waiting, 0)
  }
}

/** What was counted for a version since the last reading. */
export interface TallyDelta {
  /** In the order of OUTCOMES. */
  readonly outcomes: readonly number[]
  readonly evidenceGood: number
  readonly evidenceBad: number
  readonly rescued: number
  readonly userErrors: number
  readonly exceeded: number
  /** Of evidenceBad and exceeded: drawn before the row that was in force when they fell. */
  readonly earlierBad: number
  readonly earlierExceeded: number
  /** Of evidenceBad: of an affinity bucket that has had an error already. */
  readonly repeatedBad: number
}

const COUNTERS = TALLY.claims

export class TallyReader {
  readonly #board: Board
  readonly #seen: Int32Array
  /** Of the slot that is being read: one for all, as every tick reads hundreds of slots. */
  readonly #sums = Array.from<number>({ length: COUNTERS }).fill(0)

  /** Reads the differences from the state of the board at this moment. */
  constructor(board: Board) {
    this.#board = board
    const { threads, slots } = board.layout
    this.#seen = new Int32Array(threads * slots * COUNTERS)
    for (let slot = 0; slot < slots; slot++) this.read(slot)
  }

  /** Slots that changed since the last call, each once; clears the marks. */
  dirtySlots(): number[] {
    const { cells, layout } = this.#board
    const slots: number[] = []
    for (let word = 0; word < layout.dirtyWords; word++) {
      let bits = 0
      for (let thread = 0; thread < layout.threads; thread++) {
        const at = layout.dirtyAt + thread * layout.dirtyWords + word
        if (Atomics.load(cells, at) !== 0) bits |= Atomics.exchange(cells, at, 0)
      }
      for (; bits !== 0; bits &= bits - 1) slots.push(word * 32 + 31 - Math.clz32(bits & -bits))
    }
    return slots
  }

  /** What was counted for the slot since the last `read` of it. */
  read(slot: number): TallyDelta {
    const sums = this.#sums
    sums.fill(0)
    const seen = this.#seen
    const { cells, layout } = this.#board
    for (let thread = 0; thread < layout.threads; thread++) {
      const from = tallyAt(this.#board, thread, slot)
      const seenAt = (thread * layout.slots + slot) * COUNTERS
      for (let cell = 0; cell < COUNTERS; cell++) {
        const now = Atomics.load(cells, from + cell)
        const before = seen[seenAt + cell] ?? 0
        if (now === before) continue
        seen[seenAt + cell] = now
        sums[cell] = (sums[cell] ?? 0) + ((now - before) >>> 0)
      }
    }
    const bad = sums[TALLY.evidenceBad] ?? 0
    const earlierBad = sums[TALLY.earlierBad] ?? 0
    const repeatedBad = sums[TALLY.repeatedBad] ?? 0
    return {
      outcomes: sums.slice(0, OUTCOMES.length),
      evidenceGood: sums[TALLY.evidenceGood] ?? 0,
      evidenceBad: bad + earlierBad + repeatedBad,
      rescued: sums[TALLY.rescued] ?? 0,
      userErrors: sums[TALLY.userErrors] ?? 0,
      exceeded: (sums[TALLY.exceeded] ?? 0) + (sums[TALLY.earlierExceeded] ?? 0),
      earlierBad,
      repeatedBad,
      earlierExceeded: sums[TALLY.earlierExceeded] ?? 0,
    }
  }
}
