// How do cost and memory grow with size? One thing grows at a time: edge threads, services (told
// apart by host), routes of one service (path prefixes), and connections that all ask at the same
// time. The sizes of one kind are processes that are alive together and take turns in slices of a
// second, so that the CPU of a small GET can be compared as a ratio within each round. All of a
// process is on one core, load and app server have the other: two threads there show what a second
// thread costs, not what it gains.
//
// Where nginx is installed, one with as many services and routes is measured beside Vertex, against
// an nginx of the least: what the system and the caches of the processor take from any proxy that
// keeps a pool for each of 10,000 services.
//
// --only NAME for one kind (threads, services, routes, connections).

import type { Ask } from './lab/asks.ts'
import { CONNECTIONS, LOAD_CORE, PROXY_CORE, joinLoadCore, round } from './lab/cpu-round.ts'
import { startOrigin } from './lab/origin.ts'
import { treeRssBytes } from './lab/proc.ts'
import { bench, type Check, progress } from './lab/report.ts'
import { isInstalled, type Rival, startServer } from './lab/rivals.ts'
import { nginxOfSize, SIZES, type Size, sizeAsks, sizeConfig } from './lab/scale.ts'
import { add, spread } from './lab/statistics.ts'
import { startVertex, type Vertex } from './lab/vertex.ts'
import { type Closed, closedLoad } from './lab/wrk.ts'

const KIB = 1024
const MIB = KIB * KIB
const MORE_MAX = 1.05
const WARM_UP_SECONDS = 3
/** A first start with 10,000 services writes the state of each. */
const START_MS = 120_000

interface Running {
  /** With the name that it is told by. */
  readonly size: Size
  readonly rival: Rival
  readonly load: Closed
  readonly vertex: Vertex | null
  readonly startMs: number
  /** Before the first request. */
  readonly startBytes: number
}

async function start(size: Size, originUrl: string): Promise<Running> {
  const began = performance.now()
  const config = sizeConfig(size, originUrl)
  const vertex = await startVertex(config, { core: PROXY_CORE, built: true, startMs: START_MS })
  const startMs = performance.now() - began
  const { pid, port } = vertex
  const asks: readonly Ask[] = sizeAsks(size)
  const load = closedLoad(asks, { core: LOAD_CORE })
  const rival = { name: size.name, port, pid }
  return { size, vertex, rival, load, startMs, startBytes: treeRssBytes(pid) }
}

/** The same with nginx. */
async function startNginxOf(size: Size, originUrl: string): Promise<Running> {
  const began = performance.now()
  const config = nginxOfSize(size, Number(new URL(originUrl).port))
  const place = { core: PROXY_CORE }
  const rival = await startServer('nginx', { place, config, args: ['-c'] })
  return {
    ...{ rival, vertex: null, size: { ...size, name: `nginx, ${size.name}` } },
    load: closedLoad(sizeAsks(size), { core: LOAD_CORE }),
    ...{ startMs: performance.now() - began, startBytes: treeRssBytes(rival.pid) },
  }
}

/** The sizes that nginx is measured with, too: those whose growth has a bar. */
function sizesOfNginx(sizes: readonly Size[]): readonly Size[] {
  const isComparable = sizes.every(({ routes, services }) => (routes ?? services) !== undefined)
  if (!isComparable || !isInstalled('nginx')) return []
  return [sizes[0], sizes.at(-1)].filter((size) => size !== undefined)
}

type Series = Record<string, number[]>

