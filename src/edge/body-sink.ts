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
  readonly #onWritten = (): void => this.drained()

  constructor(socket: Socket) {
    this.#socket = socket
  }

  /** Writes bytes that nobody else uses any more. False asks for a pause until `drained`. */
  write(bytes: Buffer): boolean {
    const isLarge = bytes.length >= WORTH_BYTES && bytes.length === bytes.buffer.byteLength
    if (!isLarge) return this.#socket.write(bytes)
    this.#held.push(bytes)
    return this.#socket.write(bytes, this.#onWritten)
  }

  /** Writes a range; the whole buffer where it is all of it, so that its memory is given back. */
  writePart(bytes: Buffer, from: number, to: number): boolean {
    return this.write(from === 0 && to === bytes.length ? bytes : bytes.subarray(from, to))
  }

  /** The socket has written something: when that was all, its memory goes back. */
  drained(): void {
    if (this.#held.length === 0 || this.#socket.writableLength > 0) return
    for (const bytes of this.#held) (bytes.buffer as ArrayBuffer).transfer(0)
    this.#held = []
  }
}

/** A copy; a large one in memory of its own, which a sink can give back. */
export function copyOf(bytes: Buffer, from: number, to: number): Buffer {
  if (to - from < WORTH_BYTES) return Buffer.from(bytes.subarray(from, to))
  const copy = Buffer.allocUnsafeSlow(to - from)
  bytes.copy(copy, 0, from, to)
  return copy
}
