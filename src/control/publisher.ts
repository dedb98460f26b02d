// Brings the edge threads to a new table. Tables go out one after the other; everybody who asks
// while one is on its way shares the next. A thread that does not take a table over in time is
// waited for in the background: the versions of that table count as resident only when it has.

import type { Table } from '../core/table.ts'

/** A thread that hangs is replaced within 2 s, so this is patience enough. */
const PUBLISH_MS = 10_000

export interface PublisherOptions {
  /** Builds the table of this moment. */
  readonly build: () => Table
  /** Resolves when every live thread serves from it. */
  readonly publish: (table: Table) => Promise<void>
  readonly onAcknowledged: (revision: number) => void
  readonly onLate: (revision: number) => void
}

export class Publisher {
  readonly #options: PublisherOptions
  #current: Promise<void> | null = null
  #next: Promise<void> | null = null
  #isLate = false

  constructor(options: PublisherOptions) {
    this.#options = options
  }

  /** Whether a thread has not taken over the newest table for too long. */
  get isLate(): boolean {
    return this.#isLate
  }

  /**
   * Resolves when every thread serves from a table that was built after this call, or it is late.
   */
  publish(): Promise<void> {
    if (this.#current === null) {
      this.#current = this.#publishNow().finally(() => {
        this.#current = null
      })
      return this.#current
    }
    this.#next ??= this.#current.then(() => {
      this.#next = null
      return this.publish()
    })
    return this.#next
  }

  async #publishNow(): Promise<void> {
    const { build, onAcknowledged, onLate, publish } = this.#options
    const table = build()
    const acknowledged = publish(table).then(() => {
      this.#isLate = false
      onAcknowledged(table.revision)
    })
    const { promise: late, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(() => {
      this.#isLate = true
      onLate(table.revision)
      resolve()
    }, PUBLISH_MS)
    try {
      await Promise.race([acknowledged, late])
    } finally {
      clearTimeout(timer)
    }
  }
}
