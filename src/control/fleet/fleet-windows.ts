// The windows of the whole fleet, on the node that leads: what every node has told of each version
// in the last second is poured into the leader's own (intervals.ts). And what no window holds: how
// many requests each target was given by all nodes, and how many go on.

import type { Board } from '../../board/board.ts'
import { claims, targetInFlight, targetServed } from '../../board/tallies.ts'
import type { VersionInterval } from '../../core/fleet/message.ts'
import type { Clock } from '../clock.ts'
import type { FleetPort } from '../fleet-port.ts'
import type { Keeper } from '../keeper.ts'
import type { Residency, ResidentVersion } from '../residency.ts'
import { intervalOf, toldOf } from './intervals.ts'
import type { Log } from '../options.ts'

export interface WindowsParts {
  readonly port: FleetPort
  readonly board: Board
  readonly clock: Clock
  readonly log: Log
  readonly residency: Residency
}

type Given = Readonly<Record<string, number>>

/** The last that a node has told of a version, besides its window. */
interface Told {
  readonly given: Given
  readonly inFlight: number
}

export class FleetWindows {
  readonly #parts: WindowsParts
  /** By service, then by node and version. */
  readonly #told = new Map<string, Map<string, Told>>()
  #isGarbled = false

  constructor(parts: WindowsParts) {
    this.#parts = parts
  }

  /** A rollout goes on: what versions do is kept, so that it can be told. */
  keep(service: string): void {
    for (const { gauge } of this.#parts.residency.versionsOf(service)) gauge.share()
  }

  /** What this node's versions of a service did since the last call; empty: nothing is kept. */
  take({ config }: Keeper): readonly VersionInterval[] {
    const { residency } = this.#parts
    const intervals: VersionInterval[] = []
    for (const version of residency.versionsOf(config.name)) {
      const interval = version.gauge.takeInterval()
      if (interval === null) continue
      intervals.push(toldOf(version.name, interval, this.#seen(version)))
    }
    return intervals
  }

  /** Nothing rolls out: windows are each node's own again. */
  rest(service: string): void {
    for (const { gauge } of this.#parts.residency.versionsOf(service)) gauge.shareNoMore()
    this.#told.delete(service)
  }

  /** Pours what another node has told into the windows of the fleet. */
  hear(service: string, told: { node: string; intervals: readonly VersionInterval[] }): void {
    const { clock, log, residency } = this.#parts
    for (const one of told.intervals) {
      const interval = intervalOf(one)
      if (interval === null) {
        if (!this.#isGarbled) log.warn({ node: told.node }, 'an interval of a node is no histogram')
        this.#isGarbled = true
        continue
      }
      const version = residency.version(service, one.version)
      version?.gauge.share()
      version?.gauge.addOthers(interval, clock.now())
      const known = this.#told.get(service) ?? new Map<string, Told>()
      known.set(`${told.node} ${one.version}`, { given: one.given, inFlight: one.inFlight })
      this.#told.set(service, known)
    }
  }

  /** Requests that a version's targets were given by the other live nodes, and that go on there. */
  others(service: string, version: string): Told {
    const given: Record<string, number> = {}
    let inFlight = 0
    const told = this.#told.get(service)
    for (const node of this.#parts.port.others()) {
      const one = told?.get(`${node} ${version}`)
      if (one === undefined) continue
      inFlight += one.inFlight
      for (const [url, times] of Object.entries(one.given)) given[url] = (given[url] ?? 0) + times
    }
    return { given, inFlight }
  }

  forget(service: string): void {
    this.#told.delete(service)
  }

  #seen({ slot, targets }: ResidentVersion): Told {
    const { board } = this.#parts
    const given: Record<string, number> = {}
    for (const [url, cell] of targets) {
      given[url] = targetServed(board, cell) + targetInFlight(board, cell)
    }
    return { given, inFlight: claims(board, slot) }
  }
}
