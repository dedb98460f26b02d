// Hears what the nodes of a fleet tell each other through Redis: when each of them says that it
// serves by a revision, by the wall clock that all of them share on one machine. This is what a
// node goes by itself when it answers how far a change has come. It shares that machine with them,
// so it reads nothing else and never looks whether it has heard enough.

import { Redis } from 'ioredis'
import type { Applied } from '../../src/core/fleet/message.ts'

const HEARD_MS = 5000
const APPLIED = '{"message":"applied"'

/** What was said of one revision of a service. */
interface Said {
  /** When each node said so first. */
  readonly atMs: Map<string, number>
  /** How many are waited for, and who waits. */
  wanted: number
  done: (() => void) | null
}

export class Ear {
  readonly #client: Redis
  readonly #said = new Map<string, Said>()

  private constructor(client: Redis) {
    this.#client = client
    client.on('pmessage', (_pattern: string, _channel: string, text: string) => {
      if (text.startsWith(APPLIED)) this.#hear(JSON.parse(text) as Applied)
    })
  }

  static async open(redisPort: number): Promise<Ear> {
    const client = new Redis({ host: '127.0.0.1', port: redisPort, lazyConnect: true })
    await client.connect()
    // Who has decided hears it in a letter, and tells all the others.
    await client.psubscribe('vertex:*')
    return new Ear(client)
  }

  #of(key: string): Said {
    const known = this.#said.get(key)
    if (known !== undefined) return known
    const said: Said = { atMs: new Map(), wanted: Number.POSITIVE_INFINITY, done: null }
    this.#said.set(key, said)
    return said
  }

  #hear({ atMs, node, others = {}, position, service }: Applied): void {
    const said = this.#of(`${service} ${position.epoch}`)
    for (const [one, ms] of [[node, atMs] as const, ...Object.entries(others)]) {
      said.atMs.set(one, Math.min(ms, said.atMs.get(one) ?? ms))
    }
    if (said.atMs.size >= said.wanted) said.done?.()
  }

  /**
   * When the last of so many nodes served by a revision, in milliseconds since 1970; NaN when not
   * all have said so.
   */
  async everywhereMs(
    revision: number,
    { nodes, service = 'default' }: { nodes: number; service?: string },
  ): Promise<number> {
    const said = this.#of(`${service} ${revision}`)
    if (said.atMs.size < nodes) {
      const { promise, resolve } = Promise.withResolvers<void>()
      said.wanted = nodes
      said.done = resolve
      const timer = setTimeout(resolve, HEARD_MS) // a check says so
      await promise
      clearTimeout(timer)
    }
    return said.atMs.size < nodes ? Number.NaN : Math.max(...said.atMs.values())
  }

  close(): void {
    this.#client.disconnect()
  }
}
