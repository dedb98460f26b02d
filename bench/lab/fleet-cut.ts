// A node that is cut off from Redis while the others are not, and a leader that is killed in the
// middle of a step. The one who is cut off is told to abort; meanwhile the others raise the weight,
// as they cannot know; when the way is whole again, the abort must win everywhere. The one who is
// killed must be followed by another one, at the same step and with all that was counted.

import type { ServiceView } from '../../src/core/command.ts'
import { monotonicMs, sleep, until } from './clock.ts'
import { FleetLab, type LabNode, timed, weightOf } from './fleet.ts'
import { FIRST_WEIGHT, firstStep } from './fleet-outage.ts'
import { hasEnded, type OneState, oneState, type Rise, Watch } from './fleet-watch.ts'
import { summarise } from './load.ts'
import { type Origin, startOrigin } from './origin.ts'
import type { Cut } from './redis-relay.ts'

const NODES = 3
const RATE = 2000
const CONNECTIONS = 24
const RAISED = 20
const NEVER_MS = 20_000
/** So long are the nodes watched after the healing. */
const AFTER_MS = 3000
/** So long does the leader count before it is killed; a step lasts longer. */
const COUNTED_MS = 8000
const OBSERVE_MS = 15_000
const RAISE_MS = 60_000

interface Cast {
  readonly lab: FleetLab
  readonly candidate: Origin
  end(): Promise<void>
}

async function startCast(observeMs: number, relays: boolean): Promise<Cast> {
  const [stable, candidate] = await Promise.all([
    startOrigin({ version: 'v1', record: false }),
    startOrigin({ version: 'v2', record: false }),
  ])
  const strategy = {
    ...{ type: 'canary', bake: '1h', warm_up: '0', max_hold: '0', on_inconclusive: 'promote' },
    steps: [FIRST_WEIGHT, RAISED, 100].map((weight) => ({
      ...{ weight: `${weight}%`, observe: `${observeMs}ms` },
    })),
    rollback_trigger: { error_rate_threshold: '0.1%', p99_latency_increase: '10000%' },
  }
  const config = {
    ...{ versions: { v1: [stable.url] }, stable: 'v1' },
    more: { deploy_strategy: strategy },
  }
  const lab = await FleetLab.start({ nodes: NODES, config, relays })
  const end = async (): Promise<void> => {
    await lab.end()
    await Promise.all([stable.end(), candidate.end()])
  }
  return { lab, candidate, end }
}

export interface CutPlay {
  readonly how: Cut
  /** Until the node knew that it is cut off; null: it never did. */
  readonly noticedMs: number | null
  readonly abort: { readonly status: number; readonly tookMs: number; readonly text: string }
  /** What the others had come to in the meantime, and what the node had. */
  readonly othersPercent: number
  readonly ownPercent: number
  /** From the healing. */
  readonly one: OneState
  /** Weights that went upward where it was aborted, or anywhere once all had heard of it. */
  readonly rises: readonly Rise[]
  readonly failed: number
}

/** Cuts a follower off, aborts there, raises elsewhere, and heals. */
export async function playCut(how: Cut): Promise<CutPlay> {
  const cast = await startCast(3_600_000, true)
  const { candidate, lab } = cast
  const load = await lab.load(RATE, { connections: CONNECTIONS })
  await sleep(1000)
  await firstStep(lab, { version: 'v2', target: candidate.url })
  await lab.settled()
  const leader = await lab.leader()
  const [node] = await lab.followers()
  if (node?.relay == null) throw new Error('Cannot go on as nobody can be cut off')
  node.relay.cut(how)
  const noticedMs = await timed(async () => (await lab.view(node)).standing === 'cut-off', {
    withinMs: NEVER_MS,
  })
  const watch = new Watch(lab.nodes)
  const askedMs = monotonicMs()
  const reply = await node.vertex.ask('POST', '/v1/services/default/rollout/abort')
  const abort = {
    ...{ status: reply.status, tookMs: reply.atMs - askedMs },
    text: JSON.stringify(reply.body).slice(0, 300),
  }
  await leader.vertex.setWeight(RAISED)
  await sleep(500)
  const others = await lab.views(lab.nodes.filter((one) => one !== node))
  const [own] = await lab.views([node])
  node.relay.heal()
  const one = await oneState(lab, { holds: hasEnded('aborted'), withinMs: NEVER_MS })
  const oneMs = monotonicMs()
  await sleep(AFTER_MS)
  await watch.stop()
  const { failed, unsent } = summarise(await load.stop())
  await cast.end()
  const later = Number.POSITIVE_INFINITY
  const there = watch.between(reply.atMs, later).filter((rise) => rise.node === node.name)
  return {
    ...{ how, noticedMs, abort, one, failed: failed - unsent },
    othersPercent: Math.min(...others.map(weightOf)),
    ownPercent: own === undefined ? Number.NaN : weightOf(own),
    rises: [...there, ...watch.between(oneMs, later)],
  }
}

