// The identities on which the verdict's promise rests. If one of them breaks, the false-rollback
// probability is no longer what the operator has set, however well the simulations look.

import fc from 'fast-check'
import t from 'tap'
import {
  ABSOLUTE_TIMES,
  absoluteFactors,
  betAbsolute,
  betRelative,
  bestTimes,
  ERROR_TIMES,
  meanAbsolute,
  noScores,
  relativeFactors,
  shareOf,
  TAIL_TIMES,
} from '../../src/core/verdict/engine.ts'
import {
  foldLowering,
  foldRaise,
  foldTick,
  noEvidence,
  readEvidence,
} from '../../src/core/verdict/evidence.ts'
import { raiseShare, timeShare } from '../../src/core/verdict/schedule.ts'
import { settled, settle } from '../../src/core/verdict/settle.ts'
import { largestShare, noteWeight, type WeightLog } from '../../src/core/verdict/weights.ts'
import { NO_COUNTS } from '../../src/core/facts.ts'
import { STRATEGY } from './rollout-play.ts'

const WEEK_MS = 7 * 24 * 3600 * 1000

await t.test('every factor of the absolute test has mean 1 at its bound', async (t) => {
  fc.assert(
    fc.property(fc.double({ min: 1e-6, max: 0.499, noNaN: true }), (bound) => {
      for (const times of ABSOLUTE_TIMES) {
        const share = shareOf(times, bound)
        if (share === null) continue
        const { up, down } = absoluteFactors(share, bound)
        const mean = bound * Math.exp(up) + (1 - bound) * Math.exp(down)
        if (Math.abs(mean - 1) > 1e-12) throw new Error(`mean ${mean} at ${bound}, ${times}`)
      }
    }),
  )
  t.pass('for bounds from 0.0001 % to 49.9 %')
})

await t.test('every factor of the relative tests has mean 1 at every weight', async (t) => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: 1, noNaN: true }), (w) => {
      for (const times of [...ERROR_TIMES, ...TAIL_TIMES]) {
        const { up, down } = relativeFactors(times, w)
        const mean = w * Math.exp(up) + (1 - w) * Math.exp(down)
        if (Math.abs(mean - 1) > 1e-12) throw new Error(`mean ${mean} at ${w}, ${times}`)
      }
    }),
  )
  t.pass('for weights from 0 to 1')
})

await t.test(
  'a larger weight than the true one is never in the candidate’s disfavour',
  async (t) => {
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (some, other) => {
          const truth = Math.min(some, other)
          const assumed = Math.max(some, other)
          for (const times of ERROR_TIMES) {
            const { up, down } = relativeFactors(times, assumed)
            const mean = truth * Math.exp(up) + (1 - truth) * Math.exp(down)
            if (mean > 1 + 1e-12) throw new Error(`mean ${mean}`)
          }
        },
      ),
    )
    t.pass('the mean of each factor stays at most 1')
  },
)

await t.test('γ of all raises and of all time add up to at most 1', async (t) => {
  let raises = 0
  for (let i = 1; i <= 100_000; i++) raises += raiseShare(i)
  t.ok(raises <= 0.7 && raises > 0.6999, 'raises share 0.7')
  t.ok(timeShare(0, WEEK_MS) < 0.3, 'a week of time gets less than 0.3')
  t.ok(timeShare(0, 1e15) <= 0.3, 'so does a very long one')
  t.ok(timeShare(0, 900_000) === 0.15, 'the first 15 minutes get half of it')
  fc.assert(
    fc.property(fc.array(fc.nat(WEEK_MS), { maxLength: 50 }), (times) => {
      const sorted = [0, ...times.sort((some, other) => some - other), WEEK_MS]
      let sum = 0
      for (let i = 1; i < sorted.length; i++) sum += timeShare(sorted[i - 1] ?? 0, sorted[i] ?? 0)
      if (Math.abs(sum - timeShare(0, WEEK_MS)) > 1e-12) throw new Error(`sum ${sum}`)
    }),
  )
  t.pass('however the time is cut into ticks')
})

