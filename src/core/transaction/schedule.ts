// When the transactions of a run become due, by number. First those that warm the version up: their
// rate grows evenly from nothing to the full rate, so that code is compiled, caches are filled and
// connections are opened before anything counts. Then the others, at a constant rate. Both are
// functions of the number alone, so what waits needs no memory.

import type { Transaction } from './transaction.ts'

export class Schedule {
  /** So many come first and do not count. */
  readonly warmUps: number
  /** All of them. */
  readonly total: number
  readonly #perMs: number
  readonly #warmUpMs: number

  /** @param timing `rate` a second; without a warm-up (0 ms) everything counts */
  constructor({
    durationMs,
    rate,
    warmUpMs,
  }: Pick<Transaction, 'durationMs' | 'rate' | 'warmUpMs'>) {
    this.#perMs = rate / 1000
    this.#warmUpMs = warmUpMs
    // The area under a rate that grows evenly; a warm-up has one at least.
    this.warmUps = warmUpMs === 0 ? 0 : Math.max(1, Math.floor((this.#perMs * warmUpMs) / 2))
    this.total = this.warmUps + Math.max(1, Math.ceil(this.#perMs * durationMs))
  }

  /** When a transaction is due, in ms from the run's beginning; numbers count from 0. */
  dueMs(number: number): number {
    if (number >= this.warmUps) return this.#warmUpMs + (number - this.warmUps) / this.#perMs
    return Math.sqrt((2 * number * this.#warmUpMs) / this.#perMs)
  }

  /** Whether it comes before those that count. */
  isWarmUp(number: number): boolean {
    return number < this.warmUps
  }
}
