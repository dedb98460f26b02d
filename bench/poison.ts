// How often does an answer reach a request that it was not meant for, when an origin says more
// than it was asked? Behind an answer this origin sends a second, whole one. A proxy that reads it
// before it gives the connection another request throws the connection away; when the next request
// is on it already, the unasked answer looks like the answer to that, in any HTTP/1.1 proxy that
// reuses connections. What remains is how soon a proxy reuses one, how well it looks, and what it
// learns.
//
// Each proxy has one thread on one core; origin and client share the other (poison-process.ts). The
// clients are closed loops, the worst case: the next request follows an answer at once. Rounds take
// turns between the proxies, so that a noisy machine disturbs all alike. Vertex remembers a target
// that was caught, so each of its attempts is at a target that it does not know yet.

import { sleep } from './lab/clock.ts'
import { type Attempt, type Delay, type Harm, startPoisoner } from './lab/poison.ts'
import { startSafeHaproxy } from './lab/poison-rivals.ts'
import { bench, type Check, progress } from './lab/report.ts'
import { isInstalled, type Rival, startHaproxy, startHttpProxy, startNginx } from './lab/rivals.ts'
import { spread } from './lab/statistics.ts'
import { startVertex } from './lab/vertex.ts'

const PROXY_CORE = 0
const POISON_CORE = 1
const DELAYS: readonly Delay[] = ['joined', 'turn', 0.1, 0.3, 0.5, 1, 2]
/** How many clients there are, and behind which share of the answers comes an unasked one. */
const LOADS: readonly Load[] = [
  { clients: 1, every: 1 },
  { clients: 10, every: 1 },
  { clients: 1, every: 50 },
  { clients: 10, every: 50 },
]
const WARM_UPS = 4
const REQUESTS = 1500
const LIMIT_MS = 400
/** What an attempt leaves behind is over after this: the longest delay and some turns. */
const SETTLE_MS = 10

interface Load {
  readonly clients: number
  readonly every: number
}

interface Cell extends Load {
  readonly proxy: string
  readonly delay: Delay
  /** In a hundred requests, one value a round. */
  readonly wrong: number[]
  /** Over all rounds. */
  readonly counts: { requests: number; unasked: number; wrong: number; failed: number }
}

function vertexConfig(ports: readonly number[]): unknown {
  const services = ports.map((port) => [
    `t${port}`,
    {
      match: { host: `t${port}` },
      versions: { v1: { targets: [`http://127.0.0.1:${port}`] } },
      routing: { stable: 'v1 @ 100%' },
    },
  ])
  return {
    listen: '127.0.0.1:0',
    admin: '127.0.0.1:0',
    threads: 1,
    services: Object.fromEntries(services),
    timeouts: { drain_delay: '0', drain: '1s' },
  }
}

async function startRivals(ports: readonly number[]): Promise<Rival[]> {
  const place = { originPort: ports[0] ?? 0, core: PROXY_CORE }
  const vertex = await startVertex(vertexConfig(ports), { core: PROXY_CORE })
  const rivals: Rival[] = [{ name: 'vertex', port: vertex.port, pid: vertex.pid }]
  if (isInstalled('nginx')) rivals.push(await startNginx(place))
  if (isInstalled('haproxy')) {
    rivals.push({ ...(await startSafeHaproxy(place)), name: 'haproxy, safe' })
    rivals.push({ ...(await startHaproxy(place)), name: 'haproxy, always' })
  }
  rivals.push(await startHttpProxy(place))
  return rivals
}

// --- the tables -------------------------------------------------------------------------------

function loadName({ clients, every }: Load): string {
  return `${clients} at a time, ${every === 1 ? 'behind each' : `1 in ${every}`}`
}

/** Medians of the rounds: a line for each proxy, a column for each delay. */
function tableOf(cells: readonly Cell[], load: Load): string[] {
  const head = DELAYS.map((delay) => (typeof delay === 'number' ? `${delay} ms` : delay))
  const title = 'wrong answers, %'.padEnd(18)
  const lines = [loadName(load), title + head.map((text) => text.padStart(8)).join('')]
  const mine = cells.filter((cell) => cell.clients === load.clients && cell.every === load.every)
  for (const name of new Set(mine.map(({ proxy }) => proxy))) {
    const values = mine
      .filter(({ proxy }) => proxy === name)
      .map((cell) => spread(cell.wrong).median.toFixed(2).padStart(8))
    lines.push(name.padEnd(18) + values.join(''))
  }
  return [...lines, '']
}

function failuresOf(cells: readonly Cell[], proxy: string): string {
  const own = cells.filter((cell) => cell.proxy === proxy)
  return `${proxy} ${own.reduce((sum, { counts }) => sum + counts.failed, 0)}`
}

