// The ids that requests get here: unique over threads and restarts by a random start, then a count
// in base 36. Its last two digits come from a list, as making them anew for each request costs more
// than all else here.

import { randomBytes } from 'node:crypto'
import { inOnePiece } from '../http1/values.ts'

const PAIRS: readonly string[] = Array.from({ length: 36 * 36 }, (_, at) =>
  at.toString(36).padStart(2, '0'),
)

export class RequestIds {
  readonly #thread = `${randomBytes(6).toString('hex')}-`
  #start = ''
  #given = 0

  /** An id that no other request has, here or elsewhere. */
  next(): string {
    const pair = this.#given++ % PAIRS.length
    if (pair === 0) {
      const rounds = Math.floor(this.#given / PAIRS.length)
      this.#start = inOnePiece(this.#thread + rounds.toString(36))
    }
    return this.#start + PAIRS[pair]
  }
}
