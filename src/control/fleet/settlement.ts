// When all nodes know what was decided: a command is answered by then, within a bound, and a
// candidate gets its first requests by then. Once all have served by one table of a rollout they
// know its candidate, whatever weight follows.

import { countedFor } from '../../core/counters.ts'
import type { ServiceDocument } from '../../core/events.ts'
import type { Convergence as View } from '../../core/fleet/view.ts'
import type { FleetPort } from '../fleet-port.ts'
import type { Keeper } from '../keeper.ts'
import type { Convergence } from './convergence.ts'

/** A change waits so long for the other nodes before it is answered. */
const SETTLE_MS = 1000

/** The part of a keeper that is waited for. */
type Settling = Pick<Keeper, 'config' | 'document' | 'idle' | 'isServing'>

/** What every thread has to know before a candidate gets requests; empty without a rollout. */
function tableOf({ state }: ServiceDocument): string {
  const { candidate, rollout, versions } = state
  if (rollout === null || candidate === null) return ''
  return JSON.stringify([countedFor(rollout), candidate, versions[candidate]?.targets ?? []])
}

/** What the ledger does not hold, only this node can serve by. */
function unconfirmed({ config, document, isServing }: Settling, port: FleetPort): View {
  const { node } = port
  const { awaySinceMs, members } = port.knowledge()
  // While Redis is away nobody is heard of, and everybody may serve by something else.
  const all = members.map((member) => member.node).filter((one) => one !== node)
  const others = awaySinceMs === null ? port.others() : all
  const applied = isServing ? [{ node, afterMs: 0 }] : []
  const waiting = isServing ? others : [node, ...others]
  return { service: config.name, revision: document.state.epoch, applied, waiting }
}

async function atMost(ms: number, promise: Promise<void>): Promise<void> {
  const { promise: late, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, ms)
  await Promise.race([promise, late])
  clearTimeout(timer)
}

export class Settlement {
  /** The table that all nodes have served by, by service. */
  readonly #known = new Map<string, string>()

  /** All nodes serve by this document. */
  complete(document: ServiceDocument): void {
    this.#known.set(document.state.service, tableOf(document))
  }

  isKnown(document: ServiceDocument): boolean {
    const table = tableOf(document)
    return table !== '' && this.#known.get(document.state.service) === table
  }

  forget(service: string): void {
    this.#known.delete(service)
  }

  /**
   * How far the keeper's present revision has come, once all serve by it or a second is over. What
   * the ledger does not hold, nobody else is known to serve by.
   */
  async wait(
    keeper: Settling,
    convergence: Convergence,
    { monotonic, port }: { monotonic: () => number; port: FleetPort },
  ): Promise<View> {
    const { name: service } = keeper.config
    const endMs = monotonic() + SETTLE_MS
    let saved = Number.NaN
    for (;;) {
      const view = convergence.view(service)
      const revision = keeper.document.state.epoch
      const leftMs = endMs - monotonic()
      if (view !== null && view.revision >= revision) {
        if (view.waiting.length === 0 || leftMs <= 0) return view
        await convergence.settled(service, leftMs)
        continue
      }
      if (saved === revision || leftMs <= 0) return unconfirmed(keeper, port)
      // It may have gone on by itself, and that is being saved.
      saved = revision
      await atMost(leftMs, keeper.idle)
    }
  }
}
