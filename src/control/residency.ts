// Which version sits in which cells of the board, and the table that tells the edge threads so. A
// version becomes resident when every live thread has acknowledged a table that holds it; only
// then may an assignment row name its slot. A cell is given to another version only when no table
// holds it and nothing that was begun in it goes on (see cells.ts).

import { NO_SLOT, publishAssignment } from '../board/assignment.ts'
import type { Board } from '../board/board.ts'
import { setLatencyStripe, takeLatency } from '../board/latency.ts'
import { setMirrorOrder } from '../board/mirror.ts'
import {
  claims,
  clearTargetFailures,
  setEjected,
  setLatencyLimitUs,
  targetInFlight,
} from '../board/tallies.ts'
import type { ServiceConfig } from '../config/config.ts'
import type { Problem } from '../core/problem.ts'
import type { Table, TableService, TableVersion } from '../core/table.ts'
import { readTargetAddress } from '../core/target.ts'
import type { Weight } from '../core/weight.ts'
import { Cells } from './cells.ts'
import { Gauge } from './gauge.ts'

/** What should be resident of a service. */
export interface Wanted {
  readonly config: ServiceConfig
  /** Salts the affinity: the rollout's id. */
  readonly salt: string
  readonly versions: readonly { readonly name: string; readonly targets: readonly string[] }[]
}

export interface ResidentVersion {
  readonly service: string
  readonly name: string
  readonly slot: number
  readonly stripe: number | null
  /** The cells of its targets, by URL. */
  readonly targets: Map<string, number>
  /** What it did so far. */
  readonly gauge: Gauge
  /** The first table that holds it. */
  readonly since: number
}

interface ResidentService {
  readonly index: number
  readonly versions: Map<string, ResidentVersion>
}

export interface Row {
  readonly stable: string | null
  readonly candidate: string | null
  readonly weight: Weight
}

function outOf(what: string, size: number): Problem {
  return {
    status: 503,
    code: 'board-full',
    title: 'The board is full',
    detail:
      `Cannot make the version resident as there is no room for more ${what}: ` +
      `current value is ${size}. Restart Vertex to make room for what is in its state`,
  }
}

export class Residency {
  readonly #board: Board
  readonly #services = new Map<string, ResidentService>()
  readonly #bySlot: (ResidentVersion | undefined)[] = []
  readonly #serviceCells: Cells
  readonly #slots: Cells
  readonly #targets: Cells
  readonly #stripes: Cells
  #revision = 0
  #acknowledged = 0

  constructor(board: Board) {
    this.#board = board
    const { services, slots, targets, latencyStripes } = board.layout
    this.#serviceCells = new Cells(services)
    this.#slots = new Cells(slots)
    this.#targets = new Cells(targets)
    this.#stripes = new Cells(latencyStripes)
  }

  /** The version that sits in a slot; undefined when none does any more. */
  inSlot(slot: number): ResidentVersion | undefined {
    return this.#bySlot[slot]
  }

  version(service: string, name: string | null): ResidentVersion | undefined {
    return name === null ? undefined : this.#services.get(service)?.versions.get(name)
  }

  /** The service's cell on the board. */
  cellOf(service: string): number | undefined {
    return this.#services.get(service)?.index
  }

  versionsOf(service: string): Iterable<ResidentVersion> {
    return this.#services.get(service)?.versions.values() ?? []
  }

  /** Whether every live thread serves from a table that holds this version. */
  isAcknowledged(service: string, name: string | null): boolean {
    const version = this.version(service, name)
    return version !== undefined && version.since <= this.#acknowledged
  }

  /** Versions whose latency cannot be measured as the board has too few stripes. */
  get unmeasured(): number {
    return this.#bySlot.filter((version) => version !== undefined && version.stripe === null).length
  }

