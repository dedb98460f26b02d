// Where body bytes go out. A streamed body passes through buffers of 64 KiB that the garbage
// collector sees only as small objects: it lets tens of megabytes of them pile up. So a large
// buffer is given back to the system as soon as the socket has written it, by transferring its
// memory away.

import type { Socket } from 'node:net'

/** Smaller buffers are not worth the call. */
const WORTH_BYTES = 16_384

export class BodySink {
  readonly #socket: Socket
  /** Written to the socket, but not yet to the system. */
  #held: Buffer[] = []

  constructor(socket: Socket) {
    this.#socket = socket
  }

  /** Writes bytes that nobody else uses any more. False asks for a pause until `drained`. */
  write(bytes: Buffer): boolean {
    const more = this.#socket.write(bytes)
    if (bytes.length < WORTH_BYTES) return more
    if (bytes.length === bytes.buffer.byteLength) this.#held.push(bytes)
    if (this.#socket.writableLength === 0) this.drained()
    return more
  }

  /** Writes a range; the whole buffer where it is all of it, so that its memory is given back. */
  writePart(bytes: Buffer, from: number, to: number): boolean {
    return this.write(from === 0 && to === bytes.length ? bytes : bytes.subarray(from, to))
  }

  /** The socket has written everything. */
  drained(): void {
    if (this.#held.length === 0 || this.#socket.writableLength > 0) return
    for (const bytes of this.#held) (bytes.buffer as ArrayBuffer).transfer(0)
    this.#held = []
  }
}
