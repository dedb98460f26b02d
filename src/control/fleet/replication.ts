// The documents of a fleet's services, between this node and the ledger. What a decision, a message
// or an answer leads to is said by core/fleet/replica.ts; this asks the ledger, hands the keepers
// what they have to take over, and keeps every document in the state directory too, so that a node
// that starts without Redis goes on where it was, and what it has decided alone outlives it.

import type { ServiceConfig } from '../../config/config.ts'
import type { Added, NodeCounters } from '../../core/counters.ts'
import type { ServiceDocument } from '../../core/events.ts'
import { sharesOf } from '../../core/fleet/adopt.ts'
import { type Kept, NOTHING_KEPT } from '../../core/fleet/kept.ts'
import type { StoreReading } from '../../core/fleet/ledger.ts'
import type { Changed } from '../../core/fleet/message.ts'
import type { Position } from '../../core/fleet/position.ts'
import type { Outcome } from '../../core/fleet/outcome.ts'
import { Replica } from '../../core/fleet/replica.ts'
import { blankDocument, PERSIST, type Stepped } from '../../core/rollout/transition.ts'
import { percentFromWeight, type Weight } from '../../core/weight.ts'
import type { Clock } from '../clock.ts'
import { completed } from '../complete.ts'
import type { FleetPort } from '../fleet-port.ts'
import type { Ledger, Reading, SavedDocument } from '../ledger.ts'
import { type Opening, openingOf, withoutTable } from '../opening.ts'
import { completedAnswer, completedReading, unusable } from './completed.ts'
import { Copies } from './copies.ts'

/** Others may write meanwhile; each of them has won once, so this many are never seen. */
const ATTEMPTS = 8
/** So long is waited for the node that leads to begin what nobody knows yet. */
const FIRST_READ_MS = 2000
const FIRST_READ_EVERY_MS = 100

/** The part of a keeper that is replicated. */
export interface Replicated {
  readonly config: ServiceConfig
  readonly document: ServiceDocument
  /** Takes over what came of another node's decision; its effects lead there. */
  meet(document: ServiceDocument, effects: Outcome['effects']): void
  /** Saves what is known, behind all that waits. */
  saveSoon(): void
}

export type SaveOutcome =
  /** Or others had decided something else: that holds, and has been taken over. */
  | { readonly result: 'accepted' }
  /** `isKept`: at least it is in the state directory. */
  | { readonly result: 'failed'; readonly reason: string; readonly isKept: boolean }

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
}

export interface ReplicationParts {
  readonly port: FleetPort
  readonly directory: Ledger
  readonly clock: Clock
  /** The lease that a write of a service goes under; null: it may only lower. */
  readonly leaseOf: (service: string) => number | null
  /** The ledger was read for the first time; the lease under which. */
  readonly onOpened: (service: string, lease: number | null) => void
  /** The ledger holds this of a service, and the node knows it. */
  readonly onConfirmed: (service: string, position: Position) => void
  /**
   * The document was held against the ledger's: the weight that holds with the evidence of theirs;
   * null: the evidence is ours.
   */
  readonly onJoined: (service: string, weight: Weight | null) => void
  readonly onComplaint: (text: string) => void
  readonly onFault: (text: string, error: unknown) => void
}

const NOTHING: Reading = { found: 'nothing' }
const UNKNOWN: Reading = { found: 'damage', text: '' }

/** A step that only saves. */
function saving(document: ServiceDocument): Stepped {
  return { document, effects: [PERSIST], note: '' }
}

export class Replication {
  readonly #parts: ReplicationParts
  readonly #copies: Copies
  readonly #held = new Map<string, Held>()

  constructor(parts: ReplicationParts) {
    this.#parts = parts
    this.#copies = new Copies(parts)
  }

  // --- opening -----------------------------------------------------------------------------------

