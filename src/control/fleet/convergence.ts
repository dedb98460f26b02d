// How far a change has come: which nodes have said that they serve by it, how long after the
// decision, and which live ones have not. It hears the nodes' messages and waits for them, with a
// bound; nothing is decided by it but when a candidate may get its first requests. A node that has
// said that it does not have a service is not waited for.

import type { Applied } from '../../core/fleet/message.ts'
import { comparePositions, type Position, samePosition } from '../../core/fleet/position.ts'
import type { Convergence as View } from '../../core/fleet/view.ts'

/** A node that is alive and does not confirm holds nobody up for longer; it may not be able to. */
const PATIENCE_MS = 5000
/** Who has not confirmed after this is asked whether its words were lost. */
const UNHEARD_MS = 1000
/** Services that only others have; what is beyond is not remembered, as anybody can name some. */
const SAID_MAX = 10_000
/** Nodes that have said something of a service. */
const SPEAKERS_MAX = 1024

export interface ConvergenceParts {
  readonly node: string
  /** The other nodes that can be waited for. */
  readonly others: () => readonly string[]
  /** Milliseconds since 1970. */
  readonly wall: () => number
  /** Milliseconds that never go back. */
  readonly monotonic: () => number
  /** Every live node serves by what the ledger holds. */
  readonly onComplete: (service: string, position: Position) => void
}

interface Change {
  readonly position: Position
  /** When this node learned of it. */
  readonly atMs: number
  /** The same by the clock that never goes back. */
  readonly sinceMs: number
  /** When each node said it was in force, by its own clock. */
  readonly applied: Map<string, number>
  isComplete: boolean
}

interface Waiting {
  readonly service: string
  readonly done: () => void
}

/** What a node says of a service that it does not have. */
export function nothingOf(node: string): Position {
  return { term: 0, epoch: 0, writer: node }
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
    const { monotonic, wall } = this.#parts
    const applied = new Map<string, number>()
    for (const [node, said] of this.#said.get(service) ?? []) {
      if (samePosition(said.position, position)) applied.set(node, said.atMs)
    }
    const at = { atMs: wall(), sinceMs: monotonic() }
    this.#changes.set(service, { position, ...at, applied, isComplete: false })
    this.#look(service)
  }

  /** A node, perhaps this one, serves by a position, and so do those that it has heard of. */
  applied(message: Applied): void {
    const { others = {}, ...own } = message
    this.#take(own)
    for (const [node, atMs] of Object.entries(others)) {
      // Whether a node has the service it says itself; and two that speak for it are in no order.
      const known = this.#said.get(message.service)?.get(node)?.position
      const isOld = known !== undefined && comparePositions(message.position, known) < 0
      if (!isOld && known?.epoch !== 0) this.#take({ ...own, node, atMs })
    }
    this.#look(message.service)
  }

  #take(message: Applied): void {
    const { node, position, service } = message
    const said = this.#said.get(service) ?? new Map<string, Applied>()
    if (!said.has(node) && said.size >= SPEAKERS_MAX && !this.#makeRoom(said)) return
    if (!this.#said.has(service) && this.#said.size >= SAID_MAX) return
    said.set(node, message)
    this.#said.set(service, said)
    const change = this.#changes.get(service)
    if (change === undefined) return
    if (samePosition(change.position, position) && !change.applied.has(node)) {
      change.applied.set(node, message.atMs)
    }
  }

  /** Forgets who is no member any more; whether there is room then. */
  #makeRoom(said: Map<string, Applied>): boolean {
    const { node, others } = this.#parts
    const members = new Set([node, ...others()])
    for (const one of said.keys()) if (!members.has(one)) said.delete(one)
    return said.size < SPEAKERS_MAX
  }

  /** Whether a node has said that it does not have the service. */
  lacks(node: string, service: string): boolean {
    return this.#said.get(service)?.get(node)?.position.epoch === 0
  }

  /** Whether every live node serves by a revision, or has had the time to. */
  isDone(service: string, revision: number): boolean {
    const change = this.#changes.get(service)
    if (change === undefined) return true
    if (change.position.epoch < revision) return false // the ledger does not hold it yet
    if (this.#waitingFor(service).length === 0) return true
    return this.#parts.monotonic() - change.sinceMs >= PATIENCE_MS
  }

  /**
   * By node the services, at most so many, that it should have confirmed and has not: what it has
   * said may have been lost.
   */
  unheard(atMost: number): ReadonlyMap<string, readonly string[]> {
    const { monotonic, node } = this.#parts
    const missing = new Map<string, string[]>()
    for (const [service, { sinceMs }] of this.#changes) {
      if (monotonic() - sinceMs < UNHEARD_MS) continue
      for (const one of this.#waitingFor(service)) {
        const services = missing.get(one) ?? []
        if (one !== node && services.length < atMost) missing.set(one, [...services, service])
      }
    }
    return missing
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
  async settled(service: string, withinMs: number): Promise<void> {
    if (this.#waitingFor(service).length === 0) return
    const { promise, resolve } = Promise.withResolvers<void>()
    const waiting = { service, done: resolve }
    this.#waiting.add(waiting)
    const timer = setTimeout(resolve, withinMs)
    await promise
    clearTimeout(timer)
    this.#waiting.delete(waiting)
  }

  forget(service: string): void {
    this.#changes.delete(service)
    this.#said.delete(service)
  }

  #waitingFor(service: string): readonly string[] {
    const applied = this.#changes.get(service)?.applied
    if (applied === undefined) return []
    const { node, others } = this.#parts
    const all = [node, ...others()]
    return all.filter((one) => !applied.has(one) && !this.lacks(one, service))
  }

  #look(service: string): void {
    if (this.#waitingFor(service).length > 0) return
    for (const waiting of this.#waiting) if (waiting.service === service) waiting.done()
    const change = this.#changes.get(service)
    if (change === undefined || change.isComplete) return
    change.isComplete = true
    this.#parts.onComplete(service, change.position)
  }
}
