// The chunked transfer coding (RFC 9112 section 7.1), decoded strictly and without copying. For
// every piece of input the decoder says which ranges of it may pass on. Two uses: forwarding the
// framing as it came (strict framing is unambiguous, so the very bytes may pass, only extensions
// and trailers are cut out), or taking the framing off (for an HTTP/1.0 client).
//
// Trailers that are to go on are kept as text: they are few and small, and each must be looked at
// (trailers.ts). Then the empty line that ends the body does not pass either, so that the caller
// can write them before it.
//
// Bounds: a size has at most 16 hex digits and is a safe integer, extensions of one chunk take at
// most 256 bytes, the trailer section at most 8 KiB.

import { CLASSES, COLON, CR, hexValue, LF, TOKEN, VALUE } from './bytes.ts'

const QUOTE = 0x22
const SEMICOLON = 0x3b
const EQUALS = 0x3d
const BACKSLASH = 0x5c

const MAX_SIZE_DIGITS = 16
const MAX_EXTENSION_BYTES = 256
const MAX_TRAILER_BYTES = 8192

// States: what the next byte must be.
const SIZE = 0
const SIZE_LF = 2
const DATA = 3
const DATA_CR = 4
const DATA_LF = 5
const LINE = 6 // the first byte of a trailer line, or CR of the end
const NAME = 7
const FIELD_VALUE = 8
const FIELD_LF = 9
const LAST_LF = 10
const DONE = 11
const BROKEN = 12
// Within an extension; all states from here on belong to it.
const EXTENSION = 13 // the first byte of its name
const EXTENSION_NAME = 14
const EXTENSION_VALUE = 15 // the first byte of its value
const EXTENSION_TOKEN = 16
const QUOTED = 17
const QUOTED_PAIR = 18
const QUOTED_END = 19

export class ChunkedDecoder {
  /** Body bytes seen so far, without framing. */
  dataBytes = 0
  #state = SIZE
  #size = 0
  #digits = 0
  #spent = 0 // bytes of the present extension, or of the trailer section
  #last = false
  #keepsTrailers = false
  #section = ''

  /** The trailer lines with their line ends, when they are kept and the body is whole. */
  get trailers(): string {
    return this.#section
  }

  get done(): boolean {
    return this.#state === DONE
  }

  get broken(): boolean {
    return this.#state === BROKEN
  }

  /**
   * Begins a new body.
   *
   * @param keepsTrailers whether the trailer section is kept instead of dropped; with framing the
   *   end of the body is then left to the caller: `trailers`, in part, and an empty line
   */
  reset(keepsTrailers: boolean): void {
    this.#keepsTrailers = keepsTrailers
    this.#section = ''
    this.dataBytes = 0
    this.#state = SIZE
    this.#size = 0
    this.#digits = 0
    this.#spent = 0
    this.#last = false
  }