  /**
   * Reads a service from the ledger and from the state directory, and says what is done first.
   * Where the ledger cannot be asked the copy in the directory holds, and without one the file, at
   * 0 %. What nobody knows yet is begun by the node that leads; the others wait for it a while.
   */
  async open(service: ServiceConfig): Promise<SharedOpening> {
    const { name, strategy } = service
    const { clock, directory, port } = this.#parts
    await this.#copies.forget(name) // it may have been taken out a moment ago
    const local = await directory.read(name)
    const saved = local.found === 'document' ? local.saved : null
    const document = completed(saved?.document ?? blankDocument(name), strategy)
    // What another fleet has confirmed says nothing of what this one holds.
    const own = saved?.place === port.place ? saved.fleet : undefined
    const kept = saved === null ? NOTHING_KEPT : (own ?? keptAlone(document, saved))
    const replica = new Replica(port.node, { document, kept })
    const held: Held = { replica, blocked: null, underWay: 0 }
    this.#held.set(name, held)
    const { asking } = replica
    const { lease, read } = await this.#firstRead(replica, saved !== null)
    const reading = completedReading(read, strategy)
    if (reading.found === 'damage') held.blocked = reading.text
    const told = [local, reading].flatMap((one) => (one.found === 'damage' ? [one.text] : []))
    const isAsked = reading.found === 'document' || reading.found === 'nothing'
    const outcome = isAsked
      ? this.#takenIn(held, () => replica.wasRead(asking, reading, clock.now()))
      : null
    if (isAsked) this.#parts.onOpened(name, lease)
    if (saved === null && reading.found !== 'document') {
      // What ran is not known where neither can be asked, so no candidate may come by the file; and
      // only who leads may raise it.
      const isFirst = isAsked && local.found === 'nothing'
      const leads = isFirst && lease !== null && port.standing.lease === lease
      const from = leads ? NOTHING : UNKNOWN
      const opening = openingOf(service, from, { now: clock.now(), isShared: true })
      const sentences = leads ? told : [...told, ...notRaised(service)]
      return { ...opening, told: sentences, isDamaged: false, clockMs: null }
    }
    this.#confirm(name, held)
    return this.#known(service, { held, outcome, told, saved, reading })
  }

