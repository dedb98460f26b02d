// An origin that answers each request by the script that its path names, and remembers which of its
// connections it has spoiled: a request that comes on one of those was sent by a proxy that trusts
// a liar.

import type net from 'node:net'
import { bodyFor } from './hostile-client.ts'
import { EVERYWHERE, type Kind, type Step, TURN } from './hostile-kinds.ts'
import type { Origin } from './harness.ts'
import type { Lab } from './lab.ts'

export interface HostileOrigin {
  readonly port: number
  /** Paths of requests that came on a connection that had been spoiled before. */
  readonly misused: string[]
  /** How many requests came for a path. */
  asked(path: string): number
  /** Whether a connection that was spoiled is still open. */
  holdsSpoiled(): boolean
  /** Ends every connection and waits until Vertex has ended them too: its pool is empty then. */
  hangUp(): Promise<void>
}

/** The path of a kind's script, or of the right answer when there is none. */
export function pathOf(kind: Kind | null, kinds: readonly Kind[], nonce: string): string {
  return kind === null ? `/well/${nonce}` : `/${kinds.indexOf(kind)}/${nonce}`
}

/** Writes the right answer. */
export function answerWell(socket: net.Socket, nonce: string, toHead = false): void {
  const body = bodyFor(nonce)
  const head = `HTTP/1.1 200 OK\r\nX-Nonce: ${nonce}\r\nContent-Length: ${body.length}\r\n\r\n`
  socket.write(toHead ? head : head + body, 'latin1')
}

/** Waits until the condition holds, looking at each turn of the loop; false after `limitMs`. */
export async function soon(condition: () => boolean, limitMs = 3000): Promise<boolean> {
  const until = performance.now() + limitMs
  while (!condition()) {
    if (performance.now() > until) return false
    await new Promise((resolve) => setImmediate(resolve))
  }
  return true
}

export async function startHostile(lab: Lab, kinds: readonly Kind[]): Promise<HostileOrigin> {
  const spoiled = new Set<net.Socket>()
  const misused: string[] = []
  const asked = new Map<string, number>()
  const origin: Origin = await lab.origin((socket, request) => {
    const [, method = '', path = ''] = /^(\S+) (\S+) /.exec(request) ?? []
    const [, script = '', nonce = ''] = path.split('/')
    // Nagle's algorithm would hold a second write back until the first is acknowledged, which comes
    // with the next request at the latest: poison would seem to be its answer.
    socket.setNoDelay(true)
    asked.set(path, (asked.get(path) ?? 0) + 1)
    if (spoiled.has(socket)) {
      misused.push(path)
      return void socket.destroy()
    }
    const kind = kinds[Number(script)]
    if (script === 'well' || kind === undefined) return answerWell(socket, nonce, method === 'HEAD')
    spoiled.add(socket)
    socket.on('close', () => spoiled.delete(socket))
    void play(socket, kind, nonce)
  })
  return {
    port: origin.port,
    misused,
    asked: (path) => asked.get(path) ?? 0,
    holdsSpoiled: () => spoiled.size > 0,
    async hangUp() {
      for (const socket of origin.connections) socket.end()
      await soon(() => origin.connections.size === 0)
    },
  }
}

/** A bound for scripts without an end: far more than any limit of Vertex lets pass. */
const MAX_STEPS = 100_000

async function play(socket: net.Socket, kind: Kind, nonce: string): Promise<void> {
  let left = MAX_STEPS
  for (const step of inPackets(kind, nonce)) {
    if (socket.destroyed || socket.errored || left-- === 0) return
    if (typeof step === 'string') socket.write(step, 'latin1')
    else if (step.act === 'fin') socket.end()
    else if (step.act === 'rst') socket.resetAndDestroy()
    else if (step.act === 'turn') await new Promise((resolve) => setImmediate(resolve))
    else await new Promise((resolve) => setTimeout(resolve, step.ms))
  }
}

/** The kind's steps with the nonce filled in, its writes cut where the kind says. */
function* inPackets({ cutAt, steps }: Kind, nonce: string): Iterable<Step> {
  for (const step of steps()) {
    if (typeof step !== 'string') {
      yield step
      continue
    }
    const bytes = step.replaceAll('%NONCE%', nonce).replaceAll('%BODY%', bodyFor(nonce))
    if (cutAt === 0) yield bytes
    else if (cutAt === EVERYWHERE) for (const byte of bytes) yield* [byte, TURN]
    else yield* [bytes.slice(0, cutAt), TURN, bytes.slice(cutAt)]
  }
}
