// One service of this node and the fleet's ledger: which answer leads to what. It holds the
// document, how much of it the ledger has confirmed, and the counts that are in its evidence; it is
// told what was decided, heard, read and answered, and says what to take over and what to do next.
// It waits for nothing and asks nobody; control does that, a simulation too.
//
// A decision that raises a weight is proposed under the lease and carried out when the ledger has
// accepted it. All others are carried out at once and proposed by whoever took them. Where the
// ledger has gone another way meanwhile, `reconcile` says what becomes of both.

import type { Added, FleetCounters, NodeCounters } from '../counters.ts'
import type { ServiceDocument } from '../events.ts'
import { hasTombstone } from '../rollout/tombstone.ts'
import { limitsOf, type Stepped } from '../rollout/transition.ts'
import { adopt, raisesOver, type Row } from './adopt.ts'
import { Agreed, type Counted } from './agreed.ts'
import { countersFor, countFor } from './counting.ts'
import type { Kept } from './kept.ts'
import type { StoreAnswer, StoreReading } from './ledger.ts'
import type { Changed } from './message.ts'
import type { Asker, Asking, Next, Outcome, Sent } from './outcome.ts'
import { bodyOf, NOTHING, READ } from './outcome.ts'
import { comparePositions, type Position, samePosition } from './position.ts'
import { Outstanding } from './outstanding.ts'
import { Proposed } from './proposed.ts'
import { rebased } from './rebase.ts'
import { journaled, reconcile } from './reconcile.ts'
import { type FleetStanding, whyNoRaise } from './standing.ts'
import type { Stored } from './stored.ts'
import type { TakenBack } from './take-back.ts'

/** Positions that were put back; Redis loses little, and seldom. */
const RESTORED_KEPT = 8
const UNCERTAIN = 'it is not known what the ledger of the fleet holds'

export class Replica {
  readonly node: string
  #document: ServiceDocument
  #confirmed: Position | null
  #save: number
  readonly #agreed: Agreed
  readonly #open: Outstanding
  #restored: readonly Position[]
  #term: number
  #counters: FleetCounters | null
  /** What the ledger held when it was last seen. */
  #held: Position | null
  /** The newest evidence that was heard of, for what is confirmed. */
  #newestSave = 0
  /** Nobody knows whether the last proposal was accepted, or nothing was read yet. */
  #isUncertain = true
  #lineage = 0
  #adoptions = 0
  #underWay = 0
  /** What the ledger held when this node put its own back, and has not been answered yet. */
  #putBackOver: Position | null | undefined
  /** Something was heard while a proposal was under way. */
  #mustRead = false
  readonly #proposed = new Proposed()

  constructor(node: string, from: { document: ServiceDocument; kept: Kept }) {
    const { document, kept } = from
    this.node = node
    this.#document = document
    this.#confirmed = kept.confirmed
    this.#save = kept.save
    this.#agreed = new Agreed(kept.agreed)
    this.#open = new Outstanding(kept)
    this.#restored = kept.restored
    this.#term = kept.term
    this.#counters = kept.counters
    this.#held = kept.confirmed
  }

  get document(): ServiceDocument {
    return this.#document
  }

  get confirmed(): Position | null {
    return this.#confirmed
  }

  /** How often another node's decision has taken the place of what was decided here. */
  get adoptions(): number {
    return this.#adoptions
  }

  /** The largest term that is known here. */
  get term(): number {
    return this.#term
  }

  /** This node has decided something that the ledger does not hold. */
  get isDirty(): boolean {
    return this.#open.isOpen
  }

  /** Newer evidence is in the ledger; who is to judge by it reads it first. */
  get isBehind(): boolean {
    return this.#newestSave > this.#save
  }

  /** A weight is raised here that the ledger has not accepted: its row waits for that. */
  get isRaised(): boolean {
    return this.#agreed.isExceededBy(this.#document.state)
  }

