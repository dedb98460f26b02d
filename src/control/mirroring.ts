// When a candidate gets copies of live requests: while a rollout runs that has it at weight 0,
// before its first raise or after it was lowered. Who was aborted, rolled back or quarantined gets
// none, nor does anybody in a service that is frozen. Which targets, and by which rules, is an
// order; its number on the board is the switch, stored in the same turn as the decision that it
// follows from.

import type { Board } from '../board/board.ts'
import { setMirrorOrder } from '../board/mirror.ts'
import type { ServiceConfig } from '../config/config.ts'
import type { MirrorOrder } from '../core/mirror/order.ts'
import type { ServiceState } from '../core/service.ts'
import type { Residency } from './residency.ts'

/** What is told to who mirrors. */
export interface Mirrored {
  /** The one that runs, or null. */
  readonly rollout: string | null
  /** Null: nothing is mirrored at this moment. */
  readonly order: MirrorOrder | null
}

export type MirrorTo = (service: string, mirrored: Mirrored) => void

/** The part of a keeper that is looked at. */
export interface Looked {
  readonly config: ServiceConfig
  readonly document: { readonly state: ServiceState }
  readonly fault: string | null
}

interface Known extends Mirrored {
  readonly state: ServiceState
  readonly config: ServiceConfig
  readonly fault: string | null
}

export class Mirroring {
  readonly #board: Board
  readonly #residency: Residency
  readonly #mirrorTo: MirrorTo
  readonly #known = new Map<string, Known>()
  #orders = 0

  constructor(parts: { board: Board; residency: Residency; mirrorTo: MirrorTo }) {
    this.#board = parts.board
    this.#residency = parts.residency
    this.#mirrorTo = parts.mirrorTo
  }

  /** Something about the service may have changed: brings the order up to it, at once. */
  look({ config, document, fault }: Looked): void {
    const { state } = document
    const known = this.#known.get(config.name)
    if (known?.state === state && known.config === config && known.fault === fault) return
    const cell = this.#residency.cellOf(config.name)
    const rollout = state.rollout?.id ?? null
    const wanted = cell === undefined || fault !== null ? null : orderOf(state, { config, cell })
    const before = known?.order ?? null
    const isSame = sameButNumber(before, wanted)
    const order = isSame || wanted === null ? before : { ...wanted, number: ++this.#orders }
    const now = wanted === null ? null : order
    this.#known.set(config.name, { state, config, fault, rollout, order: now })
    if (isSame && known?.rollout === rollout) return
    // What ends has ended on the board first; what begins is known to the mirror before.
    if (cell !== undefined && !isSame) setMirrorOrder(this.#board, cell, 0)
    this.#mirrorTo(config.name, { rollout, order: now })
    if (cell !== undefined && now !== null) setMirrorOrder(this.#board, cell, now.number)
  }

  /** The service is no longer in the file. */
  forget(service: string): void {
    const cell = this.#residency.cellOf(service)
    if (cell !== undefined) setMirrorOrder(this.#board, cell, 0)
    if (this.#known.delete(service)) this.#mirrorTo(service, { rollout: null, order: null })
  }
}

type Unnumbered = Omit<MirrorOrder, 'number'>

/** What is to be mirrored by this state, or null. */
function orderOf(
  state: ServiceState,
  { cell, config }: { cell: number; config: ServiceConfig },
): Unnumbered | null {
  const { candidate, quarantine, rollout, service, stable, versions, weight } = state
  const { mirror } = config
  if (mirror === null || rollout === null || candidate === null || stable === null) return null
  if (weight > 0 || quarantine[candidate] !== undefined) return null
  const targets = versions[candidate]?.targets ?? []
  if (targets.length === 0) return null
  return {
    ...{ cell, service, version: candidate, rollout: rollout.id, candidate: targets },
    stable: versions[stable]?.targets ?? [],
    rules: mirror,
    countsClientErrors: config.verdict.clientErrors === 'count',
  }
}

function sameButNumber(before: MirrorOrder | null, wanted: Unnumbered | null): boolean {
  if (before === null || wanted === null) return before === wanted
  const { number: _, ...rest } = before
  return JSON.stringify(rest) === JSON.stringify(wanted)
}
