// One scenario of the comparison. First slices of a second in which one proxy after the other gets
// all the load that it can take, each round beginning with another one, so that a noisy machine
// disturbs all alike and nobody always follows the same neighbour. Then slices with an open loop
// at half of the rate that each has reached, for its latencies: from the process of the app
// server, which never rests, as two processes would wait for each other's share of their core, and
// a timer sends what became due in a millisecond in one go (p50 without a proxy at 30,000 a
// second: 1.3 ms that way, 0.02 this way). Where there is a second app server on that core, it has
// to rest. A ratio is taken within a round and the median over rounds: what disturbs a whole round
// is in both of its halves and cancels out.

import { type Cast, startCast } from './compare-peers.ts'
import { hasCandidate, type Scenario } from './compare-scenarios.ts'
import { CONNECTIONS, LOAD_CORE, round } from './cpu-round.ts'
import { summarise } from './load.ts'
import { treeRssBytes } from './proc.ts'
import { progress } from './report.ts'
import { add, paired, type Spread, spread } from './statistics.ts'
import { type Closed, closedLoad } from './wrk.ts'

const SLICE_SECONDS = 1
/** Each open-loop slice opens its connections anew. */
const LOAD_WARM_UP_MS = 1000
/**
 * One stall of 10 ms is a hundredth of a second, and would be the p99 of a slice of that length.
 */
const HALF_LOAD_MS = 2000
const MIB = 2 ** 20
/** The app server without a proxy: what the instruments themselves cost in latency. */
export const DIRECT = 'no proxy'
/** What the ratios are to. */
export const BASES = ['nginx', 'http-proxy'] as const

export interface Plan {
  readonly rounds: number
  readonly latencyRounds: number
  readonly warmUpSeconds: number
}

export interface Figures {
  /** CPU, user and system of all processes, in microseconds a request. */
  readonly us: Spread
  /** So much of it is the kernel's. */
  readonly kernelUs: Spread
  readonly perSecond: Spread
  readonly bytesPerSecond: Spread
  readonly rssMiB: Spread
  /** The share of its core that it used. */
  readonly busy: Spread
  /** Requests a second of the open loop. */
  readonly halfRate: number
  readonly p50Ms: Spread
  readonly p99Ms: Spread
  readonly p999Ms: Spread
  /** The share of its requests that still waited for a connection when the load ended. */
  readonly waiting: Spread
}

export interface Measured {
  readonly load: Closed['by']
  readonly connections: number
  readonly peers: Readonly<Record<string, Figures>>
  /** Of CPU a request, such as `vertex / nginx`. */
  readonly ratios: Readonly<Record<string, Spread>>
  /** `vertex / nginx` and the like, a value a round. */
  readonly perRound: Readonly<Record<string, readonly number[]>>
}

type Series = Record<string, number[]>
const KINDS = [
  'us',
  'kernelUs',
  'perSecond',
  'bytesPerSecond',
  'rssMiB',
  'busy',
  'halfRate',
  'p50Ms',
  'p99Ms',
  'p999Ms',
  'waiting',
] as const
/** A value a slice, of each kind of figure, by the name of the peer. */
type Slices = Readonly<Record<(typeof KINDS)[number], Series>>

function emptySlices(): Slices {
  return Object.fromEntries(KINDS.map((kind) => [kind, {}])) as Record<
    (typeof KINDS)[number],
    Series
  >
}

/** The same list beginning at another place. */
function turned<T>(list: readonly T[], by: number): T[] {
  const at = by % list.length
  return [...list.slice(at), ...list.slice(0, at)]
}

async function saturate(
  cast: Cast,
  at: { load: Closed; plan: Plan; slices: Slices },
): Promise<void> {
  const { load, plan, slices } = at
  for (const peer of cast.peers) await round(peer, { seconds: plan.warmUpSeconds, load })
  for (let n = 0; n < plan.rounds; n++) {
    const said: string[] = []
    for (const peer of turned(cast.peers, n)) {
      const one = await round(peer, { seconds: SLICE_SECONDS, load }).catch((error: unknown) => {
        throw new Error(`${peer.name} cannot be measured in round ${n + 1}`, { cause: error })
      })
      add(slices.us, peer.name, one.us)
      add(slices.kernelUs, peer.name, one.kernelUs)
      add(slices.perSecond, peer.name, one.perSecond)
      add(slices.bytesPerSecond, peer.name, one.bytesPerSecond)
      add(slices.busy, peer.name, one.busy)
      add(slices.rssMiB, peer.name, treeRssBytes(peer.pid) / MIB)
      said.push(`${peer.name} ${one.us.toFixed(1)}`)
    }
    await cast.check()
    progress(`round ${n + 1}, µs: ${said.sort().join(', ')}`)
  }
}

