// Described scenarios: the latencies are what they say, traffic is counted as an edge would, a seed
// replays a run, and the rollouts end as their descriptions let one expect.

import fc from 'fast-check'
import t from 'tap'
import { defaultStrategy } from '../../../src/config/strategy.ts'
import {
  measuredTail,
  normalTail,
  quantile,
  shareOver,
} from '../../../src/core/scenario/latency.ts'
import { playScenario, type RunEnding } from '../../../src/core/scenario/play.ts'
import { Random } from '../../../src/core/scenario/random.ts'
import { conditionsAt, type Scenario } from '../../../src/core/scenario/scenario.ts'
import { summarize } from '../../../src/core/scenario/summary.ts'
import { Traffic } from '../../../src/core/scenario/traffic.ts'

const LATENCY = { p50Us: 20_000, p99Us: 80_000 }
const FINE = { errors: 0.0005, hangs: 0, latency: LATENCY }
const SCENARIO: Scenario = {
  ...{ rate: 200, durationMs: 1_200_000, rescued: 1, responseHeadMs: 60_000 },
  ...{ stable: FINE, candidate: FINE, changes: [] },
}
const STRATEGY = { ...defaultStrategy(), bakeMs: 30_000 }

function shares(scenario: Partial<Scenario>, runs: number): Record<RunEnding, number> {
  const played = Array.from({ length: runs }, (_, i) =>
    playScenario({ ...SCENARIO, ...scenario }, STRATEGY, i + 1),
  )
  const rows = summarize(played).map(({ ending, share }) => [ending, share] as const)
  return Object.fromEntries(rows) as Record<RunEnding, number>
}

await t.test('latencies have the median and the p99 that were said', async (t) => {
  t.ok(Math.abs(normalTail(0) - 0.5) < 1e-6)
  t.ok(Math.abs(normalTail(1.96) - 0.025) < 1e-4)
  t.ok(Math.abs(shareOver(LATENCY, 80_000) - 0.01) < 1e-6)
  t.ok(Math.abs(shareOver(LATENCY, 20_000) - 0.5) < 1e-6)
  fc.assert(
    fc.property(fc.double({ min: 1e-4, max: 0.9, noNaN: true }), (share) => {
      const us = quantile(LATENCY, share)
      return Math.abs(shareOver(LATENCY, us) - share) < 1e-5
    }),
    { seed: 7 },
  )
  const random = new Random(1)
  const tails = Array.from({ length: 200 }, () => measuredTail(LATENCY, 5000, random)?.p99Us ?? 0)
  const mean = tails.reduce((sum, us) => sum + us, 0) / tails.length
  t.ok(Math.abs(mean - 80_000) < 1500, `a measured p99 lies around the real one: ${mean}`)
  t.ok(new Set(tails).size > 100, 'with the noise of a measurement')
})

await t.test('random numbers have the means that they should', async (t) => {
  const random = new Random(42)
  for (const mean of [0.1, 3, 60, 1000]) {
    let sum = 0
    for (let i = 0; i < 4000; i++) sum += random.poisson(mean)
    const spread = Math.sqrt(mean / 4000)
    t.ok(Math.abs(sum / 4000 - mean) < 4 * spread, `poisson ${mean}: ${sum / 4000}`)
  }
  t.equal(random.poisson(0), 0)
  const [some, other] = [new Random(5), new Random(5)]
  t.equal(some.next(), other.next())
})

await t.test('what changes holds for its time, later changes over earlier ones', async (t) => {
  const scenario: Scenario = {
    ...SCENARIO,
    changes: [
      { atMs: 1000, forMs: null, candidate: { errors: 0.1 } },
      { atMs: 2000, forMs: 500, rate: 50, candidate: { errors: 0.5 } },
    ],
  }
  const at = (ms: number): readonly number[] => {
    const { candidate, rate } = conditionsAt(scenario, ms)
    return [rate, candidate.errors]
  }
  t.same([0, 999, 1000, 2000, 2499, 2500].map(at), [
    [200, 0.0005],
    [200, 0.0005],
    [200, 0.1],
    [50, 0.5],
    [50, 0.5],
    [200, 0.1],
  ])
})

await t.test(
  'hanging requests are slow when they pass the limit and fail at the time-out',
  async (t) => {
    const traffic = new Traffic(new Random(3))
    const hanging = { ...FINE, errors: 0, hangs: 1 }
    const on = { rate: 100, stable: FINE, candidate: hanging, rescued: 1, responseHeadMs: 5000 }
    const limits = { candidateUs: 300_000, stableUs: 250_000 }
    const seen: { tick: number; exceeded: number; bad: number; earlierBad: number }[] = []
    for (let tick = 1; tick <= 60; tick++) {
      const weight = tick <= 10 ? 0.5 : 0
      const { candidate } = traffic.next({ ...on, weight, limits })
      const { bad, earlierBad = 0, exceeded } = candidate
      seen.push({ tick, exceeded, bad, earlierBad })
    }
    const sum = (name: 'exceeded' | 'bad' | 'earlierBad'): number =>
      seen.reduce((total, one) => total + one[name], 0)
    const first = (name: 'exceeded' | 'bad'): number => seen.find((one) => one[name] > 0)?.tick ?? 0
    t.equal(sum('exceeded'), sum('bad'), 'each request once')
    t.equal(sum('earlierBad'), sum('bad'), 'drawn before the weight was lowered')
    t.equal(first('exceeded'), 4, '300 ms later')
    t.equal(first('bad'), 51, '5 s later')
  },
)

await t.test('a seed plays the same run again', async (t) => {
  const late: Scenario = {
    ...SCENARIO,
    changes: [{ atMs: 40_000, forMs: null, candidate: { errors: 0.05 } }],
  }
  const run = playScenario(late, STRATEGY, 11)
  t.same(playScenario(late, STRATEGY, 11), run)
  t.notSame(playScenario(late, STRATEGY, 12), run)
  t.equal(run.ending, 'rolled-back')
  t.ok(run.atMs > 40_000 && run.atMs < 70_000, `${run.atMs} ms`)
  t.match(run.reason, /by its errors/)
})

await t.test('rollouts end as their scenarios let one expect', async (t) => {
  t.ok(shares({}, 10).promoted >= 0.9, 'healthy')
  const dead = { ...FINE, errors: 1 }
  t.equal(shares({ candidate: dead }, 10)['rolled-back'], 1, 'dead')
  const slow = { ...FINE, latency: { p50Us: 40_000, p99Us: 160_000 } }
  t.equal(shares({ candidate: slow }, 10)['rolled-back'], 1, 'slow')
  t.equal(shares({ candidate: { ...FINE, hangs: 1 } }, 10)['rolled-back'], 1, 'hanging')
  const outage = { atMs: 20_000, forMs: 5000, stable: { errors: 0.3 }, candidate: { errors: 0.3 } }
  t.ok(shares({ changes: [outage] }, 10)['rolled-back'] <= 0.1, 'shared outage')
  const few = shares({ rate: 1, durationMs: 120_000 }, 10)
  t.equal(few.promoted, 0, 'one request a second promotes nobody in two minutes')
})

await t.test('mode threshold condemns many healthy candidates, and says so', async (t) => {
  const trigger = { ...STRATEGY.trigger, mode: 'threshold' } as const
  const runs = Array.from({ length: 20 }, (_, i) =>
    playScenario(SCENARIO, { ...STRATEGY, trigger }, i + 1),
  )
  const condemned = runs.filter(({ ending }) => ending === 'rolled-back').length
  t.ok(condemned >= 10, `${condemned} of 20 rolled back`)
})
