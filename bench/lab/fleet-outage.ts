// What is done to the Redis of a fleet under traffic, and what each node did meanwhile. A rollout
// that could be raised every second is under way when Redis goes: nobody may raise it. Then the
// candidate turns bad: each node has to see that alone. Then Redis is back, on its port or as
// another server: all nodes have to come to one state, and rollouts to go on.

import type { JournalEntry } from '../../src/core/journal.ts'
import { monotonicMs, monotonicOfWall, sleep, until } from './clock.ts'
import { FleetLab, type LabNode, weightOf } from './fleet.ts'
import { hasEnded, type OneState, oneState, type Rise, Watch } from './fleet-watch.ts'
import { type LoadResult, summarise } from './load.ts'
import { startOrigin } from './origin.ts'
import { startWatched } from './redis.ts'
import type { LabConfig } from './vertex.ts'

const NODES = 3
const RATE = 2000
const CONNECTIONS = 24
const HEALTHY_MS = 5000
const PAUSE_MS = 10_000
const MASTER = 'lab'
export const SHARE_OF = 500
const NEVER_MS = 20_000

/** A raise is due every second, proof or not; the first one is so large that traffic shows it. */
export const FIRST_WEIGHT = 5
const STEPS = [FIRST_WEIGHT, 40, 60, 80, 100]

export function configOf(stable: string): LabConfig {
  const strategy = {
    ...{ type: 'canary', bake: '1h', warm_up: '0', max_hold: '0', on_inconclusive: 'promote' },
    steps: STEPS.map((weight) => ({ weight: `${weight}%`, observe: '1s' })),
    rollback_trigger: { error_rate_threshold: '0.1%', p99_latency_increase: '10000%' },
  }
  return { versions: { v1: [stable] }, stable: 'v1', more: { deploy_strategy: strategy } }
}

/** A fleet whose Redis can go and come back. */
interface Stage {
  readonly lab: FleetLab
  go(): Promise<void>
  /** Resolves when a Redis can be used again. */
  back(): Promise<void>
  end(): Promise<void>
}

export interface Outage {
  readonly name: string
  readonly title: string
  /** So long the candidate is well while Redis is away. */
  readonly healthyMs: number
  /** At least so long is it away. */
  readonly awayMs: number
  readonly start: (stable: string) => Promise<Stage>
}

async function startSingle(
  stable: string,
  options: { keeps: boolean; how: 'kill' | 'pause' },
): Promise<Stage> {
  const { how, keeps } = options
  const lab = await FleetLab.start({ nodes: NODES, config: configOf(stable), redis: { keeps } })
  const { redis } = lab
  if (redis === null) throw new Error('Cannot go on as the fleet has no Redis')
  return {
    lab,
    go: async () => (how === 'pause' ? redis.pause() : redis.kill()),
    back: async () => (how === 'pause' ? redis.resume() : redis.start()),
    end: () => lab.end(),
  }
}

async function startFailOver(stable: string): Promise<Stage> {
  const watched = await startWatched(MASTER)
  const nodes = watched.sentinels.map(({ port }) => `127.0.0.1:${port}`)
  const lab = await FleetLab.start({
    ...{ nodes: NODES, config: configOf(stable) },
    fleet: { sentinel: { name: MASTER, nodes } },
  })
  return {
    lab,
    go: () => watched.master.kill(),
    back: async () => {
      const what = 'the sentinels name the replica as master'
      await until(watched.isOver, { what, withinMs: NEVER_MS })
    },
    end: async () => {
      await lab.end()
      await watched.end()
    },
  }
}

export const OUTAGES: readonly Outage[] = [
  {
    ...{ name: 'killed', title: 'Redis is killed and comes back with its data' },
    ...{ healthyMs: HEALTHY_MS, awayMs: 0 },
    start: (stable) => startSingle(stable, { keeps: true, how: 'kill' }),
  },
  {
    ...{ name: 'paused', title: 'Redis stands still for 10 s' },
    ...{ healthyMs: HEALTHY_MS, awayMs: PAUSE_MS },
    start: (stable) => startSingle(stable, { keeps: false, how: 'pause' }),
  },
  {
    ...{ name: 'emptied', title: 'Redis is killed and comes back empty' },
    ...{ healthyMs: HEALTHY_MS, awayMs: 0 },
    start: (stable) => startSingle(stable, { keeps: false, how: 'kill' }),
  },
  {
    ...{ name: 'failed-over', title: 'the master is killed and sentinels make its replica master' },
    ...{ healthyMs: 0, awayMs: 0 },
    start: startFailOver,
  },
]

