// What this node tells the others about what it serves by: which position of each service is in
// force in all its threads, and which services it does not have at all, so that nobody waits for
// it. Whoever has decided waits for it, so it hears it at once, and tells all the others for
// everybody: when all have said so, or a moment later of those that have. If each told each, a
// change would cost a fleet of n nodes n² messages. Each thing is said once, and again when
// somebody may not have heard it.

import { MEMBERS_MAX } from '../../core/fleet/members.ts'
import type { Applied } from '../../core/fleet/message.ts'
import { comparePositions, type Position, samePosition } from '../../core/fleet/position.ts'
import { nothingOf } from './convergence.ts'

/** Services that others have; anybody can name some. */
const LACKING_MAX = 10_000
const TOGETHER_MS = 50
/** Said to all at once; the rest follows in the next moments. */
const TOGETHER_MAX = 500

export interface SayingsParts {
  readonly node: string
  readonly wall: () => number
  /** Whether a node can tell the others what it hears of a service: it is alive and has it. */
  readonly canTell: (node: string, service: string) => boolean
  /** Whether the service is in the file of this node. */
  readonly has: (service: string) => boolean
  /** This node knows it itself. */
  readonly note: (message: Applied) => void
  readonly tell: (node: string, message: Applied) => void
  readonly say: (message: Applied) => void
}

interface Served {
  readonly position: Position
  readonly atMs: number
}

/** The nodes that serve by what was decided here, and of which the others do not know it yet. */
interface Collected {
  readonly position: Position
  readonly since: Map<string, number>
}

export class Sayings {
  readonly #parts: SayingsParts
  /** The last position of each service that was said, or is due. */
  readonly #served = new Map<string, Served>()
  readonly #lacking = new Set<string>()
  readonly #collected = new Map<string, Collected>()
  /** The services of which all are told next. */
  readonly #due = new Set<string>()
  #timer: NodeJS.Timeout | null = null

  constructor(parts: SayingsParts) {
    this.#parts = parts
  }

  /** The service is served by this position here. */
  serves(service: string, position: Position): void {
    const before = this.#served.get(service)?.position ?? null
    if (samePosition(before, position)) return
    const { canTell, node, note, tell, wall } = this.#parts
    this.#served.set(service, { position, atMs: wall() })
    const message = this.#message(service)
    const { writer } = position
    // What is said for the first time was not decided just now: its writer waits for nobody.
    const isAwaited = before !== null && writer !== node && canTell(writer, service)
    // Until it is heard the others refuse what this node would have to do.
    if (this.#lacking.delete(service)) this.#say(service)
    else if (isAwaited) tell(writer, message)
    else this.#sayingSoon(service)
    note(message)
  }

  /** Another node has told this one that it serves by a position. */
  heard({ atMs, node, position, service }: Applied): void {
    if (position.writer !== this.#parts.node || !this.#parts.has(service)) return
    let collected = this.#collected.get(service)
    const order = collected === undefined ? 1 : comparePositions(position, collected.position)
    // Letters of different nodes come in any order, also before this one serves by it itself.
    if (order < 0) return
    if (collected === undefined || order > 0) {
      collected = { position, since: new Map() }
      this.#collected.set(service, collected)
    }
    if (collected.since.size < MEMBERS_MAX) collected.since.set(node, atMs)
    const served = this.#served.get(service)?.position ?? null
    if (samePosition(served, position)) this.#sayingSoon(service)
  }

  /** Every live node serves by a position: nobody has to wait for more to come. */
  complete(service: string, position: Position): void {
    const served = this.#served.get(service)?.position ?? null
    if (position.writer !== this.#parts.node || !samePosition(served, position)) return
    if (this.#due.has(service)) this.#say(service)
  }

  /** The service is not in the file of this node. */
  lacks(service: string): void {
    this.#served.delete(service)
    this.#collected.delete(service)
    this.#due.delete(service)
    if (this.#lacking.has(service) || this.#lacking.size >= LACKING_MAX) return
    this.#lacking.add(service)
    this.#say(service)
    this.#parts.note(this.#message(service))
  }

  /** Somebody has not heard what is said of these services; it may not be the only one. */
  repeat(services: readonly string[]): void {
    for (const service of services) {
      if (this.#served.has(service) || this.#lacking.has(service)) this.#sayingSoon(service)
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

  #sayingSoon(service: string): void {
    this.#due.add(service)
    this.#timer ??= setTimeout(() => this.#sayDue(), TOGETHER_MS)
  }

  #sayDue(): void {
    for (const service of [...this.#due].slice(0, TOGETHER_MAX)) this.#say(service)
    this.#timer = this.#due.size === 0 ? null : setTimeout(() => this.#sayDue(), TOGETHER_MS)
  }

  #say(service: string): void {
    this.#due.delete(service)
    if (!this.#served.has(service) && !this.#lacking.has(service)) return // to be said anew
    const { say } = this.#parts
    const message = this.#message(service)
    const collected = this.#collected.get(service)
    if (collected === undefined || !samePosition(collected.position, message.position)) {
      return say(message)
    }
    this.#collected.delete(service)
    say({ ...message, others: Object.fromEntries(collected.since) })
  }

  #message(service: string): Applied {
    const { node, wall } = this.#parts
    const served = this.#served.get(service) ?? { position: nothingOf(node), atMs: wall() }
    return { message: 'applied', node, service, ...served }
  }
}
