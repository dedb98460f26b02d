// The explanation in mode `threshold`: where the two metrics of the window stand against the plain
// limits. There are no tests and so no evidence to weigh.

import type { ArmFigures, EvidenceView } from '../explanation.ts'
import type { WindowFigures } from '../facts.ts'
import type { Trigger } from '../strategy.ts'
import type { Case } from './judge.ts'
import { budgetOf, withBudget } from './stake.ts'
import type { Windows } from './threshold.ts'
import { count, milliseconds, percent, whole } from './words.ts'

const NO_TEST = {
  value: null,
  pValue: null,
  bar: null,
  leadsTo: 'roll-back',
  comparison: 'stable',
  tests: [],
  bestTimes: null,
  userErrors: null,
  failures: [],
} as const

function armOf({ errors, p99Us, requests }: WindowFigures): ArmFigures {
  const rate = requests === 0 ? 0 : errors / requests
  return { requests, bad: errors, rate, p99: p99Us === null ? null : p99Us / 1000 }
}

/** What keeps a metric from being judged yet. */
function waitText(missing: number): string {
  return missing > 0 ? ` It is judged in ${count(missing, 'more request')}.` : ''
}

function explainErrors({ candidate, stable }: Windows, trigger: Trigger): EvidenceView {
  const { errorRateThreshold, minRequests } = trigger
  const { bad, rate, requests } = armOf(candidate)
  const limit = percent(errorRateThreshold)
  const wait = waitText(minRequests - requests)
  const wouldChange = `It is rolled back when more than ${limit} of the window's requests fail.${wait}`
  return {
    ...NO_TEST,
    metric: 'errors',
    candidate: armOf(candidate),
    stable: armOf(stable),
    limits: {
      bound: errorRateThreshold,
      boundFrom: 'setting',
      stableMs: null,
      candidateMs: null,
      tailLevel: null,
    },
    wouldChange,
    text:
      `errors: ${whole(bad)} of ${whole(requests)} (${percent(rate)}) of the candidate's requests ` +
      `in the window failed. ${wouldChange}`,
  }
}

function explainLatency({ candidate, stable }: Windows, trigger: Trigger): EvidenceView {
  const { minRequests, p99LatencyIncrease } = trigger
  const limitUs = stable.p99Us === null ? null : stable.p99Us * (1 + p99LatencyIncrease)
  const p99 = (us: number | null): string => (us === null ? 'not measured' : milliseconds(us))
  const limit = limitUs === null ? '' : `, which is ${milliseconds(limitUs)}`
  const wait = waitText(minRequests - Math.min(candidate.requests, stable.requests))
  const wouldChange =
    `It is rolled back at more than ${percent(p99LatencyIncrease)} above stable's p99` +
    `${limit}.${wait}`
  return {
    ...NO_TEST,
    metric: 'p99',
    candidate: { ...armOf(candidate), bad: 0, rate: 0 },
    stable: { ...armOf(stable), bad: 0, rate: 0 },
    limits: {
      bound: null,
      boundFrom: 'stable',
      stableMs: stable.p99Us === null ? null : stable.p99Us / 1000,
      candidateMs: limitUs === null ? null : limitUs / 1000,
      tailLevel: null,
    },
    wouldChange,
    text: `p99: candidate ${p99(candidate.p99Us)}, stable ${p99(stable.p99Us)}. ${wouldChange}`,
  }
}

/** Where the two metrics stand against their thresholds. */
export function explainThreshold(on: Case): readonly EvidenceView[] {
  const { trigger } = on.strategy
  const errors = explainErrors(on.windows, trigger)
  const userErrors = budgetOf(on)
  const wouldChange = withBudget(errors.wouldChange, userErrors)
  const text = errors.text.replace(errors.wouldChange, wouldChange)
  return [{ ...errors, userErrors, wouldChange, text }, explainLatency(on.windows, trigger)]
}