/** Measures the sizes of one kind; the ratios are to the first of them. */
async function measureKind(
  sizes: readonly Size[],
  at: { runs: number; series: Series },
): Promise<void> {
  const { runs, series } = at
  // Each kind of proxy has its own, as one with 10,000 services holds 10,000 of its descriptors.
  const like = { version: 'v1', record: false, core: LOAD_CORE }
  const [origin, ofNginx] = await Promise.all([startOrigin(like), startOrigin(like)])
  const all: Running[] = []
  const starts = [
    ...sizes.map((size) => () => start(size, origin.url)),
    ...sizesOfNginx(sizes).map((size) => () => startNginxOf(size, ofNginx.url)),
  ]
  for (const begin of starts) {
    const one = await begin()
    const { size } = one
    all.push(one)
    add(series, `${size.name}: ready after, ms`, one.startMs)
    add(series, `${size.name}: resident before traffic, MiB`, one.startBytes / MIB)
    progress(`${size.name}: ready in ${(one.startMs / 1000).toFixed(1)} s`)
  }
  const how = ({ size, load }: Running): { load: Closed; connections: number } => {
    return { load, connections: size.connections ?? CONNECTIONS }
  }
  const firstOfNginx = all.find(({ vertex }) => vertex === null)
  // Thousands who meet a process that has just started may wait for longer than they like.
  const warmUp = { seconds: WARM_UP_SECONDS, timeoutSeconds: 10 }
  for (const one of all) await round(one.rival, { ...warmUp, ...how(one) })
  for (let n = 1; n <= runs; n++) {
    const us: number[] = []
    let first = Number.NaN
    for (const one of all) {
      const slice = await round(one.rival, { seconds: 1, ...how(one) })
      us.push(slice.us)
      const { name } = one.size
      const isFirst = one === all[0] || one === firstOfNginx
      if (isFirst) first = slice.us
      add(series, `${name}: CPU a request, µs`, slice.us)
      add(series, `${name}: resident, MiB`, treeRssBytes(one.rival.pid) / MIB)
      if (!isFirst) add(series, `${name}: CPU / first`, slice.us / first)
    }
    progress(`round ${n}, µs: ${us.map((value) => value.toFixed(1)).join(', ')}`)
  }
  for (const { rival, vertex } of all) {
    if (vertex === null) process.kill(rival.pid)
    else await vertex.end()
  }
  await Promise.all([origin.end(), ofNginx.end()])
}

/** Bytes that each service more takes, from the least to the most of them. */
function bytesPerService(series: Series, which: string): number {
  const [least, most] = [SIZES.services[0], SIZES.services.at(-1)]
  if (least?.services === undefined || most?.services === undefined) return Number.NaN
  const at = (size: Size): number => spread(series[`${size.name}: ${which}, MiB`] ?? []).median
  return ((at(most) - at(least)) * MIB) / (most.services - least.services)
}

function checksOf(series: Series): Check[] {
  return [SIZES.services.at(-1), SIZES.routes.at(-1)].flatMap((size) => {
    const ratios = series[`${size?.name}: CPU / first`]
    if (ratios === undefined) return []
    const { median, n } = spread(ratios)
    const few = n < 5 ? ' (of fewer than 5 rounds)' : ''
    return {
      what: `${size?.name} cost at most ${Math.round((MORE_MAX - 1) * 100)} % more CPU than the least`,
      value: `${((median - 1) * 100).toFixed(1)} %${few}`,
      pass: median <= MORE_MAX && few === '',
    }
  })
}

await bench(
  'scale',
  {
    title: 'how CPU a request and memory grow',
    runs: 20,
    limitMs: 900_000,
    names: Object.keys(SIZES),
  },
  async (runs, only) => {
    joinLoadCore()
    const series: Series = {}
    for (const [kind, sizes] of Object.entries(SIZES)) {
      if (only === null || only === kind) await measureKind(sizes, { runs, series })
    }
    const perService = {
      'before traffic': bytesPerService(series, 'resident before traffic'),
      'under traffic': bytesPerService(series, 'resident'),
    }
    const notes = Object.entries(perService)
      .filter(([, bytes]) => Number.isFinite(bytes))
      .map(([when, bytes]) => `memory per service ${when}: ${(bytes / KIB).toFixed(2)} KiB`)
    return { series, checks: checksOf(series), notes, data: { bytesPerService: perService } }
  },
)
