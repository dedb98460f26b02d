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

export interface OneState {
  /** Until all nodes follow one leader and stand at one revision, as wanted; null: never. */
  readonly oneStateMs: number | null
  /** Until each of them also knows that all serve by it; null: never. */
  readonly knownMs: number | null
}

/** How long it takes from now until the nodes of a fleet are one again. */
export async function oneState(
  lab: FleetLab,
  options: { holds: (view: ServiceView) => boolean; withinMs: number },
): Promise<OneState> {
  const { holds, withinMs } = options
  const beganMs = monotonicMs()
  const isOne = async (): Promise<boolean> => {
    if ((await lab.agreed()) === null) return false
    const views = await lab.views()
    const [first] = views
    return first !== undefined && views.every((v) => holds(v) && v.revision === first.revision)
  }
  const isKnown = async (): Promise<boolean> => {
    if (!(await isOne())) return false
    const fleets = await Promise.all(lab.nodes.map((node) => lab.view(node)))
    return fleets.every(({ services }) => services.every(({ waiting }) => waiting.length === 0))
  }
  const oneStateMs = await timed(isOne, { withinMs, everyMs: 20 })
  const known = await timed(isKnown, { withinMs, everyMs: 20 })
  return { oneStateMs, knownMs: known === null ? null : monotonicMs() - beganMs }
}

/** The rollout that ran has ended so, and its candidate has no traffic. */
export function hasEnded(ending: NonNullable<ServiceView['ended']>['ending']) {
  return (view: ServiceView): boolean =>
    view.rollout === null && view.ended?.ending === ending && weightOf(view) === 0
}
