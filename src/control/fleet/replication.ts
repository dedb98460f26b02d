// The documents of a fleet's services, between this node and the ledger. A decision is written by
// compare-and-set on what the node knows the ledger to hold; what comes back instead, or is heard,
// is brought together with what is known here by core/fleet/reconcile.ts. Beside it every document
// is kept in the state directory, so that a node that starts without Redis goes on where it was,
// and so that what it has decided alone outlives it.

import type { FleetCounters } from '../../core/counters.ts'
import type { ServiceDocument } from '../../core/events.ts'
import { comparePositions, type Position, samePosition } from '../../core/fleet/position.ts'
import { type Reconciled, reconcile } from '../../core/fleet/reconcile.ts'
import type { Stored } from '../../core/fleet/stored.ts'
import { blankDocument, PERSIST, type Stepped } from '../../core/rollout/transition.ts'
import type { Clock } from '../clock.ts'
import { completed } from '../complete.ts'
import type { FleetPort, StoreAnswer } from '../fleet-port.ts'
import type { Ledger, Reading } from '../ledger.ts'
import { type Opening, openingOf, withoutTable } from '../opening.ts'
import type { ServiceConfig } from '../../config/config.ts'

/** Others may write meanwhile; each of them has won once, so this many are never seen. */
const ATTEMPTS = 8

/** The part of a keeper that is replicated. */
export interface Replicated {
  readonly config: ServiceConfig
  readonly document: ServiceDocument
  counters: FleetCounters | null
  /** Takes over what was brought together; its effects lead there. */
  meet(reconciled: Reconciled): void
  /** Newer evidence of the same decision. */
  takeEvidence(document: ServiceDocument): void
  /** Saves what is known, behind all that waits. */
  saveSoon(): void
}

export type Saving =
  | { readonly result: 'accepted' }
  /** Others had decided something else: that holds, and has been taken over. */
  | { readonly result: 'overtaken' }
  | { readonly result: 'failed'; readonly reason: string }

interface Replica {
  /** What the ledger is known to hold, or to have held. */
  confirmed: Position | null
  save: number
  /** Decided here and not in the ledger. */
  isDirty: boolean
  isSaving: boolean
  /** Heard while a proposal was under way. */
  heard: Stored | null
  /** Why nothing may be written over what is there; null when it may. */
  blocked: string | null
  /** The last copy that is written into the state directory. */
  keeping: Promise<void>
}

/** What is done first with a service of a fleet. */
export interface SharedOpening extends Opening {
  /** The time to go on from; null: none was saved. */
  readonly clockMs: number | null
}

const NOTHING: Reading = { found: 'nothing' }
const UNKNOWN: Reading = { found: 'damage', text: '' }

/** A step that only saves. */
function saving(document: ServiceDocument): Stepped {
  return { document, effects: [PERSIST], note: '' }
}

export interface ReplicationParts {
  readonly port: FleetPort
  readonly directory: Ledger
  readonly clock: Clock
  /** The ledger holds this of a service, and the node knows it. */
  readonly onConfirmed: (service: string, position: Position) => void
  readonly onComplaint: (text: string) => void
}

export class Replication {
  readonly #parts: ReplicationParts
  readonly #replicas = new Map<string, Replica>()

  constructor(parts: ReplicationParts) {
    this.#parts = parts
  }

  /**
   * Reads a service from the ledger and from the state directory, and says what is done first. Where
   * the ledger cannot be asked the copy in the directory holds, and without one the file, at 0 %.
   */
  async open(service: ServiceConfig): Promise<SharedOpening> {
    const { name } = service
    const { clock, directory, port } = this.#parts
    const local = await directory.read(name)
    const saved = local.found === 'document' ? local.saved : null
    const { confirmed = null, counters = null, isDirty = false } = saved?.fleet ?? {}
    const replica: Replica = {
      ...{ confirmed, isDirty, save: -1, isSaving: false, heard: null, blocked: null },
      keeping: Promise.resolve(),
    }
    this.#replicas.set(name, replica)
    const reading = await port.read(name)
    if (reading.found === 'document')
      return this.#openStored(service, replica, reading.stored, local)
    if (reading.found === 'damage') replica.blocked = reading.text
    const isKnown = reading.found === 'nothing' || saved !== null
    // What ran is not known where neither can be asked, so no candidate may come by the file.
    const from: Reading = saved !== null ? local : isKnown ? NOTHING : UNKNOWN
    const opening = openingOf(service, from, { now: clock.now(), isShared: true })
    // What a node knew alone becomes the fleet's, and what the ledger has lost its again.
    replica.isDirty = true
    const first = opening.first.length === 0 ? [saving(opening.document)] : opening.first
    const told = [local, reading].flatMap((one) => (one.found === 'damage' ? [one.text] : []))
    return { ...opening, first, counters, told, clockMs: saved?.clockMs ?? null }
  }

