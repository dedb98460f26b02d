// Takes and keeps the lease, and tells all nodes while it is held. What follows from it for this
// node is decided in core/fleet/lease.ts.

import {
  holdsLease,
  LEADS_EVERY_MS,
  LEASE_MS,
  type LeaseEvent,
  type LeaseState,
  RENEW_EVERY_MS,
} from '../core/fleet/lease.ts'
import { codeOf, failureSentence } from './advice.ts'
import type { Bus } from './bus.ts'
import type { Connection, Session } from './connection.ts'
import type { Keys } from './keys.ts'
import type { FleetOptions } from './options.ts'
import { type Repeat, repeat } from './repeat.ts'
import { HOLD, RELEASE } from './scripts.ts'
import type { Troubles } from './troubles.ts'
import { Overdue } from './within.ts'

/** A lease that is about to end is tried for soon after, by each node at another moment. */
const SOON_MS = 20
const SPREAD_MS = 60

export interface LeadershipOptions {
  readonly connection: Connection
  readonly bus: Bus
  readonly keys: Keys
  readonly fleet: FleetOptions
  readonly troubles: Troubles
  /** Of this process: a node that starts again is another owner. */
  readonly run: string
  readonly monotonic: () => number
  readonly random: () => number
  readonly state: () => LeaseState
  readonly tell: (event: LeaseEvent) => void
}

export class Leadership {
  readonly #options: LeadershipOptions
  readonly #owner: string
  #hold: Repeat | null = null
  #leads: Repeat | null = null

  constructor(options: LeadershipOptions) {
    this.#options = options
    this.#owner = `${options.fleet.id}.${options.run}`
  }

  start(): void {
    this.stop()
    this.#hold = repeat(() => this.#try())
    this.#leads = repeat(async () => {
      this.#say()
      return LEADS_EVERY_MS
    })
  }

  stop(): void {
    this.#hold?.stop()
    this.#leads?.stop()
    this.#hold = null
    this.#leads = null
  }

  /** Something has changed: looks at once, not with the next renewal. */
  hurry(): void {
    this.#hold?.hurry()
  }

  /** Gives the lease back, if it is ours. */
  async release(session: Session): Promise<void> {
    const { keys, tell } = this.#options
    tell({ event: 'released' })
    await session.run(RELEASE, { keys: [keys.lease], args: [this.#owner] })
  }

  #say(): void {
    const { bus, fleet, monotonic, state } = this.#options
    const now = state()
    if (!holdsLease(now, monotonic()) || now.held === null) return
    bus.broadcast({ message: 'leads', node: fleet.node, lease: now.held.number })
  }

  /** Answers with the wait until the next try. */
  async #try(): Promise<number> {
    const { connection, fleet, troubles, state } = this.#options
    const { session } = connection
    if (session === null) return RENEW_EVERY_MS
    const { barred, blocked, held } = state()
    try {
      if (barred !== null || blocked !== null) {
        if (held !== null) await this.release(session)
        return RENEW_EVERY_MS
      }
      const wait = await this.#ask(session)
      troubles.clear('lease')
      return wait
    } catch (error) {
      if (connection.session !== session) return RENEW_EVERY_MS
      if (error instanceof Overdue || codeOf(error) === 'READONLY') {
        connection.fail(session, error)
      } else {
        troubles.callFailed('lease', failureSentence(error, { ...fleet, action: 'take the lease' }))
      }
      return RENEW_EVERY_MS
    }
  }

  async #ask(session: Session): Promise<number> {
    const { fleet, keys, monotonic, random, state, tell } = this.#options
    const had = state().held?.number ?? null
    const sentMs = monotonic()
    const answer = await session.run(HOLD, {
      keys: [keys.lease],
      args: [this.#owner, fleet.node, LEASE_MS, state().knownNumber],
    })
    const [result, number, node, endsInMs] = Array.isArray(answer) ? answer : []
    if (result === 'granted') {
      tell({ event: 'granted', node: fleet.node, number: Number(number), sentMs })
      if (had !== Number(number)) this.#say()
      return RENEW_EVERY_MS
    }
    tell({ event: 'refused', node: String(node), number: Number(number) })
    return Math.min(RENEW_EVERY_MS, Number(endsInMs) + SOON_MS + random() * SPREAD_MS)
  }
}