  /**
   * Reads a service under the lease that this node has, if any. Where nothing is kept here, until
   * there is something or this node leads.
   */
  async #firstRead({ document, term: knownTerm }: Replica, isKept: boolean) {
    const { port } = this.#parts
    const { service } = document.state
    for (let waitedMs = 0; ; waitedMs += FIRST_READ_EVERY_MS) {
      const { lease } = port.standing
      const read = await port.read(service, knownTerm)
      const isOver = waitedMs >= FIRST_READ_MS || lease !== null
      if (isKept || read.found !== 'nothing' || isOver) return { lease, read }
      await new Promise((resolve) => setTimeout(resolve, FIRST_READ_EVERY_MS))
    }
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
    if (reading.found === 'document') this.#parts.clock.follow(reading.stored.body.clockMs)
    const clockMs = saved?.clockMs ?? null
    return { service, document, savedEpoch: null, first, isDamaged: false, told, clockMs }
  }

  forget(service: string): void {
    this.#held.delete(service)
    void this.#copies.forget(service)
  }

  /** Writes the copies that wait. */
  close(): Promise<void> {
    return this.#copies.close()
  }

  // --- what is known -----------------------------------------------------------------------------

  /** What the ledger holds, when this node has nothing else; null while it has. */
  confirmed(service: string): Position | null {
    const replica = this.#held.get(service)?.replica
    return replica === undefined || replica.isDirty ? null : replica.confirmed
  }

  /** Whether what the ledger holds cannot be used, so that nothing may be written over it. */
  isBlocked(service: string): boolean {
    return (this.#held.get(service)?.blocked ?? null) !== null
  }

  /** Why no weight may be raised in a service, as a clause; null when it may. */
  mayNotRaise(service: string): string | null {
    const held = this.#held.get(service)
    if (held === undefined) return 'the fleet does not know the service yet'
    if (held.blocked !== null) return 'the document in Redis cannot be used'
    return held.replica.mayNotRaise(this.#parts.port.standing)
  }

  /** Sentences about services whose document in the ledger cannot be used, or has no copy here. */
  complaints(): readonly string[] {
    const blocked = [...this.#held.values()].flatMap((held) => held.blocked ?? [])
    return [...blocked, ...this.#copies.complaints()]
  }

  /** Takes counts in; null where they are no news. */
  count(service: string, message: NodeCounters): Added | null {
    return this.#held.get(service)?.replica.count(message) ?? null
  }

  /** The replica of a service: what was decided is told to it, and it says what may be stored. */
  replicaOf(service: string): Replica | undefined {
    return this.#held.get(service)?.replica
  }

  // --- what is heard and asked -------------------------------------------------------------------

  /** Another node, or this one, has written. */
  hear(keeper: Replicated, message: Changed): void {
    const held = this.#held.get(keeper.config.name)
    if (held === undefined || held.blocked !== null) return
    const { clock } = this.#parts
    const told: StoreReading | null = message.stored && {
      found: 'document',
      stored: message.stored,
    }
    const known = told && completedReading(told, keeper.config.strategy)
    // What cannot be used is read, and its damage told.
    const stored = known?.found === 'document' ? known.stored : null
    if (stored !== null) clock.follow(stored.body.clockMs)
    const heard = { ...message, stored }
    const outcome = this.#takenIn(held, () => held.replica.heard(heard, clock.now()))
    if (outcome !== null) this.#carryOut(keeper, held, outcome)
  }

  /** The ledger's place of a service is this; undefined: what is there has none. */
  compared(keeper: Replicated, at: { position: Position; save: number } | null | undefined): void {
    const held = this.#held.get(keeper.config.name)
    if (held === undefined || held.underWay > 0) return
    const isPlain = held.blocked === null && at !== undefined
    const next = isPlain ? held.replica.compared(at) : 'read'
    if (next === 'read' || held.replica.isBehind) this.#refreshSoon(keeper)
    else if (next === 'propose') keeper.saveSoon()
    else this.#parts.onJoined(keeper.config.name, null)
  }

  /** Asks the ledger, and takes over what it answers; false when it did not answer with that. */
  async refresh(keeper: Replicated): Promise<boolean> {
    const { name, strategy } = keeper.config
    const held = this.#held.get(name)
    if (held === undefined) return false
    const { clock, port } = this.#parts
    const { asking } = held.replica
    const reading = completedReading(await port.read(name, held.replica.term), strategy)
    if (reading.found === 'failed') return false
    if (reading.found === 'damage') {
      this.#block(held, reading.text)
      return false
    }
    if (reading.found === 'document') clock.follow(reading.stored.body.clockMs)
    const outcome = this.#takenIn(held, () => held.replica.wasRead(asking, reading, clock.now()))
    if (outcome === null) return false
    held.blocked = null
    this.#carryOut(keeper, held, outcome)
    return outcome.next !== 'read'
  }

  /** The same where nothing is raised until the ledger has answered. */
  refreshAnew(keeper: Replicated): Promise<boolean> {
    this.#held.get(keeper.config.name)?.replica.doubt()
    return this.refresh(keeper)
  }

  #refreshSoon(keeper: Replicated): void {
    this.refresh(keeper).catch((error: unknown) => {
      const { name } = keeper.config
      this.#parts.onFault(`what the fleet holds of service ${name} could not be taken in`, error)
    })
  }

  /** Saves the keeper's document as it is now. */
  async save(keeper: Replicated, options: { durable: boolean }): Promise<SaveOutcome> {
    const held = this.#held.get(keeper.config.name)
    if (held === undefined) {
      return { result: 'failed', reason: 'the service is gone', isKept: false }
    }
    const { replica } = held
    // What was decided here must outlive a kill even when Redis never answers. A raise must not: it
    // is nobody's before the ledger has it.
    const isOwn = replica.isDirty && !replica.isRaised
    // The ledger is asked first: all the other nodes wait for it.
    const proposed = this.#propose(keeper, held)
    const kept = isOwn ? this.#copies.now(replica, options.durable) : null
    const saving = await proposed
    this.#copies.soon(replica, false)
    // What the ledger has accepted is safe there: the others serve by it while this disk writes.
    if (saving.result === 'accepted') return saving
    const reason = (await kept) ?? null
    return reason === null ? saving : { result: 'failed', reason, isKept: false }
  }

  async #propose(keeper: Replicated, held: Held): Promise<SaveOutcome> {
    const { clock, leaseOf, port } = this.#parts
    const { replica } = held
    const { name, strategy } = keeper.config
    const failed = (reason: string): SaveOutcome => ({ result: 'failed', reason, isKept: true })
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      if (held.blocked !== null) return failed(held.blocked)
      const sent = replica.proposal({ lease: leaseOf(name), clockMs: clock.now() })
      if (sent === null) return { result: 'accepted' }
      if ('cannot' in sent) return failed(sent.cannot)
      held.underWay++
      const answer = completedAnswer(await port.propose(name, sent.proposal), strategy)
      held.underWay--
      const outcome = this.#takenIn(held, () => replica.wasAnswered(sent, answer, clock.now()))
      if (outcome === null) continue
      if (answer.result === 'failed') return failed(answer.reason)
      this.#carryOut(keeper, held, { ...outcome, next: outcome.next === 'read' ? 'read' : null })
      if (answer.result === 'accepted') this.#parts.onJoined(name, null)
      if (outcome.next !== 'propose') return { result: 'accepted' }
    }
    return failed('other nodes have changed it again and again')
  }

  /** Null: what the ledger holds passes for a document and is none; it cannot be used. */
  #takenIn(held: Held, take: () => Outcome): Outcome | null {
    try {
      return take()
    } catch (error) {
      const { service } = held.replica.document.state
      this.#block(held, unusable(service, error))
      return null
    }
  }

  #block(held: Held, text: string): void {
    if (held.blocked !== text) this.#parts.onComplaint(text)
    held.blocked = text
  }

  #carryOut(keeper: Replicated, held: Held, { effects, next, outcome }: Outcome): void {
    const { replica } = held
    const { name } = keeper.config
    const isTheirs = outcome === 'adopt' || outcome === 'rebased'
    if (isTheirs) this.#parts.onJoined(name, replica.document.state.weight)
    if (outcome === 'same') this.#parts.onJoined(name, null)
    if (replica.document !== keeper.document) keeper.meet(replica.document, effects)
    this.#confirm(name, held)
    if (next === 'read') this.#refreshSoon(keeper)
    if (next === 'propose') keeper.saveSoon()
    // An abort elsewhere must outlive this node's loss of power, too.
    else if (effects.length > 0) this.#copies.soon(replica, outcome === 'adopt')
  }

  #confirm(service: string, { replica }: Held): void {
    if (replica.confirmed !== null && !replica.isDirty) {
      this.#parts.onConfirmed(service, replica.confirmed)
    }
  }
}

/**
 * What a node keeps that has worked alone until now: the ledger knows of none of it. What it has
 * served alone it goes on serving until the fleet says otherwise; not what another fleet has.
 */
function keptAlone(document: ServiceDocument, { fleet }: SavedDocument): Kept {
  const { epoch } = document.state
  const pending = epoch === 0 ? [] : [{ epoch, text: 'what it did while it worked alone' }]
  const agreed = fleet === undefined ? sharesOf(document.state) : NOTHING_KEPT.agreed
  return { ...NOTHING_KEPT, agreed, pending }
}

/** That a weight of the file does not hold. */
function notRaised({ name, routing }: ServiceConfig): readonly string[] {
  const { candidate, weight } = routing
  if (candidate === null || weight === 0) return []
  const share = `${percentFromWeight(weight)} %`
  return [
    `Cannot start ${candidate} of service ${name} at ${share}, as the file says, as this node ` +
      'does not lead the fleet: it starts at 0 %',
  ]
}
