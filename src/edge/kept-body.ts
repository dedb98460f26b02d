// The body of a request that may have to be sent again, as it went out, framing included. It is
// kept up to a bound (limits.kept_body); a larger body makes its request one that is sent only
// once. The copy is needed since streamed buffers are given back as soon as they are written
// (body-sink.ts).

const FIRST_BYTES = 1024

export class KeptBody {
  /** True when the body was larger than the bound: nothing is kept any more. */
  overflowed = false
  length = 0

  readonly #limitBytes: number
  #bytes: Buffer = NOTHING

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes
  }

  /** The kept bytes; valid until the next `keep`. */
  get bytes(): Buffer {
    return this.#bytes
  }

  keep(bytes: Buffer, from: number, to: number): void {
    if (this.overflowed) return
    const length = this.length + to - from
    if (length > this.#limitBytes) {
      this.overflowed = true
      this.#bytes = NOTHING
      this.length = 0
      return
    }
    // One byte more than needed at least: the sink must never take this buffer for its own.
    if (length >= this.#bytes.length) {
      const wider = Buffer.allocUnsafeSlow(Math.max(FIRST_BYTES, 2 * this.length, length + 1))
      this.#bytes.copy(wider, 0, 0, this.length)
      this.#bytes = wider
    }
    bytes.copy(this.#bytes, this.length, from, to)
    this.length = length
  }
}

const NOTHING = Buffer.alloc(0)
