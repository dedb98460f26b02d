// What is counted in a fleet: every node tells the one that judges, which takes it in with its own.
// Sums for the verdict go ten times a second (counts.ts), windows each second (fleet-windows.ts),
// and with affinity who has testified (testimonies.ts).

import { type Board, wakeControl } from '../../board/board.ts'
import type { Added, NodeCounters, Testimony } from '../../core/counters.ts'
import type { Counted as Letter } from '../../core/fleet/message.ts'
import type { Weight } from '../../core/weight.ts'
import type { Clock } from '../clock.ts'
import type { FleetPort } from '../fleet-port.ts'
import type { Keeper } from '../keeper.ts'
import type { Log } from '../options.ts'
import type { Residency } from '../residency.ts'
import type { Charges } from './charges.ts'
import { type Counted, Counts, type Judged } from './counts.ts'
import { FleetWindows } from './fleet-windows.ts'
import { Testimonies } from './testimonies.ts'

export interface TallyingParts {
  readonly port: FleetPort
  readonly charges: Charges
  readonly keepers: ReadonlyMap<string, Keeper>
  /** Of this process; larger at each start. */
  readonly run: number
  readonly board: Board
  readonly clock: Clock
  readonly log: Log
  readonly residency: Residency
  /** Takes counts into the evidence; null where they are no news. */
  readonly count: (service: string, message: NodeCounters) => Added | null
}

export class Tallying {
  readonly windows: FleetWindows
  readonly #parts: TallyingParts
  readonly #counts: Counts
  readonly #testimonies: Testimonies

  constructor(parts: TallyingParts) {
    this.#parts = parts
    this.windows = new FleetWindows(parts)
    this.#testimonies = new Testimonies(parts)
    this.#counts = new Counts({
      ...{ node: parts.port.node, run: parts.run },
      testimonyOf: (service, now) => this.#testimonyOf(service, now),
    })
  }

  /**
   * What is to be judged now of a rollout; null: nothing, as it can wait or as somebody else
   * judges, who is told.
   *
   * @param counted what was counted here since the last call
   * @param isUrgent something is decided now, so nothing may wait
   */
  judge(keeper: Keeper, counted: Counted, isUrgent: boolean): Judged | null {
    const { name } = keeper.config
    const { charges, port } = this.#parts
    this.windows.keep(name) // from the first request on
    const isDue = this.#counts.add(name, counted)
    const charge = charges.of(name)
    if (!isDue && (!isUrgent || charge === 'none')) return null
    const { now } = counted
    if (charge !== 'none') {
      const isFleets = charge === 'fleet'
      const live = isFleets ? port.others() : []
      const apart = isFleets ? null : keeper.document.state.weight
      const merge = (message: NodeCounters): Added | null => {
        const added = this.#parts.count(name, message)
        if (added === null || !isFleets) return added
        return this.#testimonies.take(keeper.document.state, { message, added, now })
      }
      return this.#counts.judge(name, merge, { now, live, apart })
    }
    const { leader, standing } = port.standing
    const counters = standing === 'following' ? this.#counts.tell(name, now) : null
    if (leader !== null && counters !== null) {
      port.send(leader, { message: 'counted', service: name, counters, intervals: [] })
    }
    return null
  }

  /** Once a second: tells who leads what the versions of a service did here. */
  tellInterval(keeper: Keeper): void {
    const { name } = keeper.config
    const { clock, port } = this.#parts
    const intervals = this.windows.take(keeper)
    const { leader, standing } = port.standing
    if (standing !== 'following' || leader === null || intervals.length === 0) return
    const counters = this.#counts.tell(name, clock.now())
    port.send(leader, { message: 'counted', service: name, counters, intervals })
  }

  /** Another node has told; it is judged with the next tick. */
  hear({ counters, intervals, service }: Letter): void {
    const { board, charges } = this.#parts
    if (charges.of(service) !== 'fleet') return
    // Clean counts are no reason to wake up before the next tick.
    if (counters !== null && this.#counts.hear(service, counters)) wakeControl(board)
    this.windows.hear(service, { node: counters?.node ?? '', intervals })
  }

  /** Whether others have told something that was not judged yet. */
  hasHeard(service: string): boolean {
    return this.#counts.hasHeard(service)
  }

  /** The document was held against the ledger's, see `Counts.joined`. */
  joined(service: string, weight: Weight | null): void {
    this.#counts.joined(service, weight)
  }

  /** Somebody else judges from now on. */
  forgetHeard(): void {
    this.#counts.forgetHeard()
  }

  forget(service: string): void {
    this.#counts.forget(service)
    this.windows.forget(service)
    this.#testimonies.forget(service)
  }

  #testimonyOf(service: string, now: number): Testimony | undefined {
    const keeper = this.#parts.keepers.get(service)
    if (keeper === undefined || keeper.config.affinity === null) return undefined
    return this.#testimonies.own(keeper.document.state, now)
  }
}