  /**
   * Whether a row may be stored: none gives a version more than the ledger has agreed to, or than
   * it has anyway by the row in force.
   */
  allows(row: Row, inForce?: Row): boolean {
    if (!this.#agreed.isExceededBy(row)) return true
    return inForce !== undefined && !raisesOver({ ...inForce, previous: null }, row)
  }

  /** Sentences that are in no journal yet: what an earlier process had no time for, too. */
  get unsaid(): readonly string[] {
    return this.#open.unsaid
  }

  /** A sentence is in the journal. */
  said(text: string): void {
    this.#open.said(text)
  }

  /**
   * What goes to this node's disk: after a restart it comes back with what was agreed, never with a
   * raise that the ledger may not have accepted.
   */
  get copy(): { readonly document: ServiceDocument; readonly kept: Kept } {
    const { document, counters } = this.#agreed.safe(this.#counted)
    const { epoch } = document.state
    const kept = {
      confirmed: this.#confirmed,
      save: this.#save,
      agreed: this.#agreed.shares,
      pending: this.#open.upTo(epoch),
      unsaid: this.#open.unsaid,
      restored: this.#restored,
      term: this.#term,
      counters,
    }
    return { document, kept }
  }

  get #counted(): Counted {
    return { document: this.#document, counters: this.#counters }
  }

  /** Why this node raises no weight now, as a clause; null when it may. */
  mayNotRaise(standing: FleetStanding): string | null {
    const uncertain = this.#isUncertain ? UNCERTAIN : null
    return whyNoRaise(standing) ?? uncertain
  }

  /** This node begins to decide for the fleet: it reads the ledger before it raises a weight. */
  doubt(): void {
    this.#isUncertain = true
  }

  /** A decision was taken here, or evidence and facts have changed. */
  decided(stepped: Stepped): void {
    const { document } = stepped
    const was = this.#counted
    const { epoch } = document.state
    this.#document = document
    if (epoch === was.document.state.epoch) return
    this.#agreed.decided(was, document)
    this.#counters = countersFor(this.#document, this.#counters)
    this.#open.decided(stepped, was.document.state)
  }

  /** Takes in the counts of a node, this one included; null where they are no news. */
  count(message: NodeCounters): Added | null {
    const merged = countFor(this.#document, { counters: this.#counters, message })
    if (merged === null) return null
    this.#counters = merged.counters
    return merged.added
  }

  // --- what is heard and read ------------------------------------------------------------------

  /** Another node has changed the ledger; such messages may be late, double, or out of order. */
  heard({ position, save, stored }: Changed, now: number): Outcome {
    this.#noteTerm(position.term)
    if (samePosition(position, this.#confirmed)) {
      this.#newestSave = Math.max(this.#newestSave, save)
      return NOTHING
    }
    if (stored !== null && this.#proposed.holds(stored, this)) return this.#accepted(stored)
    const isLater = this.#confirmed === null || comparePositions(position, this.#confirmed) > 0
    if (!isLater || stored === null || this.#isDeferred(stored)) {
      this.#mustRead = this.#underWay > 0
      return this.#mustRead ? NOTHING : READ
    }
    return this.#reconcile(stored, now)
  }

  /**
   * What is under way may be part of what was heard, so that waits for its answer. An end for the
   * worse of what runs here waits for nothing.
   */
  #isDeferred({ body }: Stored): boolean {
    if (this.#underWay === 0) return false
    const { state } = this.#document
    return (body.document.state.tombstones ?? []).every((stone) => hasTombstone(state, stone))
  }

  /** The ledger's place was compared; null: it holds nothing. */
  compared(at: { position: Position; save: number } | null): Next {
    if (at !== null) this.#noteTerm(at.position.term)
    if (!samePosition(at?.position ?? null, this.#confirmed)) return 'read'
    if (at !== null) this.#newestSave = Math.max(this.#newestSave, at.save)
    if (!this.isDirty) return null
    return this.#isUncertain || this.isBehind ? 'read' : 'propose'
  }

  /** To be taken before the ledger is read, and handed back with what was read. */
  get asking(): Asking {
    return { confirmed: this.#confirmed }
  }

  wasRead(asking: Asking, reading: StoreReading, now: number): Outcome {
    if (reading.found === 'failed' || reading.found === 'damage') return NOTHING
    const stored = reading.found === 'document' ? reading.stored : null
    return this.#seen(asking, stored, now)
  }

  /** What the ledger held when it answered, which may be a while ago. */
  #seen(asking: Asking, stored: Stored | null, now: number): Outcome {
    this.#noteTerm(stored?.position.term ?? 0)
    const isLater =
      this.#confirmed === null ||
      (stored !== null && comparePositions(stored.position, this.#confirmed) >= 0)
    // What is earlier is a loss only if nothing was confirmed since it was asked for.
    if (!isLater && !samePosition(asking.confirmed, this.#confirmed)) return READ
    this.#isUncertain = false
    this.#mustRead = false
    if (stored !== null && this.#proposed.holds(stored, this)) return this.#accepted(stored)
    return this.#reconcile(stored, now)
  }

  #reconcile(stored: Stored | null, now: number): Outcome {
    const before = this.#document
    const { isDirty, node } = this
    const over = this.#putBackOver
    if (isDirty && over !== undefined && samePosition(over, stored?.position ?? null)) {
      return { ...NOTHING, outcome: 'propose', next: 'propose' }
    }
    const known = { ours: before, confirmed: this.#confirmed, pending: this.#open.pending }
    const reconciled = reconcile({ ...known, isDirty, node, stored }, now)
    const { document, effects, mustPropose, outcome, said } = reconciled
    this.#open.say(said)
    this.#held = stored?.position ?? null
    if (outcome === 'same' && stored !== null) return this.#takeEvidence(stored)
    if (outcome === 'propose' && stored !== null) return this.#proposeOn(stored, now)
    this.#document = document
    if (outcome === 'restore') this.#restore(stored?.position ?? null)
    if (outcome === 'adopt' && stored !== null) this.#adopt(stored)
    const { epoch } = document.state
    if (mustPropose && epoch !== before.state.epoch) this.#open.add({ epoch, text: '' })
    return { outcome, effects, next: mustPropose ? 'propose' : null }
  }

  /** What was decided here goes on top of the newest evidence. */
  #proposeOn({ body, save }: Stored, now: number): Outcome {
    const isNewer = save > this.#save
    const document = isNewer ? rebased(this.#document, body.document, now) : null
    if (isNewer) this.#save = save
    if (document === null) return { ...NOTHING, outcome: 'propose', next: 'propose' }
    this.#document = document
    this.#counters = countersFor(document, body.counters)
    const effects = [limitsOf(document.evidence)]
    return { ...NOTHING, outcome: 'rebased', effects, next: 'propose' }
  }

  #adopt({ body, position, save }: Stored): void {
    this.#putBackOver = undefined
    this.#lineage++
    this.#adoptions++
    this.#proposed.clear()
    this.#confirmed = position
    this.#save = save
    this.#newestSave = save
    this.#agreed.replace(this.#document)
    this.#open.clear()
    this.#restored = body.restored ?? []
    this.#counters = countersFor(this.#document, body.counters)
  }

  #restore(over: Position | null): void {
    this.#lineage++
    this.#putBackOver = over
    this.#proposed.clear()
    const back = this.#confirmed
    if (back !== null && !this.#restored.some((one) => samePosition(one, back))) {
      this.#restored = [...this.#restored.slice(1 - RESTORED_KEPT), back]
    }
    // The ledger may have known of ends that were not known here.
    if (!this.isRaised) this.#agreed.replace(this.#document)
    this.#counters = countersFor(this.#document, this.#counters)
  }

  /** The same decision; the ledger may have newer evidence. */
  #takeEvidence({ body, save }: Stored): Outcome {
    this.#newestSave = Math.max(this.#newestSave, save)
    if (save <= this.#save) return { ...NOTHING, outcome: 'same' }
    this.#save = save
    const { document, effects } = adopt(this.#document, body.document)
    this.#document = document
    this.#counters = body.counters
    this.#restored = body.restored ?? []
    return { ...NOTHING, outcome: 'same', effects }
  }

  // --- what is proposed ------------------------------------------------------------------------

  /**
   * What the ledger is to be asked for. Null: nothing that this node may ask for is new. `cannot`:
   * a weight was raised here, and this node holds the lease no longer.
   */
  proposal({ clockMs, lease }: Asker): Sent | { readonly cannot: string } | null {
    if (lease === null && !this.isDirty) return null
    if (lease === null && this.#isUncertain) return { cannot: UNCERTAIN }
    if (lease === null && this.isRaised) {
      return { cannot: 'this node decides for the fleet no longer' }
    }
    this.#underWay++
    this.#agreed.proposed()
    const body = bodyOf(this.#counted, { clockMs, restored: this.#restored })
    if (this.isDirty) this.#proposed.add(body)
    return {
      confirmed: this.#confirmed,
      lineage: this.#lineage,
      proposal: { expected: this.#held, body, lease, knownTerm: this.#term },
    }
  }

  wasAnswered(sent: Sent, answer: StoreAnswer, now: number): Outcome {
    this.#underWay--
    if (answer.result === 'failed') {
      this.#isUncertain = true
      return NOTHING
    }
    if (answer.result !== 'accepted') {
      const seen = this.#seen(sent, answer.stored, now)
      if (answer.result === 'conflict' || seen.next !== 'propose') return seen
      // With this lease it would be refused again; with the next look it is proposed anew.
      this.#isUncertain = true
      return { ...seen, next: null }
    }
    this.#noteTerm(answer.position.term)
    // Meanwhile something else has taken the place of what was accepted.
    if (sent.lineage !== this.#lineage) return READ
    this.#isUncertain = false
    const { body } = sent.proposal
    const confirmed = this.#confirmed
    // The ledger has told it back before, and went on.
    if (confirmed !== null && comparePositions(answer.position, confirmed) < 0) return NOTHING
    return this.#accepted({ position: answer.position, save: answer.save, body })
  }

  #accepted({ body, position, save }: Omit<Stored, 'base'>): Outcome {
    const { document } = body
    const { epoch } = document.state
    this.#putBackOver = undefined
    this.#confirmed = position
    this.#held = position
    this.#save = save
    this.#newestSave = Math.max(this.#newestSave, save)
    this.#agreed.settle(body, this.#document)
    this.#open.confirm(epoch)
    this.#proposed.confirm(epoch)
    const next = this.#mustRead ? 'read' : this.isDirty ? 'propose' : null
    this.#mustRead = false
    return { ...NOTHING, next }
  }

  /**
   * The decision that takes a raise back which was not accepted, or of which that is not known.
   * Null: nothing was raised.
   */
  takeBack(reason: string, now: number): TakenBack | null {
    const from = this.#agreed.safe(this.#counted).document.state.epoch
    const back = this.#agreed.takeBack(this.#counted, { nowMs: now, node: this.node, reason })
    if (back === null) return null
    const { counters, taken } = back
    this.#counters = counters
    if (!taken.isWhole) return taken
    const said = this.#open.drop(from, this.node)
    this.#open.say(said)
    return { ...taken, effects: [...taken.effects, ...journaled(said, taken.document.state)] }
  }

  #noteTerm(term: number): void {
    this.#term = Math.max(this.#term, term)
  }
}
