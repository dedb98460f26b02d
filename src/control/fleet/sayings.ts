// What this node tells the others about what it serves by: which position of each service is in
// force in all its threads, and which services it does not have at all, so that nobody waits for
// it. Whoever has decided waits for it and hears it at once; everybody else a moment later, with
// all that has come meanwhile, or a change would cost a fleet of n nodes n² messages. Each thing is
// said once, and again when somebody may not have heard it.

import type { Applied } from '../../core/fleet/message.ts'
import { type Position, samePosition } from '../../core/fleet/position.ts'
import { nothingOf } from './convergence.ts'

/** Services that others have; anybody can name some. */
const LACKING_MAX = 10_000
const TOGETHER_MS = 50
/** Said to all at once; the rest follows in the next moments. */
const TOGETHER_MAX = 500

export interface SayingsParts {
  readonly node: string
  readonly wall: () => number
  /** This node knows it itself. */
  readonly note: (message: Applied) => void
  readonly tell: (node: string, message: Applied) => void
  readonly say: (message: Applied) => void
}

export class Sayings {
  readonly #parts: SayingsParts
  /** The last position of each service that was said, or is due. */
  readonly #served = new Map<string, Position>()
  readonly #lacking = new Set<string>()
  /** What all are told next, by service. */
  readonly #due = new Map<string, Applied>()
  #timer: NodeJS.Timeout | null = null

  constructor(parts: SayingsParts) {
    this.#parts = parts
  }

  /** The service is served by this position here. */
  serves(service: string, position: Position): void {
    const before = this.#served.get(service) ?? null
    if (samePosition(before, position)) return
    this.#served.set(service, position)
    // Until it is heard the others refuse what this node would have to do.
    if (this.#lacking.delete(service)) return this.#say(service, position)
    const message = this.#message(service, position)
    const { node, note, tell } = this.#parts
    note(message)
    // What is said for the first time was not decided just now.
    if (before !== null && position.writer !== node) tell(position.writer, message)
    this.#due.set(service, message)
    this.#timer ??= setTimeout(() => this.#sayDue(), TOGETHER_MS)
  }

  /** The service is not in the file of this node. */
  lacks(service: string): void {
    this.#served.delete(service)
    this.#due.delete(service)
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

  /** Nothing more is said. */
  close(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#due.clear()
  }

  #sayDue(): void {
    const due = [...this.#due.values()].slice(0, TOGETHER_MAX)
    for (const message of due) {
      this.#due.delete(message.service)
      this.#parts.say(message)
    }
    this.#timer = this.#due.size === 0 ? null : setTimeout(() => this.#sayDue(), TOGETHER_MS)
  }

  #say(service: string, position: Position): void {
    const message = this.#message(service, position)
    this.#parts.note(message)
    this.#parts.say(message)
  }

  #message(service: string, position: Position): Applied {
    const { node, wall } = this.#parts
    return { message: 'applied', node, service, position, atMs: wall() }
  }
}
