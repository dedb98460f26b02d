// Which services a node of a fleet judges, and by whose counts:
//
//   hears a leader?   leads?   and                                        charge
//   no                no                                                  own
//   (any)             (any)    the ledger's document cannot be used       own
//   yes               no       the leader does not have the service       own
//   yes               no       it has                                     none
//   -                 yes      the ledger was read under this lease       fleet
//   -                 yes      it was not yet                             none
//
// `fleet`: it judges by everybody's counts, runs the gates and raises weights. `own`: it judges by
// what it counts itself, and may only lower. `none`: somebody else does. A new leader first reads
// what the one before has written last, or it would write older evidence over newer.

import type { FleetPort } from '../fleet-port.ts'
import type { Keeper } from '../keeper.ts'

export type Charge = 'fleet' | 'own' | 'none'

export interface ChargesParts {
  readonly port: FleetPort
  readonly keepers: ReadonlyMap<string, Keeper>
  /** Whether nothing may be written over what the ledger holds. */
  readonly isBlocked: (service: string) => boolean
  /** Whether a node has said that it does not have the service. */
  readonly lacks: (node: string, service: string) => boolean
  /** Reads the ledger and takes over what it holds; false when that was not possible. */
  readonly refresh: (keeper: Keeper) => Promise<boolean>
  /** This node judges for the fleet from now on, or does so no more. */
  readonly onCharge: (keeper: Keeper, charge: 'taken' | 'given') => void
  readonly onFault: (text: string, error: unknown) => void
}

export class Charges {
  readonly #parts: ChargesParts
  /** The lease under which each service was taken over. */
  readonly #taken = new Map<string, number>()
  /** What is being read at the moment. */
  readonly #taking = new Map<string, Promise<void>>()

  constructor(parts: ChargesParts) {
    this.#parts = parts
  }

  of(service: string): Charge {
    const { isBlocked, lacks, port } = this.#parts
    const { leader, lease, standing } = port.standing
    if (standing === 'cut-off' || isBlocked(service)) return 'own'
    if (standing === 'leading') return this.#taken.get(service) === lease ? 'fleet' : 'none'
    return leader !== null && lacks(leader, service) ? 'own' : 'none'
  }

  /** The lease that writes of a service go under; null: it was not taken over. */
  leaseOf(service: string): number | null {
    return this.of(service) === 'fleet' ? this.#parts.port.standing.lease : null
  }

  /** A service that is being opened was read under this lease. */
  read(service: string, lease: number | null): void {
    if (lease !== null && this.#parts.port.standing.lease === lease) this.#taken.set(service, lease)
  }

  /** A service is open: it is taken over now, if it was not while it was read. */
  async opened(keeper: Keeper): Promise<void> {
    if (this.of(keeper.config.name) === 'fleet') this.#parts.onCharge(keeper, 'taken')
    else await this.take(keeper)
  }

  /** The standing has changed: what this node leads is taken over, the rest given away. */
  change(): void {
    const { keepers, onCharge, port } = this.#parts
    const { lease } = port.standing
    for (const keeper of keepers.values()) {
      const { name } = keeper.config
      const taken = this.#taken.get(name)
      if (taken !== undefined && taken !== lease) {
        this.#taken.delete(name)
        onCharge(keeper, 'given')
      }
      void this.take(keeper)
    }
  }

  /** Takes a service over if this node leads and has not yet; what fails is tried again later. */
  async take(keeper: Keeper): Promise<void> {
    const { name } = keeper.config
    const { lease, standing } = this.#parts.port.standing
    if (standing !== 'leading' || lease === null || this.#taken.get(name) === lease) return
    const taking = this.#taking.get(name) ?? this.#take(keeper, lease)
    this.#taking.set(name, taking)
    await taking
  }

  async #take(keeper: Keeper, lease: number): Promise<void> {
    const { keepers, onCharge, onFault, port, refresh } = this.#parts
    const { name } = keeper.config
    try {
      const isKnown = await refresh(keeper)
      // The lease may have been lost meanwhile, or the service be gone from the file.
      if (!isKnown || port.standing.lease !== lease || keepers.get(name) !== keeper) return
      this.#taken.set(name, lease)
      onCharge(keeper, 'taken')
    } catch (error) {
      onFault(`service ${name} could not be taken over`, error)
    } finally {
      this.#taking.delete(name)
    }
  }

  forget(service: string): void {
    this.#taken.delete(service)
  }
}
