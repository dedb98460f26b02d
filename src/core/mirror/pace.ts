// Which requests are copied when not all can be. What may be under way has a bound; were each one
// copied while there is room, a candidate that is slow would get bursts of neighbours: all that is
// free is taken at once, and comes back at once. So a share of the requests is copied that keeps
// most of the bound in use, found as a sender finds its rate (more by little while there is room,
// less by a lot where there was none): what is copied is then spread over time, like what it was
// taken from.

const LEAST = 0.01
const LESS = 0.9
const MORE = 1.1
const MORE_AT_LEAST = 0.002
/** While less than this of the bound is in use, more is copied. */
const IN_USE = 0.75

export class Pace {
  /** Of the requests that would be copied, 0.01 to 1. */
  share = 1
  #lacked = false

  /** One was to be copied, and there was no room. */
  lacked(): void {
    this.#lacked = true
  }

  /**
   * A tick has passed.
   *
   * @param inUse of the bound, 0 to 1
   */
  tick(inUse: number): void {
    if (this.#lacked) this.share = Math.max(LEAST, this.share * LESS)
    else if (inUse < IN_USE) this.share = Math.min(1, this.share * MORE + MORE_AT_LEAST)
    this.#lacked = false
  }
}
