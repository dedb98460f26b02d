// The connections to a target that wait for a request, the one used last on top. They are linked
// through themselves: an array that shrinks and grows with each request is copied by the engine
// again and again.

import type { UpstreamConnection } from './upstream.ts'
import { Timed } from './wheel.ts'

/** What can wait among others, in one place at most. */
export abstract class Idle extends Timed {
  waits = false
  above: UpstreamConnection | null = null
  below: UpstreamConnection | null = null
}

export class IdleConnections {
  size = 0
  #top: UpstreamConnection | null = null
  #oldest: UpstreamConnection | null = null

  /** The one that has waited the longest. */
  get oldest(): UpstreamConnection | null {
    return this.#oldest
  }

  /** The one that was used last. */
  get newest(): UpstreamConnection | null {
    return this.#top
  }

  push(connection: UpstreamConnection): void {
    connection.waits = true
    connection.above = null
    connection.below = this.#top
    if (this.#top === null) this.#oldest = connection
    else this.#top.above = connection
    this.#top = connection
    this.size++
  }

  /** Takes it out, if it is in. */
  remove(connection: UpstreamConnection): void {
    if (!connection.waits) return
    const { above, below } = connection
    if (above === null) this.#top = below
    else above.below = below
    if (below === null) this.#oldest = above
    else below.above = above
    connection.waits = false
    connection.above = null
    connection.below = null
    this.size--
  }

  /** Destroys all of them. */
  destroy(): void {
    for (let one = this.#top; one !== null; one = this.#top) {
      this.remove(one)
      one.destroy()
    }
  }
}