/** Starts a rollout that is well; resolves when its first step is in force on all nodes. */
export async function firstStep(
  lab: FleetLab,
  what: { version: string; target: string },
): Promise<void> {
  const { target, version } = what
  await lab.node(0).vertex.deploy(version, [target])
  const isThere = async (): Promise<true | null> => {
    const views = await lab.views()
    return views.every((view) => weightOf(view) > 0) ? true : null
  }
  const options = { what: `${version} has its first requests`, withinMs: NEVER_MS }
  await until(isThere, options)
}

export interface OutagePlay {
  readonly outage: Outage
  /** How long Redis was away. */
  readonly awayMs: number
  /** The largest share of the candidate meanwhile. */
  readonly most: Most
  /** Weights that a node said were higher than before, meanwhile; they may not be in force. */
  readonly rises: readonly Rise[]
  /** From the turn to each node's own rollback; only of nodes that did it while Redis was away. */
  readonly ownMs: readonly number[]
  /** From Redis's return. */
  readonly one: OneState
  /** From the next deployment to its first step on all nodes; null: it never came. */
  readonly goesOnMs: number | null
  /** Without those that the generator could not send, as the machine was too busy for it. */
  readonly failed: number
  readonly unsent: number
  readonly requests: number
  readonly messages: readonly string[]
}

export interface Most {
  /** Of `SHARE_OF` requests in a row. */
  readonly percent: number
  /** From the first moment that is looked at until the last of these requests was sent. */
  readonly atMs: number
}

/** The largest share of a version among so many requests in a row, sent between two moments. */
function mostOf(result: LoadResult, at: { version: string; fromMs: number; toMs: number }): Most {
  const wanted = result.versions.indexOf(at.version)
  const row: { isHit: boolean; sentMs: number }[] = []
  for (const [i, sentMs] of result.sentMs.entries()) {
    if (sentMs < at.fromMs || sentMs > at.toMs) continue
    row.push({ isHit: result.version[i] === wanted, sentMs })
  }
  let [hits, most] = [0, { hits: 0, sentMs: at.fromMs }]
  for (const [i, { isHit, sentMs }] of row.entries()) {
    hits += Number(isHit) - Number(row[i - SHARE_OF]?.isHit ?? false)
    if (hits > most.hits) most = { hits, sentMs }
  }
  return { percent: (most.hits / SHARE_OF) * 100, atMs: most.sentMs - at.fromMs }
}

/** The node's own decision to take a version out. */
function ownRollback({ vertex }: LabNode, version: string): JournalEntry | undefined {
  const isIt = ({ by, kind, text }: JournalEntry): boolean =>
    kind === 'rolled-back' && by === 'verdict' && text.startsWith(`${version} `)
  return vertex.journal().find(isIt)
}

export async function playOutage(outage: Outage): Promise<OutagePlay> {
  const [stable, candidate] = await Promise.all([
    startOrigin({ version: 'v1', record: false }),
    startOrigin({ version: 'v2', record: false }),
  ])
  const stage = await outage.start(stable.url)
  const { lab } = stage
  const load = await lab.load(RATE, { connections: CONNECTIONS })
  await sleep(1000)
  await firstStep(lab, { version: 'v2', target: candidate.url })
  const watch = new Watch(lab.nodes)
  const goneMs = monotonicMs()
  await stage.go()
  await sleep(outage.healthyMs)
  const turnedMs = await candidate.behave({ errorRate: 0.5 })
  const rolledBack = hasEnded('rolled-back')
  await until(async () => ((await lab.views()).every(rolledBack) ? true : null), {
    ...{ what: 'every node takes the candidate out', withinMs: NEVER_MS },
  })
  await sleep(Math.max(0, goneMs + outage.awayMs - monotonicMs()))
  await stage.back()
  const backMs = monotonicMs()
  const one = await oneState(lab, { holds: rolledBack, withinMs: NEVER_MS })
  await watch.stop()
  const own = lab.nodes.flatMap((node) => ownRollback(node, 'v2') ?? [])
  const ownMs = own.map(({ at }) => monotonicOfWall(Date.parse(at)) - turnedMs)
  await candidate.behave({})
  const deployedMs = monotonicMs()
  const goesOnMs = await firstStep(lab, { version: 'v3', target: candidate.url }).then(
    () => monotonicMs() - deployedMs,
    () => null, // a check says so
  )
  const result = await load.stop()
  await stage.end()
  await Promise.all([stable.end(), candidate.end()])
  const { failed, requests, unsent } = summarise(result)
  return {
    ...{ outage, awayMs: backMs - goneMs, rises: watch.between(goneMs, backMs) },
    most: mostOf(result, { version: 'v2', fromMs: goneMs, toMs: backMs }),
    ...{ ownMs: ownMs.filter((ms) => ms <= backMs - turnedMs), one, goesOnMs },
    ...{ failed: failed - unsent, unsent, requests, messages: result.messages },
  }
}
