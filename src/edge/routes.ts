// The table as an edge thread uses it: routes to services, versions by slot, targets with their
// pools of connections. A new table replaces it whole; targets that stay keep their pool.

import type { Board } from '../board/board.ts'
import { targetInFlight, targetShare } from '../board/tallies.ts'
import { type Choice, OUT } from '../core/choose.ts'
import { Router } from '../core/match.ts'
import { type MirrorRules, rulesKey } from '../core/mirror/order.ts'
import type { Affinity, Replay, RescueBudget, Table, TableTarget } from '../core/table.ts'
import { normalisePath } from '../http1/path.ts'
import { IdleConnections } from './idle.ts'

/** So long is a target that sent what nobody had asked for not trusted with a second request. */
const DISTRUST_MS = 60_000

export class Target {
  readonly index: number
  readonly host: string
  readonly port: number
  readonly authority: string
  /** Connections that wait for a request; the one used last is used first. */
  readonly idle = new IdleConnections()
  /** Until then no connection is used twice: it was caught sending what nobody had asked for. */
  distrustedUntilMs = 0
  /** It did not accept a connection a moment ago: others come first until then. 0: it did. */
  shunnedUntilMs = 0
  /** No table names it any more: its connections close instead of waiting. */
  gone = false

  constructor(row: TableTarget) {
    this.index = row.index
    this.host = row.host
    this.port = row.port
    this.authority = row.authority
  }

  /**
   * It sent what nobody had asked for, and may do so again: see upstream.ts. True when that is
   * news.
   */
  distrust(nowMs: number): boolean {
    const isNews = nowMs >= this.distrustedUntilMs
    this.distrustedUntilMs = nowMs + DISTRUST_MS
    this.idle.destroy()
    return isNews
  }
}

export class Version implements Choice {
  readonly #board: Board
  /** Its service's name. */
  readonly service: string
  readonly name: string
  readonly slot: number
  readonly targets: readonly Target[]

  constructor(board: Board, of: Pick<Version, 'service' | 'name' | 'slot' | 'targets'>) {
    this.#board = board
    this.service = of.service
    this.name = of.name
    this.slot = of.slot
    this.targets = of.targets
  }

  get count(): number {
    return this.targets.length
  }

  share(index: number): number {
    const target = this.targets[index]
    return target === undefined ? OUT : targetShare(this.#board, target.index)
  }

  inFlight(index: number): number {
    const target = this.targets[index]
    return target === undefined ? 0 : targetInFlight(this.#board, target.index)
  }
}

export interface Service {
  readonly name: string
  readonly index: number
  readonly affinity: Affinity | null
  readonly salt: string
  readonly versionOverride: string | null
  readonly rescue: boolean
  readonly rescueBudget: RescueBudget
  readonly replay: Replay
  readonly bodyLimitBytes: number
  /** What is mirrored while there is an order to; null: nothing ever. */
  readonly mirror: MirrorRules | null
  /** Of these rules; worked out once for all copies. */
  readonly mirrorKey: number
  /** Finds the paths, of any host, whose requests are no evidence; null when all are. */
  readonly excluded: Router<true> | null
  readonly countsClientErrors: boolean
  /** Infinity: no request is an error for being slow. */
  readonly slowIsErrorMs: number
  readonly versions: ReadonlyMap<string, Version>
}

export interface Routes {
  readonly revision: number
  readonly router: Router<Service>
  readonly bySlot: ReadonlyMap<number, Version>
  /** The names of services by their cells on the board. */
  readonly names: ReadonlyMap<number, string>
}

export const NO_ROUTES: Routes = {
  ...{ revision: 0, router: new Router(), bySlot: new Map(), names: new Map() },
}

/**
 * Whether the service of a request that has begun by an older table is still there: its cell may
 * be another one's by now, whose versions must never see the request.
 */
export function isServed({ names }: Routes, { index, name }: Service): boolean {
  return names.get(index) === name
}

/** Whether the slot that a request was counted on is still that version's. */
export function isStillOf({ bySlot }: Routes, { name, service, slot }: Version): boolean {
  const now = bySlot.get(slot)
  return now?.name === name && now.service === service
}

/** Builds the routes of a table; `known` are the targets of the present one, by cell. */
export function buildRoutes(board: Board, table: Table, known: Map<number, Target>): Routes {
  const router = new Router<Service>()
  const bySlot = new Map<number, Version>()
  const names = new Map<number, string>()
  const kept = new Map<number, Target>()
  for (const row of table.services) {
    names.set(row.index, row.name)
    const versions = new Map<string, Version>()
    for (const { name, slot, targets } of row.versions) {
      const own = targets.map((target) => keepTarget(target, known, kept))
      const version = new Version(board, { service: row.name, name, slot, targets: own })
      versions.set(name, version)
      bySlot.set(slot, version)
    }
    const service: Service = {
      name: row.name,
      index: row.index,
      affinity: row.affinity,
      salt: row.salt,
      versionOverride: row.versionOverride,
      rescue: row.rescue,
      rescueBudget: row.rescueBudget,
      replay: row.replay,
      bodyLimitBytes: row.bodyLimitBytes ?? Number.POSITIVE_INFINITY,
      mirror: row.mirror,
      mirrorKey: row.mirror === null ? 0 : rulesKey(row.mirror),
      excluded: routerOf(row.verdict.exclude),
      countsClientErrors: row.verdict.clientErrors === 'count',
      slowIsErrorMs: row.verdict.slowIsErrorMs ?? Number.POSITIVE_INFINITY,
      versions,
    }
    for (const { host, path } of row.matches) router.add({ host, path: normalOf(path) }, service)
  }
  retire(known, kept)
  return { revision: table.revision, router, bySlot, names }
}

/** A route is found by the normal form of a path, so it is kept by its own. */
function normalOf(path: string): string {
  return normalisePath(path) ?? path
}

function routerOf(paths: readonly string[]): Router<true> | null {
  if (paths.length === 0) return null
  const router = new Router<true>()
  for (const path of paths) router.add({ host: null, path: normalOf(path) }, true)
  return router
}

function keepTarget(
  row: TableTarget,
  known: ReadonlyMap<number, Target>,
  kept: Map<number, Target>,
): Target {
  const before = kept.get(row.index) ?? known.get(row.index)
  const target = before?.authority === row.authority ? before : new Target(row)
  kept.set(row.index, target)
  return target
}

/** Closes the waiting connections of targets that no version names any more. */
function retire(known: Map<number, Target>, kept: ReadonlyMap<number, Target>): void {
  for (const [index, target] of known) {
    if (kept.get(index) === target) continue
    target.gone = true
    target.idle.destroy()
  }
  known.clear()
  for (const [index, target] of kept) known.set(index, target)
}
