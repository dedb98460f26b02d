// What does one proxied small GET cost? CPU time (user and system) of the whole proxy process per
// request, on one pinned core; load and origin run on the other. Vertex stands beside http-proxy on
// the same Node in the same run; rounds take turns, so that a noisy machine disturbs all alike. CPU
// time is compared, not throughput, so a busy neighbour matters little.

import { LOAD_CORE, PROXY_CORE, round } from './lab/cpu-round.ts'
import { startOrigin } from './lab/origin.ts'
import { bench, progress } from './lab/report.ts'
import { isInstalled, type Rival, startHaproxy, startHttpProxy, startNginx } from './lab/rivals.ts'
import { add, spread } from './lab/statistics.ts'
import { labConfig, startVertex } from './lab/vertex.ts'

const ROUND_SECONDS = 1
const RATIO_MAX = 0.25

async function startRivals(): Promise<Rival[]> {
  const origin = await startOrigin({ version: 'v1', record: false, core: LOAD_CORE })
  const place = { originPort: origin.port, core: PROXY_CORE }
  const config = labConfig({ versions: { v1: [origin.url] }, stable: 'v1', threads: 1 })
  const vertex = await startVertex(config, { core: PROXY_CORE })
  const rivals: Rival[] = [{ name: 'vertex', port: vertex.port, pid: vertex.pid }]
  rivals.push(await startHttpProxy(place))
  if (isInstalled('nginx')) rivals.push(await startNginx(place))
  if (isInstalled('haproxy')) rivals.push(await startHaproxy(place))
  return rivals
}

await bench(
  'cpu',
  { title: 'CPU per proxied small GET on one core', runs: 20, limitMs: 400_000 },
  async (runs) => {
    const rivals = await startRivals()
    for (const rival of rivals) await round(rival, { seconds: 4 }) // compile, open connections
    const us: Record<string, number[]> = {}
    const perSecond: Record<string, number[]> = {}
    for (let i = 1; i <= runs; i++) {
      const said: string[] = []
      for (const rival of rivals) {
        const one = await round(rival, { seconds: ROUND_SECONDS })
        add(us, rival.name, one.us)
        add(perSecond, rival.name, one.perSecond)
        said.push(`${rival.name} ${one.us.toFixed(1)} µs`)
      }
      progress(`round ${i}: ${said.join(', ')}`)
    }
    const own = us.vertex ?? []
    const ratios = own.map((value, i) => value / (us['http-proxy']?.[i] ?? Number.NaN))
    const ratio = spread(ratios)
    const series: Record<string, number[]> = {}
    for (const [name, values] of Object.entries(us)) series[`${name}, µs CPU a request`] = values
    for (const [name, values] of Object.entries(perSecond)) series[`${name}, req/s`] = values
    series['vertex / http-proxy, CPU'] = ratios
    for (const name of ['nginx', 'haproxy']) {
      const other = us[name]
      if (other) series[`vertex / ${name}, CPU`] = own.map((v, i) => v / (other[i] ?? Number.NaN))
    }
    return {
      series,
      checks: [
        {
          what: 'CPU a request is at most 1/4 of that of http-proxy (median of rounds)',
          value:
            `${ratio.median.toFixed(3)}, that is 1/${(1 / ratio.median).toFixed(1)}` +
            (runs < 5 ? ' (of fewer than 5 rounds)' : ''),
          pass: ratio.median <= RATIO_MAX && runs >= 5,
        },
      ],
    }
  },
)
