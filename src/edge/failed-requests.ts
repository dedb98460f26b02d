// Names failed requests to the main thread, so that a verdict can say which ones it was: a few of a
// version a second, however many fail, since a message costs far more than a count. It decides
// nothing; what counts is on the board.

import type { FailedRequest } from '../core/outcome.ts'

/** So many requests of a version are named in a second. As many as an explanation shows. */
const NAMED_A_SECOND = 5
/** What a trusted peer calls a request may be long. */
const MAX_ID_CHARS = 128

export class FailedRequests {
  readonly #tell: (failed: FailedRequest) => void
  readonly #named = new Map<number, number>()
  #second = Number.NaN

  constructor(tell: (failed: FailedRequest) => void) {
    this.#tell = tell
  }

  note(failed: FailedRequest, nowMs: number): void {
    const second = Math.floor(nowMs / 1000)
    if (second !== this.#second) {
      this.#second = second
      this.#named.clear()
    }
    const named = this.#named.get(failed.slot) ?? 0
    if (named >= NAMED_A_SECOND) return
    this.#named.set(failed.slot, named + 1)
    this.#tell({ ...failed, requestId: failed.requestId.slice(0, MAX_ID_CHARS) })
  }
}
