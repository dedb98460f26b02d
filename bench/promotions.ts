// Is a switch a switch? 100 promotions and rollbacks at full load. The moment of each switch is
// when its acknowledgement has been read; a request that its client sent after that moment must
// not reach the version that the switch ended (its sending time travels in the request, and both
// times are on the same clock). What was in flight at the switch is served to its end.

import { monotonicMs, sleep, until } from './lab/clock.ts'
import { startLoad, summarise } from './lab/load.ts'
import type { OriginReport } from './lab/origin.ts'
import { type Pair, startPair } from './lab/pair.ts'
import { bench, progress } from './lab/report.ts'

/** From when to when a version may not be sent anything new. */
interface Ban {
  readonly fromMs: number
  toMs: number
}

/**
 * Requests that reached a version although they were sent after it was ended. What arrives after
 * the ban's end may have met the switch that lifted it, however early it was sent.
 */
function breaches(report: OriginReport, bans: readonly Ban[]): number {
  const wrong = (sentMs: number, at: number): boolean => {
    const receivedMs = report.receivedMs[at] ?? Number.NaN
    return bans.some((ban) => sentMs > ban.fromMs && receivedMs < ban.toMs)
  }
  return report.sentMs.filter(wrong).length
}

async function promoted(pair: Pair, version: string): Promise<void> {
  await until(
    async () => {
      const view = await pair.vertex.service()
      return view.stable?.version === version && view.rollout === null ? view : null
    },
    { what: `${version} is promoted`, withinMs: 10_000, everyMs: 5 },
  )
}

/** One promotion and one rollback. Returns how long their acknowledgements took. */
async function cycle(pair: Pair, bans: { v1: Ban[]; v2: Ban[] }): Promise<[number, number]> {
  const service = '/v1/services/default'
  const last = bans.v2.at(-1)
  if (last) last.toMs = monotonicMs() // from here on v2 may get traffic again
  await pair.vertex.deploy('v2', [pair.candidate.url])
  const askedMs = monotonicMs()
  const ended1 = await pair.vertex.change('POST', `${service}/rollout/promote`, {
    body: { full: true },
  })
  const ban1 = { fromMs: ended1.atMs, toMs: Number.POSITIVE_INFINITY }
  bans.v1.push(ban1)
  await promoted(pair, 'v2')
  await sleep(30)
  ban1.toMs = monotonicMs()
  const ended2 = await pair.vertex.change('POST', `${service}/rollback`)
  bans.v2.push({ fromMs: ended2.atMs, toMs: Number.POSITIVE_INFINITY })
  await sleep(30)
  return [ended1.atMs - askedMs, ended2.atMs - ban1.toMs]
}

await bench(
  'promotions',
  { title: '100 promotions and rollbacks at full load', runs: 100, limitMs: 300_000 },
  async (runs) => {
    const pair = await startPair({ bakeMs: 0, latency: false })
    const load = await startLoad({ port: pair.vertex.port, rate: null, connections: 32 })
    await sleep(500)
    const bans = { v1: [] as Ban[], v2: [] as Ban[] }
    const promoteMs: number[] = []
    const rollbackMs: number[] = []
    for (let run = 1; run <= runs; run++) {
      const [promote, rollback] = await cycle(pair, bans)
      promoteMs.push(promote)
      rollbackMs.push(rollback)
      if (run % 20 === 0) progress(`${run} promotions and rollbacks`)
    }
    const result = await load.stop()
    const summary = summarise(result)
    const [first, second] = [await pair.stable.report(), await pair.candidate.report()]
    await pair.end()
    const wrong = [breaches(first, bans.v1), breaches(second, bans.v2)]
    return {
      series: { 'promote, ms to its answer': promoteMs, 'rollback, ms to its answer': rollbackMs },
      notes: [
        `${summary.requests} requests, ${summary.perSecond.toFixed(0)} a second, ` +
          `p99 ${summary.p99Ms.toFixed(1)} ms`,
        ...result.messages.slice(0, 3),
      ],
      checks: [
        {
          what: 'no request sent after a switch reached the version that it ended',
          value: `${wrong[0]} at v1, ${wrong[1]} at v2`,
          pass: wrong[0] === 0 && wrong[1] === 0,
        },
        {
          what: 'both versions served',
          value: `${first.requests} and ${second.requests}`,
          pass: first.requests > runs && second.requests > runs,
        },
        { what: 'no request failed', value: String(summary.failed), pass: summary.failed === 0 },
      ],
      data: { load: summary },
    }
  },
)
