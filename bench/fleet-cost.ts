// What does it cost a node to be one of a fleet? The share of a core that its control thread (the
// process's main thread) uses, and its bytes to and from Redis, with 1, 10 and 100 services: idle,
// and all of them rolling out under some traffic. Measured with two nodes and with five, so that
// what grows with the nodes can be told from what does not; what 100 and 1,000 nodes would cost is
// reckoned from that, as a straight line, on paper. The bytes are counted by relays before Redis,
// one a node, and held against what Redis itself has counted.

import { sleep, until } from './lab/clock.ts'
import { FleetLab, type LabNode, weightOf } from './lab/fleet.ts'
import { summarise } from './lab/load.ts'
import { type Origin, startOrigin } from './lab/origin.ts'
import { mainThreadCpuSeconds } from './lab/proc.ts'
import { bench, type Check, progress } from './lab/report.ts'
import { spread } from './lab/statistics.ts'

const SIZES = [2, 5] as const
const SERVICES = [1, 10, 100] as const
const RECKONED = [100, 1000] as const
const RATE = 300
const WEIGHT = 5
const SETTLE_MS = 3000
const MEASURE_MS = 8000
const DEPLOYED_AT_ONCE = 10
const IDLE_MAX = 4
const ROLLING_MAX = 25

type State = 'idle' | 'rolling out'
const STATES = ['idle', 'rolling out'] as const

/** What one node uses; bytes a second. */
interface Cost {
  /** Of a core, in percent. */
  readonly thread: number
  readonly sent: number
  readonly received: number
}

interface Measured {
  readonly services: number
  readonly state: State
  readonly nodes: number
  readonly leader: Cost
  /** The mean of all that follow. */
  readonly follower: Cost
  /** Redis's own count over the sum of the nodes' bytes. */
  readonly redisShare: number
}

const namesOf = (services: number): readonly string[] =>
  Array.from({ length: services }, (_, at) => `s${at}`)

function servicesBlock(services: number, stable: Origin): unknown {
  const steps = [WEIGHT, 100].map((weight) => ({ weight: `${weight}%`, observe: '1h' }))
  const each = (name: string) => ({
    match: [{ path: `/${name}` }],
    versions: { v1: { targets: [stable.url] } },
    routing: { stable: 'v1 @ 100%' },
    deploy_strategy: { type: 'canary', steps, bake: '1h', warm_up: '0' },
  })
  return Object.fromEntries(namesOf(services).map((name) => [name, each(name)]))
}

interface Reading {
  readonly atMs: number
  readonly cpu: readonly number[]
  readonly bytes: readonly { readonly sent: number; readonly received: number }[]
  readonly redis: number
}

async function read({ nodes, redis }: FleetLab): Promise<Reading> {
  const stats = (await redis?.info('stats')) ?? {}
  return {
    atMs: performance.now(),
    cpu: nodes.map(({ vertex }) => mainThreadCpuSeconds(vertex.pid)),
    bytes: nodes.map(({ relay }) => relay?.bytes ?? { sent: 0, received: 0 }),
    redis: Number(stats.total_net_input_bytes) + Number(stats.total_net_output_bytes),
  }
}

function meanOf(costs: readonly Cost[]): Cost {
  const mean = (of: (cost: Cost) => number): number =>
    costs.reduce((sum, cost) => sum + of(cost), 0) / costs.length
  return {
    thread: mean(({ thread }) => thread),
    sent: mean(({ sent }) => sent),
    received: mean(({ received }) => received),
  }
}

async function measure(lab: FleetLab, of: { services: number; state: State }): Promise<Measured> {
  await sleep(SETTLE_MS)
  const leader = await lab.leader()
  const before = await read(lab)
  await sleep(MEASURE_MS)
  const after = await read(lab)
  const seconds = (after.atMs - before.atMs) / 1000
  const perSecond = (series: 'sent' | 'received', at: number): number =>
    ((after.bytes[at]?.[series] ?? 0) - (before.bytes[at]?.[series] ?? 0)) / seconds
  const costs = lab.nodes.map((node, at) => ({
    node,
    thread: (((after.cpu[at] ?? 0) - (before.cpu[at] ?? 0)) / seconds) * 100,
    sent: perSecond('sent', at),
    received: perSecond('received', at),
  }))
  const isLeader = ({ node }: { node: LabNode }): boolean => node === leader
  const all = costs.reduce((sum, { received, sent }) => sum + sent + received, 0)
  return {
    ...{ ...of, nodes: lab.nodes.length },
    leader: meanOf(costs.filter(isLeader)),
    follower: meanOf(costs.filter((cost) => !isLeader(cost))),
    redisShare: (after.redis - before.redis) / seconds / all,
  }
}

