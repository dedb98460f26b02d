// The documents of a fleet's services, between this node and the ledger. What a decision, a message
// or an answer leads to is said by core/fleet/replica.ts; this asks the ledger, hands the keepers
// what they have to take over, and keeps every document in the state directory too, so that a node
// that starts without Redis goes on where it was, and what it has decided alone outlives it.

import type { ServiceConfig } from '../../config/config.ts'
import type { Added, NodeCounters } from '../../core/counters.ts'
import type { ServiceDocument } from '../../core/events.ts'
import { NOTHING_KEPT } from '../../core/fleet/kept.ts'
import type { StoreReading } from '../../core/fleet/ledger.ts'
import type { Changed } from '../../core/fleet/message.ts'
import type { Position } from '../../core/fleet/position.ts'
import { type Outcome, Replica } from '../../core/fleet/replica.ts'
import type { Stored } from '../../core/fleet/stored.ts'
import { blankDocument, PERSIST, type Stepped } from '../../core/rollout/transition.ts'
import type { Clock } from '../clock.ts'
import { completed } from '../complete.ts'
import type { FleetPort } from '../fleet-port.ts'
import type { Ledger, Reading, SavedDocument } from '../ledger.ts'
import { type Opening, openingOf, withoutTable } from '../opening.ts'

/** Others may write meanwhile; each of them has won once, so this many are never seen. */
const ATTEMPTS = 8

/** The part of a keeper that is replicated. */
export interface Replicated {
  readonly config: ServiceConfig
  readonly document: ServiceDocument
  /** Takes over what came of another node's decision; its effects lead there. */
  meet(document: ServiceDocument, effects: Outcome['effects']): void
  /** Saves what is known, behind all that waits. */
  saveSoon(): void
}

export type Saving =
  | { readonly result: 'accepted' }
  /** Others had decided something else: that holds, and has been taken over. */
  | { readonly result: 'overtaken' }
  | { readonly result: 'failed'; readonly reason: string }

/** What is done first with a service of a fleet. */
export interface SharedOpening extends Opening {
  /** The time to go on from; null: none was saved. */
  readonly clockMs: number | null
}

interface Held {
  readonly replica: Replica
  /** Why nothing may be written over what is there; null when it may. */
  blocked: string | null
  /** Proposals that were not answered yet. */
  underWay: number
  /** The last copy that is written into the state directory. */
  keeping: Promise<void>
}

export interface ReplicationParts {
  readonly port: FleetPort
  readonly directory: Ledger
  readonly clock: Clock
  /** The ledger holds this of a service, and the node knows it. */
  readonly onConfirmed: (service: string, position: Position) => void
  readonly onComplaint: (text: string) => void
}

const NOTHING: Reading = { found: 'nothing' }
const UNKNOWN: Reading = { found: 'damage', text: '' }

/** A step that only saves. */
function saving(document: ServiceDocument): Stepped {
  return { document, effects: [PERSIST], note: '' }
}

export class Replication {
  readonly #parts: ReplicationParts
  readonly #held = new Map<string, Held>()

  constructor(parts: ReplicationParts) {
    this.#parts = parts
  }

  // --- opening -----------------------------------------------------------------------------------

