// The simulated world: its time, its chance, and what happens next. Everything that happens is an
// event of one queue, and all chance comes from one seed, so a seed replays a run exactly. Behind
// every event the invariants are looked at.

import { type Random, seededRandom } from '../core/random.ts'

interface Happening {
  readonly atMs: number
  readonly number: number
  readonly run: () => void
}

/** What must never be; the message says which rule was broken, and where. */
export class Broken extends Error {}

export class World {
  readonly random: Random
  nowMs = 0
  /** Events so far. */
  happened = 0
  /** What happened, for a run that is looked at; null: nobody looks. */
  readonly trace: string[] | null
  readonly #queue: Happening[] = []
  #number = 0

  constructor(options: { seed: number; trace: boolean }) {
    this.random = seededRandom(options.seed)
    this.trace = options.trace ? [] : null
  }

  // --- chance ----------------------------------------------------------------------------------

  /** Whole and uniform, both ends included. */
  between(least: number, most: number): number {
    return least + Math.floor(this.random.next() * (most - least + 1))
  }

  chance(probability: number): boolean {
    return this.random.next() < probability
  }

  one<T>(of: readonly T[]): T {
    const found = of[this.between(0, of.length - 1)]
    if (found === undefined) throw new Error('nothing to choose from')
    return found
  }

  // --- time ------------------------------------------------------------------------------------

  after(ms: number, run: () => void): void {
    const queue = this.#queue
    const one = { atMs: this.nowMs + ms, number: this.#number++, run }
    let at = queue.length
    queue.push(one)
    while (at > 0) {
      const above = (at - 1) >> 1
      const other = queue[above]
      if (other === undefined || !isBefore(one, other)) break
      queue[at] = other
      at = above
    }
    queue[at] = one
  }

  /** Lets things happen until then; `behind` is called behind each of them. */
  runUntil(untilMs: number, behind: () => void): void {
    for (;;) {
      const next = this.#queue[0]
      if (next === undefined || next.atMs > untilMs) break
      this.#shift()
      this.nowMs = next.atMs
      this.happened++
      next.run()
      behind()
    }
    this.nowMs = untilMs
  }

  #shift(): void {
    const queue = this.#queue
    const last = queue.pop()
    const { length } = queue
    if (last === undefined || length === 0) return
    let at = 0
    for (;;) {
      let below = 2 * at + 1
      if (below >= length) break
      const [left, right] = [queue[below], queue[below + 1]]
      if (left !== undefined && right !== undefined && isBefore(right, left)) below++
      const other = queue[below]
      if (other === undefined || isBefore(last, other)) break
      queue[at] = other
      at = below
    }
    queue[at] = last
  }

  note(text: () => string): void {
    this.trace?.push(`${(this.nowMs / 1000).toFixed(3)} ${text()}`)
  }
}

function isBefore(one: Happening, other: Happening): boolean {
  return one.atMs < other.atMs || (one.atMs === other.atMs && one.number < other.number)
}
