// The evidence of latency in numbers and words: how many requests of either version passed their
// limits, what those limits are and how rare stable's is, and what would change the decision. Where
// there is no latency test, the reason stands in its place.

import type { EvidenceView, TestFigures } from '../explanation.ts'
import type { Anchor } from './anchor.ts'
import { TAIL_TIMES } from './engine.ts'
import { type ArmTotals, barOf, readEvidence } from './evidence.ts'
import { timesOfBound, timesOfStable } from './looks.ts'
import {
  changeText,
  evidenceText,
  type Explained,
  pValueOf,
  rateOf,
  sentence,
  shareText,
  type Stake,
  stakeOf,
} from './stake.ts'
import { isAlone, type Row, slowTo, slowToRollBack } from './what-if.ts'
import { milliseconds, percent } from './words.ts'

/** A request counts as slow when it passes the limit in flight, before it counts as measured. */
function armOf({ exceeded, measured }: ArmTotals): EvidenceView['candidate'] {
  const requests = Math.max(measured, exceeded)
  return { requests, bad: exceeded, rate: rateOf(exceeded, requests) }
}

function noTest(on: Explained): EvidenceView {
  const { evidence } = on
  const why = evidence.noTail === '' ? 'no latency test: nothing was raised yet' : evidence.noTail
  const wouldChange = isAlone(evidence)
    ? 'Latency cannot be judged at 100 %, as stable gets no requests any more.'
    : 'It begins when stable has been measured by 1,000 requests, or by 100 in a minute.'
  const { comparison, leadsTo } = stakeOf(on, 0)
  return {
    metric: 'p99',
    value: null,
    pValue: null,
    bar: barOf(on.strategy.trigger),
    ...{ leadsTo, comparison },
    tests: [],
    candidate: armOf(evidence.candidate),
    stable: armOf(evidence.stable),
    limits: {
      bound: null,
      boundFrom: 'stable',
      stableMs: null,
      candidateMs: null,
      tailLevel: null,
    },
    bestTimes: null,
    userErrors: null,
    failures: [],
    wouldChange,
    text: `p99: ${why}. ${wouldChange}`,
  }
}

function comparisonText(
  on: Explained,
  { anchor, stake }: { anchor: Anchor; stake: Stake },
): string {
  const { tailBound } = on.evidence
  if (stake.comparison === 'reopened') return ' The comparison with stable is reopened.'
  if (stake.comparison === 'stable' || tailBound === null) return ''
  return (
    ` At 100 % there is no stable to compare with: the candidate is held against ` +
    `${percent(tailBound)}, the most that stable's share before the raise, ` +
    `${shareText(anchor.over, anchor.requests)}, may mean.`
  )
}

function looksText(times: number | null, stake: Stake): string {
  if (times === null) return ''
  return stake.byBound
    ? ` It looks like ${times} times that.`
    : ` It looks like ${times} times more often slow than stable.`
}

interface Judged {
  readonly anchor: Anchor
  readonly stake: Stake
  readonly value: number
  readonly times: number | null
}

function textOf(on: Explained, judged: Judged & { wouldChange: string }): string {
  const { anchor, stake, times, value, wouldChange } = judged
  const { evidence } = on
  const candidate = armOf(evidence.candidate)
  const stable = armOf(evidence.stable)
  const level = percent(rateOf(anchor.over, anchor.requests))
  const warming =
    evidence.warmUp === null ? '' : ' Latency is not judged until the candidate is warm.'
  const slow = (arm: typeof stable, us: number): string =>
    arm.requests === 0
      ? `nothing measured yet, limit ${milliseconds(us)}`
      : `${shareText(arm.bad, arm.requests)} over ${milliseconds(us)}`
  return (
    `p99: candidate ${slow(candidate, anchor.candidateUs)}, ` +
    `stable ${slow(stable, anchor.stableUs)} (its slowest ${level}).` +
    `${comparisonText(on, { anchor, stake })}${looksText(times, stake)} ` +
    `${evidenceText(on, { value, stake, detail: '' })}${warming} ${wouldChange}`
  )
}

function testsOf({ evidence }: Explained, stake: Stake): readonly TestFigures[] {
  const { tail, tailAbsolute } = readEvidence(evidence)
  const { bad, requests: all } = armOf(evidence.stable)
  const { tailBound } = evidence
  const overBound = tailBound === null ? null : timesOfBound(evidence.tailAbsolute, tailBound)
  const overStable = timesOfStable(evidence.tail, { times: TAIL_TIMES, bad, all })
  const byBound: TestFigures = { against: 'bound', value: tailAbsolute, bestTimes: overBound }
  const compared: TestFigures = { against: 'stable', value: tail, bestTimes: overStable }
  if (stake.comparison === 'stable') return [compared]
  return tailBound === null ? [compared] : [byBound, compared]
}

/** Slow requests in a row that reach what the stake is about. */
function slowRow(on: Explained, stake: Stake): Row | null {
  if (!stake.byBound) return slowToRollBack(on)
  const more = slowTo(stake.bar, on)
  return more === null ? null : { more, overMs: 0 }
}

/** The evidence of latency. */
export function explainLatency(on: Explained): EvidenceView {
  const { evidence } = on
  const { anchor, tailBound } = evidence
  if (anchor === null || (isAlone(evidence) && tailBound === null)) return noTest(on)
  const values = readEvidence(evidence)
  const stake = stakeOf(on, values.tail)
  const tests = testsOf(on, stake)
  const decisive = stake.byBound ? 'bound' : 'stable'
  const value = stake.byBound ? values.tailAbsolute : values.tail
  const times = tests.find(({ against }) => against === decisive)?.bestTimes ?? null
  const row = slowRow(on, stake)
  const how = { value, stake, more: row?.more ?? null, thing: 'slow request' }
  const change = changeText(on, { ...how, overMs: row?.overMs ?? 0 })
  // Beside "is not judged yet" it would else read as if slow requests could do it now.
  const isLater = evidence.warmUp !== null && value < stake.bar
  const wouldChange = sentence(isLater ? `once it is warm, ${change}` : change)
  return {
    metric: 'p99',
    value,
    pValue: pValueOf(value),
    bar: stake.bar,
    leadsTo: stake.leadsTo,
    comparison: stake.comparison,
    tests,
    candidate: armOf(evidence.candidate),
    stable: armOf(evidence.stable),
    limits: {
      bound: stake.comparison === 'stable' ? null : tailBound,
      boundFrom: 'stable',
      stableMs: anchor.stableUs / 1000,
      candidateMs: anchor.candidateUs / 1000,
      tailLevel: rateOf(anchor.over, anchor.requests),
    },
    bestTimes: times,
    userErrors: null,
    failures: [],
    wouldChange,
    text: textOf(on, { anchor, stake, value, times, wouldChange }),
  }
}
