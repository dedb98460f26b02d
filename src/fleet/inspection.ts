// Looks now and then whether the servers are fit to keep what a fleet decides: they must be masters
// and must not evict keys. An operator can change both while everything runs.

import { evictionClause, failureSentence, type ServerFacts } from './advice.ts'
import type { Connection } from './connection.ts'
import type { FleetOptions } from './options.ts'
import { type Repeat, repeat } from './repeat.ts'
import type { Troubles } from './troubles.ts'

const INSPECT_EVERY_MS = 2_000

export interface InspectionOptions {
  readonly connection: Connection
  readonly fleet: FleetOptions
  readonly troubles: Troubles
  /** Why no node may lead with these servers, as a clause; null: one may. */
  readonly onEviction: (clause: string | null) => void
}

export class Inspection {
  readonly #options: InspectionOptions
  #repeat: Repeat | null = null

  constructor(options: InspectionOptions) {
    this.#options = options
  }

  start(): void {
    this.stop()
    this.#repeat = repeat(async () => {
      await this.#look()
      return INSPECT_EVERY_MS
    })
  }

  stop(): void {
    this.#repeat?.stop()
    this.#repeat = null
  }

  judge(servers: readonly ServerFacts[]): void {
    const { troubles, onEviction } = this.#options
    const clause = evictionClause(servers)
    troubles.set('eviction', clause && `Cannot let any node lead the fleet as ${clause}`)
    onEviction(clause)
  }

  async #look(): Promise<void> {
    const { connection, fleet, troubles } = this.#options
    const { session } = connection
    if (session === null) return
    try {
      const servers = await session.inspect()
      if (connection.session !== session) return
      const replica = servers.find(({ role }) => role !== 'master')
      if (replica !== undefined) {
        const error = new Error(`READONLY ${replica.address} has become a ${replica.role}`)
        return connection.fail(session, error)
      }
      this.judge(servers)
      troubles.clear('inspection')
    } catch (error) {
      if (connection.session !== session) return
      const action = 'see whether Redis is fit for a fleet'
      troubles.callFailed('inspection', failureSentence(error, { ...fleet, action }))
    }
  }
}
