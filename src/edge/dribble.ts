// A head that comes in small pieces. To read it anew for each byte, and to copy all of it each
// time, would cost as much a packet as a whole request. So the pieces are joined in memory that
// has room behind it, and the head is read again only when a piece can have changed what was said
// of it: at once when a line has ended or the head has doubled, else with the edge's next tick.

import { LF } from '../http1/bytes.ts'
import { type RequestLimits, stillWantsMore } from '../http1/request-head.ts'

/** A head gets a quarter more memory than it has bytes, but at least so much. */
const MIN_ROOM_BYTES = 1024

export class Dribble {
  /** How long the head was when it was read last, and the class of bytes that it ended within. */
  #readBytes = 0
  #open = 0
  #length = 0
  #room: Buffer | null = null

  /** The head has been read and wants more. */
  wasRead(length: number, open: number): void {
    this.#readBytes = length
    this.#open = open
  }

  /**
   * The head with a piece more. `head` is what the last call returned, or what came first; it stays
   * as it is, and so do all bytes that were ever returned.
   */
  join(head: Buffer, chunk: Buffer): Buffer {
    const length = head.length + chunk.length
    let room = this.#room
    if (room === null || room.length < length) {
      room = Buffer.allocUnsafeSlow(length + Math.max(length >> 2, MIN_ROOM_BYTES))
      head.copy(room)
      this.#room = room
    }
    chunk.copy(room, head.length)
    this.#length = length
    return room.subarray(0, length)
  }

  /** When to read the head again, after this piece has been joined to it. */
  whenToRead(chunk: Buffer, limits: RequestLimits): 'now' | 'soon' | 'not yet' {
    if (chunk.includes(LF) || this.#length >= 2 * this.#readBytes) return 'now'
    if (stillWantsMore(this.#open, chunk, this.#length, limits)) return 'not yet'
    this.#open = 0 // what follows a byte that may end the run tells nothing any more
    return 'soon'
  }
}
