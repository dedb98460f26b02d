// What the tests of a rollout know, as plain JSON: it is saved every second and taken up again
// after a restart, so that no γ is granted twice and no failure is forgotten. `foldTick` adds what
// was counted since the last tick, `foldRaise` what a raise means. Both return a new value and
// judge nothing; the judgement reads the values through `readEvidence`.
//
// Three tests: errors against the threshold (absolute), errors against stable (relative), and
// requests over the latency limit against stable (tail). At 100 % nothing is left to compare with,
// so errors and slow requests are tested against bounds taken from stable before the raise.

import type { ArmCounts, TailFigures } from '../facts.ts'
import type { Strategy, Trigger } from '../strategy.ts'
import { FULL_WEIGHT, type Weight } from '../weight.ts'
import { type Anchor, dropAnchor, isTooRare, upperShare, withCounts } from './anchor.ts'
import {
  ABSOLUTE_TIMES,
  betAbsolute,
  betRelative,
  ERROR_TIMES,
  grant,
  meanAbsolute,
  meanScore,
  noScores,
  type Scores,
  TAIL_TIMES,
} from './engine.ts'
import { foldTail, type TailTests } from './tail.ts'
import { foldProof, noProof, type Proof } from './proof.ts'
import { raiseShare, timeShare } from './schedule.ts'
import { settle, settled, type Settling, withUnknown, witnesses } from './settle.ts'
import { type WarmUp, warmUpAfterRaise } from './warm-up.ts'
import { largestShare, noteWeight, type WeightLog } from './weights.ts'

/** Judged requests of one version. */
export interface ArmTotals {
  readonly requests: number
  readonly errors: number
  /** Requests whose latency counted, and those of them over the limit. */
  readonly measured: number
  readonly exceeded: number
  readonly userErrors: number
}

export const NO_TOTALS: ArmTotals = {
  requests: 0,
  errors: 0,
  measured: 0,
  exceeded: 0,
  userErrors: 0,
}

export interface Evidence extends TailTests {
  /** The id of the rollout it belongs to. */
  readonly rollout: string
  /** How much of the schedule's time has been granted, and the `now` up to which. */
  readonly elapsedMs: number
  readonly seenMs: number
  /** The last raise that γ was granted for. */
  readonly raises: number
  /** Σγ so far, at most 1. */
  readonly granted: number
  readonly weights: WeightLog
  /** After the weight was lowered from 100 %; null when all that comes was drawn as it is now. */
  readonly settling: Settling | null
  /**
   * Stable's slow requests in flight when a failure was counted last: they may all fail yet. The
   * candidate's failures may be known sooner than stable's of the same fault; until those are
   * known, the comparison takes the worst for granted.
   */
  readonly unknown: number
  readonly absolute: Scores
  readonly relative: Scores
  /** What E_abs tests against: θ, or θ' at 100 %. */
  readonly bound: number
  /** What slow requests are tested against at 100 %; null below. */
  readonly tailBound: number | null
  readonly anchor: Anchor | null
  /** Why there is no latency test; empty when there is one. */
  readonly noTail: string
  readonly warmUp: WarmUp | null
  /** Since the rollout's first raise. */
  readonly candidate: ArmTotals
  readonly stable: ArmTotals
  /** The candidate's, since the last raise. */
  readonly step: ArmTotals
  /** What speaks for the candidate. */
  readonly proof: Proof
  /** When the step saw its first judged request of the candidate; null before. */
  readonly stepDataMs: number | null
  /** On-call has been told that the candidate is bad and nothing can be done. */
  readonly told: boolean
}

/** The evidence of a rollout at its beginning: nothing is known. */
export function noEvidence(rollout: string, options: { nowMs: number; theta: number }): Evidence {
  return {
    rollout,
    elapsedMs: 0,
    seenMs: options.nowMs,
    raises: 0,
    granted: 0,
    weights: { current: 0, past: [] },
    settling: null,
    unknown: 0,
    absolute: noScores(ABSOLUTE_TIMES),
    relative: noScores(ERROR_TIMES),
    tail: noScores(TAIL_TIMES),
    pace: null,
    absolutePace: null,
    tailAbsolute: noScores(ABSOLUTE_TIMES),
    bound: options.theta,
    tailBound: null,
    owed: 0,
    anchor: null,
    noTail: '',
    warmUp: null,
    candidate: NO_TOTALS,
    stable: NO_TOTALS,
    step: NO_TOTALS,
    proof: noProof(options.nowMs),
    stepDataMs: null,
    told: false,
  }
}

function granted(evidence: Evidence, gamma: number): Evidence {
  return {
    ...evidence,
    granted: evidence.granted + gamma,
    absolute: grant(evidence.absolute, gamma),
    relative: grant(evidence.relative, gamma),
    tail: grant(evidence.tail, gamma),
    tailAbsolute: grant(evidence.tailAbsolute, gamma),
  }
}

function added(totals: ArmTotals, counts: ArmCounts, measuring: boolean): ArmTotals {
  const requests = counts.good + counts.bad
  return {
    requests: totals.requests + requests,
    errors: totals.errors + counts.bad,
    measured: totals.measured + (measuring ? requests : 0),
    exceeded: totals.exceeded + (measuring ? counts.exceeded : 0),
    userErrors: totals.userErrors + counts.userErrors,
  }
}