  #openStored(
    service: ServiceConfig,
    replica: Replica,
    stored: Stored,
    local: Reading,
  ): SharedOpening {
    const { clock, onConfirmed, port } = this.#parts
    const { name, strategy } = service
    const { confirmed, isDirty } = replica
    const saved = local.found === 'document' ? local.saved : null
    const ours = completed(saved?.document ?? blankDocument(name), strategy)
    const known = withDocument(stored, strategy)
    const reconciled = reconcile(
      { ours, confirmed, isDirty, stored: known, node: port.node },
      clock.now(),
    )
    const { document, effects, mustPropose } = reconciled
    const isOurs = reconciled.counters === 'ours'
    const counters = isOurs ? (saved?.fleet?.counters ?? null) : stored.body.counters
    replica.confirmed = stored.position
    replica.save = stored.save
    replica.isDirty = mustPropose
    if (!mustPropose) onConfirmed(name, stored.position)
    const adopted = withoutTable({ document, note: '', effects })
    const first = mustPropose ? [adopted, saving(document)] : [adopted]
    const clockMs = Math.max(saved?.clockMs ?? 0, stored.body.clockMs)
    const told = local.found === 'damage' ? [local.text] : []
    const savedEpoch = stored.position.epoch
    return { service, document, savedEpoch, counters, first, isDamaged: false, told, clockMs }
  }

  forget(service: string): void {
    this.#replicas.delete(service)
  }

  /** What the ledger holds, when this node has nothing else; null while it has. */
  confirmed(service: string): Position | null {
    const replica = this.#replicas.get(service)
    return replica === undefined || replica.isDirty ? null : replica.confirmed
  }

  /** Whether what the ledger holds is something else than what is known here. */
  differs(service: string, held: { position: Position; save: number } | null): boolean {
    const replica = this.#replicas.get(service)
    if (replica === undefined || replica.isSaving || replica.blocked !== null) return false
    if (replica.isDirty || held === null) return true
    return !samePosition(replica.confirmed, held.position) || replica.save < held.save
  }

  /** Sentences about services whose document in the ledger cannot be used. */
  complaints(): readonly string[] {
    return [...this.#replicas.values()].flatMap(({ blocked }) =>
      blocked === null ? [] : [blocked],
    )
  }

  /** Why nothing can be decided for the fleet in this service, as a clause; null when it can. */
  blocked(service: string): string | null {
    const blocked = this.#replicas.get(service)?.blocked ?? null
    return blocked === null ? null : 'the document in Redis cannot be used'
  }

  /** Asks the ledger, and takes over what it answers. */
  async refresh(keeper: Replicated): Promise<void> {
    const { name } = keeper.config
    const reading = await this.#parts.port.read(name)
    const replica = this.#replicas.get(name)
    if (replica === undefined || reading.found === 'failed') return
    if (reading.found === 'damage') {
      if (replica.blocked !== reading.text) this.#parts.onComplaint(reading.text)
      replica.blocked = reading.text
      return
    }
    replica.blocked = null
    this.#read(keeper, replica, reading.found === 'nothing' ? null : reading.stored)
  }

  /** Somebody has told what he has written. What is told late says nothing of what is there. */
  hear(keeper: Replicated, stored: Stored): void {
    const replica = this.#replicas.get(keeper.config.name)
    if (replica === undefined || replica.blocked !== null) return
    if (!isNewer(stored, replica)) return
    if (!replica.isSaving) this.#bringTogether(keeper, replica, stored)
    else if (replica.heard === null || isNewer(stored, atOf(replica.heard))) replica.heard = stored
  }

  /** The ledger was asked and holds this now. */
  #read(keeper: Replicated, replica: Replica, stored: Stored | null): void {
    if (replica.isSaving) {
      // The answer to what is being written knows better.
      if (stored !== null) this.hear(keeper, stored)
      return
    }
    if (stored === null || replica.isDirty || !isSame(stored, replica)) {
      this.#bringTogether(keeper, replica, stored)
    }
  }

  /** Saves the keeper's document as it is now. */
  async save(keeper: Replicated, options: { durable: boolean }): Promise<Saving> {
    const replica = this.#replicas.get(keeper.config.name)
    if (replica === undefined) return { result: 'failed', reason: 'the service is gone' }
    if (replica.blocked !== null) return { result: 'failed', reason: replica.blocked }
    let isOvertaken = false
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const answer = await this.#propose(keeper, replica, options)
      if (answer.result === 'failed') return { result: 'failed', reason: answer.reason }
      if (answer.result === 'accepted') {
        this.#hearWaiting(keeper, replica)
        return { result: isOvertaken ? 'overtaken' : 'accepted' }
      }
      isOvertaken = true
      replica.heard = null
      const mustPropose = this.#bringTogether(keeper, replica, answer.stored)
      if (!mustPropose) return { result: 'overtaken' }
    }
    return { result: 'failed', reason: 'other nodes have changed it again and again' }
  }

  /** Keeps a copy of the document in the state directory. */
  async keep(keeper: Replicated, durable: boolean): Promise<string | null> {
    const { name } = keeper.config
    const replica = this.#replicas.get(name)
    if (replica === undefined) return null
    const { clock, directory } = this.#parts
    // One after the other, each with what is known when its turn comes.
    const kept = replica.keeping.then(async () => {
      const { confirmed, isDirty } = replica
      const { counters, document } = keeper
      const saved = { document, clockMs: clock.now(), fleet: { confirmed, isDirty, counters } }
      return directory.propose(saved, { expectedEpoch: undefined, durable })
    })
    replica.keeping = kept.then(() => undefined)
    const answer = await kept
    return answer.result === 'failed' ? answer.reason : null
  }

  async #propose(
    keeper: Replicated,
    replica: Replica,
    { durable }: { durable: boolean },
  ): Promise<StoreAnswer> {
    const { clock, onConfirmed, port } = this.#parts
    const { counters, document } = keeper
    const { name } = keeper.config
    replica.isSaving = true
    const isNews = replica.confirmed?.epoch !== document.state.epoch
    if (isNews) replica.isDirty = true
    // What was decided here must outlive a kill even when Redis never answers; what only counts on
    // is kept behind it.
    const kept = isNews ? this.keep(keeper, durable) : null
    const answer = await port.propose(name, {
      expected: replica.confirmed,
      body: { document, counters, clockMs: clock.now() },
      lease: port.standing.lease,
      knownTerm: replica.confirmed?.term ?? 0,
    })
    await kept
    replica.isSaving = false
    if (answer.result === 'accepted') {
      replica.confirmed = answer.position
      replica.save = answer.save
      replica.isDirty = keeper.document.state.epoch !== document.state.epoch
      onConfirmed(name, answer.position)
      void this.keep(keeper, false)
    }
    return answer
  }

  #hearWaiting(keeper: Replicated, replica: Replica): void {
    const { heard } = replica
    replica.heard = null
    if (heard !== null && isNewer(heard, replica)) this.#bringTogether(keeper, replica, heard)
  }

  /** Returns whether what came of it has to be written. */
  #bringTogether(keeper: Replicated, replica: Replica, stored: Stored | null): boolean {
    const { clock, onConfirmed, port } = this.#parts
    const { name, strategy } = keeper.config
    if (stored !== null) clock.continueFrom(stored.body.clockMs)
    const known = stored === null ? null : withDocument(stored, strategy)
    const { confirmed, isDirty } = replica
    const reconciled = reconcile(
      { ours: keeper.document, confirmed, isDirty, stored: known, node: port.node },
      clock.now(),
    )
    const { counters, mustPropose, outcome } = reconciled
    // What is written next is written over this.
    if (stored !== null) replica.save = stored.save
    replica.confirmed = stored?.position ?? null
    replica.isDirty = mustPropose
    if (counters === 'theirs') keeper.counters = known?.body.counters ?? null
    if (outcome === 'same' && known !== null && port.standing.standing === 'following') {
      keeper.takeEvidence(known.body.document)
      keeper.counters = known.body.counters
    }
    if (outcome === 'adopt' || outcome === 'restore') keeper.meet(reconciled)
    if (stored !== null && !mustPropose) onConfirmed(name, stored.position)
    if (mustPropose) keeper.saveSoon()
    else if (outcome !== 'same') void this.keep(keeper, false)
    return mustPropose
  }
}

interface Known {
  readonly confirmed: Position | null
  readonly save: number
}

function atOf({ position, save }: Stored): Known {
  return { confirmed: position, save }
}

/** Whether it was written behind what is known. */
function isNewer(stored: Stored, { confirmed, save }: Known): boolean {
  if (confirmed === null) return true
  const order = comparePositions(stored.position, confirmed)
  return order > 0 || (order === 0 && stored.save > save)
}

function isSame({ position, save }: Stored, known: Known): boolean {
  return samePosition(position, known.confirmed) && save === known.save
}

function withDocument(stored: Stored, base: ServiceConfig['strategy']): Stored {
  const document = completed(stored.body.document, base)
  return { ...stored, body: { ...stored.body, document } }
}
