// How soon is a change in force everywhere? Five real nodes and a real Redis: 500 changes of a
// weight, each asked of the next node, and 200 aborts, timed from the sending of the request until
// the last node says that it serves by the change (and until the answer, which comes when all have
// said so and the disks have it). What the nodes say is held against the traffic: clients send
// through all five, and once 0 %, 100 % or an abort is answered, no request that is sent from then
// on may reach the other version.
//
// Also: a node that stands still (SIGSTOP) is named in the answer, which does not wait for it
// longer than a second.
//
// All of them share the machine's cores, and a virtual machine is not always given them
// (lab/pulse.ts): the tails are told with and without the changes that this has hit.

import type { ServiceView } from '../src/core/command.ts'
import type { Convergence } from '../src/core/fleet/view.ts'
import { monotonicMs, sleep, until } from './lab/clock.ts'
import { Ear } from './lab/fleet-ear.ts'
import { FleetLab, type LabNode, timed, weightOf } from './lab/fleet.ts'
import { summarise } from './lab/load.ts'
import { type Origin, startOrigin } from './lab/origin.ts'
import { type Beats, Pulse } from './lab/pulse.ts'
import { bench, type Check, progress } from './lab/report.ts'
import type { Asking, Reply } from './lab/vertex.ts'

const NODES = 5
const ABORTS_OF_CHANGES = 2 / 5
const RATE = 500
/** So long does a change that traffic can contradict stand alone. */
const LOOKED_AT_MS = 60
const P99_MS = 20
const MAX_MS = 1000
const HAND_OVER_MS = 2000
const ATTEMPTS = 50
const AGAIN_MS = 20

interface Changed {
  readonly node: string
  readonly sentMs: number
  readonly answeredMs: number
  /** To the answer. */
  readonly tookMs: number
  /** Until the last node served by it, as they have said themselves; NaN: not all have. */
  readonly everywhereMs: number
  readonly applied: number
  readonly waiting: readonly string[]
  readonly revision: number
  /** The version that no request may reach from now on, until the next change; null: both may. */
  readonly barred: 'stable' | 'candidate' | null
}

/** Refusals of changes that were asked again: something was decided at the same time. */
const refusals: string[] = []

async function askAgain(
  vertex: LabNode['vertex'],
  options: { method: string; at: string; asking: Asking },
): Promise<Reply> {
  const { asking, at, method } = options
  for (let attempt = 1; ; attempt++) {
    const now = attempt > 1 && asking.ifMatch !== undefined
    const again = now ? { ...asking, ifMatch: (await vertex.service()).revision } : asking
    const reply = await vertex.ask(method, at, again)
    if (reply.status < 300) return reply
    const text = `${method} ${at}: ${reply.status} ${JSON.stringify(reply.body)}`
    if (attempt === ATTEMPTS || ![409, 412, 503].includes(reply.status)) throw new Error(text)
    refusals.push(text)
    await sleep(AGAIN_MS)
  }
}

/** Asks one node for a change and times it. */
async function change(
  { name, vertex }: LabNode,
  what: string,
  options: Asking & { method?: string; barred?: Changed['barred']; ear?: Ear } = {},
): Promise<Changed> {
  const { barred = null, ear, method = 'POST', ...asking } = options
  const at = `/v1/services/default/${what}`
  const sentMs = monotonicMs()
  const sentWallMs = Date.now() // whole milliseconds, as the nodes tell theirs
  const reply = await askAgain(vertex, { method, at, asking })
  const answer = reply.body as ServiceView & { convergence: Convergence | null }
  const applied = answer.convergence?.applied ?? []
  const atMs = await ear?.everywhereMs(answer.convergence?.revision ?? -1, { nodes: NODES })
  return {
    ...{ node: name, sentMs, answeredMs: reply.atMs, tookMs: reply.atMs - sentMs, barred },
    ...{ applied: applied.length, waiting: answer.convergence?.waiting ?? [name] },
    everywhereMs: (atMs ?? Number.NaN) - sentWallMs,
    revision: answer.revision,
  }
}

const weigh = (
  node: LabNode,
  candidate: number,
  options: { ifMatch: number; ear?: Ear },
): Promise<Changed> =>
  change(node, 'weight', {
    ...{ method: 'PUT', body: { candidate }, ...options },
    barred: candidate === 0 ? 'candidate' : candidate === 100 ? 'stable' : null,
  })

/** Every tenth change is to 100 % and the next one to 0 %, which traffic can contradict. */
function weightOfChange(k: number): number {
  if (k % 10 === 8) return 100
  return k % 10 === 9 ? 0 : 1 + (k % 10)
}

/** Starts a rollout and waits for its first step; returns the revision by which all serve then. */
async function deploy(
  fleet: FleetLab,
  node: LabNode,
  what: { version: string; candidate: Origin },
): Promise<number> {
  const { candidate, version } = what
  await change(node, 'rollouts', { body: { version, targets: [candidate.url] } })
  await until(async () => (weightOf(await node.vertex.service()) > 0 ? true : null), {
    what: `${version} gets its first requests`,
    withinMs: 10_000,
  })
  return fleet.settled()
}

