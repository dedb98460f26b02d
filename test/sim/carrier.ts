// Carries the effects of decisions out as control's keeper does: what costs no waiting at once, the
// rest in its order, each as an event of its own, so that a crash may fall between any two. A row
// that a later decision has replaced is left out.

import type { Effect } from '../../src/core/events.ts'

/** `copy`: the node's own disk takes what there is now. */
export type Item = Effect | { readonly effect: 'copy' }

/** What the effects act upon: a node. */
export interface Hands {
  /** Later, unless the process has died by then. */
  soon(run: () => void): void
  atOnce(effect: Effect): boolean
  /** Calls `next` when it is done. */
  slowly(item: Item, job: Job, next: () => void): void
}

export class Job {
  readonly items: readonly Item[]
  readonly epoch: number
  readonly done: () => void
  at = 0
  /** The decision did not last: what it asks of the row is left out. */
  isOver = false

  constructor(items: readonly Item[], options: { epoch: number; done?: () => void }) {
    this.items = items
    this.epoch = options.epoch
    this.done = options.done ?? (() => {})
  }

  /** Whether a row follows behind the present item: then the decision raises. */
  get raises(): boolean {
    return this.items.slice(this.at).some(({ effect }) => effect === 'assign')
  }
}

export class Carrier {
  readonly #hands: Hands
  readonly #jobs: Job[] = []
  #isBusy = false
  #weightEpoch = 0

  constructor(hands: Hands) {
    this.#hands = hands
  }

  get isIdle(): boolean {
    return this.#jobs.length === 0
  }

  /** Something is about to be proposed in any case. */
  get willPersist(): boolean {
    return this.#jobs.some(({ at, items }) =>
      items.slice(at + 1).some(({ effect }) => effect === 'persist'),
    )
  }

  /** Raises up to this revision are taken back: their rows are left out. */
  takeBack(epoch: number): void {
    this.#weightEpoch = Math.max(this.#weightEpoch, epoch + 1)
    for (const job of this.#jobs) if (job.raises) job.isOver = true
  }

  take(job: Job): void {
    const { epoch, items } = job
    if (items.some(({ effect }) => effect === 'assign')) this.#weightEpoch = epoch
    while (job.at < items.length) {
      const item = items[job.at]
      if (item === undefined || !this.#atOnce(item, job)) break
      job.at++
    }
    this.#jobs.push(job)
    this.#pump()
  }

  #atOnce(item: Item, { epoch, isOver }: Job): boolean {
    if (item.effect === 'copy') return false
    if (item.effect === 'assign' && (isOver || epoch < this.#weightEpoch)) return true
    return this.#hands.atOnce(item)
  }

  #pump(): void {
    if (this.#isBusy) return
    const job = this.#jobs[0]
    if (job === undefined) return
    this.#isBusy = true
    this.#hands.soon(() => this.#go(job))
  }

  #go(job: Job): void {
    const item = job.items[job.at]
    if (item === undefined) {
      this.#jobs.shift()
      this.#isBusy = false
      job.done()
      this.#pump()
      return
    }
    const next = (): void => {
      job.at++
      this.#hands.soon(() => this.#go(job))
    }
    if (this.#atOnce(item, job)) next()
    else this.#hands.slowly(item, job, next)
  }
}
