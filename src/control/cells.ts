// A stock of numbered cells of the board. A cell that is given back is held until two things are
// sure: every thread serves from a table without it, and nothing that was begun in it is still
// going on. Only then may it mean something else.

interface Returned {
  readonly cell: number
  /** The revision of the first table that does not hold the cell. */
  readonly since: number
}

export class Cells {
  readonly #free: number[] = []
  #returned: Returned[] = []
  readonly size: number

  constructor(size: number) {
    this.size = size
    for (let cell = size - 1; cell >= 0; cell--) this.#free.push(cell)
  }

  get left(): number {
    return this.#free.length
  }

  /** A free cell, or null when there is none. */
  take(): number | null {
    return this.#free.pop() ?? null
  }

  giveBack(cell: number, since: number): void {
    this.#returned.push({ cell, since })
  }

  /** Frees cells that no table holds any more and that are idle. Returns them. */
  reap(acknowledged: number, isIdle: (cell: number) => boolean): readonly number[] {
    const reaped: number[] = []
    this.#returned = this.#returned.filter(({ cell, since }) => {
      if (since > acknowledged || !isIdle(cell)) return true
      this.#free.push(cell)
      reaped.push(cell)
      return false
    })
    return reaped
  }
}
