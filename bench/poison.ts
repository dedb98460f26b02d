// How often does an answer reach a request that it was not meant for, when an origin says more than
// it was asked? After each right answer this origin sends a second, whole one. A proxy that reads
// it before it gives the connection another request throws the connection away; when the next
// request is already on it, the unasked answer looks like the answer to that, in any HTTP/1.1 proxy
// that reuses connections. What remains is how soon a proxy reuses one, and how well it looks.
//
// Each proxy has one thread on one core; origin and client share the other (poison-process.ts). The
// clients are closed loops, the worst case: the next request follows an answer at once. Rounds take
// turns between the proxies, so that a noisy machine disturbs all alike.

import { sleep } from './lab/clock.ts'
import { type Attempt, type Delay, type Harm, startPoisoner } from './lab/poison.ts'
import { startSafeHaproxy } from './lab/poison-rivals.ts'
import { bench, progress } from './lab/report.ts'
import { isInstalled, type Rival, startHaproxy, startHttpProxy, startNginx } from './lab/rivals.ts'
import { spread } from './lab/statistics.ts'
import { labConfig, startVertex } from './lab/vertex.ts'

const PROXY_CORE = 0
const POISON_CORE = 1
const DELAYS: readonly Delay[] = ['joined', 'turn', 0.1, 0.3, 0.5, 1, 2]
const CLIENTS = [1, 10]
const REQUESTS = 1500
const LIMIT_MS = 500
/** What an attempt leaves behind is over after this: the longest delay and some turns. */
const SETTLE_MS = 10

interface Cell {
  readonly proxy: string
  readonly clients: number
  readonly delay: Delay
  /** Wrong answers in a hundred requests, one value a round. */
  readonly wrong: number[]
  /** Requests in a hundred that failed, one value a round. */
  readonly failed: number[]
}

async function startRivals(originPort: number): Promise<Rival[]> {
  const place = { originPort, core: PROXY_CORE }
  const versions = { v1: [`http://127.0.0.1:${originPort}`] }
  const vertex = await startVertex(labConfig({ versions, stable: 'v1' }), { core: PROXY_CORE })
  const rivals: Rival[] = [{ name: 'vertex', port: vertex.port, pid: vertex.pid }]
  if (isInstalled('nginx')) rivals.push(await startNginx(place))
  if (isInstalled('haproxy')) {
    rivals.push({ ...(await startSafeHaproxy(place)), name: 'haproxy, safe' })
    rivals.push({ ...(await startHaproxy(place)), name: 'haproxy, always' })
  }
  rivals.push(await startHttpProxy(place))
  return rivals
}

function labelOf(delay: Delay): string {
  return typeof delay === 'number' ? `${delay} ms` : delay
}

/** The table of the medians, a line for each proxy and number of clients. */
function tableOf(cells: readonly Cell[], of: 'wrong' | 'failed'): string[] {
  const head = ['', ...DELAYS.map(labelOf)].map((text, i) => (i > 0 ? text.padStart(8) : ''))
  const lines = [`${of === 'wrong' ? 'wrong answers' : 'failed requests'}, %`.padEnd(30)]
  lines[0] += head.join('')
  const names = new Set(cells.map(({ proxy, clients }) => `${proxy}, ${clients} at a time`))
  for (const name of names) {
    const row = cells.filter(({ proxy, clients }) => `${proxy}, ${clients} at a time` === name)
    const values = row.map((cell) => spread(cell[of]).median.toFixed(2).padStart(8))
    lines.push(name.padEnd(30) + values.join(''))
  }
  return lines
}

/** The mean over all delays and numbers of clients of the medians. */
function overall(cells: readonly Cell[], proxy: string): number {
  const own = cells.filter((cell) => cell.proxy === proxy)
  return own.reduce((sum, { wrong }) => sum + spread(wrong).median, 0) / own.length
}

function checksOf(
  cells: readonly Cell[],
  rivals: readonly Rival[],
): { less: boolean; said: string } {
  const own = overall(cells, 'vertex')
  const others = rivals.filter(({ name }) => name !== 'vertex')
  const said = others.map(({ name }) => `${name} ${overall(cells, name).toFixed(2)} %`)
  return {
    less: others.every(({ name }) => own < overall(cells, name)),
    said: `vertex ${own.toFixed(2)} %, ${said.join(', ')}`,
  }
}

await bench(
  'poison',
  {
    title: 'an origin that sends a second, unasked answer after each',
    runs: 5,
    limitMs: 900_000,
  },
  async (runs) => {
    const poisoner = await startPoisoner({ core: POISON_CORE })
    const rivals = await startRivals(poisoner.originPort)
    const attempt = async (given: Omit<Attempt, 'requests' | 'limitMs'>): Promise<Harm> => {
      const harm = await poisoner.attempt({ ...given, requests: REQUESTS, limitMs: LIMIT_MS })
      await sleep(SETTLE_MS)
      return harm
    }
    const cells: Cell[] = []
    for (const { name } of rivals) {
      for (const clients of CLIENTS) {
        for (const delay of DELAYS) {
          cells.push({ proxy: name, clients, delay, wrong: [], failed: [] })
        }
      }
    }
    for (const { port } of rivals) {
      for (let i = 0; i < 4; i++) await attempt({ port, delay: 2, clients: 10 }) // compile
    }
    for (let run = 1; run <= runs; run++) {
      for (const clients of CLIENTS) {
        for (const delay of DELAYS) {
          for (const { name, port } of rivals) {
            const harm = await attempt({ port, delay, clients })
            const same = (cell: Cell): boolean =>
              cell.proxy === name && cell.clients === clients && cell.delay === delay
            const cell = cells.find(same)
            cell?.wrong.push((harm.wrong / harm.requests) * 100)
            cell?.failed.push((harm.failed / harm.requests) * 100)
          }
        }
      }
      progress(`round ${run}: ${checksOf(cells, rivals).said}`)
    }
    const { less, said } = checksOf(cells, rivals)
    const joined = cells.filter(({ proxy, delay }) => proxy === 'vertex' && delay === 'joined')
    const atOnce = Math.max(...joined.flatMap(({ wrong }) => wrong))
    const byProxy = (name: string): number[] =>
      cells.filter(({ proxy }) => proxy === name).flatMap(({ wrong }) => wrong)
    return {
      series: Object.fromEntries(
        rivals.map(({ name }) => [`${name}: wrong answers, %`, byProxy(name)]),
      ),
      notes: ['', ...tableOf(cells, 'wrong'), '', ...tableOf(cells, 'failed'), ''],
      data: { cells },
      checks: [
        {
          what: 'no wrong answer when the poison comes with the answer',
          value: `${atOnce.toFixed(2)} %`,
          pass: atOnce === 0,
        },
        {
          what: 'fewer wrong answers than each other proxy (mean over all delays, of medians)',
          value: said,
          pass: less,
        },
      ],
    }
  },
)
