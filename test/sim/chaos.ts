// What goes wrong in the simulated world: partitions, crashes between any two steps, processes and
// servers that stand still, clocks that jump, and a Redis that fails over or starts again and has
// lost the last writes, or all.

import type { Network } from './network.ts'
import type { SimNode } from './node.ts'
import { type Accepted, Server } from './redis.ts'
import type { World } from './world.ts'

export interface Scene {
  readonly world: World
  readonly network: Network
  readonly nodes: readonly SimNode[]
  readonly onAccepted: (accepted: Accepted) => void
  /** The server that clients are led to. */
  primary: Server
  servers: number
}

export function newServer(
  scene: Omit<Scene, 'primary'>,
  lossMs: number | null,
  of?: Server,
): Server {
  const { onAccepted, world } = scene
  const memory = of?.memoryAt(lossMs === null ? Number.NEGATIVE_INFINITY : world.nowMs - lossMs)
  const run = ++scene.servers
  const aheadMs = world.between(-2000, 2000)
  const options = { onAccepted, aheadMs, salt: world.between(0, 999) }
  return new Server(run, memory === undefined ? options : { ...options, memory })
}

type Fault = (scene: Scene) => void

const partition: Fault = ({ network, nodes, world }) => {
  const { name } = world.one(nodes)
  world.note(() => `${name} is cut off`)
  network.cut(name)
  world.after(world.between(100, 5000), () => {
    world.note(() => `${name} is not cut off any more`)
    network.heal(name)
  })
}

export function crash(world: World, node: SimNode): void {
  if (!node.isAlive) return
  node.crash()
  world.after(world.between(20, 2500), () => node.start())
}

const crashNow: Fault = ({ nodes, world }) => crash(world, world.one(nodes))

const standStill: Fault = ({ nodes, world }) => {
  const node = world.one(nodes)
  node.pausedUntilMs = world.nowMs + world.between(100, 4000)
  world.note(() => `${node.name} stands still until ${node.pausedUntilMs}`)
}

const jump: Fault = ({ nodes, world }) => {
  const node = world.one(nodes)
  node.wallAheadMs += world.between(-600_000, 600_000)
}

/** It comes back with a clock that is ahead, and who hears of it follows. */
const leap: Fault = ({ nodes, world }) => {
  const node = world.one(nodes)
  node.wallAheadMs += 15_000
  crash(world, node)
}

const redisStandsStill: Fault = (scene) => {
  scene.primary.pausedUntilMs = scene.world.nowMs + scene.world.between(100, 3000)
  scene.world.note(() => `Redis stands still until ${scene.primary.pausedUntilMs}`)
}

/** Another server takes over; some nodes stay with the old one for a while. */
function failOver(scene: Scene, lossMs: number | null): void {
  const { network, nodes, world } = scene
  const old = scene.primary
  const lost = lossMs === null ? 'everything' : `what came in the last ${lossMs} ms`
  world.note(() => `another server takes over and has lost ${lost}`)
  scene.primary = newServer(scene, lossMs, old)
  const isSplit = world.chance(0.4)
  old.isGone = !isSplit
  for (const { name } of nodes) {
    world.after(isSplit ? world.between(0, 2500) : world.between(0, 600), () => {
      network.move(name, scene.primary)
    })
  }
}

const loseSome: Fault = (scene) => failOver(scene, scene.world.between(0, 2500))
const loseNothing: Fault = (scene) => failOver(scene, 0)
const loseAll: Fault = (scene) => failOver(scene, null)

const badWires: Fault = ({ network, world }) => {
  const before = network.faults
  network.faults = { loss: 0.25, late: 0.1, double: 0.2 }
  world.after(world.between(200, 2000), () => {
    network.faults = before
  })
}

const FAULTS: readonly Fault[] = [
  ...[partition, partition, partition, partition, crashNow, crashNow, crashNow],
  ...[standStill, standStill, jump, leap, redisStandsStill, badWires],
  ...[loseSome, loseSome, loseNothing, loseAll],
]

export function goWrong(scene: Scene): void {
  scene.world.one(FAULTS)(scene)
}
