// The handles of both ends of the tunnels: WebSocket origins (tunnel-origin-process.ts), each a
// version, and the client of all tunnels (tunnel-client-process.ts).

import { endChild, startModule } from './children.ts'
import { askChild } from './rpc.ts'

/** What an origin knows of a tunnel. Frames are counted when they were right in every byte. */
export interface OriginSide {
  readonly tunnel: number
  /** Frames of the client that came. */
  readonly heard: number
  /** Of those, the ones that were sent back. */
  readonly echoed: number
  readonly pushed: number
  /** Whether the client's direction has ended, and not in the middle of a frame. */
  readonly ended: boolean
  readonly fault: string
}

/** What the client knows of a tunnel. */
export interface ClientSide {
  readonly tunnel: number
  readonly version: string
  readonly said: number
  readonly echoes: number
  readonly pushes: number
  /** Whether the origin's direction has ended, and not in the middle of a frame. */
  readonly ended: boolean
  /** When the tunnel was over, on the monotonic clock; NaN while it lives. */
  readonly overMs: number
  /** When the last frame came. */
  readonly heardMs: number
  readonly fault: string
}

export interface TunnelOrigin {
  readonly url: string
  /** Says a last thing on these tunnels and ends its direction. */
  close(tunnels: readonly number[]): Promise<void>
  report(): Promise<OriginSide[]>
  end(): Promise<void>
}

export interface TunnelClient {
  /** Opens tunnels through a port; returns when all stand or have failed. */
  open(how: { port: number; tunnels: number; everyMs: number }): Promise<void>
  /** Says a last thing on these tunnels and ends its direction. */
  close(tunnels: readonly number[]): Promise<void>
  report(): Promise<ClientSide[]>
  end(): Promise<void>
}

export async function startTunnelOrigin(how: {
  version: string
  everyMs: number
}): Promise<TunnelOrigin> {
  const child = startModule(new URL('./tunnel-origin-process.ts', import.meta.url))
  const port = Number(await askChild(child, 'start', { with: how }))
  return {
    url: `http://127.0.0.1:${port}`,
    close: async (tunnels) => void (await askChild(child, 'close', { with: tunnels })),
    report: async () => (await askChild(child, 'report')) as OriginSide[],
    end: async () => void (await endChild(child)),
  }
}

export function startTunnelClient(): TunnelClient {
  const child = startModule(new URL('./tunnel-client-process.ts', import.meta.url))
  return {
    open: async (how) => void (await askChild(child, 'open', { with: how })),
    close: async (tunnels) => void (await askChild(child, 'close', { with: tunnels })),
    report: async () => (await askChild(child, 'report')) as ClientSide[],
    end: async () => void (await endChild(child)),
  }
}
