// A connection after its upgrade (RFC 9110 section 7.8): bytes go through unread in both
// directions, with backpressure, until both sides have ended theirs or one of them breaks. It keeps
// the claim of its version, and its target's connection keeps its idle time.

import type { ClientSide } from './client-side.ts'
import type { UpstreamConnection } from './upstream.ts'

export interface TunnelParts {
  readonly client: ClientSide
  readonly upstream: UpstreamConnection
  /** The number of the request that became this tunnel. */
  readonly number: number
  readonly slot: number
  /** Called once, when nothing goes through any more. */
  readonly onOver: () => void
}

export class Tunnel {
  readonly slot: number
  readonly number: number
  bytesFromClient = 0
  bytesFromUpstream = 0

  readonly #client: ClientSide
  readonly #upstream: UpstreamConnection
  readonly #onOver: () => void
  #ends = 0

  constructor({ client, number, onOver, slot, upstream }: TunnelParts) {
    this.#client = client
    this.#upstream = upstream
    this.#onOver = onOver
    this.slot = slot
    this.number = number
  }

  fromUpstream(chunk: Buffer): void {
    this.bytesFromUpstream += chunk.length
    this.#upstream.touchTunnel()
    if (!this.#client.writeBytes(chunk)) this.#upstream.hold()
  }

  fromClient(chunk: Buffer): void {
    this.bytesFromClient += chunk.length
    this.#upstream.touchTunnel()
    if (!this.#upstream.socket.write(chunk)) this.#client.pauseRequest()
  }

  /** The target will send no more. */
  endFromUpstream(): void {
    this.#client.endTunnel()
    this.#endSide()
  }

  /** The client will send no more. */
  endFromClient(): void {
    this.#upstream.socket.end()
    this.#endSide()
  }

  #endSide(): void {
    if (++this.#ends < 2) return this.#upstream.halfCloseTunnel()
    this.#upstream.letGo()
    this.#onOver()
    this.#client.finished(false)
  }

  /** Ends both directions at once; also when the tunnel's version is evacuated. */
  close(): void {
    this.#upstream.destroy()
    this.#onOver()
    this.#client.finished(false)
  }
}