interface Cast {
  readonly fleet: FleetLab
  readonly candidate: Origin
  readonly ear: Ear
}

async function changes({ candidate, ear, fleet }: Cast, count: number): Promise<Changed[]> {
  let revision = await deploy(fleet, fleet.node(0), { version: 'v2', candidate })
  const all: Changed[] = []
  for (let k = 0; k < count; k++) {
    const one = await weigh(fleet.node(k), weightOfChange(k), { ifMatch: revision, ear })
    revision = one.revision
    all.push(one)
    if (one.barred !== null) await sleep(LOOKED_AT_MS)
  }
  await change(fleet.node(0), 'rollout/abort')
  return all
}

async function aborts({ candidate, ear, fleet }: Cast, count: number): Promise<Changed[]> {
  const all: Changed[] = []
  for (let k = 0; k < count; k++) {
    const revision = await deploy(fleet, fleet.node(k), { version: `v2-run${k}`, candidate })
    await weigh(fleet.node(k + 1), 50, { ifMatch: revision })
    await sleep(LOOKED_AT_MS)
    all.push(await change(fleet.node(k + 2), 'rollout/abort', { barred: 'candidate', ear }))
    await sleep(LOOKED_AT_MS)
  }
  return all
}

interface Seen {
  readonly looked: number
  /** Requests that were sent after the answer and reached the version that was out. */
  readonly wrong: number
  /** The last request to it, after the change was sent; one a change that traffic showed. */
  readonly lastMs: readonly number[]
}

/** Holds what was answered against what reached the origins. */
async function heldAgainst(
  all: readonly Changed[],
  origins: { stable: Origin; candidate: Origin },
): Promise<Seen> {
  const sent = {
    stable: (await origins.stable.report()).sentMs.toSorted(),
    candidate: (await origins.candidate.report()).sentMs.toSorted(),
  }
  const barring = all.filter(({ barred }) => barred !== null)
  let wrong = 0
  const lastMs: number[] = []
  for (const { answeredMs, barred, sentMs } of barring) {
    if (barred === null) continue
    const within = (from: number, to: number) => sent[barred].filter((ms) => ms > from && ms < to)
    wrong += within(answeredMs, answeredMs + LOOKED_AT_MS).length
    const last = within(sentMs, answeredMs).at(-1)
    if (last !== undefined) lastMs.push(last - sentMs)
  }
  return { looked: barring.length, wrong, lastMs }
}

interface Stopped {
  readonly what: string
  readonly stopped: string
  readonly made: Changed
  /** Until the node that stood still has it, once it goes on; null: never. */
  readonly hadMs: number | null
}

/** Changes something while a node stands still. */
async function whileStopped(
  fleet: FleetLab,
  node: LabNode,
  options: { what: string; make: () => Promise<Changed> },
): Promise<Stopped> {
  const { make, what } = options
  process.kill(node.vertex.pid, 'SIGSTOP')
  let made: Changed
  try {
    made = await make()
  } finally {
    process.kill(node.vertex.pid, 'SIGCONT')
  }
  const hadMs = await timed(
    async () => {
      const views = await fleet.views()
      return views.every(({ revision }) => revision >= made.revision)
    },
    { withinMs: 10_000 },
  )
  await fleet.together()
  return { what, stopped: node.name, made, hadMs }
}

async function stops(fleet: FleetLab, candidate: Origin): Promise<Stopped[]> {
  const revision = await deploy(fleet, fleet.node(0), { version: 'v2-stop', candidate })
  const leader = await fleet.leader()
  const [follower] = await fleet.followers()
  if (follower === undefined) throw new Error('Cannot go on as nobody follows')
  const weight = await whileStopped(fleet, follower, {
    what: 'a follower stands still: a weight',
    make: () => weigh(leader, 7, { ifMatch: revision }),
  })
  const abort = await whileStopped(fleet, leader, {
    what: 'the leader stands still: an abort',
    make: () => change(follower, 'rollout/abort'),
  })
  return [weight, abort]
}

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

/** Without those that were under way while the machine itself was slow. */
function undisturbed(all: readonly Changed[], beats: Beats): readonly Changed[] {
  return all.filter(({ everywhereMs, sentMs }) => !beats.wasSlow(sentMs, sentMs + everywhereMs))
}

function notesOn(what: string, all: readonly Changed[]): readonly string[] {
  const text = (ms: readonly number[]): string =>
    [0.5, 0.9, 0.99].map((share) => `p${share * 100} ${quantile(ms, share).toFixed(1)}`).join(', ')
  const force = text(all.map(({ everywhereMs }) => everywhereMs))
  return [
    `${what}, ms: in force on all ${force}; to the answer ${text(all.map((one) => one.tookMs))}`,
  ]
}