async function halfLoad(
  cast: Cast,
  at: { scenario: Scenario; plan: Plan; slices: Slices },
): Promise<void> {
  const { scenario, plan, slices } = at
  const sleepless = !hasCandidate(scenario)
  const half = (name: string): number => Math.round(spread(slices.perSecond[name] ?? []).median / 2)
  const rates = cast.peers.map(({ name, port }) => ({ name, port, rate: half(name) }))
  // The fastest one's rate, straight to the app server, is the hardest test of the instruments.
  const fastest = Math.max(...rates.map(({ rate }) => rate))
  const all = [...rates, { name: DIRECT, port: cast.originPort, rate: fastest }]
  for (let n = 0; n < plan.latencyRounds; n++) {
    const said: string[] = []
    for (const { name, port, rate } of turned(all, n)) {
      const durationMs = LOAD_WARM_UP_MS + HALF_LOAD_MS
      const { asks } = scenario
      const options = { port, rate, asks, durationMs, connections: 64, sleepless }
      const summary = summarise(await cast.load(options), { afterMs: LOAD_WARM_UP_MS })
      // Those that still waited for a connection at the end did not fail, but are not measured.
      const failed = summary.failed - summary.unsent
      if (failed > 0) throw new Error(`Cannot measure as ${failed} requests to ${name} failed`)
      add(slices.waiting, name, summary.unsent / (summary.requests + summary.unsent))
      add(slices.halfRate, name, rate)
      add(slices.p50Ms, name, summary.p50Ms)
      add(slices.p99Ms, name, summary.p99Ms)
      add(slices.p999Ms, name, summary.p999Ms)
      said.push(`${name} ${summary.p99Ms.toFixed(2)}`)
    }
    await cast.check()
    progress(`half load ${n + 1}, p99 in ms: ${said.sort().join(', ')}`)
  }
}

function figuresOf(name: string, slices: Slices): Figures {
  const of = (series: Series): Spread => spread(series[name] ?? [])
  return {
    us: of(slices.us),
    kernelUs: of(slices.kernelUs),
    perSecond: of(slices.perSecond),
    bytesPerSecond: of(slices.bytesPerSecond),
    rssMiB: of(slices.rssMiB),
    busy: of(slices.busy),
    halfRate: of(slices.halfRate).median,
    p50Ms: of(slices.p50Ms),
    p99Ms: of(slices.p99Ms),
    p999Ms: of(slices.p999Ms),
    waiting: of(slices.waiting),
  }
}

function ratiosOf(us: Series): Series {
  const ratios: Series = {}
  for (const [name, values] of Object.entries(us)) {
    for (const base of BASES) {
      if (us[base] && name !== base) ratios[`${name} / ${base}`] = paired(values, us[base])
    }
    // Bars of Vertex are held against each of them.
    if (name !== 'vertex' && !ratios[`vertex / ${name}`]) {
      ratios[`vertex / ${name}`] = paired(us.vertex, values)
    }
  }
  return ratios
}

/** The name of the ratio of the least that the kernel took for any proxy to another's whole. */
export const floorOf = (name: string): string => `least in the kernel / ${name}`

function floorsOf({ kernelUs, us }: Slices): Series {
  const all = Object.values(kernelUs)
  const least = (all[0] ?? []).map((_, n) => Math.min(...all.map((one) => one[n] ?? Infinity)))
  return Object.fromEntries(
    Object.entries(us).map(([name, values]) => [floorOf(name), paired(least, values)]),
  )
}

/** Measures a scenario with fresh processes, which have ended when it returns. */
export async function measureScenario(scenario: Scenario, plan: Plan): Promise<Measured> {
  const slices = emptySlices()
  const load = closedLoad(scenario.asks, { core: LOAD_CORE })
  const cast = await startCast(scenario)
  try {
    await saturate(cast, { load, plan, slices })
    await halfLoad(cast, { scenario, plan, slices })
  } finally {
    await cast.end()
  }
  const names = cast.peers.map(({ name }) => name)
  const perRound = { ...ratiosOf(slices.us), ...floorsOf(slices) }
  return {
    load: load.by,
    connections: CONNECTIONS,
    peers: Object.fromEntries([...names, DIRECT].map((name) => [name, figuresOf(name, slices)])),
    ratios: Object.fromEntries(
      Object.entries(perRound).map(([name, values]) => [name, spread(values)]),
    ),
    perRound,
  }
}
