// The identities on which everything rests, looked at over a fine grid instead of by chance (the
// properties in test/core/verdict-theory.test.ts do the latter): every factor of every bet has mean
// 1 when the candidate is harmless, for all weights and bounds, and γ adds up to at most 1 on any
// path of raises, ticks and restarts, also over a week. And the counters of four nodes, merged,
// lead to exactly the rollout that one node would have seen.

import { defaultStrategy } from '../../src/config/strategy.ts'
import { NO_COUNTS } from '../../src/core/facts.ts'
import {
  ABSOLUTE_TIMES,
  absoluteFactors,
  ERROR_TIMES,
  relativeFactors,
  shareOf,
  TAIL_TIMES,
} from '../../src/core/verdict/engine.ts'
import { type Evidence, foldRaise, foldTick, noEvidence } from '../../src/core/verdict/evidence.ts'
import {
  ERROR_PARTS,
  ERROR_RATIO,
  NARROW_TAIL_RATIO,
  proofFactors,
  TAIL_PARTS,
  WIDE_TAIL_RATIO,
} from '../../src/core/verdict/proof.ts'
import type { Measured } from './calibrate-bars.ts'
import { Dice } from './calibrate-dice.ts'
import { fleetOf, PERFECT } from './calibrate-fleet.ts'
import { grantsOfWeeks } from './calibrate-grants.ts'
import { playRollout } from './calibrate-play.ts'
import { HARMFUL, HARMLESS } from './calibrate-scenarios.ts'

const PRECISION = 1e-12
const GRID = 100_000
const WEEK_MS = 7 * 24 * 3600 * 1000

function measured(what: string, result: number, limit: number): Measured {
  return {
    what,
    result: result.toExponential(2),
    limit: `≤ ${limit}`,
    pass: result <= limit,
  }
}

/** How far the mean of a factor lies from 1, when an event has probability `p`. */
function offBy(p: number, { down, up }: { down: number; up: number }): number {
  return Math.abs(p * Math.exp(up) + (1 - p) * Math.exp(down) - 1)
}

function relativeMeans(): number {
  let worst = 0
  for (let i = 0; i <= GRID; i++) {
    const w = i / GRID
    for (const times of [...ERROR_TIMES, ...TAIL_TIMES]) {
      worst = Math.max(worst, offBy(w, relativeFactors(times, w)))
    }
  }
  return worst
}

function absoluteMeans(): number {
  let worst = 0
  for (let i = 1; i < GRID / 2; i++) {
    const bound = i / GRID
    for (const times of ABSOLUTE_TIMES) {
      const share = shareOf(times, bound)
      if (share !== null) worst = Math.max(worst, offBy(bound, absoluteFactors(share, bound)))
    }
  }
  return worst
}

function proofMeans(): number {
  let worst = 0
  for (let i = 1; i < GRID; i++) {
    const w = i / GRID
    const means = (ratio: number, parts: readonly number[]): void => {
      // The probability that an event falls on a candidate that has `ratio` times as many.
      const p = (ratio * w) / (ratio * w + 1 - w)
      for (const part of parts) worst = Math.max(worst, offBy(p, proofFactors(ratio, part, w)))
    }
    means(ERROR_RATIO, ERROR_PARTS)
    means(WIDE_TAIL_RATIO, TAIL_PARTS)
    means(NARROW_TAIL_RATIO, TAIL_PARTS)
  }
  return worst
}

/** The largest Σγ over random weeks of raises, ticks and restarts. */
function largestGrant(paths: number): number {
  const strategy = defaultStrategy()
  const dice = new Dice(7)
  const base = { memoryMs: 36_000, tail: null, given: {}, provesAnew: false }
  const stableWindow = { requests: 0, errors: 0 }
  let largest = 0
  for (let path = 0; path < paths; path++) {
    let evidence = noEvidence('s-1', { nowMs: 0, theta: 0.001 })
    let number = 0
    for (let nowMs = 0; nowMs < WEEK_MS; nowMs += dice.next() * 3_600_000) {
      const tick = { candidate: NO_COUNTS, stable: NO_COUNTS, stableSlow: 0, nowMs }
      evidence = foldTick(evidence, { ...tick, memoryMs: base.memoryMs }, strategy.trigger)
      // A raise that was saved and is carried out again after a restart keeps its number.
      if (dice.next() < 0.7) number++
      const raise = { ...base, weight: 500, number: Math.max(1, number), nowMs, stableWindow }
      evidence = foldRaise(evidence, raise, strategy)
      if (dice.next() < 0.2) evidence = JSON.parse(JSON.stringify(evidence)) as Evidence
    }
    largest = Math.max(largest, evidence.granted, ...evidence.relative, ...evidence.absolute)
  }
  return largest
}

/** The same of the whole state machine, in which raises are paused, resumed and made by hand. */
function grantsByHand(): Measured {
  const { largest, raises } = grantsOfWeeks(50)
  const what = `Σγ over 50 random weeks of pauses, resumptions, restarts and ${raises} raises`
  return measured(what, largest, 1)
}

/** Test 1. */
export function identities(): readonly Measured[] {
  return [
    measured('mean of the relative factors − 1, all weights', relativeMeans(), PRECISION),
    measured('mean of the absolute factors − 1, all bounds', absoluteMeans(), PRECISION),
    measured('mean of the proofs’ factors − 1, all weights', proofMeans(), PRECISION),
    measured('Σγ over 100 random weeks', largestGrant(100), 1),
    grantsByHand(),
  ]
}

/** Test 10, first part: as many different rollouts with four nodes as with one. */
export function exactMerge(): Measured {
  const scenarios = [
    HARMLESS['identical versions'],
    HARMLESS['both at 0.5 % errors'],
    HARMLESS['shared outages at random'],
    HARMFUL['errors 1 %'],
    HARMFUL['p99 twice as high'],
  ]
  let different = 0
  for (const [i, traffic] of scenarios.entries()) {
    for (let seed = 1; seed <= 5; seed++) {
      const setup = {
        strategy: defaultStrategy(),
        traffic,
        rate: 200,
        untilMs: 200_000,
        suprema: true,
      }
      const alone = playRollout(setup, new Dice(100 * i + seed))
      const carrier = fleetOf(PERFECT, seed)
      const fleet = playRollout({ ...setup, carrier }, new Dice(100 * i + seed))
      if (JSON.stringify(alone) !== JSON.stringify(fleet)) different++
    }
  }
  return {
    what: 'rollouts that four nodes judge otherwise than one (all messages arrive)',
    result: `${different} of 25`,
    limit: '≤ 0',
    pass: different === 0,
  }
}