  /**
   * Reads a service from the ledger and from the state directory, and says what is done first.
   * Where the ledger cannot be asked the copy in the directory holds, and without one the file, at
   * 0 %.
   */
  async open(service: ServiceConfig): Promise<SharedOpening> {
    const { name, strategy } = service
    const { directory, port } = this.#parts
    const local = await directory.read(name)
    const saved = local.found === 'document' ? local.saved : null
    const document = completed(saved?.document ?? blankDocument(name), strategy)
    const replica = new Replica(port.node, { document, kept: saved?.fleet ?? NOTHING_KEPT })
    const held: Held = { replica, blocked: null, underWay: 0, keeping: Promise.resolve() }
    this.#held.set(name, held)
    const { asking } = replica
    const reading = await port.read(name)
    if (reading.found === 'damage') held.blocked = reading.text
    const told = [local, reading].flatMap((one) => (one.found === 'damage' ? [one.text] : []))
    const isAsked = reading.found === 'document' || reading.found === 'nothing'
    const outcome = isAsked
      ? replica.wasRead(asking, withDocument(reading, strategy), this.#parts.clock.now())
      : null
    if (saved === null && reading.found !== 'document') {
      // What ran is not known where neither can be asked, so no candidate may come by the file.
      const from = isAsked ? NOTHING : UNKNOWN
      const opening = openingOf(service, from, { now: this.#parts.clock.now(), isShared: true })
      return { ...opening, told, isDamaged: false, clockMs: null }
    }
    this.#confirm(name, held)
    return this.#known(service, { held, outcome, told, saved, reading })
  }

  #known(
    service: ServiceConfig,
    found: {
      held: Held
      outcome: Outcome | null
      told: readonly string[]
      saved: SavedDocument | null
      reading: StoreReading
    },
  ): SharedOpening {
    const { held, outcome, reading, saved, told } = found
    const { document } = held.replica
    const adopted = withoutTable({ document, note: '', effects: outcome?.effects ?? [] })
    const first = outcome?.next === 'propose' ? [adopted, saving(document)] : [adopted]
    const theirs = reading.found === 'document' ? reading.stored.body.clockMs : null
    const clockMs = Math.max(saved?.clockMs ?? 0, theirs ?? 0)
    return { service, document, savedEpoch: null, first, isDamaged: false, told, clockMs }
  }

  forget(service: string): void {
    this.#held.delete(service)
  }

  // --- what is known -----------------------------------------------------------------------------

  /** What the ledger holds, when this node has nothing else; null while it has. */
  confirmed(service: string): Position | null {
    const replica = this.#held.get(service)?.replica
    return replica === undefined || replica.isDirty ? null : replica.confirmed
  }

  /** Why no weight may be raised in a service, as a clause; null when it may. */
  mayNotRaise(service: string): string | null {
    const held = this.#held.get(service)
    if (held === undefined) return 'the fleet does not know the service yet'
    if (held.blocked !== null) return 'the document in Redis cannot be used'
    return held.replica.mayNotRaise(this.#parts.port.standing)
  }

  /** Sentences about services whose document in the ledger cannot be used. */
  complaints(): readonly string[] {
    return [...this.#held.values()].flatMap(({ blocked }) => (blocked === null ? [] : [blocked]))
  }

  /** Takes counts in; null where they are no news. */
  count(service: string, message: NodeCounters): Added | null {
    return this.#held.get(service)?.replica.count(message) ?? null
  }

  /** A decision was taken here, or facts and evidence have changed. */
  decided(service: string, stepped: Stepped): void {
    this.#held.get(service)?.replica.decided(stepped)
  }

  /** What takes a raise back that the ledger has not accepted; null: there is none. */
  takeBack(service: string, reason: string): Stepped | null {
    const { clock } = this.#parts
    return this.#held.get(service)?.replica.takeBack(reason, clock.now()) ?? null
  }

  // --- what is heard and asked -------------------------------------------------------------------

  /** Another node, or this one, has written. */
  hear(keeper: Replicated, message: Changed): void {
    const held = this.#held.get(keeper.config.name)
    if (held === undefined || held.blocked !== null) return
    const { stored } = message
    const { strategy } = keeper.config
    if (stored !== null) this.#parts.clock.continueFrom(stored.body.clockMs)
    const known = stored === null ? null : completedStored(stored, strategy)
    const outcome = held.replica.heard({ ...message, stored: known }, this.#parts.clock.now())
    this.#carryOut(keeper, held, outcome)
  }

  /**
   * The ledger's place is this.
   *
   * @param isJudging newer evidence of the same decision is of use only to who will judge by it
   */
  compared(keeper: Replicated, at: { position: Position; save: number } | null): void {
    const held = this.#held.get(keeper.config.name)
    if (held === undefined || held.underWay > 0) return
    const next = held.blocked === null ? held.replica.compared(at) : 'read'
    if (next === 'read' || held.replica.isBehind) void this.refresh(keeper)
    else if (next === 'propose') keeper.saveSoon()
  }

  /** Asks the ledger, and takes over what it answers. */
  async refresh(keeper: Replicated): Promise<void> {
    const { name, strategy } = keeper.config
    const held = this.#held.get(name)
    if (held === undefined) return
    const { clock, onComplaint, port } = this.#parts
    const { asking } = held.replica
    const reading = await port.read(name)
    if (reading.found === 'failed') return
    if (reading.found === 'damage') {
      if (held.blocked !== reading.text) onComplaint(reading.text)
      held.blocked = reading.text
      return
    }
    held.blocked = null
    if (reading.found === 'document') clock.continueFrom(reading.stored.body.clockMs)
    const outcome = held.replica.wasRead(asking, withDocument(reading, strategy), clock.now())
    this.#carryOut(keeper, held, outcome)
  }

  /** Saves the keeper's document as it is now. */
  async save(keeper: Replicated, options: { durable: boolean }): Promise<Saving> {
    const { name } = keeper.config
    const held = this.#held.get(name)
    if (held === undefined) return { result: 'failed', reason: 'the service is gone' }
    if (held.blocked !== null) return { result: 'failed', reason: held.blocked }
    // What was decided here must outlive a kill even when Redis never answers.
    const kept = held.replica.isDirty ? this.#keep(held, options.durable) : null
    const saving = await this.#propose(keeper, held)
    const complaint = await kept
    void this.#keep(held, false)
    if (saving.result === 'failed' || complaint == null) return saving
    return { result: 'failed', reason: complaint }
  }

  async #propose(keeper: Replicated, held: Held): Promise<Saving> {
    const { clock, port } = this.#parts
    const { replica } = held
    const { name, strategy } = keeper.config
    let result: 'accepted' | 'overtaken' = 'accepted'
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const sent = replica.proposal({ lease: port.standing.lease, clockMs: clock.now() })
      if (sent === null) return { result }
      if ('cannot' in sent) return { result: 'failed', reason: sent.cannot }
      held.underWay++
      const answer = await port.propose(name, sent.proposal)
      held.underWay--
      const isOther = answer.result === 'conflict' || answer.result === 'fenced'
      const known =
        isOther && answer.stored !== null
          ? { ...answer, stored: completedStored(answer.stored, strategy) }
          : answer
      const outcome = replica.wasAnswered(sent, known, clock.now())
      if (answer.result === 'failed') return { result: 'failed', reason: answer.reason }
      if (isOther) result = 'overtaken'
      this.#carryOut(keeper, held, { ...outcome, next: outcome.next === 'read' ? 'read' : null })
      if (outcome.next !== 'propose') return { result }
    }
    return { result: 'failed', reason: 'other nodes have changed it again and again' }
  }

  #carryOut(keeper: Replicated, held: Held, { effects, next }: Outcome): void {
    const { replica } = held
    if (replica.document !== keeper.document) keeper.meet(replica.document, effects)
    this.#confirm(keeper.config.name, held)
    if (next === 'read') void this.refresh(keeper)
    if (next === 'propose') keeper.saveSoon()
    else if (effects.length > 0) void this.#keep(held, false)
  }

  #confirm(service: string, { replica }: Held): void {
    if (replica.confirmed !== null && !replica.isDirty) {
      this.#parts.onConfirmed(service, replica.confirmed)
    }
  }

  /** Keeps a copy in the state directory; returns why that was not possible. */
  async #keep(held: Held, durable: boolean): Promise<string | null> {
    const { clock, directory } = this.#parts
    // One after the other, each with what is known when its turn comes.
    const kept = held.keeping.then(async () => {
      const { document, kept } = held.replica.copy
      const saved = { document, clockMs: clock.now(), fleet: kept }
      return directory.propose(saved, { expectedEpoch: undefined, durable })
    })
    held.keeping = kept.then(() => undefined)
    const answer = await kept
    return answer.result === 'failed' ? answer.reason : null
  }
}

/** A document of another release, with all that this one expects in it. */
function completedStored(stored: Stored, base: ServiceConfig['strategy']): Stored {
  const document = completed(stored.body.document, base)
  return { ...stored, body: { ...stored.body, document } }
}

function withDocument(reading: StoreReading, base: ServiceConfig['strategy']): StoreReading {
  if (reading.found !== 'document') return reading
  return { found: 'document', stored: completedStored(reading.stored, base) }
}