  /** Whether there is room for a version with so many targets; the problem when there is not. */
  roomFor(service: string, version: { name: string; targets: number }): Problem | null {
    const known = this.version(service, version.name)
    if (known === undefined && this.#slots.left < 1) return outOf('versions', this.#slots.size)
    const more = version.targets - (known?.targets.size ?? 0)
    if (more > this.#targets.left) return outOf('targets', this.#targets.size)
    return null
  }

  /**
   * Gives cells to what is wanted and takes them from what is not, and builds the next table.
   * What finds no room is left out of the table and named in `problems`.
   */
  nextTable(wanted: readonly Wanted[]): { table: Table; problems: readonly Problem[] } {
    this.#revision++
    const problems: Problem[] = []
    const services: TableService[] = []
    const names = new Set(wanted.map(({ config }) => config.name))
    for (const [name, service] of this.#services) {
      if (names.has(name)) continue
      for (const version of service.versions.values()) this.#dropVersion(service, version)
      this.#serviceCells.giveBack(service.index, this.#revision)
      this.#services.delete(name)
    }
    for (const want of wanted) {
      const service = this.#services.get(want.config.name) ?? this.#addService(want.config.name)
      if (service === null) problems.push(outOf('services', this.#serviceCells.size))
      else services.push(this.#serviceOf(want, { service, problems }))
    }
    return { table: Object.freeze({ revision: this.#revision, services }), problems }
  }

  /** Every live thread serves from this table or a later one. */
  acknowledge(revision: number): void {
    this.#acknowledged = Math.max(this.#acknowledged, revision)
  }

  /**
   * Publishes the row of a service: one atomic store. False when a version that the row needs has
   * not been acknowledged yet; then nothing was published.
   */
  assign(service: string, row: Row): boolean {
    const resident = this.#services.get(service)
    if (resident === undefined) return false
    const stable = this.#slotOf(service, row.stable)
    const candidate = this.#slotOf(service, row.candidate)
    const serving = row.weight === 0 ? row.stable : row.candidate
    if (row.weight > 0 && candidate === NO_SLOT) return false
    if (row.stable !== null && stable === NO_SLOT && serving === row.stable) return false
    publishAssignment(this.#board, resident.index, {
      stableSlot: stable,
      candidateSlot: candidate,
      weight: row.weight,
    })
    return true
  }

  setLimits(service: string, limits: { row: Row; stableUs: number; candidateUs: number }): void {
    const { row, stableUs, candidateUs } = limits
    for (const { name, slot } of this.versionsOf(service)) {
      const us = name === row.stable ? stableUs : name === row.candidate ? candidateUs : 0
      setLatencyLimitUs(this.#board, slot, us)
    }
  }

  /** Frees the cells that nothing uses any more. */
  reap(): void {
    const board = this.#board
    this.#serviceCells.reap(this.#acknowledged, () => true)
    this.#slots.reap(this.#acknowledged, (slot) => claims(board, slot) === 0)
    this.#stripes.reap(this.#acknowledged, () => true)
    const idle = (target: number): boolean => targetInFlight(board, target) === 0
    for (const target of this.#targets.reap(this.#acknowledged, idle)) {
      setEjected(board, target, false)
      clearTargetFailures(board, target)
    }
  }

  #slotOf(service: string, name: string | null): number {
    const version = this.version(service, name)
    if (version === undefined || version.since > this.#acknowledged) return NO_SLOT
    return version.slot
  }

  #addService(name: string): ResidentService | null {
    const index = this.#serviceCells.take()
    if (index === null) return null
    // The cell may hold the row of a service that is gone; this one serves nobody yet.
    publishAssignment(this.#board, index, {
      stableSlot: NO_SLOT,
      candidateSlot: NO_SLOT,
      weight: 0,
    })
    setMirrorOrder(this.#board, index, 0)
    const service: ResidentService = { index, versions: new Map() }
    this.#services.set(name, service)
    return service
  }

  #serviceOf(want: Wanted, at: { service: ResidentService; problems: Problem[] }): TableService {
    const { config } = want
    const { service } = at
    const kept = new Set(want.versions.map((version) => version.name))
    for (const version of service.versions.values()) {
      if (!kept.has(version.name)) this.#dropVersion(service, version)
    }
    const versions: TableVersion[] = []
    for (const { name, targets } of want.versions) {
      const known =
        service.versions.get(name) ?? this.#addVersion(service, { service: config.name, name })
      if (known === null) at.problems.push(outOf('versions', this.#slots.size))
      else versions.push(this.#versionOf(known, { targets, problems: at.problems }))
    }
    return {
      name: config.name,
      index: service.index,
      matches: config.matches,
      affinity: config.affinity,
      salt: want.salt,
      versionOverride: config.versionOverride,
      rescue: config.rescue,
      rescueBudget: config.rescueBudget,
      replay: config.replay,
      bodyLimitBytes: config.bodyLimitBytes,
      verdict: config.verdict,
      mirror: config.mirror,
      versions,
    }
  }

  #addVersion(
    service: ResidentService,
    of: { service: string; name: string },
  ): ResidentVersion | null {
    const slot = this.#slots.take()
    if (slot === null) return null
    const stripe = this.#stripes.take()
    setLatencyLimitUs(this.#board, slot, 0)
    setLatencyStripe(this.#board, slot, stripe)
    // Counts that the stripe's last owner left behind are nobody's.
    takeLatency(this.#board, slot, () => {})
    const since = this.#revision
    const gauge = new Gauge()
    const version = { ...of, slot, stripe, targets: new Map(), gauge, since }
    service.versions.set(of.name, version)
    this.#bySlot[slot] = version
    return version
  }

  #dropVersion(service: ResidentService, version: ResidentVersion): void {
    const { slot, stripe, targets } = version
    service.versions.delete(version.name)
    this.#bySlot[slot] = undefined
    this.#slots.giveBack(slot, this.#revision)
    setLatencyLimitUs(this.#board, slot, 0)
    setLatencyStripe(this.#board, slot, null)
    if (stripe !== null) this.#stripes.giveBack(stripe, this.#revision)
    for (const target of targets.values()) this.#targets.giveBack(target, this.#revision)
  }

  #versionOf(
    version: ResidentVersion,
    want: { targets: readonly string[]; problems: Problem[] },
  ): TableVersion {
    for (const [url, cell] of version.targets) {
      if (want.targets.includes(url)) continue
      version.targets.delete(url)
      this.#targets.giveBack(cell, this.#revision)
    }
    const targets = []
    for (const url of want.targets) {
      const address = readTargetAddress(url)
      if (address === null) throw new Error(`target ${url} is no address`)
      const index = version.targets.get(url) ?? this.#targets.take()
      if (index === null) {
        want.problems.push(outOf('targets', this.#targets.size))
        continue
      }
      version.targets.set(url, index)
      const { host, port, authority } = address
      targets.push({ index, host, port, authority })
    }
    return { name: version.name, slot: version.slot, targets }
  }
}
