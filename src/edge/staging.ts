// Small answers between their reading and the end of the turn. All targets are read into one
// buffer, which the next of them overwrites.

/** A head with a small body. What is larger is passed on at once: a copy of it costs more. */
const SMALL_BYTES = 4096
/** As much as stays in a core's second cache beside everything else. */
const ROOM_BYTES = 65_536

export class Staging {
  readonly bytes = Buffer.allocUnsafeSlow(ROOM_BYTES)
  #to = 0

  /** Copies the first `length` bytes; returns where the copy begins, −1 where there is no room. */
  keep(from: Buffer, length: number): number {
    const at = this.#to
    if (length > SMALL_BYTES || at + length > ROOM_BYTES) return -1
    from.copy(this.bytes, at, 0, length)
    this.#to = at + length
    return at
  }

  /** Everything has been used. */
  clear(): void {
    this.#to = 0
  }
}
