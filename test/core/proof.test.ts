// The proof of harmlessness: its factors are fair bets against the harmful candidate, and its
// numbers are those of the formulas, computed here in another way.

import fc from 'fast-check'
import t from 'tap'
import { NO_COUNTS } from '../../src/core/facts.ts'
import {
  BOUND_PARTS,
  bakeDemand,
  cleanRequestsMissing,
  demandOf,
  ERROR_PARTS,
  ERROR_RATIO,
  errorsProof,
  foldProof,
  NARROW_TAIL_RATIO,
  noProof,
  proofFactors,
  relativeProof,
  TAIL_PARTS,
  tailMemoryMs,
  tailProof,
  tailRequestsMissing,
  upperErrorRate,
  WIDE_TAIL_RATIO,
} from '../../src/core/verdict/proof.ts'
import { STRATEGY } from './rollout-play.ts'

const NEAR = 1e-12
const share = fc.double({ min: 0.0001, max: 0.9999, noNaN: true })

await t.test('a bet on the ratio has mean 1 when the candidate is as bad as feared', (t) => {
  const cases = [
    ...ERROR_PARTS.map((part) => [ERROR_RATIO, part] as const),
    ...TAIL_PARTS.flatMap((part) => [
      [WIDE_TAIL_RATIO, part] as const,
      [NARROW_TAIL_RATIO, part] as const,
    ]),
  ]
  fc.assert(
    fc.property(share, fc.constantFrom(...cases), (w, [ratio, part]) => {
      const onCandidate = (ratio * w) / (ratio * w + 1 - w)
      const { up, down } = proofFactors(ratio, part, w)
      const mean = onCandidate * Math.exp(up) + (1 - onCandidate) * Math.exp(down)
      return Math.abs(mean - 1) < NEAR
    }),
  )
  t.end()
})

await t.test('a candidate that is worse than feared makes each bet lose in the mean', (t) => {
  const worse = fc.double({ min: 1, max: 50, noNaN: true })
  fc.assert(
    fc.property(share, worse, fc.constantFrom(...TAIL_PARTS), (w, times, part) => {
      const ratio = NARROW_TAIL_RATIO * times
      const onCandidate = (ratio * w) / (ratio * w + 1 - w)
      const { up, down } = proofFactors(NARROW_TAIL_RATIO, part, w)
      return onCandidate * Math.exp(up) + (1 - onCandidate) * Math.exp(down) <= 1 + NEAR
    }),
  )
  t.end()
})

await t.test('F has mean 1 for a request that fails as often as the bound says', (t) => {
  fc.assert(
    fc.property(fc.double({ min: 0.0001, max: 0.75, noNaN: true }), (bound) => {
      const failed = errorsProof({ requests: 1, errors: 1 }, bound)
      const clean = errorsProof({ requests: 1, errors: 0 }, bound)
      return Math.abs(bound * failed + (1 - bound) * clean - 1) < NEAR
    }),
  )
  t.end()
})

await t.test('F is the formula', (t) => {
  const [requests, errors, bound] = [1000, 2, 0.01]
  let sum = 0
  for (const f of BOUND_PARTS) {
    sum += f ** errors * ((1 - f * bound) / (1 - bound)) ** (requests - errors)
  }
  const value = errorsProof({ requests, errors }, bound)
  t.ok(Math.abs(value / (sum / 4) - 1) < 1e-9, `${value}`)
  t.equal(errorsProof({ requests: 0, errors: 0 }, bound), 1)
  t.ok(Number.isFinite(errorsProof({ requests: 1e9, errors: 0 }, bound)))
  t.end()
})

await t.test('about 500 clean requests prove less than 1 %', (t) => {
  const seen = { requests: 100, errors: 0 }
  const missing = cleanRequestsMissing(seen, { bound: 0.01, bar: 40 })
  t.ok(missing > 300 && missing < 500, `${missing}`)
  const proves = (more: number): boolean =>
    errorsProof({ requests: 100 + more, errors: 0 }, 0.01) >= 40
  t.ok(proves(missing) && !proves(missing - 1), 'it is the least number')
  t.equal(cleanRequestsMissing({ requests: 2000, errors: 0 }, { bound: 0.01, bar: 40 }), 0)
  t.end()
})

