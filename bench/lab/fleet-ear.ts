// Hears what the nodes of a fleet tell each other through Redis: when each of them says that it
// serves by a revision, by the wall clock that all of them share on one machine. This is what a
// node goes by itself when it answers how far a change has come.

import { Redis } from 'ioredis'
import type { Broadcast, Letter } from '../../src/core/fleet/message.ts'
import { until } from './clock.ts'

const HEARD_MS = 5000

export class Ear {
  readonly #client: Redis
  /** By service and revision: when each node said so first. */
  readonly #applied = new Map<string, Map<string, number>>()

  private constructor(client: Redis) {
    this.#client = client
    client.on('pmessage', (_pattern: string, _channel: string, text: string) => {
      const said = JSON.parse(text) as Broadcast | Letter
      if (said.message !== 'applied') return
      const key = `${said.service} ${said.position.epoch}`
      const nodes = this.#applied.get(key) ?? new Map<string, number>()
      this.#applied.set(key, nodes)
      nodes.set(said.node, Math.min(said.atMs, nodes.get(said.node) ?? said.atMs))
    })
  }

  static async open(redisPort: number): Promise<Ear> {
    const client = new Redis({ host: '127.0.0.1', port: redisPort, lazyConnect: true })
    await client.connect()
    // Who has decided hears it in a letter, and all others a moment later.
    await client.psubscribe('vertex:*')
    return new Ear(client)
  }

  /**
   * When the last of so many nodes served by a revision, in milliseconds since 1970; NaN when not
   * all have said so.
   */
  async everywhereMs(
    revision: number,
    { nodes, service = 'default' }: { nodes: number; service?: string },
  ): Promise<number> {
    const all = (): number | null => {
      const said = this.#applied.get(`${service} ${revision}`)
      return said === undefined || said.size < nodes ? null : Math.max(...said.values())
    }
    const options = { what: `all nodes serve by ${revision}`, withinMs: HEARD_MS, everyMs: 1 }
    return until(all, options).catch(() => Number.NaN) // a check says so
  }

  close(): void {
    this.#client.disconnect()
  }
}
