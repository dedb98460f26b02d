// Where a request goes out to a target. Its head is held back for a moment, so that a small body
// goes out with it in one write.

import type { Socket } from 'node:net'
import { BodySink } from './body-sink.ts'
import { readOnAfterWriteErrors } from './dial.ts'

/** A body of at most so many bytes goes out in one write with its head. */
const JOIN_BYTES = 16_384

export class RequestSink {
  readonly #socket: Socket
  readonly #body: BodySink
  #head = ''
  /** Whether a body has been streamed to it, now or before. */
  #streams = false

  constructor(socket: Socket) {
    this.#socket = socket
    this.#body = new BodySink(socket)
  }

  /** Begins a request; its head goes out with the first bytes of its body, or with `flush`. */
  begin(head: string): void {
    this.#head = head
  }

  /** Sends body bytes, framed as they are. False asks for a pause until 'drain'. */
  sendBody(bytes: Buffer, from: number, to: number): boolean {
    const head = this.#head
    this.#head = ''
    if (head !== '' && to - from <= JOIN_BYTES) {
      return this.#socket.write(head + bytes.toString('latin1', from, to), 'latin1')
    }
    if (!this.#streams) readOnAfterWriteErrors(this.#socket)
    this.#streams = true
    if (head === '') return this.#body.writePart(bytes, from, to)
    this.#socket.cork()
    this.#socket.write(head, 'latin1')
    const more = this.#body.writePart(bytes, from, to)
    this.#socket.uncork()
    return more
  }

  /** Puts a head on the wire that still waits for a body, which will come later or never. */
  flush(): void {
    if (this.#head === '') return
    const head = this.#head
    this.#head = ''
    this.#socket.write(head, 'latin1')
  }

  /** The socket has written what there was. */
  drained(): void {
    this.#body.drained()
  }
}
