// Do customers notice when weights change? Under an open loop of requests each run deploys a
// version (each edge thread gets another table), changes its weight twice, lets it turn bad and
// waits for the rollback. The time after each is compared with the quiet times in between: p99.9
// must not be more than a quarter longer. A p99.9 is as good as the machine's worst moments, so it
// is told with and without the requests that the machine's own slowness has hit (lab/pulse.ts).
//
// Whoever looks how far it is takes a core, too: nothing is asked while an event is looked at, the
// moments when something is asked are not quiet either, and when Vertex has decided by itself
// stands in its journal, which is read at the end.

import type { ServiceView } from '../src/core/command.ts'
import type { JournalEntry, JournalKind } from '../src/core/journal.ts'
import { monotonicMs, monotonicOfWall, sleep } from './lab/clock.ts'
import { type LoadResult, startLoad, summarise } from './lab/load.ts'
import { type Pair, startPair } from './lab/pair.ts'
import { type Beats, Pulse } from './lab/pulse.ts'
import { bench, progress } from './lab/report.ts'
import { add } from './lab/statistics.ts'
import { BUSY_MS, besideEvents, quantile } from './lab/windows.ts'

const LOAD = { rate: 1500, connections: 64 }
/** Time for an event to pass, and for a quiet time behind it. */
const REST_MS = 700
const LONGER_MAX = 1.25
const KINDS = ['table', 'weight', 'rollback'] as const
type Kind = (typeof KINDS)[number]
type Events = Record<Kind, number[]>

/** When something was asked for, and when it was looked how far it is. */
type Asked = Record<'table' | 'weight' | 'looks', number[]>

/** One rollout that ends badly; nothing is asked in the moments that are looked at. */
async function cycle(pair: Pair, { asked, run }: { asked: Asked; run: number }) {
  const { candidate, vertex } = pair
  const version = `v2-${run}`
  asked.table.push(monotonicMs())
  await vertex.deploy(version, [candidate.url])
  await sleep(REST_MS)
  asked.looks.push(monotonicMs())
  let { revision } = await vertex.service()
  for (const weight of [20, 10]) {
    await sleep(REST_MS)
    asked.weight.push(monotonicMs())
    const asking = { body: { candidate: weight }, ifMatch: revision }
    const { body, status } = await vertex.ask('PUT', '/v1/services/default/weight', asking)
    if (status >= 300) throw new Error(`Cannot measure as the weight was refused with ${status}`)
    revision = (body as ServiceView).revision
  }
  await sleep(REST_MS)
  await candidate.behave({ errorRate: 1 })
  await sleep(REST_MS)
  asked.looks.push(monotonicMs())
  const view = await vertex.ended(version, 20_000)
  asked.looks.push(monotonicMs())
  if (view.ended?.ending !== 'rolled-back') throw new Error(`${version} was not rolled back`)
  await candidate.behave({})
  await sleep(REST_MS)
}

/** When something happened by Vertex's own decision, by its journal. */
function decided(journal: readonly JournalEntry[], kind: JournalKind, runs: number): number[] {
  const at = journal.flatMap((entry) => {
    return entry.kind === kind ? [monotonicOfWall(Date.parse(entry.at))] : []
  })
  if (at.length === runs) return at
  throw new Error(`Cannot measure as the journal has ${at.length} entries "${kind}" of ${runs}`)
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
    const asked: Asked = { table: [], weight: [], looks: [] }
    for (let run = 1; run <= runs; run++) {
      await cycle(pair, { asked, run })
      if (run % 10 === 0) progress(`${run} rollouts`)
    }
    const result = await load.stop()
    const beats = await pulse.stop()
    const journal = pair.vertex.journal()
    const events: Events = {
      table: asked.table,
      weight: [...asked.weight, ...decided(journal, 'raise', runs)],
      rollback: decided(journal, 'rolled-back', runs),
    }
    const isLookedAt = Object.values(events)
      .flat()
      .some((atMs) => asked.looks.some((look) => look >= atMs && look < atMs + BUSY_MS))
    if (isLookedAt) throw new Error('Cannot judge as it was looked at an event while it passed')
    await pair.end()
    const series: Record<string, number[]> = {}
    const all = [...Object.values(events).flat(), ...asked.looks]
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
