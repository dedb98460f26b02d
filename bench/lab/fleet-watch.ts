// What a node of a fleet says of a service, looked at twenty times a second while something happens
// to it: whether a weight ever went upward when it must not, and from when on all say the same.

import type { ServiceView } from '../../src/core/command.ts'
import { monotonicMs, sleep } from './clock.ts'
import { type FleetLab, type LabNode, timed, weightOf } from './fleet.ts'

const EVERY_MS = 50

/** One look at one node. */
export interface Look {
  readonly atMs: number
  readonly node: string
  /** Of the candidate, in percent. */
  readonly weight: number
}

/** A weight that was higher than at the look before. */
export interface Rise {
  readonly node: string
  readonly from: number
  readonly to: number
  readonly atMs: number
}

export class Watch {
  readonly #looks: Look[] = []
  readonly #loops: readonly Promise<void>[]
  #stopping = false

  constructor(nodes: readonly LabNode[]) {
    this.#loops = nodes.map((node) => this.#follow(node))
  }

  async #follow({ name, vertex }: LabNode): Promise<void> {
    while (!this.#stopping) {
      try {
        const weight = weightOf(await vertex.service())
        this.#looks.push({ atMs: monotonicMs(), node: name, weight })
      } catch {
        // A node that is killed answers nothing.
      }
      await sleep(EVERY_MS)
    }
  }

  /** Weights that went upward between two moments, from look to look. */
  between(fromMs: number, toMs: number): readonly Rise[] {
    const looks = this.#looks.filter(({ atMs }) => atMs >= fromMs && atMs <= toMs)
    const last = new Map<string, number>()
    const rises: Rise[] = []
    for (const { atMs, node, weight } of looks) {
      const from = last.get(node)
      if (from !== undefined && weight > from) rises.push({ node, from, to: weight, atMs })
      last.set(node, weight)
    }
    return rises
  }

  async stop(): Promise<void> {
    this.#stopping = true
    await Promise.all(this.#loops)
  }
}

/**
 * How long it takes from now until all nodes follow one leader, stand at one revision that all of
 * them serve by, and `holds` for what each says; null when that never came.
 */
export function oneState(
  lab: FleetLab,
  options: { holds: (view: ServiceView) => boolean; withinMs: number; nodes?: readonly LabNode[] },
): Promise<number | null> {
  const { holds, nodes = lab.nodes, withinMs } = options
  const isOne = async (): Promise<boolean> => {
    if ((await lab.agreed(nodes)) === null) return false
    const views = await lab.views(nodes)
    const [first] = views
    if (first === undefined || !views.every(holds)) return false
    if (views.some(({ revision }) => revision !== first.revision)) return false
    const fleets = await Promise.all(nodes.map((node) => lab.view(node)))
    return fleets.every(({ services }) =>
      services.every(({ revision, waiting }) => {
        return revision === first.revision && waiting.length === 0
      }),
    )
  }
  return timed(isOne, { withinMs, everyMs: 20 })
}

/** The rollout that ran has ended so, and its candidate has no traffic. */
export function hasEnded(ending: NonNullable<ServiceView['ended']>['ending']) {
  return (view: ServiceView): boolean =>
    view.rollout === null && view.ended?.ending === ending && weightOf(view) === 0
}
