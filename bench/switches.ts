// Do customers notice when weights change? Under an open loop of requests each run deploys a
// version (each edge thread gets another table), changes its weight twice, lets it turn bad and
// waits for the rollback. The time after each is compared with the quiet times in between: p99.9
// must not be more than a quarter longer. A p99.9 is as good as the machine's worst moments, so it
// is told with and without the requests that the machine's own slowness has hit (lab/pulse.ts).

import { monotonicMs, sleep, until } from './lab/clock.ts'
import { type LoadResult, startLoad, summarise } from './lab/load.ts'
import { deployAt, type Pair, startPair } from './lab/pair.ts'
import { type Beats, Pulse } from './lab/pulse.ts'
import { bench, progress } from './lab/report.ts'
import { add } from './lab/statistics.ts'
import { BUSY_MS, besideEvents, quantile } from './lab/windows.ts'

const LOAD = { rate: 1500, connections: 64 }
const WEIGHT = 5
/** Time for an event to pass, and for a quiet time behind it. */
const REST_MS = 700
const LONGER_MAX = 1.25
const KINDS = ['table', 'weight', 'rollback'] as const
type Kind = (typeof KINDS)[number]
type Events = Record<Kind, number[]>

async function cycle(pair: Pair, { events, run }: { events: Events; run: number }): Promise<void> {
  const { candidate, vertex } = pair
  const version = `v2-${run}`
  events.table.push(monotonicMs())
  await deployAt(pair, version, WEIGHT)
  events.weight.push(monotonicMs()) // its first weight
  await sleep(REST_MS)
  for (const weight of [20, 10]) {
    events.weight.push(monotonicMs())
    const { status } = await vertex.setWeight(weight)
    if (status >= 300) throw new Error(`Cannot measure as the weight was refused with ${status}`)
    await sleep(REST_MS)
  }
  await candidate.behave({ errorRate: 1 })
  const view = await vertex.ended(version, 20_000)
  if (view.ended?.ending !== 'rolled-back') throw new Error(`${version} was not rolled back`)
  // The entry is written after the weight was stored, and after the ledger.
  const told = await until(
    () =>
      vertex.journal().findLast(({ kind, text }) => {
        return kind === 'rolled-back' && text.startsWith(`${version} `)
      }) ?? null,
    { what: `the journal tells of the rollback of ${version}`, withinMs: 5000 },
  )
  events.rollback.push(monotonicMs() - (Date.now() - Date.parse(told.at)))
  await candidate.behave({})
  await sleep(REST_MS)
}

/** The same load without what the machine's own slowness has hit. */
function undisturbed(load: LoadResult, beats: Beats): LoadResult {
  const latencyMs = load.latencyMs.map((ms, n) => {
    const sentMs = load.sentMs[n] ?? Number.NaN
    return beats.wasSlow(sentMs, sentMs + ms) ? Number.NaN : ms
  })
  return { ...load, latencyMs }
}

await bench(
  'switches',
  { title: 'what customers notice of tables, weights and rollbacks', runs: 40, limitMs: 400_000 },
  async (runs) => {
    const pair = await startPair({ record: false, latency: false })
    const load = await startLoad({ port: pair.vertex.port, ...LOAD })
    const pulse = Pulse.start()
    await sleep(2000) // compile, open connections
    const sinceMs = monotonicMs()
    const events: Events = { table: [], weight: [], rollback: [] }
    for (let run = 1; run <= runs; run++) {
      await cycle(pair, { events, run })
      if (run % 10 === 0) progress(`${run} rollouts`)
    }
    const result = await load.stop()
    const beats = await pulse.stop()
    await pair.end()
    const series: Record<string, number[]> = {}
    const all = Object.values(events).flat()
    const checks = KINDS.flatMap((kind) => {
      return [
        { of: kind, load: result },
        { of: `${kind}, undisturbed`, load: undisturbed(result, beats) },
      ].map(({ load, of }) => {
        const { busy, quiet } = besideEvents(load, { events: events[kind], all, sinceMs })
        for (const [name, share] of Object.entries({ p99: 0.99, 'p99.9': 0.999 })) {
          add(series, `${of}: ${name} within ${BUSY_MS} ms, ms`, quantile(busy, share))
          add(series, `${of}: ${name} at quiet times, ms`, quantile(quiet, share))
        }
        const longer = quantile(busy, 0.999) / quantile(quiet, 0.999)
        return {
          what: `${of}: p99.9 is at most ${LONGER_MAX} of that at quiet times`,
          value: `${longer.toFixed(2)} (${busy.length} requests)`,
          pass: longer <= LONGER_MAX,
        }
      })
    })
    const { failed, requests, unsent } = summarise(result)
    return {
      series,
      notes: [`the machine was slow itself for ${(100 * beats.slowShare).toFixed(1)} %`],
      data: { requests, failed: failed - unsent },
      checks,
    }
  },
)
