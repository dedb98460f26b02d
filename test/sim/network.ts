// The wires between the nodes and Redis. Calls take their time, and now and then much more than
// their time limit; requests and answers are lost apart. What is published is lost, late, doubled
// and out of order. A link that is cut passes nothing, and its ends notice that only after a while.

import type { RolloutEvent } from '../../src/core/events.ts'
import type { Broadcast, Letter } from '../../src/core/fleet/message.ts'
import type { Server } from './redis.ts'
import type { World } from './world.ts'

/** A call that has no answer by then has failed. */
const CALL_LIMIT_MS = 1000

/** An operator's command that travels to the holder of the lease. */
export interface Order {
  readonly message: 'order'
  readonly event: RolloutEvent
}

export type Message = Broadcast | Letter | Order

/** An end of a wire: a process of a node. */
export interface End {
  readonly name: string
  /** Grows with each start; what was meant for an earlier one is lost. */
  readonly run: number
  /** Hands something to the process, when it gets its turn. */
  deliver(run: number, what: () => void): void
  hear(message: Message): void
  lost(): void
  connected(): void
}

export interface Faults {
  /** Share of requests, answers and messages that are lost. */
  readonly loss: number
  /** Share that comes late. */
  readonly late: number
  /** Share of messages that come twice. */
  readonly double: number
}

const NO_FAULTS: Faults = { loss: 0, late: 0, double: 0 }

interface Link {
  server: Server
  isCut: boolean
  /** What the node believes; it learns late. */
  isUp: boolean
  /** Changes of the link so far, so that only the last one is noticed. */
  changes: number
}

export class Network {
  #faults: Faults
  #isWell = false
  readonly #world: World
  readonly #links = new Map<string, Link>()
  readonly #ends = new Map<string, End>()

  constructor(world: World, faults: Faults) {
    this.#world = world
    this.#faults = faults
  }

  get faults(): Faults {
    return this.#isWell ? NO_FAULTS : this.#faults
  }

  set faults(faults: Faults) {
    this.#faults = faults
  }

  /** Nothing is lost from now on. */
  mend(): void {
    this.#isWell = true
  }

  join(end: End, server: Server): void {
    this.#ends.set(end.name, end)
    this.#links.set(end.name, { server, isCut: false, isUp: false, changes: 0 })
  }

  #link(name: string): Link {
    const link = this.#links.get(name)
    if (link === undefined) throw new Error(`${name} has no link`)
    return link
  }

  isUp(name: string): boolean {
    return this.#link(name).isUp
  }

  isCut(name: string): boolean {
    return this.#link(name).isCut
  }

  serverOf(name: string): Server {
    return this.#link(name).server
  }

  // --- links -----------------------------------------------------------------------------------

  cut(name: string): void {
    this.#change(name, (link) => {
      link.isCut = true
    })
  }

  heal(name: string): void {
    this.#change(name, (link) => {
      link.isCut = false
    })
  }

  /** The node reaches another server from now on. */
  move(name: string, server: Server): void {
    const link = this.#link(name)
    if (link.server === server) return
    link.server = server
    this.reset(name)
  }

  /** A process starts, or its connection is gone: it connects anew. */
  reset(name: string): void {
    const link = this.#link(name)
    link.isUp = false
    this.#ends.get(name)?.lost()
    this.#change(name, () => {})
  }

  #change(name: string, how: (link: Link) => void): void {
    const link = this.#link(name)
    how(link)
    const change = ++link.changes
    const noticed = link.isCut ? this.#world.between(20, 800) : this.#world.between(5, 300)
    this.#world.after(noticed, () => {
      if (link.changes !== change || link.isUp === !link.isCut) return
      link.isUp = !link.isCut
      const end = this.#ends.get(name)
      if (link.isUp) end?.connected()
      else end?.lost()
    })
  }

  // --- calls -----------------------------------------------------------------------------------

  #delayMs(): number {
    if (this.#world.chance(this.faults.late)) return this.#world.between(100, 2500)
    return this.#world.between(1, 12)
  }

  /** Asks the node's server; null: it has not answered in time, whatever it has done. */
  call<T>(end: End, ask: (server: Server) => T, reply: (answer: T | null) => void): void {
    const { run } = end
    const link = this.#link(end.name)
    const world = this.#world
    let isOver = false
    const answer = (value: T | null): void => {
      if (isOver) return
      isOver = true
      end.deliver(run, () => reply(value))
    }
    if (!link.isUp) {
      world.after(1, () => answer(null))
      return
    }
    world.after(CALL_LIMIT_MS, () => answer(null))
    const { server } = link
    const isLost = world.chance(this.faults.loss)
    const isAnswerLost = world.chance(this.faults.loss)
    if (isLost) return
    world.after(this.#delayMs(), () => {
      if (link.isCut) return
      const waitMs = Math.max(0, server.pausedUntilMs - world.nowMs)
      world.after(waitMs, () => {
        if (server.isGone) return
        const value = ask(server)
        if (isAnswerLost) return
        world.after(this.#delayMs(), () => {
          if (!link.isCut && link.server === server) answer(value)
        })
      })
    })
  }

  // --- messages --------------------------------------------------------------------------------

  /** Redis tells all that are connected to this server. */
  broadcast(server: Server, message: Message): void {
    for (const [name, link] of this.#links) {
      if (link.server === server && !link.isCut) this.#pass(name, message)
    }
  }

  /** A node tells all, or one, through its server. */
  send(from: End, message: Message, to?: string): void {
    const { isCut, isUp, server } = this.#link(from.name)
    if (!isUp || isCut || this.#world.nowMs < server.pausedUntilMs) return
    if (to === undefined) this.broadcast(server, message)
    else if (this.#links.get(to)?.server === server) this.#pass(to, message)
  }

  #pass(to: string, message: Message): void {
    const world = this.#world
    const end = this.#ends.get(to)
    const link = this.#link(to)
    if (end === undefined || world.chance(this.faults.loss)) return
    const { run } = end
    const times = world.chance(this.faults.double) ? 2 : 1
    for (let i = 0; i < times; i++) {
      world.after(this.#delayMs(), () => {
        if (!link.isCut) end.deliver(run, () => end.hear(message))
      })
    }
  }
}
