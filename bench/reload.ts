// What does a reload cost the users? Under an open loop of requests on kept connections and another
// one of a connection for each request, the config file changes (ten services come or go, so that
// each edge thread gets another table) and SIGHUP asks to read it, again and again. No request may
// be lost. The time after each signal is compared with the quiet time before the next one: p99.9
// must not be more than a quarter longer.

import { writeFileSync } from 'node:fs'
import { monotonicMs, sleep, until } from './lab/clock.ts'
import { type Load, type LoadResult, startLoad, summarise } from './lab/load.ts'
import { startOrigin } from './lab/origin.ts'
import { bench, progress } from './lab/report.ts'
import { add, spread } from './lab/statistics.ts'
import { labConfig, startVertex, type Vertex } from './lab/vertex.ts'
import { BUSY_MS, besideEvents, quantile } from './lab/windows.ts'

const KEPT = { rate: 1500, connections: 64 }
const FRESH = { rate: 200, connections: 32, headers: { connection: 'close' } }
const THREADS = 2
const EVERY_MS = 500
const LONGER_MAX = 1.25
const DONE = 'The config was reloaded'

/** The same service for all traffic, and others beside it in every second config. */
function configOf(origin: string, more: boolean): unknown {
  const base = labConfig({ versions: { v1: [origin] }, stable: 'v1', threads: THREADS })
  const { versions, routing, deploy_strategy, ...node } = base as Record<string, unknown>
  const service = { versions, routing, deploy_strategy }
  const others = Array.from({ length: more ? 10 : 0 }, (_, at) => {
    return [`other-${at}`, { match: { host: `other-${at}.lab.test` }, ...service }]
  })
  const services = { pages: { match: { path: '/' }, ...service }, ...Object.fromEntries(others) }
  return { ...node, services }
}

interface Reload {
  readonly askedMs: number
  readonly tookMs: number
}

function reloadsDone(vertex: Vertex): number {
  return vertex.log.filter((line) => line.includes(DONE)).length
}

async function reload(vertex: Vertex, config: unknown): Promise<Reload> {
  writeFileSync(vertex.configFile, JSON.stringify(config, null, 2))
  const before = reloadsDone(vertex)
  const askedMs = monotonicMs()
  process.kill(vertex.pid, 'SIGHUP')
  const probe = (): true | null => (reloadsDone(vertex) > before ? true : null)
  await until(probe, { what: 'the config is reloaded', withinMs: 10_000, everyMs: 2 })
  return { askedMs, tookMs: monotonicMs() - askedMs }
}

/** What was sent and got no good answer; what never found a connection was not Vertex's to lose. */
function lost(result: LoadResult): { lost: number; of: number } {
  const { failed, unsent, requests } = summarise(result)
  return { lost: failed - unsent, of: requests }
}

async function underLoad(
  port: number,
  action: () => Promise<void>,
): Promise<{ kept: LoadResult; fresh: LoadResult }> {
  const loads: Load[] = [await startLoad({ port, ...KEPT }), await startLoad({ port, ...FRESH })]
  await sleep(2000) // compile, open connections
  await action()
  const [kept, fresh] = await Promise.all(loads.map((load) => load.stop()))
  if (kept === undefined || fresh === undefined) throw new Error('Cannot measure without a load')
  return { kept, fresh }
}

await bench(
  'reload',
  { title: `SIGHUP every ${EVERY_MS} ms under load`, runs: 200, limitMs: 400_000 },
  async (runs) => {
    const origin = await startOrigin({ version: 'v1', record: false })
    const vertex = await startVertex(configOf(origin.url, false))
    const reloads: Reload[] = []
    const { kept, fresh } = await underLoad(vertex.port, async () => {
      for (let n = 1; n <= runs; n++) {
        const one = await reload(vertex, configOf(origin.url, n % 2 === 1))
        reloads.push(one)
        if (n % 20 === 0) progress(`${n} reloads, the last in ${one.tookMs.toFixed(0)} ms`)
        await sleep(Math.max(0, EVERY_MS - one.tookMs))
      }
    })
    await vertex.end()
    const series: Record<string, number[]> = { 'reload, ms': reloads.map(({ tookMs }) => tookMs) }
    const events = reloads.map(({ askedMs }) => askedMs)
    const { busy, quiet } = besideEvents(kept, { events, sinceMs: events[0] ?? 0 })
    for (const [name, share] of Object.entries({ p99: 0.99, 'p99.9': 0.999 })) {
      const [busyMs, quietMs] = [quantile(busy, share), quantile(quiet, share)]
      add(series, `${name} within ${BUSY_MS} ms of a reload, ms`, busyMs)
      add(series, `${name} at other times, ms`, quietMs)
      add(series, `${name}, reload / other`, busyMs / quietMs)
    }
    const longer = spread(series['p99.9, reload / other'] ?? []).median
    const [onKept, onFresh] = [lost(kept), lost(fresh)]
    return {
      series,
      notes: [...kept.messages.slice(0, 3), ...fresh.messages.slice(0, 3)],
      data: { kept: onKept, fresh: onFresh, threads: THREADS },
      checks: [
        {
          what: 'no request on a kept connection is lost',
          value: `${onKept.lost} of ${onKept.of} in ${runs} reloads`,
          pass: onKept.lost === 0,
        },
        {
          what: 'no request with a connection of its own is lost',
          value: `${onFresh.lost} of ${onFresh.of} in ${runs} reloads`,
          pass: onFresh.lost === 0,
        },
        {
          what: `p99.9 near a reload is at most ${LONGER_MAX} of that at other times`,
          value: longer.toFixed(2),
          pass: longer <= LONGER_MAX,
        },
      ],
    }
  },
)
