// The client's side of an exchange, as the steps of a request see it. HTTP/1.1 over TCP is one
// speaker of it (client.ts); HTTP/2 streams would be another. Nothing here knows about sockets.

import type { ForwardedBy } from '../http1/forward.ts'

export interface ClientSide {
  /** What is added to each request of this client. */
  readonly by: ForwardedBy
  /** Whether another request can follow: what is left of this one, if anything, is short. */
  readonly canFollow: boolean
  /** Writes text as latin1: a head, or a head with a small body. False asks for a pause. */
  writeText(text: string): boolean
  /** Writes body bytes, which belong to the client side from now on. False asks for a pause. */
  writeBytes(bytes: Buffer): boolean
  /** The target cannot take more of the request's body now … and now it can again. */
  pauseRequest(): void
  resumeRequest(): void
  /** The answer is whole. */
  finished(keepAlive: boolean): void
  /** The answer cannot be completed: the client must see that it is broken, never a short body. */
  reset(): void
  /** From now on bytes go through unread, in both directions. */
  becomeTunnel(): void
  /** The target will send no more into the tunnel. */
  endTunnel(): void
}