function inTime(what: string, all: readonly Changed[], beats: Beats): readonly Check[] {
  const ms = all.map(({ everywhereMs }) => everywhereMs)
  const [p99, max] = [quantile(ms, 0.99), Math.max(...ms)]
  const calm = undisturbed(all, beats)
  const calmP99 = quantile(
    calm.map(({ everywhereMs }) => everywhereMs),
    0.99,
  )
  const everywhere = all.filter(({ applied, waiting }) => applied === NODES && waiting.length === 0)
  return [
    {
      what: `${all.length} ${what}: in force on all ${NODES} nodes when answered`,
      value: `${everywhere.length}`,
      pass: everywhere.length === all.length,
    },
    {
      what: `${what}: p99 at most ${P99_MS} ms and none over ${MAX_MS} ms until in force on all`,
      value: `p99 ${p99.toFixed(1)} ms, max ${max.toFixed(1)} ms`,
      pass: p99 <= P99_MS && max <= MAX_MS,
    },
    {
      what: `${what}: the same of those that no slowness of the machine has hit`,
      value: `p99 ${calmP99.toFixed(1)} ms of ${calm.length}`,
      pass: calmP99 <= P99_MS,
    },
  ]
}

function noneWrong(what: string, { looked, wrong }: Seen): Check {
  return {
    what: `${what}: no request that was sent after the answer reached the version that was out`,
    value: `${wrong} in ${looked} changes`,
    pass: looked > 0 && wrong === 0,
  }
}

function named({ hadMs, made, stopped, what }: Stopped): readonly Check[] {
  const { tookMs, waiting } = made
  return [
    {
      what: `${what} is answered in time and names it`,
      value: `${tookMs.toFixed(0)} ms, waiting for ${waiting.join(', ') || 'nobody'}`,
      pass: waiting.join() === stopped && tookMs <= MAX_MS + 500,
    },
    {
      what: `${what} is everywhere within ${HAND_OVER_MS / 1000} s of its going on`,
      value: hadMs === null ? 'never' : `${hadMs.toFixed(0)} ms`,
      pass: hadMs !== null && hadMs <= HAND_OVER_MS,
    },
  ]
}

await bench(
  'fleet',
  {
    title: 'changes of a weight and aborts on five nodes, until they are in force on all',
    runs: 500,
    limitMs: 360_000,
  },
  async (runs) => {
    const [stable, candidate] = await Promise.all(
      ['v1', 'v2'].map((version) => startOrigin({ version })),
    )
    if (stable === undefined || candidate === undefined) throw new Error('there are no origins')
    const config = {
      ...{ versions: { v1: [stable.url] }, stable: 'v1' },
      ...{ latency: false, bakeMs: 3_600_000 },
    }
    const fleet = await FleetLab.start({ nodes: NODES, config })
    const load = await fleet.load(RATE, { connections: 8 })
    const pulse = Pulse.start()
    await sleep(2000)
    const ear = await Ear.open(fleet.redis?.port ?? 0)
    const cast = { fleet, candidate, ear }
    const weights = await changes(cast, runs)
    progress(`${weights.length} changes of a weight`)
    const ended = await aborts(cast, Math.max(1, Math.round(runs * ABORTS_OF_CHANGES)))
    progress(`${ended.length} aborts`)
    const [seenWeights, seenAborts] = [
      await heldAgainst(weights, { stable, candidate }),
      await heldAgainst(ended, { stable, candidate }),
    ]
    const { failed: lost, unsent } = summarise(await load.stop())
    const failed = lost - unsent
    const beats = await pulse.stop()
    ear.close()
    const stopped = await stops(fleet, candidate)
    await fleet.end()
    await Promise.all([stable.end(), candidate.end()])
    const series = (what: string, all: readonly Changed[], { lastMs }: Seen) => ({
      [`${what}: ms to the answer`]: all.map(({ tookMs }) => tookMs),
      [`${what}: ms until in force on all`]: all.map(({ everywhereMs }) => everywhereMs),
      [`${what}: last request by the old one, ms`]: lastMs,
    })
    return {
      series: { ...series('weight', weights, seenWeights), ...series('abort', ended, seenAborts) },
      checks: [
        ...inTime('changes of a weight', weights, beats),
        noneWrong('weights', seenWeights),
        ...inTime('aborts', ended, beats),
        noneWrong('aborts', seenAborts),
        { what: 'no request failed', value: String(failed), pass: failed === 0 },
        ...stopped.flatMap(named),
      ],
      notes: [
        ...notesOn('weights', weights),
        ...notesOn('aborts', ended),
        `the machine was slow itself for ${(100 * beats.slowShare).toFixed(1)} %`,
        `${refusals.length} refusals were asked again`,
        `${unsent} requests could not be sent, as the machine was too busy`,
        ...refusals.slice(0, 5),
      ],
      data: { stopped },
    }
  },
)