await t.test('what a raise must exclude', (t) => {
  const many = 1e9
  t.match(demandOf({ weight: 2500, windowRequests: many }, STRATEGY), {
    bound: 0.01,
    tailRatio: WIDE_TAIL_RATIO,
  })
  t.match(demandOf({ weight: 5001, windowRequests: many }, STRATEGY), {
    bound: 0.003,
    tailRatio: NARROW_TAIL_RATIO,
  })
  t.equal(demandOf({ weight: 2500, windowRequests: 300 }, STRATEGY).bound, 10 / 300)
  t.equal(demandOf({ weight: 2500, windowRequests: 10 }, STRATEGY).bound, 0.2, 'at most a fifth')
  t.equal(demandOf({ weight: 2500, windowRequests: 0 }, STRATEGY).bound, 0.01, 'observe: 0')
  const trigger = { ...STRATEGY.trigger, errorRateThreshold: 0.3 }
  const lax = demandOf({ weight: 2500, windowRequests: many }, { ...STRATEGY, trigger })
  t.ok(Math.abs(lax.bound - 0.45) < NEAR, 'above the tolerated rate, whatever it is')
  t.equal(bakeDemand(0.001).bound, 0.002)
  t.equal(bakeDemand(0.49).bound, 0.9)
  t.end()
})

await t.test('what may have been drawn at another weight is no proof', (t) => {
  const base = { w: 0.25, memoryMs: 36_000, limitUs: 200_000, elapsedMs: 0 }
  const stable = { ...NO_COUNTS, good: 900, bad: 100, exceeded: 100 }
  const at = (nowMs: number) =>
    foldProof(noProof(0), { ...base, candidate: NO_COUNTS, stable, nowMs })
  t.equal(tailMemoryMs(200_000), 2200)
  t.equal(tailProof(at(2199), WIDE_TAIL_RATIO), 1)
  const most = tailProof(at(2200), WIDE_TAIL_RATIO)
  t.ok(Math.abs(most - 3) < 1e-9, 'as much as one stretch of time may prove')
  t.equal(relativeProof(at(35_999)), 1)
  t.ok(relativeProof(at(36_000)) > 20)
  t.equal(at(0).requests, 0, "stable's requests are none of the candidate's")
  const full = foldProof(noProof(0), {
    ...{ ...base, w: 1 },
    candidate: NO_COUNTS,
    stable,
    nowMs: 1e6,
  })
  t.equal(tailProof(full, WIDE_TAIL_RATIO), 1, 'at 100 % nothing is compared')
  t.end()
})

await t.test('the rest of the proof of latency is told from the shares seen', (t) => {
  const goal = { ratio: WIDE_TAIL_RATIO, bar: 20 }
  const healthy = { w: 0.05, stableShare: 0.01, candidateShare: 0.004 }
  const missing = tailRequestsMissing(noProof(0), goal, healthy)
  t.ok(missing > 2000 && missing < 10_000, `${missing}`)
  const bad = { ...healthy, candidateShare: 0.05 }
  t.equal(tailRequestsMissing(noProof(0), goal, bad), Number.POSITIVE_INFINITY)
  t.end()
})

await t.test('the upper bound of the error rate', (t) => {
  t.equal(upperErrorRate({ requests: 0, errors: 0 }, 0.05), 1)
  const clean = upperErrorRate({ requests: 1000, errors: 0 }, 0.05)
  t.ok(clean > 0.003 && clean < 0.006, `${clean}`)
  const failing = upperErrorRate({ requests: 1000, errors: 20 }, 0.05)
  t.ok(failing > 0.02 && failing < 0.05, `${failing}`)
  t.end()
})
