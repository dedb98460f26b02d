// With affinity the draw is made once for each tenant: all its requests go to one version, and the
// hash that decides is salted by the rollout. Some tenants always fail, whichever version serves
// them, such as customers with broken data. Of each tenant one failure in ten seconds counts, as
// the edge does it with a bitmap per version. What chance gave to the candidate at the start stays
// with it, which is why this is the hardest of the harmless cases.

import { BUCKET_WINDOW_MS } from '../../src/core/bucket-errors.ts'
import type { Dice } from './calibrate-dice.ts'

export interface TenantModel {
  readonly tenants: number
  /** The share of them all of whose requests fail. */
  readonly failing: number
  /** So long a tenant that has failed says nothing more; as the edge has it when absent. */
  readonly windowMs?: number
}

export class Tenants {
  readonly #dice: Dice
  readonly #windowMs: number
  readonly #tenants: number
  /** The tickets of the failing tenants, rising: those below the weight meet the candidate. */
  readonly #tickets: readonly number[]
  readonly #marked: Uint8Array
  #window = 0

  constructor(model: TenantModel, dice: Dice) {
    this.#dice = dice
    this.#windowMs = model.windowMs ?? BUCKET_WINDOW_MS
    this.#tenants = model.tenants
    const failing = Math.round(model.tenants * model.failing)
    this.#tickets = Array.from({ length: failing }, () => dice.next()).sort((a, b) => a - b)
    this.#marked = new Uint8Array(failing)
  }

  /** The failures of a tick that count; `mean` is the mean number of requests of all tenants. */
  failures(at: { nowMs: number; weight: number; mean: number }): {
    candidate: number
    stable: number
  } {
    const window = Math.floor(at.nowMs / this.#windowMs)
    if (window !== this.#window) {
      this.#window = window
      this.#marked.fill(0)
    }
    const failing = this.#tickets.length
    let candidate = 0
    let stable = 0
    for (let left = this.#dice.poisson((at.mean * failing) / this.#tenants); left > 0; left--) {
      const tenant = Math.floor(this.#dice.next() * failing)
      if (this.#marked[tenant] === 1) continue
      this.#marked[tenant] = 1
      if ((this.#tickets[tenant] ?? 1) < at.weight) candidate++
      else stable++
    }
    return { candidate, stable }
  }
}
