// One run of the simulation: nodes start, operators ask, things go wrong, and then everything is
// well again and the fleet has some seconds to become one.

import { type Scene, goWrong, crash, newServer } from './chaos.ts'
import { Invariants } from './invariants.ts'
import { Network } from './network.ts'
import { SimNode } from './node.ts'
import { operate } from './operators.ts'
import type { Accepted } from './redis.ts'
import { Traffic } from './traffic.ts'
import { Broken, World } from './world.ts'

const TROUBLED_MS = 9000
/** So long may the fleet need to be one again, when all is well. */
const HEALING_MS = 12_000
const LOOK_MS = 100

export interface RunResult {
  readonly seed: number
  /** Which invariant does not hold; null: all do. */
  readonly broken: string | null
  readonly events: number
  /** When it was one again, behind the end of all trouble. */
  readonly healedMs: number
  readonly summary: Invariants['summary']
  readonly trace: readonly string[]
}

export function run(seed: number, options: { trace?: boolean } = {}): RunResult {
  const world = new World({ seed, trace: options.trace === true })
  const traffic = new Traffic(world)
  const invariants = new Invariants(world, traffic)
  let healedMs = 0
  let broken: string | null = null
  try {
    healedMs = play(world, { traffic, invariants })
  } catch (error) {
    broken =
      error instanceof Broken ? error.message : String(error instanceof Error ? error.stack : error)
    world.note(() => `BROKEN: ${broken}`)
  }
  const { happened: events, trace } = world
  return { seed, broken, events, healedMs, summary: invariants.summary, trace: trace ?? [] }
}

function play(world: World, parts: { traffic: Traffic; invariants: Invariants }): number {
  const { invariants, traffic } = parts
  const network = new Network(world, { loss: 0.02, late: 0.01, double: 0.02 })
  const setting = { world, network, traffic, watch: invariants }
  const count = world.between(3, 5)
  const nodes = Array.from({ length: count }, (_, i) => new SimNode(`edge-${i + 1}`, setting))
  const onAccepted = (accepted: Accepted): void => {
    network.broadcast(accepted.server, changedOf(accepted))
    invariants.onAccepted(accepted)
  }
  const scene = { world, network, nodes, onAccepted, servers: 0 }
  const whole: Scene = Object.assign(scene, { primary: newServer(scene, null) })
  for (const node of nodes) {
    network.join(node, whole.primary)
    world.after(world.between(0, 200), () => node.start())
  }
  for (let i = world.between(6, 24); i > 0; i--) {
    world.after(world.between(600, TROUBLED_MS), () => operate(world, nodes))
  }
  for (let i = world.between(0, 8); i > 0; i--) {
    world.after(world.between(200, TROUBLED_MS), () => goWrong(whole))
  }
  // Some crashes fall between two events, wherever that is.
  const crashesAt = new Set<number>()
  for (let i = world.between(0, 3); i > 0; i--) crashesAt.add(world.between(50, 2500))
  world.runUntil(TROUBLED_MS, () => {
    invariants.look(nodes)
    if (crashesAt.delete(world.happened)) crash(world, world.one(nodes))
  })
  return heal(whole, parts)
}

function changedOf({ isNew, stored }: Accepted) {
  const { position, save } = stored
  const told = isNew ? stored : null
  return { message: 'changed', service: 'shop', position, save, stored: told } as const
}

/** All is well again; answers how long the fleet needs to be one. */
function heal(scene: Scene, parts: { traffic: Traffic; invariants: Invariants }): number {
  const { network, nodes, world } = scene
  const { invariants, traffic } = parts
  world.note(() => 'all is well again')
  network.mend()
  traffic.isQuiet = true
  scene.primary.pausedUntilMs = 0
  for (const node of nodes) {
    node.pausedUntilMs = 0
    network.move(node.name, scene.primary)
    network.heal(node.name)
  }
  const sinceMs = world.nowMs
  let unequal: string | null = 'nothing was looked at'
  while (unequal !== null) {
    if (world.nowMs - sinceMs >= HEALING_MS) throw new Broken(`the fleet is not one: ${unequal}`)
    world.runUntil(world.nowMs + LOOK_MS, () => invariants.look(nodes))
    unequal = invariants.unequal(nodes, scene.primary)
  }
  invariants.lookAtEnd(scene.primary)
  return world.nowMs - sinceMs
}
