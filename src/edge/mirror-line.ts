// An edge thread's line to the mirror thread: copies of requests go out in small batches, since a
// message costs more than what is in it, and nothing comes back. What may be under way is bounded
// by credits in shared memory (board/mirror-credits.ts); beyond them a request is not copied at
// all, and where they are short a share is copied that they suffice for (core/mirror/pace.ts). A
// copy whose answer does not come in time is given up, or a few long polls would hold all credits.

import type { MessagePort } from 'node:worker_threads'
import {
  countDropped,
  createCredits,
  creditsOut,
  returnCredit,
  takeCredit,
} from '../board/mirror-credits.ts'
import type { MirrorCopy } from '../core/mirror/order.ts'
import { Pace } from '../core/mirror/pace.ts'

/** A copy that is being made. */
export interface Making {
  readonly cell: number
  /** The number of the order that it was begun by. */
  readonly order: number
  /** By the edge's clock. */
  readonly beganMs: number
  readonly limitMs: number
  /** It was sent, or its credit has gone back. */
  isOver: boolean
}

/** What a service's mirroring is paced by, while one order holds. */
interface Paced {
  readonly order: number
  readonly limit: number
  readonly pace: Pace
}

/** A batch waits for the next tick at most. */
const BATCH = 8

export class MirrorLine {
  readonly #port: MessagePort
  readonly #credits
  readonly #making = new Set<Making>()
  readonly #paced = new Map<number, Paced>()
  #batch: MirrorCopy[] = []

  /** @param services so many cells are there on the board */
  constructor(port: MessagePort, services: number) {
    this.#port = port
    this.#credits = createCredits(services)
    port.postMessage({ credits: this.#credits })
  }

  /** Whether a request of the service may be copied now; then it begins, and is sent or ends. */
  mayCopy(service: number, by: { limit: number; order: number }): boolean {
    const { pace } = this.#pacedBy(service, by)
    if (pace.share < 1 && Math.random() >= pace.share) {
      countDropped(this.#credits, service, by.order)
      return false
    }
    if (takeCredit(this.#credits, service, by)) return true
    pace.lacked()
    return false
  }

  #pacedBy(service: number, by: { limit: number; order: number }): Paced {
    const known = this.#paced.get(service)
    if (known?.order === by.order && known.limit === by.limit) return known
    const paced = { ...by, pace: new Pace() }
    this.#paced.set(service, paced)
    return paced
  }

  begin(making: Making): void {
    this.#making.add(making)
  }

  /** It comes to nothing, and that is nobody's budget. */
  giveBack(making: Making): void {
    making.isOver = true
    this.#making.delete(making)
    returnCredit(this.#credits, making.cell)
  }

  /** It was chosen, and is too large or too late to be mirrored. */
  drop(making: Making): void {
    countDropped(this.#credits, making.cell, making.order)
    this.giveBack(making)
  }

  send(making: Making, copy: MirrorCopy): void {
    making.isOver = true
    this.#making.delete(making)
    this.#batch.push(copy)
    if (this.#batch.length >= BATCH) this.#flush()
  }

  /** A tick of the edge. */
  tick(nowMs: number): void {
    for (const making of this.#making) {
      if (nowMs - making.beganMs > making.limitMs) this.drop(making)
    }
    for (const [service, { limit, pace }] of this.#paced) {
      pace.tick(creditsOut(this.#credits, service) / limit)
    }
    this.#flush()
  }

  #flush(): void {
    if (this.#batch.length === 0) return
    const copies = this.#batch
    this.#batch = []
    this.#port.postMessage({ copies })
  }

  close(): void {
    this.#port.close()
  }
}
