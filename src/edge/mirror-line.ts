// An edge thread's line to the mirror thread: copies of requests go out in small batches, since a
// message costs more than what is in it, and nothing comes back. What may be under way is bounded
// by credits in shared memory (board/mirror-credits.ts); beyond them a request is not copied at
// all.

import type { MessagePort } from 'node:worker_threads'
import { countDropped, createCredits, returnCredit, takeCredit } from '../board/mirror-credits.ts'
import type { MirrorCopy } from '../core/mirror/order.ts'

/** A batch waits for the next tick at most. */
const BATCH = 8

export class MirrorLine {
  readonly #port: MessagePort
  readonly #credits
  #batch: MirrorCopy[] = []

  /** @param services so many cells are there on the board */
  constructor(port: MessagePort, services: number) {
    this.#port = port
    this.#credits = createCredits(services)
    port.postMessage({ credits: this.#credits })
  }

  /** Whether a request of the service may be copied now. Who gets true sends or gives back. */
  mayCopy(service: number, limit: number): boolean {
    return takeCredit(this.#credits, service, limit)
  }

  giveBack(service: number): void {
    returnCredit(this.#credits, service)
  }

  /** A request was chosen, and is too large to be copied. */
  drop(service: number): void {
    countDropped(this.#credits, service)
    returnCredit(this.#credits, service)
  }

  send(copy: MirrorCopy): void {
    this.#batch.push(copy)
    if (this.#batch.length >= BATCH) this.flush()
  }

  flush(): void {
    if (this.#batch.length === 0) return
    const copies = this.#batch
    this.#batch = []
    this.#port.postMessage({ copies })
  }

  close(): void {
    this.#port.close()
  }
}