async function rollOut(lab: FleetLab, services: number, candidate: Origin): Promise<void> {
  const body = { version: 'v2', targets: [candidate.url] }
  const deploy = async (name: string, at: number): Promise<void> => {
    const path = `/v1/services/${name}/rollouts`
    // On a busy machine a leader may be late for a moment, and nobody may deploy then.
    const isTaken = async (): Promise<true | null> => {
      const { status } = await lab.node(at).vertex.ask('POST', path, { body })
      return status < 300 ? true : null
    }
    await until(isTaken, { what: `${name} is deployed`, withinMs: 30_000, everyMs: 500 })
  }
  const names = namesOf(services)
  for (let at = 0; at < names.length; at += DEPLOYED_AT_ONCE) {
    await Promise.all(names.slice(at, at + DEPLOYED_AT_ONCE).map(deploy))
  }
  for (const name of names) {
    const isThere = async (): Promise<true | null> =>
      (await lab.views(lab.nodes, name)).every((view) => weightOf(view) === WEIGHT) ? true : null
    await until(isThere, { what: `${name} rolls out`, withinMs: 30_000 })
  }
}

/** One fleet, idle first. */
async function measureFleet(nodes: number, services: number): Promise<readonly Measured[]> {
  const [stable, candidate] = await Promise.all([
    startOrigin({ version: 'v1', record: false }),
    startOrigin({ version: 'v2', record: false }),
  ])
  const routing = { versions: undefined, routing: undefined, deploy_strategy: undefined }
  const config = {
    ...{ versions: {}, stable: 'v1' },
    more: { ...routing, services: servicesBlock(services, stable) },
  }
  const lab = await FleetLab.start({ nodes, config, relays: true })
  const idle = await measure(lab, { services, state: 'idle' })
  const paths = namesOf(services).map((name) => `/${name}`)
  const load = await lab.load(RATE, { connections: 8, paths })
  await rollOut(lab, services, candidate)
  const rolling = await measure(lab, { services, state: 'rolling out' })
  const { failed, unsent } = summarise(await load.stop())
  if (failed > unsent) progress(`${failed - unsent} requests failed`)
  await lab.end()
  await Promise.all([stable.end(), candidate.end()])
  return [idle, rolling]
}

/** A straight line through what was measured with two sizes; nothing gets cheaper with nodes. */
function reckon(
  few: { nodes: number; value: number },
  many: { nodes: number; value: number },
): (nodes: number) => number {
  const slope = Math.max(0, (many.value - few.value) / (many.nodes - few.nodes))
  return (nodes) => many.value + slope * (nodes - many.nodes)
}

interface Row {
  readonly services: number
  readonly state: State
  readonly nodes: number
  readonly isReckoned: boolean
  readonly leader: Cost
  readonly follower: Cost
}

const FIELDS = ['thread', 'sent', 'received'] as const

/** What so many nodes would cost, from the two measurements with these services. */
function reckoned(few: Measured, many: Measured, nodes: number): Row {
  const costOf = (role: 'leader' | 'follower'): Cost => {
    const [thread = 0, sent = 0, received = 0] = FIELDS.map((field) =>
      reckon(
        { nodes: few.nodes, value: few[role][field] },
        { nodes: many.nodes, value: many[role][field] },
      )(nodes),
    )
    return { thread, sent, received }
  }
  const { services, state } = many
  const costs = { leader: costOf('leader'), follower: costOf('follower') }
  return { services, state, nodes, isReckoned: true, ...costs }
}

