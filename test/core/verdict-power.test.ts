// Seeded simulations of whole rollouts through the real state machine: a healthy candidate is left
// alone, a bad one is taken out after as few requests as the theory promises. Small and fast; the
// large runs with published results are a bench of their own.

import t from 'tap'
import { NO_COUNTS } from '../../src/core/facts.ts'
import type { Strategy } from '../../src/core/strategy.ts'
import { type Behaviour, Play, STRATEGY } from './rollout-play.ts'
import { median, type Random, seededRandom } from './random.ts'

const HEALTHY: Behaviour = { errors: () => 0.0005, slow: () => 0.01 }
/** The same version: its limit lies a fifth above stable's, so that fewer requests pass it. */
const SAME: Behaviour = { ...HEALTHY, slow: () => 0.004 }

function rollouts(
  times: number,
  setup: { seed: number; rate: number; candidate: Behaviour; stable?: Behaviour; untilMs: number },
): Play[] {
  const random = seededRandom(setup.seed)
  return Array.from({ length: times }, () => {
    const play = new Play({ ...STRATEGY, bakeMs: 30_000 })
    const { candidate, rate, stable = HEALTHY, untilMs } = setup
    play.run({ rate, candidate, stable }, { random, tickMs: 200, untilMs })
    return play
  })
}

function count(plays: readonly Play[], ending: string): number {
  return plays.filter((play) => play.ending === ending).length
}

await t.test('200 healthy candidates at 200 req/s: none is rolled back', async (t) => {
  const plays = rollouts(200, { seed: 1, rate: 200, candidate: SAME, untilMs: 600_000 })
  t.equal(count(plays, 'rolled-back'), 0)
  t.ok(count(plays, 'promoted') >= 194, `${count(plays, 'promoted')} of 200 promoted`)
})

await t.test('100 healthy candidates at 20 req/s: none is rolled back', async (t) => {
  const plays = rollouts(100, { seed: 2, rate: 20, candidate: SAME, untilMs: 600_000 })
  t.equal(count(plays, 'rolled-back'), 0)
})

await t.test('an outage that both versions share rolls nobody back', async (t) => {
  const outage = (now: number): number => (now >= 20_000 && now < 25_000 ? 0.3 : 0.0005)
  const both = { ...HEALTHY, errors: outage }
  const setup = { seed: 3, rate: 200, candidate: both, stable: both, untilMs: 300_000 }
  t.ok(count(rollouts(100, setup), 'rolled-back') <= 3)
})

await t.test(
  'a fault of both versions at 100 % rolls nobody back, one of the candidate does',
  async (t) => {
    const late = (now: number): number => (now > 100_000 ? 0.05 : 0.0005)
    const candidate = { ...HEALTHY, errors: late }
    const shared = { seed: 4, rate: 200, candidate, stable: candidate, untilMs: 160_000 }
    t.equal(count(rollouts(50, shared), 'rolled-back'), 0)
    const alone = rollouts(50, { seed: 5, rate: 200, candidate, untilMs: 160_000 })
    t.equal(count(alone, 'rolled-back'), 50)
  },
)

/** One request at a time, so that what is counted is not rounded up to a tick. */
function untilRolledBack(
  behaviour: { errors: number; slow: number; stableSlow: number },
  options: { random: Random; strategy: Strategy },
): Play {
  const play = new Play(options.strategy)
  const { random } = options
  for (let requests = 0; !play.isOver && requests < 200_000; requests++) {
    const share = (odds: number): 0 | 1 => (random.next() < odds ? 1 : 0)
    const arm = (errors: number, slow: number) => {
      const bad = share(errors)
      return { ...NO_COUNTS, bad, good: 1 - bad, exceeded: share(slow) }
    }
    play.now += 1
    if (random.next() < play.weight) {
      play.tick(arm(behaviour.errors, behaviour.slow), NO_COUNTS)
    } else play.tick(NO_COUNTS, arm(0.0005, behaviour.stableSlow))
  }
  return play
}

function holding(weight: number): Strategy {
  // One long step without a warm-up: what is measured is the test alone.
  const steps = [
    { weight, observeMs: 1e9 },
    { weight: 10_000, observeMs: 0 },
  ]
  return { ...STRATEGY, steps, warmUpMs: 0 }
}

await t.test('100 % errors at 5 % weight: three failures', async (t) => {
  const random = seededRandom(6)
  const behaviour = { errors: 1, slow: 0, stableSlow: 0 }
  const plays = Array.from({ length: 101 }, () =>
    untilRolledBack(behaviour, { random, strategy: holding(500) }),
  )
  const failures = plays.map((play) => play.candidateErrors)
  t.equal(median(failures), 3)
  t.ok(Math.max(...failures) <= 6, `at most ${Math.max(...failures)}`)
})

await t.test('5 % errors at 5 % weight: about 59 requests of the candidate', async (t) => {
  const random = seededRandom(7)
  const behaviour = { errors: 0.05, slow: 0, stableSlow: 0 }
  const plays = Array.from({ length: 201 }, () =>
    untilRolledBack(behaviour, { random, strategy: holding(500) }),
  )
  const middle = median(plays.map((play) => play.candidateRequests))
  t.ok(middle <= 59 * 1.25, `median ${middle}`)
})

await t.test('p99 doubled: about 100 requests of the candidate', async (t) => {
  const random = seededRandom(8)
  // 7 % of a log-normal latency with σ 0.6 that has doubled lie over 1.2 times the old p99.
  const behaviour = { errors: 0.0005, slow: 0.07, stableSlow: 0.01 }
  const plays = Array.from({ length: 101 }, () =>
    untilRolledBack(behaviour, { random, strategy: holding(500) }),
  )
  const middle = median(plays.map((play) => play.candidateRequests))
  t.ok(middle <= 125, `median ${middle}`)
})

await t.test('a late bug costs few errors, as a healthy start builds no debt', async (t) => {
  const late = { ...HEALTHY, errors: (now: number) => (now < 1_800_000 ? 0.0005 : 0.05) }
  const random = seededRandom(9)
  const errors = Array.from({ length: 21 }, () => {
    const play = new Play({ ...holding(500) })
    play.run(
      { rate: 200, candidate: late, stable: HEALTHY },
      { random, tickMs: 500, untilMs: 2_400_000 },
    )
    t.equal(play.ending, 'rolled-back')
    return play.candidateErrors - play.candidateRequests * 0.0005
  })
  t.ok(median(errors) <= 25, `median ${median(errors)}`)
})
