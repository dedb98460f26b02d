// One service of this node: its document, and the carrying out of effects. A decision is taken
// over at once; its effects run in their order. Those at the head of the list that cost no waiting
// (a weight, a limit) run before this call returns, whatever still waits for the disk; the others
// queue up behind the service's earlier ones. When a weight is reached that a later decision has
// replaced, it is left out: that is how an abort overtakes a raise.

import { countOf, type Effect, type RolloutEvent, type ServiceDocument } from '../core/events.ts'
import type { Facts } from '../core/facts.ts'
import type { Replica } from '../core/fleet/replica.ts'
import type { Refusal, ServiceState } from '../core/service.ts'
import { step } from '../core/rollout.ts'
import { limitsOf, type Stepped } from '../core/rollout/transition.ts'
import { frozen, isFrozen } from '../core/rollout/upkeep.ts'
import type { ServiceConfig } from '../config/config.ts'
import type { Clock } from './clock.ts'
import type { EvidenceLines } from './evidence-lines.ts'
import type { Shared } from './fleet/shared.ts'
import { endFault, tellOfFault } from './fault.ts'
import type { JournalFile } from './journal-file.ts'
import type { Ledger } from './ledger.ts'
import type { Mirroring } from './mirroring.ts'
import type { Pager } from './pages/pager.ts'
import type { Residency, Row } from './residency.ts'
import { type Fate, type SaveResult, Saving } from './saving.ts'
import { tell } from './telling.ts'

/** Decisions of a service that wait for the disk; beyond it commands are refused. */
const WAITING_DECISIONS = 256

/** What the keepers of a node share. */
export interface KeeperParts {
  readonly ledger: Ledger
  /** The fleet that this node belongs to; null: it works alone. */
  readonly shared: Shared | null
  readonly journal: JournalFile
  readonly evidence: EvidenceLines
  readonly pager: Pager
  readonly residency: Residency
  readonly mirroring: Mirroring | null
  readonly clock: Clock
  /**
   * Brings the table up to date; resolves when every thread serves from it, or after a time limit.
   */
  readonly publishTable: () => Promise<void>
  readonly closeTunnels: (slot: number) => void
  /** Behind every decision: the gates that its state asks for are those that run. */
  readonly followGates: (state: ServiceState) => void
  /** The comparison with stable was reopened, and what led there has used its witnesses up. */
  readonly onReopened: (service: string) => void
}

/** Whose effects are carried out. */
interface Decision {
  readonly epoch: number
  readonly generation: number
  /** Of other nodes, when it was taken. */
  readonly adoptions: number
}

export class Keeper {
  config: ServiceConfig
  document: ServiceDocument
  /** The sentence of our own fault that froze this service; null while all is well. */
  fault: string | null = null
  readonly #parts: KeeperParts
  readonly #saving: Saving
  #queue: Promise<unknown> = Promise.resolve()
  #waiting = 0
  /** Tables and saves that decisions have asked for and that are not done yet. */
  #tables = 0
  #saves = 0
  /** The epoch of the last decision that was about the weight. */
  #weightEpoch = 0
  #inForce: Row = { stable: null, candidate: null, weight: 0 }
  #isSaving = false
  /** Grows when another node's decision is taken over: what waits to be done is about another. */
  #generation = 0

  constructor(
    config: ServiceConfig,
    parts: KeeperParts & { document: ServiceDocument; savedEpoch: number | null },
  ) {
    this.config = config
    this.document = parts.document
    this.#saving = new Saving(parts)
    this.#parts = parts
  }