function bytes(perSecond: number): string {
  if (perSecond < 1e6) return `${(perSecond / 1e3).toFixed(1)} kB`
  return perSecond < 1e9
    ? `${(perSecond / 1e6).toFixed(1)} MB`
    : `${(perSecond / 1e9).toFixed(1)} GB`
}

function lineOf({ follower, isReckoned, leader, nodes, services, state }: Row): string {
  const role = ({ received, sent, thread }: Cost): string[] => [
    `${thread.toFixed(1)} %`,
    bytes(sent),
    bytes(received),
  ]
  const one = ({ received, sent }: Cost): number => sent + received
  const all = one(leader) + one(follower) * (nodes - 1)
  const head = `${String(services).padStart(4)}  ${state.padEnd(11)} ${String(nodes).padStart(5)}`
  const cells = [...role(leader), ...role(follower), bytes(all)]
  const mark = isReckoned ? '  reckoned' : ''
  return `${head} ${cells.map((cell) => cell.padStart(10)).join('')}${mark}`
}

function table(rows: readonly Row[]): readonly string[] {
  const heads = ['thread', 'sent/s', 'received/s', 'thread', 'sent/s', 'received/s', 'Redis/s']
  const columns = heads.map((head) => head.padStart(10)).join('')
  return [
    `${' '.repeat(23)} ${'leader'.padStart(10)}${' '.repeat(20)}${'follower'.padStart(10)}`,
    `serv  ${'state'.padEnd(11)} nodes ${columns}`,
    ...rows.map(lineOf),
  ]
}

function rowsOf(all: readonly Measured[]): readonly Row[] {
  return SERVICES.flatMap((services) =>
    STATES.flatMap((state) => {
      const mine = all.filter((one) => one.services === services && one.state === state)
      const [few, many] = SIZES.map((size) => mine.find(({ nodes }) => nodes === size))
      if (few === undefined || many === undefined) return []
      const seen = [few, many].map((one) => ({ ...one, isReckoned: false }))
      return [...seen, ...RECKONED.map((nodes) => reckoned(few, many, nodes))]
    }),
  )
}

function checksOf(all: readonly Measured[], rows: readonly Row[]): readonly Check[] {
  const shares = spread(all.map(({ redisShare }) => redisShare))
  const mostOf = (state: State): number =>
    Math.max(
      ...all
        .filter((one) => one.state === state)
        .flatMap(({ follower, leader }) => [follower.thread, leader.thread]),
    )
  const [idle, rolling] = [mostOf('idle'), mostOf('rolling out')]
  const hundred = rows.filter(({ nodes, state }) => nodes === 100 && state === 'idle')
  const received = Math.max(...hundred.map(({ follower }) => follower.received))
  return [
    {
      what: `idle, a control thread uses at most ${IDLE_MAX} % of a core`,
      value: `${idle.toFixed(1)} %`,
      pass: idle <= IDLE_MAX,
    },
    {
      what: `with 100 services rolling out, at most ${ROLLING_MAX} %`,
      value: `${rolling.toFixed(1)} %`,
      pass: rolling <= ROLLING_MAX,
    },
    {
      what: 'idle among 100 nodes, one receives at most 100 kB a second (reckoned)',
      value: bytes(received),
      pass: received <= 100_000,
    },
    {
      what: "the nodes' bytes are those that Redis has counted (within a tenth)",
      value: `${shares.min.toFixed(2)} to ${shares.max.toFixed(2)} of them`,
      pass: shares.min > 0.9 && shares.max < 1.1,
    },
  ]
}

await bench(
  'fleet-cost',
  { title: 'what being one of a fleet costs a node, and Redis', runs: 1, limitMs: 360_000 },
  async () => {
    const all: Measured[] = []
    for (const nodes of SIZES) {
      for (const services of SERVICES) {
        const measured = await measureFleet(nodes, services)
        all.push(...measured)
        for (const one of measured) progress(lineOf({ ...one, isReckoned: false }))
      }
    }
    const rows = rowsOf(all)
    const series = { "Redis's count / the nodes', bytes": all.map((one) => one.redisShare) }
    return {
      series,
      checks: checksOf(all, rows),
      notes: table(rows),
      data: { measured: all, rows },
    }
  },
)
