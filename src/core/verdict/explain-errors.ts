// The evidence of errors in numbers and words: what failed on either version, how much that speaks
// against the bound and against stable, and what would change the decision. Both tests must agree,
// so the smaller one counts; at 100 % there is only the one against the bound.

import type { EvidenceView, TestFigures } from '../explanation.ts'
import { ERROR_TIMES } from './engine.ts'
import { type ArmTotals, barOf, type Evidence, readEvidence } from './evidence.ts'
import { isDeadOnArrival } from './judge.ts'
import { timesOfBound, timesOfStable } from './looks.ts'
import {
  budgetOf,
  changeText,
  evidenceText,
  type Explained,
  pValueOf,
  rateOf,
  sentence,
  shareText,
  type Stake,
  stakeOf,
  withBudget,
} from './stake.ts'
import { failuresTo, failuresToRollBack, isAlone } from './what-if.ts'
import { percent, score } from './words.ts'

interface Tests {
  readonly bound: TestFigures
  readonly stable: TestFigures
}

function testsOf({ evidence }: Explained): Tests {
  const { absolute, relative } = readEvidence(evidence)
  const { errors: bad, requests: all } = evidence.stable
  const overBound = timesOfBound(evidence.absolute, evidence.bound)
  const overStable = timesOfStable(evidence.relative, { times: ERROR_TIMES, bad, all })
  return {
    bound: { against: 'bound', value: absolute, bestTimes: overBound },
    stable: { against: 'stable', value: relative, bestTimes: overStable },
  }
}

function isRaised({ evidence, strategy }: Explained): boolean {
  return evidence.bound > strategy.trigger.errorRateThreshold
}

/** What the candidate is held against besides stable. */
function boundText(on: Explained): string {
  const { bound, stable } = on.evidence
  if (!isRaised(on)) return `the tolerated ${percent(bound)}`
  const seen = stable.requests === 0 ? '' : `, ${shareText(stable.errors, stable.requests)},`
  return `${percent(bound)}, the most that stable's share before the raise${seen} may mean`
}

function comparisonText(on: Explained, stake: Stake): string {
  if (stake.comparison === 'reopened') return ' The comparison with stable is reopened.'
  if (stake.comparison === 'stable') return ''
  return ` At 100 % there is no stable to compare with: the candidate is held against ${boundText(on)}.`
}

function looksText(on: Explained, { tests, stake }: { tests: Tests; stake: Stake }): string {
  const { bound, stable } = tests
  const limit = isRaised(on) ? `the ${percent(on.evidence.bound)} allowed here` : boundText(on)
  const looks = [
    ...(bound.bestTimes === null ? [] : [`${bound.bestTimes} times ${limit}`]),
    ...(stable.bestTimes === null || stake.byBound
      ? []
      : [`${stable.bestTimes} times worse than stable`]),
  ]
  return looks.length === 0 ? '' : ` It looks like ${looks.join(' and ')}.`
}

function tooOften({ bound, stable }: Evidence): string {
  return rateOf(stable.errors, stable.requests) > bound
    ? 'The candidate fails too often, but stable is equally bad.'
    : 'The candidate fails too often; that stable does not is not certain yet.'
}

function notesOf(on: Explained, { bound, stable }: Tests): string {
  const { evidence } = on
  const bar = barOf(on.strategy.trigger)
  const notes = [
    ...(bound.value >= bar && stable.value < bar && !isAlone(evidence) ? [tooOften(evidence)] : []),
    ...(stable.value >= bar && bound.value <= 1
      ? ['It fails more often than stable, but not more often than is tolerated.']
      : []),
    ...(isDeadOnArrival(evidence) ? ['It has not answered a single request well.'] : []),
    ...(on.perBucket
      ? [
          'With affinity one error counts of each bucket of clients in ten minutes in the ' +
            'comparison with stable.',
        ]
      : []),
  ]
  return notes.map((note) => ` ${note}`).join('')
}

function armOf({ errors, requests }: ArmTotals): EvidenceView['candidate'] {
  return { requests, bad: errors, rate: rateOf(errors, requests) }
}

/** The evidence of errors. */
export function explainErrors(on: Explained): EvidenceView {
  const { evidence } = on
  const { candidate, stable } = evidence
  const tests = testsOf(on)
  const compared = Math.min(tests.bound.value, tests.stable.value)
  const stake = stakeOf(on, compared)
  const value = stake.byBound ? tests.bound.value : compared
  const more = stake.byBound ? failuresTo(stake.bar, on) : failuresToRollBack(on)
  const change = { value, stake, more, thing: 'failed request' }
  const budget = budgetOf(on)
  const wouldChange = withBudget(sentence(changeText(on, change)), budget)
  const detail = stake.byBound
    ? ''
    : ` (the smaller of ${score(tests.bound.value)} against ${percent(evidence.bound)} and ` +
      `${score(tests.stable.value)} against stable)`
  const text =
    `errors: candidate ${shareText(candidate.errors, candidate.requests)} failed, ` +
    `stable ${shareText(stable.errors, stable.requests)}.${comparisonText(on, stake)}` +
    `${looksText(on, { tests, stake })} ${evidenceText(on, { value, stake, detail })}` +
    `${notesOf(on, tests)} ${wouldChange}`
  return {
    metric: 'errors',
    value,
    pValue: pValueOf(value),
    bar: stake.bar,
    leadsTo: stake.leadsTo,
    comparison: stake.comparison,
    tests: [tests.bound, tests.stable],
    candidate: armOf(candidate),
    stable: armOf(stable),
    limits: {
      bound: evidence.bound,
      boundFrom: isRaised(on) ? 'stable' : 'setting',
      stableMs: null,
      candidateMs: null,
      tailLevel: null,
    },
    bestTimes: stake.byBound ? tests.bound.bestTimes : tests.stable.bestTimes,
    userErrors: budget,
    failures: [],
    wouldChange,
    text,
  }
}