  /**
   * Decodes bytes[from, to) and calls `pass` for each range that goes on.
   *
   * @param framed whether chunk framing passes too; the end of the body (`0 CRLF CRLF`) then passes
   *   in the last range, without trailers; when those are kept it is only `0 CRLF`
   * @returns the offset after the last byte that belongs to the body
   */
  decode(
    bytes: Buffer,
    from: number,
    to: number,
    framed: boolean,
    pass: (from: number, to: number) => void,
  ): number {
    let at = from
    let start = from // the range that may pass but has not yet
    while (at < to && this.#state !== DONE && this.#state !== BROKEN) {
      if (this.#state === DATA) {
        const take = Math.min(this.#size, to - at)
        if (!framed) pass(at, at + take)
        this.#size -= take
        this.dataBytes += take
        at += take
        if (this.#size === 0) this.#state = DATA_CR
        continue
      }
      const before = this.#state
      const byte = bytes[at] as number
      this.#step(byte)
      if (this.#state === BROKEN) break
      if (framed && this.#hides(before)) {
        if (start < at) pass(start, at)
        start = at + 1
      }
      at++
    }
    if (framed && start < at) pass(start, at)
    return at
  }

  #step(byte: number): void {
    if (this.#state >= EXTENSION) return this.#readExtension(byte)
    switch (this.#state) {
      case SIZE:
        return this.#readSize(byte)
      case SIZE_LF:
        if (byte !== LF) return this.#break()
        this.#last = this.#size === 0
        this.#spent = 0
        this.#digits = 0
        this.#state = this.#last ? LINE : DATA
        return
      case DATA_CR:
        this.#state = byte === CR ? DATA_LF : BROKEN
        return
      case DATA_LF:
        this.#state = byte === LF ? SIZE : BROKEN
        return
      default:
        return this.#readTrailer(byte)
    }
  }

  #break(): void {
    this.#state = BROKEN
  }

  #readSize(byte: number): void {
    const digit = hexValue(byte)
    if (digit >= 0) {
      this.#digits++
      this.#size = this.#size * 16 + digit
      if (this.#digits > MAX_SIZE_DIGITS || this.#size > Number.MAX_SAFE_INTEGER) this.#break()
    } else if (this.#digits === 0) this.#break()
    else if (byte === CR) this.#state = SIZE_LF
    else if (byte === SEMICOLON) {
      this.#spent = 0
      this.#state = EXTENSION
    } else this.#break()
  }

  /**
   * After the semicolon: `name`, `name=value` or `name="value"`, more of them after semicolons
   * (RFC 9112 section 7.1.1). White space there is "bad" by the RFC's own word and refused.
   */
  #readExtension(byte: number): void {
    if (++this.#spent > MAX_EXTENSION_BYTES) return this.#break()
    const classes = CLASSES[byte] as number
    const isToken = (classes & TOKEN) !== 0
    switch (this.#state) {
      case EXTENSION:
        this.#state = isToken ? EXTENSION_NAME : BROKEN
        return
      case EXTENSION_NAME:
        if (byte === EQUALS) this.#state = EXTENSION_VALUE
        else if (!isToken) this.#endExtension(byte)
        return
      case EXTENSION_VALUE:
        if (byte === QUOTE) this.#state = QUOTED
        else this.#state = isToken ? EXTENSION_TOKEN : BROKEN
        return
      case EXTENSION_TOKEN:
        if (!isToken) this.#endExtension(byte)
        return
      case QUOTED:
        if (byte === QUOTE) this.#state = QUOTED_END
        else if (byte === BACKSLASH) this.#state = QUOTED_PAIR
        else if ((classes & VALUE) === 0) this.#break()
        return
      case QUOTED_PAIR:
        this.#state = (classes & VALUE) !== 0 ? QUOTED : BROKEN
        return
      default:
        this.#endExtension(byte)
    }
  }

  #endExtension(byte: number): void {
    if (byte === CR) this.#state = SIZE_LF
    else this.#state = byte === SEMICOLON ? EXTENSION : BROKEN
  }

  #readTrailer(byte: number): void {
    if (++this.#spent > MAX_TRAILER_BYTES) return this.#break()
    if (this.#keepsTrailers) this.#section += String.fromCharCode(byte)
    const classes = CLASSES[byte] as number
    switch (this.#state) {
      case LINE:
        if (byte === CR) this.#state = LAST_LF
        else this.#state = (classes & TOKEN) !== 0 ? NAME : BROKEN
        return
      case NAME:
        if (byte === COLON) this.#state = FIELD_VALUE
        else if ((classes & TOKEN) === 0) this.#break()
        return
      case FIELD_VALUE:
        if (byte === CR) this.#state = FIELD_LF
        else if ((classes & VALUE) === 0) this.#break()
        return
      case FIELD_LF:
        this.#state = byte === LF ? LINE : BROKEN
        return
      default:
        this.#state = byte === LF ? DONE : BROKEN
        // The empty line that ends the section is none of its lines.
        if (this.#keepsTrailers) this.#section = this.#section.slice(0, -2)
    }
  }

  /** Whether the byte just read, in state `before`, is an extension's or a trailer's. */
  #hides(before: number): boolean {
    const after = this.#state
    if (after >= EXTENSION) return true
    if (before === LINE) return after === NAME || this.#keepsTrailers
    if (before === LAST_LF) return this.#keepsTrailers
    return before === NAME || before === FIELD_VALUE || before === FIELD_LF
  }
}
