// What control's keeper is in the simulation: it decides with the real rollout, carries effects
// out, saves the node's own copy, and does what the replica says.

import type { Effect, RolloutEvent, ServiceDocument } from '../../src/core/events.ts'
import { type Kept, mayWait } from '../../src/core/fleet/kept.ts'
import type { StoreAnswer, StoreReading } from '../../src/core/fleet/ledger.ts'
import type { Changed } from '../../src/core/fleet/message.ts'
import type { Outcome } from '../../src/core/fleet/outcome.ts'
import { Replica } from '../../src/core/fleet/replica.ts'
import { step } from '../../src/core/rollout.ts'
import { versionsInUse } from '../../src/core/rollout/begin.ts'
import type { Stepped } from '../../src/core/rollout/transition.ts'
import { hasTombstone } from '../../src/core/rollout/tombstone.ts'
import type { Refusal, ServiceState, Tombstone } from '../../src/core/service.ts'
import type { Weight } from '../../src/core/weight.ts'
import { Carrier, type Hands, type Item, Job } from './carrier.ts'
import type { Server, SimStored } from './redis.ts'
import { holds, type Trail } from './trail.ts'
import { Broken } from './world.ts'

export interface Row {
  readonly stable: string | null
  readonly candidate: string | null
  readonly weight: Weight
  /** The rollout that its candidate belongs to. */
  readonly rollout: string | null
}

/** What survives the process. */
export interface Disk {
  readonly document: ServiceDocument
  readonly kept: Kept
  readonly trail: Trail | null
  readonly clockMs: number
}

/** What surrounds a keeper. */
export interface Surroundings {
  readonly node: string
  now(): number
  continueFrom(clockMs: number): void
  later(ms: number, run: () => void): void
  between(least: number, most: number): number
  ask<T>(ask: (server: Server) => T, reply: (answer: T | null) => void): void
  /** The number of the lease that is held now. */
  lease(): number | null
  /** A later lease than this node's has written. */
  fenced(number: number): void
  save(disk: Disk): void
  nextId(): number
  onDecided(change: { before: ServiceDocument; after: ServiceDocument; id: number }): void
  onSaid(effect: Effect): void
  /** The ledger was read, or could not be; `isNothing`: it holds nothing. */
  wasRead(isNothing: boolean): void
  worldMs(): number
  note(text: () => string): void
}

/** What an operator learns: the decision with what became of it, or a refusal. */
export type Told = (told: {
  readonly id: number
  readonly epoch: number
  /** It was not taken back, and nothing else has taken its place by then. */
  readonly lasts: boolean
  readonly event: RolloutEvent
  /** The end of a rollout that the decision was. */
  readonly stone: Tombstone | null
}) => void

const FAILED = 'Redis has not answered'
/** One of so many steps is held up, for so long at most. */
const HELD_UP_OF = 300
const HELD_UP_MS = 3000
/** A copy may come so much later (control/fleet/copies.ts), and more where the disk is slow. */
const COPY_MS = 300

export class SimKeeper implements Hands {
  readonly replica: Replica
  readonly resident: Set<string>
  row: Row
  trail: Trail | null
  readonly #around: Surroundings
  readonly #carrier: Carrier
  #isReading = false
  /** What this process knows to be on the disk; null: nothing. */
  #copied: ServiceState | null = null
  #willCopy = false
  /** The decisions behind each revision, as a raise that is not accepted may be taken back. */
  readonly #trails = new Map<number, Trail | null>()

  constructor(
    around: Surroundings,
    from: { document: ServiceDocument; kept: Kept; trail: Trail | null },
  ) {
    const { document, kept, trail } = from
    this.#around = around
    this.#carrier = new Carrier(this)
    this.replica = new Replica(around.node, { document, kept })
    this.trail = trail
    this.#note()
    this.resident = new Set(versionsInUse(document.state))
    this.row = rowOf(document)
    const entry = { effect: 'journal', kind: 'fleet', by: 'node', weight: 0 } as const
    const unsaid = this.replica.unsaid.map((text) => ({ ...entry, text }))
    const { epoch } = document.state
    if (unsaid.length > 0) this.#carrier.take(new Job([...unsaid, { effect: 'copy' }], { epoch }))
  }

  /** All effects have been carried out. */
  get isIdle(): boolean {
    return this.#carrier.isIdle
  }

  get document(): ServiceDocument {
    return this.replica.document
  }

  // --- decisions -------------------------------------------------------------------------------

