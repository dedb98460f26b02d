// WebSocket frames (RFC 6455) whose every byte is known beforehand, so that both ends can tell a
// lost, doubled, mixed-up or damaged one. A frame carries its kind, its tunnel, its number, and as
// much filling as these three say.

import { createHash } from 'node:crypto'

/** Client to origin; the origin's echo of it; origin to client, unasked. */
export const KINDS = { said: 1, echoed: 2, pushed: 3 } as const

export type Kind = (typeof KINDS)[keyof typeof KINDS]

const BINARY = 0x82
const FIXED_BYTES = 9
const FILLING_MAX = 1500
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

/** Sec-WebSocket-Accept for a key (RFC 6455 section 4.2.2). */
export function acceptFor(key: string): string {
  return createHash('sha1')
    .update(key + GUID)
    .digest('base64')
}

/** What a frame must carry. Its length differs from frame to frame and from side to side. */
export function payloadOf(kind: Kind, tunnel: number, number: number): Buffer {
  const seed = (Math.imul(tunnel + 1, 0x9e3779b1) ^ Math.imul(number + 1, 0x85ebca6b)) >>> 0
  const payload = Buffer.alloc(FIXED_BYTES + ((seed >>> kind) % FILLING_MAX), seed & 0xff)
  payload.writeUInt8(kind, 0)
  payload.writeUInt32BE(tunnel, 1)
  payload.writeUInt32BE(number, 5)
  return payload
}

/** A binary frame; a client's is masked. */
export function frameOf(payload: Buffer, mask: Buffer | null): Buffer {
  const long = payload.length > 125
  const bit = mask === null ? 0 : 0x80
  const head = long
    ? Buffer.from([BINARY, bit | 126, payload.length >> 8, payload.length & 0xff])
    : Buffer.from([BINARY, bit | payload.length])
  if (mask === null) return Buffer.concat([head, payload])
  return Buffer.concat([head, mask, masked(payload, mask)])
}

function masked(bytes: Buffer, mask: Buffer): Buffer {
  const out = Buffer.allocUnsafe(bytes.length)
  for (const [i, byte] of bytes.entries()) out[i] = byte ^ (mask[i & 3] ?? 0)
  return out
}

/** Takes a stream apart into the payloads of its frames. */
export class FrameReader {
  #rest: Buffer = Buffer.alloc(0)

  /** @returns the whole payloads that are there, or null when the stream is not one of frames */
  read(chunk: Buffer): Buffer[] | null {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    const payloads: Buffer[] = []
    for (;;) {
      const [first, second] = this.#rest
      if (first === undefined || second === undefined) return payloads
      if (first !== BINARY || (second & 0x7f) === 127) return null
      const long = (second & 0x7f) === 126
      const maskAt = long ? 4 : 2
      const from = maskAt + (second & 0x80 ? 4 : 0)
      if (this.#rest.length < from) return payloads
      const length = long ? this.#rest.readUInt16BE(2) : second & 0x7f
      if (this.#rest.length < from + length) return payloads
      const payload = this.#rest.subarray(from, from + length)
      payloads.push(from > maskAt ? masked(payload, this.#rest.subarray(maskAt, from)) : payload)
      this.#rest = this.#rest.subarray(from + length)
    }
  }

  /** Whether the stream ended in the middle of a frame. */
  get torn(): boolean {
    return this.#rest.length > 0
  }
}
