// How far a change has come: which nodes have said that they serve by it, how long after the
// decision, and which live ones have not. It hears the nodes' messages and waits for them, with a
// bound; nothing is decided by it but when a candidate may get its first requests.

import type { Applied } from '../../core/fleet/message.ts'
import { comparePositions, type Position, samePosition } from '../../core/fleet/position.ts'
import type { Convergence as View } from '../../core/fleet/view.ts'

export interface ConvergenceParts {
  readonly node: string
  /** The other nodes that can be waited for. */
  readonly others: () => readonly string[]
  /** Milliseconds since 1970. */
  readonly wall: () => number
}

interface Change {
  readonly position: Position
  /** When this node learned of it. */
  readonly atMs: number
  /** When each node said it was in force, by its own clock. */
  readonly applied: Map<string, number>
}

interface Waiting {
  readonly service: string
  readonly done: () => void
}

export class Convergence {
  readonly #parts: ConvergenceParts
  readonly #changes = new Map<string, Change>()
  /** The last that each node has said, which may come before this node knows of the change. */
  readonly #said = new Map<string, Map<string, Applied>>()
  readonly #waiting = new Set<Waiting>()

  constructor(parts: ConvergenceParts) {
    this.#parts = parts
  }

  /** The ledger holds this now. */
  changed(service: string, position: Position): void {
    const known = this.#changes.get(service)
    if (known !== undefined && comparePositions(position, known.position) <= 0) return
    const applied = new Map<string, number>()
    for (const [node, said] of this.#said.get(service) ?? []) {
      if (samePosition(said.position, position)) applied.set(node, said.atMs)
    }
    this.#changes.set(service, { position, atMs: this.#parts.wall(), applied })
    this.#look(service)
  }

  /** A node, perhaps this one, serves by a position. */
  applied(message: Applied): void {
    const { node, position, service } = message
    const said = this.#said.get(service) ?? new Map<string, Applied>()
    said.set(node, message)
    this.#said.set(service, said)
    const change = this.#changes.get(service)
    if (change === undefined || !samePosition(change.position, position)) return
    if (!change.applied.has(node)) change.applied.set(node, message.atMs)
    this.#look(service)
  }

  /** Whether every live node serves by what the ledger holds. */
  isComplete(service: string): boolean {
    return this.#waitingFor(service).length === 0
  }

  view(service: string): View | null {
    const change = this.#changes.get(service)
    if (change === undefined) return null
    const applied = [...change.applied]
      .map(([node, atMs]) => ({ node, afterMs: Math.max(0, atMs - change.atMs) }))
      .toSorted((one, other) => one.afterMs - other.afterMs)
    const waiting = this.#waitingFor(service)
    return { service, revision: change.position.epoch, applied, waiting }
  }

  /** Resolves when every live node serves by the last change, or after `withinMs`. */
  async settled(service: string, withinMs: number): Promise<View | null> {
    if (!this.isComplete(service)) {
      const { promise, resolve } = Promise.withResolvers<void>()
      const waiting = { service, done: resolve }
      this.#waiting.add(waiting)
      const timer = setTimeout(resolve, withinMs)
      await promise
      clearTimeout(timer)
      this.#waiting.delete(waiting)
    }
    return this.view(service)
  }

  forget(service: string): void {
    this.#changes.delete(service)
    this.#said.delete(service)
  }

  #waitingFor(service: string): readonly string[] {
    const applied = this.#changes.get(service)?.applied
    if (applied === undefined) return []
    const { node, others } = this.#parts
    return [node, ...others()].filter((one) => !applied.has(one))
  }

  #look(service: string): void {
    if (!this.isComplete(service)) return
    for (const waiting of this.#waiting) if (waiting.service === service) waiting.done()
  }
}