export interface Tick {
  readonly candidate: ArmCounts
  readonly stable: ArmCounts
  /** Stable's slow requests in flight before the counts were read. */
  readonly stableSlow: number
  readonly nowMs: number
  /** How long before its end a request may have been drawn: the response-head time-out. */
  readonly memoryMs: number
}

/** What speaks for the candidate, after a tick. */
function provenBy(
  { proof, weights }: Evidence,
  tick: Tick,
  at: { elapsedMs: number; limitUs: number | null },
): Proof {
  return foldProof(proof, {
    candidate: tick.candidate,
    stable: tick.stable,
    w: weights.current / FULL_WEIGHT,
    nowMs: tick.nowMs,
    elapsedMs: at.elapsedMs,
    memoryMs: tick.memoryMs,
    limitUs: at.limitUs,
  })
}

/** Takes in what was counted since the last tick. */
export function foldTick(evidence: Evidence, tick: Tick, trigger: Trigger): Evidence {
  const passedMs = Math.max(0, tick.nowMs - evidence.seenMs)
  const elapsedMs = evidence.elapsedMs + passedMs
  const gamma = timeShare(evidence.elapsedMs, elapsedMs)
  const { candidate, stable } = tick
  const { anchor } = evidence
  const w = largestShare(evidence.weights, tick)
  const cap = capOf(trigger)
  const measuring = evidence.warmUp === null && anchor !== null
  const compared = settled(evidence.settling, tick)
  const judged = candidate.good + candidate.bad
  const slow = foldTail(evidence, {
    gamma,
    w,
    cap,
    elapsedMs,
    isJudged: measuring,
    compared: compared.exceeded,
    stable: stable.exceeded,
    judged,
    exceeded: candidate.exceeded,
  })
  // Every field by its name, here and in what it calls: what is copied by spreading is put together
  // slowly, and this is done for every service that rolls out, at every tick.
  return {
    rollout: evidence.rollout,
    elapsedMs,
    seenMs: Math.max(evidence.seenMs, tick.nowMs),
    raises: evidence.raises,
    granted: evidence.granted + gamma,
    weights: evidence.weights,
    settling: compared.settling,
    unknown: candidate.bad + stable.bad > 0 ? tick.stableSlow : evidence.unknown,
    absolute: betAbsolute(evidence.absolute, {
      gamma,
      bad: candidate.bad,
      good: candidate.good,
      bound: evidence.bound,
      cap,
    }),
    relative: betRelative(evidence.relative, {
      gamma,
      times: ERROR_TIMES,
      w,
      candidate: compared.bad,
      stable: witnesses(stable),
      cap,
    }),
    tail: slow.tail,
    pace: slow.pace,
    absolutePace: slow.absolutePace,
    tailAbsolute: slow.tailAbsolute,
    bound: evidence.bound,
    tailBound: evidence.tailBound,
    owed: slow.owed,
    anchor: measuring ? withCounts(anchor, stable) : anchor,
    noTail: evidence.noTail,
    warmUp: evidence.warmUp,
    candidate: added(evidence.candidate, candidate, measuring),
    stable: added(evidence.stable, stable, measuring),
    step: added(evidence.step, candidate, measuring),
    proof: provenBy(evidence, tick, { elapsedMs, limitUs: measuring ? anchor.candidateUs : null }),
    stepDataMs: evidence.stepDataMs ?? (judged > 0 ? tick.nowMs : null),
    told: evidence.told,
  }
}

/** Scores never grow beyond this, so that an outage which both versions shared is forgotten. */
function capOf(trigger: Trigger): number {
  return 100 * barOf(trigger)
}

/** The bar 2/α: two families of tests, errors and latency, share α. */
export function barOf(trigger: Trigger): number {
  return 2 / trigger.alpha
}

export interface Raise {
  readonly weight: Weight
  /** The number of this raise in the rollout, from 1. */
  readonly number: number
  readonly nowMs: number
  readonly memoryMs: number
  readonly tail: TailFigures | null
  readonly stableWindow: { readonly requests: number; readonly errors: number }
  readonly given: Readonly<Record<string, number>>
  /** What was proven before counts no more: an operator has looked at it and begins anew. */
  readonly provesAnew: boolean
}

/** Bounds for 100 %, from what stable did before; they replace the comparison with it. */
function withoutControl(evidence: Evidence, raise: Raise, theta: number): Evidence {
  // The rollout's own counts and the last minute overlap, so whichever knows more is taken. What
  // was known at 100 % already is not known any better now.
  const seen = evidence.stable.requests
  const { errors, requests } =
    seen >= raise.stableWindow.requests ? evidence.stable : raise.stableWindow
  const isAlone = evidence.weights.current === FULL_WEIGHT
  const known = requests > 0 ? Math.max(theta, upperShare(errors, requests)) : theta
  const bound = isAlone ? evidence.bound : known
  const { anchor } = evidence
  return {
    ...evidence,
    bound,
    tailBound: anchor === null ? null : upperShare(anchor.over, anchor.requests),
    owed: 0,
    // A score that was won against a smaller bound is worth nothing against a larger one.
    absolute: bound > evidence.bound ? noScores(ABSOLUTE_TIMES) : evidence.absolute,
    tailAbsolute: noScores(ABSOLUTE_TIMES),
  }
}

