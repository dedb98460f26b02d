// What is still open between this node and the fleet's ledger: decisions that the ledger has not
// accepted, and sentences about what does not hold that are in no journal yet. Both are saved with
// the document, so that a node which is killed loses neither.

import type { Effect } from '../events.ts'
import { hasTombstone } from '../rollout/tombstone.ts'
import type { Stepped } from '../rollout/transition.ts'
import type { ServiceState } from '../service.ts'
import type { Pending } from './reconcile.ts'

/** Decisions are told one by one, up to so many. */
const PENDING_TOLD = 32
/** So many sentences wait for the journal; its disk takes them all within moments. */
const UNSAID_KEPT = 32

export class Outstanding {
  #pending: readonly Pending[]
  #unsaid: readonly string[]

  constructor(from: { pending: readonly Pending[]; unsaid: readonly string[] }) {
    this.#pending = from.pending
    this.#unsaid = from.unsaid
  }

  get pending(): readonly Pending[] {
    return this.#pending
  }

  get unsaid(): readonly string[] {
    return this.#unsaid
  }

  get isOpen(): boolean {
    return this.#pending.length > 0
  }

  /** A decision of this node. */
  decided({ document, effects, note }: Stepped, before: ServiceState): void {
    const { epoch, tombstones = [] } = document.state
    // An end for the worse holds in any case, and what a node does by itself nobody has asked for.
    const isLasting = tombstones.some((stone) => !hasTombstone(before, stone))
    this.add({ epoch, text: isLasting || effects.some(isOwn) ? '' : note })
  }

  add(pending: Pending): void {
    const told = this.#pending.length >= PENDING_TOLD ? { ...pending, text: '' } : pending
    // Silent ones in a row are one.
    const isSilent = this.#pending.at(-1)?.text === '' && told.text === ''
    this.#pending = [...(isSilent ? this.#pending.slice(0, -1) : this.#pending), told]
  }

  upTo(epoch: number): readonly Pending[] {
    return this.#pending.filter((one) => one.epoch <= epoch)
  }

  /** The ledger has accepted everything up to this revision. */
  confirm(epoch: number): void {
    this.#pending = this.#pending.filter((one) => one.epoch > epoch)
  }

  /** What followed this revision was taken back; answers with the sentences about it. */
  drop(epoch: number, node: string): readonly string[] {
    const lost = this.#pending.filter((one) => one.epoch > epoch && one.text !== '')
    this.#pending = this.upTo(epoch)
    return lost.map(
      (one) =>
        `revision ${one.epoch} of ${node} does not hold (${one.text}): a raise before it could ` +
        'not be saved',
    )
  }

  /** The ledger's document has taken the place of all that. */
  clear(): void {
    this.#pending = []
  }

  say(sentences: readonly string[]): void {
    this.#unsaid = [...this.#unsaid, ...sentences].slice(-UNSAID_KEPT)
  }

  /** A sentence is in the journal. */
  said(text: string): void {
    if (this.#unsaid.length > 0) this.#unsaid = this.#unsaid.filter((one) => one !== text)
  }
}

function isOwn(effect: Effect): boolean {
  return effect.effect === 'journal' && effect.by === 'node'
}
