// What this node tells all others about what it serves by: which position of each service is in
// force in all its threads, and which services it does not have at all, so that nobody waits for
// it. Each thing is said once, and again when somebody may not have heard it.

import type { Applied } from '../../core/fleet/message.ts'
import { type Position, samePosition } from '../../core/fleet/position.ts'
import { nothingOf } from './convergence.ts'

/** Services that others have; anybody can name some. */
const LACKING_MAX = 10_000

export interface SayingsParts {
  readonly node: string
  readonly wall: () => number
  readonly say: (message: Applied) => void
}

export class Sayings {
  readonly #parts: SayingsParts
  /** The last position that was said of each service. */
  readonly #served = new Map<string, Position>()
  readonly #lacking = new Set<string>()

  constructor(parts: SayingsParts) {
    this.#parts = parts
  }

  /** The service is served by this position here. */
  serves(service: string, position: Position): void {
    if (samePosition(this.#served.get(service) ?? null, position)) return
    this.#lacking.delete(service)
    this.#served.set(service, position)
    this.#say(service, position)
  }

  /** The service is not in the file of this node. */
  lacks(service: string): void {
    this.#served.delete(service)
    if (this.#lacking.has(service) || this.#lacking.size >= LACKING_MAX) return
    this.#lacking.add(service)
    this.#say(service, nothingOf(this.#parts.node))
  }

  /** Somebody has not heard what is said of these services. */
  repeat(services: readonly string[]): void {
    for (const service of services) {
      const position = this.#served.get(service)
      if (position !== undefined) this.#say(service, position)
      else if (this.#lacking.has(service)) this.#say(service, nothingOf(this.#parts.node))
    }
  }

  /** Somebody may not have heard it. */
  again(): void {
    this.#served.clear()
    this.#lacking.clear()
  }

  #say(service: string, position: Position): void {
    const { node, say, wall } = this.#parts
    say({ message: 'applied', node, service, position, atMs: wall() })
  }
}