function withAnchor(evidence: Evidence, raise: Raise, trigger: Trigger): Evidence {
  const comparison = raise.weight < FULL_WEIGHT
  // At 100 % the old limit stays: stable has been counted against it for a whole step.
  if (evidence.anchor !== null && (!comparison || evidence.tailBound !== null)) return evidence
  const dropped = dropAnchor(raise.tail, trigger.p99LatencyIncrease)
  if ('anchor' in dropped) return { ...evidence, anchor: dropped.anchor, noTail: '' }
  // An old limit is as good as any; a quiet minute takes nothing from it.
  return evidence.anchor === null ? { ...evidence, noTail: dropped.missing } : evidence
}

/**
 * Fixes the latency limit after the raise, when stable had not been measured enough before it, or
 * anew when it has turned out to be far too high. Any limit that was fixed before the requests it
 * is held against keeps the test sound; so from here on it counts, and nothing that came before
 * does.
 */
export function foldLateAnchor(
  evidence: Evidence,
  tail: TailFigures | null,
  trigger: Trigger,
): Evidence {
  const { anchor, weights } = evidence
  // At 100 %, and when the comparison was reopened, the bound of the share belongs to the limit.
  if (weights.current === FULL_WEIGHT || evidence.tailBound !== null) return evidence
  if (anchor !== null && !isTooRare(anchor, tail)) return evidence
  const dropped = dropAnchor(tail, trigger.p99LatencyIncrease)
  return 'anchor' in dropped ? { ...evidence, anchor: dropped.anchor, noTail: '' } : evidence
}

/** Takes in a raise: γ for the new moment, the latency limit, the warm-up, the bounds at 100 %. */
export function foldRaise(evidence: Evidence, raise: Raise, strategy: Strategy): Evidence {
  const { trigger } = strategy
  const theta = trigger.errorRateThreshold
  let next = withAnchor(evidence, raise, trigger)
  if (raise.provesAnew) next = { ...next, proof: noProof(raise.nowMs) }
  if (raise.weight === FULL_WEIGHT) next = withoutControl(next, raise, theta)
  const fresh = raise.number > next.raises
  if (fresh) next = { ...granted(next, raiseShare(raise.number)), raises: raise.number }
  return {
    ...noteWeightIn(next, raise),
    warmUp: warmUpAfterRaise(raise, strategy),
    step: NO_TOTALS,
    stepDataMs: null,
    told: false,
  }
}

/** Takes in a weight that is in force again; grants nothing. */
export function noteWeightIn(
  evidence: Evidence,
  change: { weight: Weight; nowMs: number; memoryMs: number },
): Evidence {
  return {
    ...evidence,
    weights: noteWeight(evidence.weights, change),
    proof: { ...evidence.proof, weightSinceMs: change.nowMs },
  }
}

/** The latency limits, where latency is judged now. */
export function limitOf({ anchor, warmUp }: Evidence): Anchor | null {
  return warmUp === null ? anchor : null
}

/** Takes in a weight that is lower than 100 %: draws are told apart one by one, see settle.ts. */
export function foldLowering(
  evidence: Evidence,
  change: { weight: Weight; nowMs: number; memoryMs: number },
): Evidence {
  return {
    ...evidence,
    weights: { current: change.weight, past: [] },
    proof: { ...evidence.proof, weightSinceMs: change.nowMs },
    settling: settle({ ...change, limitUs: limitOf(evidence)?.stableUs ?? null }),
  }
}

/** Back to comparing with stable for good: the bounds of 100 % no longer hold. */
export function withControl(evidence: Evidence, trigger: Trigger): Evidence {
  return { ...evidence, bound: trigger.errorRateThreshold, tailBound: null, owed: 0 }
}

/** The e-values. `errors` is the smaller of the two tests of errors: both must agree. */
export interface EvidenceValues {
  readonly absolute: number
  readonly relative: number
  readonly errors: number
  readonly tail: number
  readonly tailAbsolute: number
}

/** What was read last: after a tick the judge asks first, and then whether a raise is due. */
let read: { readonly evidence: Evidence; readonly values: EvidenceValues } | null = null

/** The e-values as they stand. */
export function readEvidence(evidence: Evidence): EvidenceValues {
  if (read !== null && read.evidence === evidence) return read.values
  const absolute = meanAbsolute(evidence.absolute, evidence.bound)
  const relative = meanScore(withUnknown(evidence))
  const values = {
    absolute,
    relative,
    errors: Math.min(absolute, relative),
    tail: meanScore(evidence.tail),
    tailAbsolute:
      evidence.tailBound === null ? 0 : meanAbsolute(evidence.tailAbsolute, evidence.tailBound),
  }
  read = { evidence, values }
  return values
}