export interface LeaderPlay {
  readonly killed: string
  /** What the rollout stood at before, and with the first look at the next leader. */
  readonly before: Standing
  readonly after: Standing | null
  /** From the kill until another node leads and counts on; null: it never did. */
  readonly leadsMs: number | null
  readonly goesOnMs: number | null
  /** From the kill to the next step; null: it never came. */
  readonly raisedMs: number | null
  /** Of requests through the nodes that live. */
  readonly failed: number
}

export interface Standing {
  readonly step: number
  readonly weight: number
  /** Requests in the evidence. */
  readonly candidate: number
  readonly stable: number
}

function standingOf(view: ServiceView): Standing {
  const errors = view.rollout?.evidence.find(({ metric }) => metric === 'errors')
  return {
    ...{ step: view.rollout?.step ?? 0, weight: weightOf(view) },
    candidate: errors?.candidate.requests ?? 0,
    stable: errors?.stable.requests ?? 0,
  }
}

/** The node that leads now, and what it says; null while there is none. */
async function nowLeading(
  lab: FleetLab,
  nodes: readonly LabNode[],
): Promise<{ node: LabNode; standing: Standing } | null> {
  for (const node of nodes) {
    if ((await lab.view(node)).standing !== 'leading') continue
    return { node, standing: standingOf(await node.vertex.service()) }
  }
  return null
}

/** Kills the leader in the first step. */
export async function playLeader(): Promise<LeaderPlay> {
  const cast = await startCast(OBSERVE_MS, false)
  const { candidate, lab } = cast
  const leader = await lab.leader()
  const others = lab.nodes.filter((node) => node !== leader)
  const lost = await lab.load(RATE / NODES, { connections: CONNECTIONS, nodes: [leader] })
  const load = await lab.load((RATE * 2) / NODES, { connections: CONNECTIONS, nodes: others })
  await sleep(1000)
  await firstStep(lab, { version: 'v2', target: candidate.url })
  await sleep(COUNTED_MS)
  const before = standingOf(await leader.vertex.service())
  const killedMs = monotonicMs()
  await leader.vertex.end('SIGKILL')
  const next = await until(() => nowLeading(lab, others), {
    ...{ what: 'another node leads', withinMs: NEVER_MS },
  }).catch(() => null) // a check says so
  const leadsMs = next === null ? null : monotonicMs() - killedMs
  const counts = async (): Promise<boolean> => {
    const now = await nowLeading(lab, others)
    return now !== null && next !== null && now.standing.candidate > next.standing.candidate
  }
  const goes = await timed(counts, { withinMs: NEVER_MS })
  const goesOnMs = goes === null ? null : monotonicMs() - killedMs
  const isRaised = async (): Promise<boolean> =>
    (await lab.views(others)).every((view) => weightOf(view) === RAISED)
  const raised = await timed(isRaised, { withinMs: RAISE_MS })
  const raisedMs = raised === null ? null : monotonicMs() - killedMs
  await lost.stop()
  const { failed, unsent } = summarise(await load.stop())
  await cast.end()
  return {
    ...{ killed: leader.name, before, after: next?.standing ?? null },
    ...{ leadsMs, goesOnMs, raisedMs, failed: failed - unsent },
  }
}