  decide(event: RolloutEvent, told?: Told): Stepped | Refusal {
    const stepped = step(this.document, event, this.#around.now())
    if ('refused' in stepped) return stepped
    this.#decided(stepped, { event, told })
    return stepped
  }

  #decided(stepped: Stepped, order: { event: RolloutEvent; told?: Told | undefined }): void {
    const before = this.document
    this.replica.decided(stepped)
    const { epoch } = stepped.document.state
    if (epoch === before.state.epoch) {
      if (stepped.effects.length > 0) this.#carrier.take(new Job(stepped.effects, { epoch }))
      return
    }
    const { event, told } = order
    // What is taken back was granted before.
    const isTaken = event.event === 'unsaved'
    const id = this.#extend(isTaken ? null : grantOf(before, stepped.document))
    this.#note()
    this.#around.note(() => `${this.#around.node} #${id} decides ${event.event}: ${stepped.note}`)
    this.#around.onDecided({ before, after: stepped.document, id })
    const stone = stoneOf(before, stepped.document)
    const done = (): void => {
      told?.({ id, epoch, lasts: !job.isOver && holds(this.trail, id), event, stone })
    }
    const job: Job = new Job(stepped.effects, { epoch, done })
    this.#carrier.take(job)
  }

  #note(): void {
    this.#trails.set(this.document.state.epoch, this.trail)
  }

  #extend(grant: string | null): number {
    const id = this.#around.nextId()
    this.trail = { grant, id, before: this.trail }
    return id
  }

  /** Facts and evidence are seen without deciding anything. */
  see(document: ServiceDocument): void {
    this.replica.decided({ document, effects: [], note: '' })
  }

  // --- the ledger ------------------------------------------------------------------------------

  heard(changed: Changed): void {
    this.#took(this.replica.heard(changed, this.#around.now()), changed.stored)
  }

  read(): void {
    if (this.#isReading) return
    this.#isReading = true
    const { asking, term } = this.replica
    this.#around.ask(
      (server) => ({ stored: server.read(term, this.#around.worldMs()) }),
      (answer) => {
        this.#isReading = false
        const outcome = this.replica.wasRead(asking, readingOf(answer), this.#around.now())
        this.#took(outcome, answer?.stored ?? null)
        this.#around.wasRead(answer !== null && answer.stored === null)
      },
    )
  }

  compare(): void {
    const { term } = this.replica
    this.#around.ask(
      (server) => ({ at: server.position(term, this.#around.worldMs()) }),
      (answer) => {
        if (answer !== null) this.#go(this.replica.compared(answer.at))
      },
    )
  }

  #go(next: Outcome['next']): void {
    if (next === 'read') this.read()
    if (next === 'propose') this.propose()
  }

  /** Has the ledger asked for what there is, unless something will do so in any case. */
  propose(): void {
    if (this.#carrier.willPersist) return
    const { epoch } = this.document.state
    this.#carrier.take(new Job([{ effect: 'persist' }], { epoch }))
  }

  /** Saves newer evidence, here and where this node leads in the ledger. */
  saveEvidence(leads: boolean): void {
    if (!this.#carrier.isIdle) return
    const { epoch } = this.document.state
    this.#carrier.take(new Job([{ effect: leads ? 'persist' : 'copy' }], { epoch }))
  }

  #took(outcome: Outcome, stored: SimStored | Changed['stored']): void {
    const { epoch } = this.document.state
    if (outcome.outcome === 'adopt' && stored !== null && 'trail' in stored.body) {
      this.trail = (stored as SimStored).body.trail
      this.#around.continueFrom(stored.body.clockMs)
      if (epoch !== stored.position.epoch) this.#extend(null)
    }
    if (outcome.outcome === 'restore') this.#extend(null)
    this.#note()
    if (outcome.outcome !== null && outcome.outcome !== 'same') {
      const { candidate, rollout, stable, tombstones = [], weight } = this.document.state
      this.#around.note(
        () =>
          `${this.#around.node} ${outcome.outcome}s revision ${epoch}: ${stable}/${candidate} ` +
          `${weight / 100} % ${rollout?.id ?? 'idle'} ${tombstones.length} stones, ${outcome.next}`,
      )
    }
    if (outcome.effects.length > 0) {
      const persists = outcome.next === 'propose'
      const last: Item = { effect: persists ? 'persist' : 'copy' }
      this.#carrier.take(new Job([...outcome.effects, last], { epoch }))
      if (outcome.next === 'read') this.read()
    } else this.#go(outcome.next)
  }

  // --- effects ---------------------------------------------------------------------------------

  soon(run: () => void): void {
    // What is decided may wait behind a table that a thread is late to take, and its lease end.
    const isHeldUp = this.#around.between(1, HELD_UP_OF) === 1
    this.#around.later(this.#around.between(0, isHeldUp ? HELD_UP_MS : 2), run)
  }

  atOnce(effect: Effect): boolean {
    if (effect.effect === 'assign') this.#assign(effect)
    return effect.effect === 'assign' || effect.effect === 'limits' || effect.effect === 'evacuate'
  }

  #assign({ candidate, stable, weight }: Omit<Row, 'rollout'>): void {
    const isKnown = [stable, candidate].every((one) => one === null || this.resident.has(one))
    if (!isKnown || !this.replica.allows({ stable, candidate, weight }, this.row)) return
    const rollout = this.document.state.rollout?.id ?? null
    this.row = { stable, candidate, weight, rollout }
  }

  /** Publishes the row that could not be published at its time. */
  catchUp(): void {
    if (!this.#carrier.isIdle || this.replica.isRaised) return
    const wanted = rowOf(this.document)
    const { row } = this
    const isSame =
      row.stable === wanted.stable &&
      row.candidate === wanted.candidate &&
      row.weight === wanted.weight
    if (!isSame || row.rollout !== wanted.rollout) this.#assign(wanted)
  }

  slowly(item: Item, job: Job, next: () => void): void {
    switch (item.effect) {
      case 'residency':
        this.#around.later(this.#around.between(1, 40), () => {
          this.resident.clear()
          const { candidate, stable } = this.row
          const names = [...versionsInUse(this.document.state), stable, candidate]
          for (const name of names) if (name !== null) this.resident.add(name)
          next()
        })
        break
      case 'persist':
        this.#persist(job, next)
        break
      case 'copy':
        this.#saveSoon()
        next()
        break
      default:
        if (item.effect === 'journal' || item.effect === 'page') this.#around.onSaid(item)
        if (item.effect === 'journal') this.replica.said(item.text)
        next()
    }
  }

  #save(): void {
    const { document, kept } = this.replica.copy
    if (document.state.epoch < (kept.confirmed?.epoch ?? 0)) {
      throw new Broken(`${this.#around.node} saves less than what is confirmed of it`)
    }
    const trail = this.#trails.get(document.state.epoch) ?? null
    this.#copied = document.state
    this.#around.save({ document, kept, trail, clockMs: this.#around.now() })
  }

  /** What only gives more may come a moment later. */
  #saveSoon(): void {
    if (this.#copied === null || !mayWait(this.#copied, this.replica.copy.document.state)) {
      this.#save()
      return
    }
    if (this.#willCopy) return
    this.#willCopy = true
    this.#around.later(this.#around.between(0, COPY_MS), () => {
      this.#willCopy = false
      this.#save()
    })
  }

  /** What is decided is saved here first; but a raise is nobody's before the ledger has it. */
  #persist(job: Job, next: () => void): void {
    if (this.replica.isRaised) this.#propose(job, next)
    else {
      this.#save()
      this.soon(() => this.#propose(job, next))
    }
  }

  #propose(job: Job, next: () => void): void {
    const { node } = this.#around
    const { raises } = job
    const sent = this.replica.proposal({
      lease: this.#around.lease(),
      clockMs: this.#around.now(),
    })
    if (sent === null || 'cannot' in sent) {
      if (sent !== null && raises) this.#takeBack(job, sent.cannot)
      next()
      return
    }
    const { trail } = this
    const proposal = { ...sent.proposal, body: { ...sent.proposal.body, trail } }
    this.#around.ask(
      (server) => server.propose(proposal, { writer: node, nowMs: this.#around.worldMs() }),
      (answered) => {
        const answer: StoreAnswer = answered ?? { result: 'failed', reason: FAILED }
        if (answer.result === 'fenced') this.#around.fenced(answer.lease)
        const outcome = this.replica.wasAnswered(sent, answer, this.#around.now())
        const stored = 'stored' in answer ? answer.stored : null
        this.#around.note(() => `${node} is answered ${answer.result}, so ${outcome.next}`)
        this.#took(outcome, stored)
        const isNot = answer.result === 'fenced' || answer.result === 'failed'
        if (isNot && raises) this.#takeBack(job, FAILED)
        if (answer.result === 'accepted') this.#saveSoon()
        next()
      },
    )
  }

  #takeBack(job: Job, reason: string): void {
    const safe = this.replica.copy.document.state.epoch
    const taken = this.replica.takeBack(reason, this.#around.now())
    if (taken === null) return
    job.isOver = true
    const { epoch } = this.document.state
    this.#carrier.takeBack(epoch)
    const event = { event: 'unsaved', epoch, weight: 0, reason, pauses: false } as const
    if (taken.isWhole) this.trail = this.#trails.get(safe) ?? null
    this.#decided(taken, { event })
  }
}

export function rowOf({ state }: ServiceDocument): Row {
  const { candidate, rollout, stable, weight } = state
  return { stable, candidate, weight, rollout: rollout?.id ?? null }
}

function readingOf(answer: { stored: SimStored | null } | null): StoreReading {
  if (answer === null) return { found: 'failed', reason: FAILED }
  const { stored } = answer
  return stored === null ? { found: 'nothing' } : { found: 'document', stored }
}

function stoneOf(before: ServiceDocument, after: ServiceDocument): Tombstone | null {
  const stones = after.state.tombstones ?? []
  return stones.find((stone) => !hasTombstone(before.state, stone)) ?? null
}

/** Which raise of which rollout a decision grants; null: none. */
function grantOf(before: ServiceDocument, { state }: ServiceDocument): string | null {
  const { rollout } = state
  if (rollout === null) return null
  const { id, raises, startedMs } = rollout
  const known = before.state.rollout
  const had = known !== null && known.id === id && known.startedMs === startedMs ? known.raises : 0
  return raises > had ? `raise ${raises} of ${id} (${state.candidate}, ${startedMs})` : null
}
