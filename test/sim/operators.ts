// Operators of the simulated fleet: they ask any node for anything, at any time.

import type { RolloutEvent } from '../../src/core/events.ts'
import type { ServiceState } from '../../src/core/service.ts'
import type { SimNode } from './node.ts'
import { STRATEGIES } from './strategies.ts'
import type { World } from './world.ts'

const VERSIONS = ['v2', 'v3', 'v4', 'v5', 'v6', 'v7'] as const
const WEIGHTS = [0, 500, 2000, 3000, 5000, 10_000] as const

type Verb = (world: World, state: ServiceState) => RolloutEvent

const deploy: Verb = (world) => {
  const version = world.one(VERSIONS)
  const targets = [`http://${version}:1`]
  const replace = world.chance(0.3)
  const strategy = world.one(STRATEGIES)
  return { event: 'deploy', version, targets, replace, strategy, ifMatch: null }
}

const weight: Verb = (world, { epoch }) => ({
  ...{ event: 'weight', weight: world.one(WEIGHTS), force: world.chance(0.5), ifMatch: epoch },
  strategy: world.one(STRATEGIES),
})

const promote: Verb = (world) => ({ event: 'promote', full: world.chance(0.7), ifMatch: null })
const abort: Verb = () => ({ event: 'abort', ifMatch: null })
const rollback: Verb = () => ({ event: 'rollback', force: true, ifMatch: null })
const pause: Verb = () => ({ event: 'pause', ifMatch: null })
const resume: Verb = () => ({ event: 'resume', ifMatch: null })

const retry: Verb = (world, { quarantine }) => {
  const held = Object.keys(quarantine)
  const version = held.length === 0 ? 'v2' : world.one(held)
  return { event: 'retry', version, ifMatch: null }
}

const targets: Verb = (world, { versions }) => {
  const version = world.one([...VERSIONS, ...Object.keys(versions)])
  return {
    ...{ event: 'targets', version, ifMatch: null },
    targets: [`http://${version}:1`, `http://${version}:${world.between(2, 3)}`],
  }
}

/** What is asked for where nothing rolls out, as often as it stands here. */
const IDLE: readonly Verb[] = [
  ...[deploy, deploy, deploy, deploy, deploy, deploy],
  ...[rollback, rollback, weight, retry, targets, abort],
]
const RUNNING: readonly Verb[] = [
  ...[promote, promote, promote, promote, promote, weight, weight, weight],
  ...[abort, abort, rollback, pause, resume, targets, deploy],
]

/** One of them asks one of the nodes that are there. */
export function operate(world: World, nodes: readonly SimNode[]): void {
  const there = nodes.filter(({ isAlive }) => isAlive)
  if (there.length === 0) return
  const node = world.one(there)
  const state = node.keeper?.document.state
  if (state === undefined) return
  const event = world.one(state.rollout === null ? IDLE : RUNNING)(world, state)
  world.note(
    () => `an operator asks ${node.name}: ${event.event} ${JSON.stringify(event).slice(0, 80)}`,
  )
  node.deliver(node.run, () => node.ask(event))
}