  get #replica(): Replica | undefined {
    return this.#parts.shared?.replicaOf(this.config.name)
  }

  get #adoptions(): number {
    return this.#replica?.adoptions ?? 0
  }

  get isBusy(): boolean {
    return this.#waiting >= WAITING_DECISIONS
  }

  /** Why the state could not be saved, as the status has to say; null when it was. */
  get unsaved(): string | null {
    return this.#saving.unsaved
  }

  /** Why the last save failed; empty when it did not. */
  get failure(): string {
    return this.#saving.failure
  }

  /** All that was decided until now is done. */
  get idle(): Promise<void> {
    return this.#queue.then(() => undefined)
  }

  /** The row that is in force on the board. */
  get inForce(): Row {
    return this.#inForce
  }

  /** Decides. A refusal changes nothing; otherwise the promise is about the effects. */
  decide(event: RolloutEvent): (Stepped & { done: Promise<Fate> }) | Refusal {
    const { clock, evidence, shared } = this.#parts
    const document = shared === null ? this.document : shared.withRule(this.document)
    const now = clock.now()
    const stepped = step(document, event, now)
    if ('refused' in stepped) return stepped
    evidence.note(document, { event, now })
    const done = this.take(stepped)
    // Behind the weight, which is stored by now, and before the entries, which take a turn.
    if (stepped.effects.length > 0) evidence.cut(document, now)
    return { ...stepped, done }
  }

  /** Takes a decision over and carries its effects out. */
  take(stepped: Stepped): Promise<Fate> {
    const wasReopened = this.document.state.rollout?.reopened === true
    this.document = stepped.document
    this.#replica?.decided(stepped)
    const isReopened = this.document.state.rollout?.reopened === true
    if (isReopened && !wasReopened) this.#parts.onReopened(this.config.name)
    const { effects } = stepped
    if (effects.length === 0) return Promise.resolve('done')
    const { epoch } = stepped.document.state
    if (effects.some(({ effect }) => effect === 'assign')) this.#weightEpoch = epoch
    let head = 0
    for (; head < effects.length; head++) {
      const effect = effects[head]
      if (effect === undefined || !this.#runAtOnce(effect, epoch)) break
    }
    this.#parts.followGates(this.document.state)
    this.lookAtMirror()
    this.#parts.shared?.served(this)
    return this.#enqueue(effects.slice(head), epoch)
  }

  /** Takes over what came of another node's decision, or newer evidence of the same. */
  meet(document: ServiceDocument, effects: readonly Effect[]): void {
    if (document.state.epoch !== this.document.state.epoch) {
      this.#generation++
      // This node has told the fleet that it is frozen; whoever let it go on has looked.
      if (!isFrozen(document)) this.lookedAt()
    }
    void this.take({ document, effects, note: '' })
  }

  /** What is seen of a service that another node judges. */
  know(facts: Facts): void {
    this.document = { ...this.document, facts }
    this.#replica?.decided({ document: this.document, effects: [], note: '' })
  }

  /** Puts sentences about the fleet into the journal, behind all that waits. */
  say(sentences: readonly string[]): void {
    const { epoch, weight } = this.document.state
    const entry = { effect: 'journal', kind: 'fleet', by: 'node', weight } as const
    void this.#enqueue(
      sentences.map((text) => ({ ...entry, text })),
      epoch,
    )
  }

  /** Saves the document as it is, behind all that waits. */
  saveSoon(): void {
    void this.#enqueue([{ effect: 'persist' }], this.document.state.epoch)
  }

  /** Mirrors what there is to mirror by what was decided. */
  lookAtMirror(): void {
    this.#parts.mirroring?.look(this)
  }

  /** Publishes a row, else the document's; false while a version, or the ledger, is not ready. */
  assign(wanted: Row = this.document.state): boolean {
    const { stable, candidate, weight } = wanted
    const row = { stable, candidate, weight }
    if (this.#replica?.allows(row, this.#inForce) === false) return false
    if (!this.#parts.residency.assign(this.config.name, row)) return false
    this.#inForce = row
    return true
  }

  /** Whether the row that the document asks for is in force, by the table that it asks for. */
  get isServing(): boolean {
    if (this.#tables > 0) return false
    const { stable, candidate, weight } = this.document.state
    const row = this.#inForce
    return row.stable === stable && row.candidate === candidate && row.weight === weight
  }

  /** Measures in-flight requests against the limits that hold now. */
  setLimits(): void {
    const limits = limitsOf(this.document.evidence)
    if (limits.effect !== 'limits') return
    const { stable, candidate, weight } = this.document.state
    this.#parts.residency.setLimits(this.config.name, {
      row: { stable, candidate, weight },
      stableUs: limits.stableUs,
      candidateUs: limits.candidateUs,
    })
  }

  /** Saves the evidence of this second; left out while the last save still goes on. */
  saveEvidence(): void {
    if (this.#isSaving || this.#waiting > 0) return
    this.#isSaving = true
    // A decision that is to be saved takes the evidence along, and must not wait for it.
    const save = async (): Promise<unknown> =>
      this.#saves > 0 ? undefined : this.#save(this.unsaved !== null)
    const saved = this.#queue.then(save).finally(() => {
      this.#isSaving = false
    })
    this.#queue = saved.catch((error: unknown) => this.freeze(error))
  }

  /** Waits for everything that was decided. */
  async settle(): Promise<void> {
    await this.#queue
    if (this.document.evidence !== null || this.unsaved !== null) await this.#save(true)
  }

  /** A fault of ours: the safe row first, then words. The loop and the other services go on. */
  freeze(error: unknown): void {
    const text = error instanceof Error ? error.message : String(error)
    this.fault = text
    const { state } = this.document
    const { clock, residency } = this.#parts
    if (state.stable !== null) {
      const row = { stable: state.stable, candidate: state.candidate, weight: 0 }
      if (residency.assign(this.config.name, row)) this.#inForce = row
    }
    this.document = frozen(this.document, text, clock.now())
    this.#replica?.decided({ document: this.document, effects: [], note: text })
    this.lookAtMirror()
    this.#weightEpoch = this.document.state.epoch
    this.setLimits()
    this.#parts.followGates(this.document.state)
    tellOfFault(this.#parts, { state: this.document.state, text })
    this.saveEvidence()
  }

  /** Somebody has looked at the fault that froze this service. */
  lookedAt(): void {
    if (this.fault === null) return
    this.fault = null
    this.lookAtMirror()
    endFault(this.#parts, this.config.name)
  }

  #isStale(epoch: number): boolean {
    return epoch < this.#weightEpoch
  }

  /** Carries an effect out that costs no waiting; false when it must queue. */
  #runAtOnce(effect: Effect, epoch: number): boolean {
    switch (effect.effect) {
      case 'assign':
        if (!this.#isStale(epoch)) this.assign(effect)
        return true
      case 'limits':
        if (!this.#isStale(epoch)) this.setLimits()
        return true
      case 'evacuate': {
        const version = this.#parts.residency.version(this.config.name, effect.version)
        if (version !== undefined) this.#parts.closeTunnels(version.slot)
        return true
      }
      default:
        return false
    }
  }

  #enqueue(effects: readonly Effect[], epoch: number): Promise<Fate> {
    if (effects.length === 0) return Promise.resolve('done')
    this.#waiting++
    this.#tables += countOf(effects, 'residency')
    this.#saves += countOf(effects, 'persist')
    const decision = { epoch, generation: this.#generation, adoptions: this.#adoptions }
    const run = this.#queue.then(() => this.#run(effects, decision))
    const done = run
      .finally(() => {
        this.#waiting--
        this.#saves -= countOf(effects, 'persist')
      })
      .catch((error: unknown): Fate => {
        this.freeze(error) // which is saved, too: nothing of this is waiting any more
        return 'done'
      })
    this.#queue = done
    return done
  }

  async #run(effects: readonly Effect[], of: Decision): Promise<Fate> {
    let fate: Fate
    try {
      fate = await this.#carryOut(effects, of)
    } finally {
      this.#tables -= countOf(effects, 'residency')
    }
    const { shared } = this.#parts
    // Other nodes wait to hear that this one serves by it, be it only that it knows the candidate.
    if (shared !== null && this.#waiting === 1 && !this.isServing && this.assign()) this.setLimits()
    shared?.served(this)
    return fate
  }

  async #carryOut(effects: readonly Effect[], of: Decision): Promise<Fate> {
    const { epoch } = of
    let fate: Fate = 'done'
    for (const [i, effect] of effects.entries()) {
      if (this.#isOvertaken(effect, of) || this.#runAtOnce(effect, epoch)) continue
      if (effect.effect === 'persist') {
        const result = await this.#save(true)
        // Another node's may have come by a message, while this one was asked for or waited.
        if (this.#adoptions !== of.adoptions) fate = 'overtaken'
        const waits = effects.slice(i).some((later) => later.effect === 'assign')
        // In a fleet a row may wait for the ledger that gives nothing more than was agreed.
        const raises = this.#replica?.isRaised ?? waits
        const isOurs = !this.#isStale(epoch) && of.generation === this.#generation
        if (result !== 'failed' || !raises || !isOurs) continue
        this.#takeBack()
        await this.#afterTakingBack(effects.slice(i + 1), epoch)
        fate = 'taken back'
        break
      }
      await this.#runSlowly(effect, epoch)
    }
    return fate
  }

  /** A row of ours, when another node's decision has been taken over meanwhile. */
  #isOvertaken({ effect }: Effect, { generation }: Decision): boolean {
    return generation !== this.#generation && (effect === 'assign' || effect === 'limits')
  }

  /** What is left of a raise that was taken back: the row that the document asks for now. */
  async #afterTakingBack(effects: readonly Effect[], epoch: number): Promise<void> {
    for (const effect of effects) {
      if (effect.effect !== 'assign') {
        if (!this.#runAtOnce(effect, epoch)) await this.#runSlowly(effect, epoch)
      } else if (!this.#isStale(epoch)) this.assign()
    }
  }

  /** Publishes the row that could not be published at its time, unless something waits to do it. */
  catchUp(): void {
    if (this.#waiting > 0 || this.isServing) return
    if (this.assign()) this.setLimits()
    this.#parts.shared?.served(this)
  }

  async #runSlowly(effect: Effect, epoch: number): Promise<void> {
    if (effect.effect === 'residency') await this.#parts.publishTable()
    const told = tell(this.#parts, effect, { epoch, service: this.config.name })
    if (this.#replica === undefined || effect.effect !== 'journal') return told
    // In a fleet the ledger has the last word, so nothing waits for this disk.
    void told.then(() => this.#replica?.said(effect.text))
  }

  /** The raise could not be saved, so it must not happen. */
  #takeBack(): void {
    const reason = this.#saving.failure || 'the ledger refused it'
    if (this.#parts.shared !== null) {
      const back = this.#replica?.takeBack(reason, this.#parts.clock.now()) ?? null
      if (back?.isWhole === true) this.#generation++ // what waits was decided behind it
      return void (back === null ? null : this.take(back))
    }
    const { candidate, epoch } = this.document.state
    // The row in force may be about other versions, when the file has named new ones.
    const weight = candidate === this.#inForce.candidate ? this.#inForce.weight : 0
    this.decide({ event: 'unsaved', epoch, weight, reason, pauses: true })
  }

  #save(durable: boolean): Promise<SaveResult> {
    return this.#saving.save(this, durable)
  }
}
