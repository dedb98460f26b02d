// Saves the document of one service, where a node works alone in the state directory and in a fleet
// in its ledger as well, and remembers what the status has to say of it.

import type { ServiceDocument } from '../core/events.ts'
import type { Clock } from './clock.ts'
import type { Saved, Shared } from './fleet/shared.ts'
import type { Keeper } from './keeper.ts'
import type { Ledger } from './ledger.ts'

export type SaveResult = Saved['result']

/**
 * What became of a decision: it was done, another node's took its place, or it was a raise that
 * could not be saved and did not happen.
 */
export type Fate = 'done' | 'overtaken' | 'taken back'

export interface SavingParts {
  readonly ledger: Ledger
  readonly clock: Clock
  /** The fleet that this node belongs to; null: it works alone. */
  readonly shared: Shared | null
  /** What the state directory holds; null: nothing. */
  readonly savedEpoch: number | null
}

export class Saving {
  /** Why the state could not be saved, as the status has to say; null when it was. */
  unsaved: string | null = null
  /** The same of the last save, whoever has to say it; empty when it was saved. */
  failure = ''
  readonly #parts: SavingParts
  #savedEpoch: number | null

  constructor(parts: SavingParts) {
    this.#parts = parts
    this.#savedEpoch = parts.savedEpoch
  }

  /** Saves the keeper's document as it is now. */
  async save(keeper: Keeper, durable: boolean): Promise<SaveResult> {
    const { shared } = this.#parts
    if (shared === null) return this.#saveAlone(keeper.document, durable)
    const { isNews, reason, result } = await shared.save(keeper, durable)
    this.failure = reason
    this.unsaved = isNews ? reason : null
    return result
  }

  async #saveAlone(document: ServiceDocument, durable: boolean): Promise<SaveResult> {
    const { clock, ledger } = this.#parts
    const saved = { document, clockMs: clock.now() }
    const proposal = await ledger.propose(saved, { expectedEpoch: this.#savedEpoch, durable })
    const { epoch, service } = document.state
    if (proposal.result === 'accepted') {
      this.#savedEpoch = epoch
      this.failure = ''
      this.unsaved = null
      return 'accepted'
    }
    this.failure =
      proposal.result === 'failed'
        ? proposal.reason
        : `the ledger holds revision ${proposal.epoch} of ${service}`
    this.unsaved = this.failure
    return 'failed'
  }
}