/** The mean over all delays and loads of the medians. */
function overall(cells: readonly Cell[], proxy: string): number {
  const own = cells.filter((cell) => cell.proxy === proxy)
  return own.reduce((sum, { wrong }) => sum + spread(wrong).median, 0) / own.length
}

/** Wrong answers in a hundred that were sent unasked, of the rare ones. */
function harmOfRare(cells: readonly Cell[], proxy: string): number {
  const own = cells.filter((cell) => cell.proxy === proxy && cell.every > 1)
  const sum = (of: 'unasked' | 'wrong'): number =>
    own.reduce((all, { counts }) => all + counts[of], 0)
  return (sum('wrong') / sum('unasked')) * 100
}

function compare(
  rivals: readonly Rival[],
  value: (name: string) => number,
): { less: boolean; said: string } {
  const own = value('vertex')
  const others = rivals.map(({ name }) => name).filter((name) => name !== 'vertex')
  const said = ['vertex', ...others].map((name) => `${name} ${value(name).toFixed(2)} %`)
  return { less: others.every((name) => own < value(name)), said: said.join(', ') }
}

function checksOf(cells: readonly Cell[], rivals: readonly Rival[]): Check[] {
  const joined = cells.filter(({ proxy, delay }) => proxy === 'vertex' && delay === 'joined')
  const atOnce = joined.reduce((sum, { counts }) => sum + counts.wrong, 0)
  const all = compare(rivals, (name) => overall(cells, name))
  const rare = compare(rivals, (name) => harmOfRare(cells, name))
  return [
    {
      what: 'no wrong answer when the unasked one comes with the asked one',
      value: `${atOnce} were`,
      pass: atOnce === 0,
    },
    {
      what: 'fewer wrong answers in a hundred requests than each other proxy (mean of all medians)',
      value: all.said,
      pass: all.less,
    },
    {
      what: 'fewer wrong answers for a hundred unasked ones that are rare than each other proxy',
      value: rare.said,
      pass: rare.less,
    },
  ]
}

// --- the rounds -------------------------------------------------------------------------------

function emptyCells(rivals: readonly Rival[]): Cell[] {
  return rivals.flatMap(({ name }) =>
    LOADS.flatMap((load) =>
      DELAYS.map((delay) => ({
        proxy: name,
        ...load,
        delay,
        wrong: [],
        counts: { requests: 0, unasked: 0, wrong: 0, failed: 0 },
      })),
    ),
  )
}

function note(cell: Cell, harm: Harm): void {
  cell.wrong.push((harm.wrong / harm.requests) * 100)
  cell.counts.requests += harm.requests
  cell.counts.unasked += harm.unasked
  cell.counts.wrong += harm.wrong
  cell.counts.failed += harm.failed
}

await bench(
  'poison',
  { title: 'an origin that sends a second, unasked answer', runs: 5, limitMs: 900_000 },
  async (runs) => {
    const ports = WARM_UPS + runs * LOADS.length * DELAYS.length
    const poisoner = await startPoisoner({ core: POISON_CORE, ports })
    const rivals = await startRivals(poisoner.originPorts)
    const fresh = poisoner.originPorts.values()
    const attempt = async (given: Omit<Attempt, 'requests' | 'limitMs'>): Promise<Harm> => {
      const harm = await poisoner.attempt({ ...given, requests: REQUESTS, limitMs: LIMIT_MS })
      await sleep(SETTLE_MS)
      return harm
    }
    const cells = emptyCells(rivals)
    for (let i = 0; i < WARM_UPS; i++) {
      const host = `t${fresh.next().value}`
      for (const { port } of rivals) {
        await attempt({ port, host, delay: 'joined', every: 5, clients: 10 }) // compile
      }
    }
    for (let run = 1; run <= runs; run++) {
      for (const { clients, every } of LOADS) {
        for (const delay of DELAYS) {
          const host = `t${fresh.next().value}`
          for (const { name, port } of rivals) {
            const harm = await attempt({ port, host, delay, every, clients })
            const same = (cell: Cell): boolean =>
              cell.proxy === name &&
              cell.delay === delay &&
              cell.clients === clients &&
              cell.every === every
            const cell = cells.find(same)
            if (cell !== undefined) note(cell, harm)
          }
        }
      }
      progress(`round ${run}: ${compare(rivals, (name) => overall(cells, name)).said}`)
    }
    const valuesOf = (name: string): number[] =>
      cells.filter(({ proxy }) => proxy === name).flatMap(({ wrong }) => wrong)
    return {
      series: Object.fromEntries(
        rivals.map(({ name }) => [`${name}: wrong answers, %`, valuesOf(name)]),
      ),
      notes: [
        '',
        ...LOADS.flatMap((load) => tableOf(cells, load)),
        `requests that failed: ${rivals.map(({ name }) => failuresOf(cells, name)).join(', ')}`,
      ],
      data: { cells },
      checks: checksOf(cells, rivals),
    }
  },
)
