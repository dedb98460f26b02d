// Why reading from a client stands still, as bits: the end of one reason must not lift another. No
// pause is without a time limit: whoever sets one has a deadline armed, since a socket that is not
// read does not show its end either.

import type { Socket } from 'node:net'

/** The client has sent more than we keep ahead of the answer to its present request. */
export const AHEAD = 1
/** The target cannot take more of the request's body. */
export const HELD = 2
/** The client does not read its answers, so it gets no further ones. */
export const UNREAD = 4

export const MAX_AHEAD_BYTES = 65_536
export const MAX_UNREAD_BYTES = 65_536

export class Pauses {
  readonly #socket: Socket
  #reasons = 0

  constructor(socket: Socket) {
    this.#socket = socket
  }

  has(reason: number): boolean {
    return (this.#reasons & reason) !== 0
  }

  get any(): boolean {
    return this.#reasons !== 0
  }

  add(reason: number): void {
    if (this.#reasons === 0) this.#socket.pause()
    this.#reasons |= reason
  }

  lift(reasons: number): void {
    if ((this.#reasons & reasons) === 0) return
    this.#reasons &= ~reasons
    if (this.#reasons === 0) this.#socket.resume()
  }
}