await t.test(
  'a rollout is granted at most 1 on any path of raises, ticks and restarts',
  async (t) => {
    const action = fc.oneof(
      fc.record({ do: fc.constant('tick' as const), ms: fc.nat(WEEK_MS / 20) }),
      fc.record({ do: fc.constant('raise' as const), again: fc.boolean() }),
      fc.record({ do: fc.constant('restart' as const) }),
    )
    fc.assert(
      fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
        let evidence = noEvidence('s-1', { nowMs: 0, theta: 0.001 })
        let now = 0
        let number = 0
        for (const one of actions) {
          if (one.do === 'restart') evidence = JSON.parse(JSON.stringify(evidence))
          if (one.do === 'tick') {
            now += one.ms
            const tick = { candidate: NO_COUNTS, stable: NO_COUNTS, stableSlow: 0, nowMs: now }
            evidence = foldTick(evidence, { ...tick, memoryMs: 1000 }, STRATEGY.trigger)
          }
          if (one.do === 'raise') {
            // A raise that was saved and is carried out again after a restart keeps its number.
            if (!one.again || number === 0) number++
            const raise = {
              weight: 500,
              number,
              nowMs: now,
              memoryMs: 1000,
              tail: null,
              given: {},
              provesAnew: false,
            }
            const stableWindow = { requests: 0, errors: 0 }
            evidence = foldRaise(evidence, { ...raise, stableWindow }, STRATEGY)
          }
        }
        const { absolute, relative } = readEvidence(evidence)
        if (evidence.granted > 1) throw new Error(`granted ${evidence.granted}`)
        if (absolute > 1 || relative > 1) throw new Error('without a failure E is at most Σγ')
      }),
    )
    t.pass('also when the same raise is taken twice')
  },
)

await t.test('scores are capped, stay finite and never become NaN', async (t) => {
  const start = ABSOLUTE_TIMES.map(() => 0.5)
  const outage = betAbsolute(start, { bound: 0.001, bad: 1e6, good: 0, cap: 20_000 })
  t.same(
    outage,
    ABSOLUTE_TIMES.map(() => 20_000),
  )
  const calm = betAbsolute(outage, { bound: 0.001, bad: 0, good: 1e9, cap: 20_000 })
  t.equal(meanAbsolute(calm, 0.001), 0)
  const nothing = noScores(ERROR_TIMES)
  t.same(
    betRelative(nothing, { times: ERROR_TIMES, w: 0, candidate: 5, stable: 5, cap: 1 }),
    nothing,
  )
  t.equal(bestTimes(nothing, ERROR_TIMES), null, 'no bet has won anything')
})

await t.test('w is the largest weight of the last time-out, whatever the path', async (t) => {
  const change = fc.record({ weight: fc.nat(10_000), afterMs: fc.nat(2000) })
  fc.assert(
    fc.property(fc.array(change, { maxLength: 200 }), fc.nat(20_000), (changes, memoryMs) => {
      let log: WeightLog = { current: 0, past: [] }
      let nowMs = 0
      const spans: { weight: number; untilMs: number }[] = []
      for (const { weight, afterMs } of changes) {
        nowMs += afterMs
        spans.push({ weight: log.current, untilMs: nowMs })
        log = noteWeight(log, { weight, nowMs, memoryMs })
      }
      const since = nowMs - memoryMs
      const inForce = spans.filter((span) => span.untilMs >= since).map((span) => span.weight)
      const largest = Math.max(log.current, ...inForce) / 10_000
      const w = largestShare(log, { nowMs, memoryMs })
      if (log.past.length > 64) throw new Error('the log is bounded')
      if (log.past.length < 64 ? w !== largest : w < largest) throw new Error(`${w} ≠ ${largest}`)
    }),
  )
  t.pass('for 100 random paths')
})

await t.test('after a lowering only failures of later draws count', async (t) => {
  const tick = fc.record({ old: fc.nat(5), fresh: fc.nat(5) })
  fc.assert(
    fc.property(fc.array(tick, { minLength: 1, maxLength: 400 }), (ticks) => {
      let settling: ReturnType<typeof settle> | null = settle({
        ...{ nowMs: 0, memoryMs: 60_000 },
        limitUs: 50_000,
      })
      ticks.forEach(({ old, fresh }, i) => {
        // In the first tick the threads may not have known the new row.
        const candidate = { ...NO_COUNTS, bad: old + fresh, earlierBad: i === 0 ? 0 : old }
        const seen = settled(settling, { candidate, nowMs: i })
        settling = seen.settling
        // And stable's first draws are known to be slow only after its limit.
        if (seen.bad !== (i < 150 ? 0 : fresh)) throw new Error(`${seen.bad} of ${fresh} count`)
      })
    }),
  )
  const candidate = { ...NO_COUNTS, bad: 3, earlierBad: 3 }
  const deaf = settle({ nowMs: 0, memoryMs: 1000, limitUs: null })
  const early = settled(settled(deaf, { candidate, nowMs: 1 }).settling, { candidate, nowMs: 999 })
  t.equal(early.bad, 0, 'without a limit stable is known to be slow after a second')
  t.same(
    settled(deaf, { candidate, nowMs: 1000 }),
    { settling: null, bad: 3, exceeded: 0 },
    'after a time-out nothing is left to settle',
  )
  const evidence = noEvidence('s-1', { nowMs: 0, theta: 0.001 })
  const change = { weight: 5000, nowMs: 5, memoryMs: 100 }
  t.same(foldLowering(evidence, change).weights, { current: 5000, past: [] })
})
