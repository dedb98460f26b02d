// Every verdict explains itself: counts and rates, the evidence and its inverse (a p-value that
// stays valid however often one looks), the bar, what the limit of the latency test is and how
// rare it really is on stable, which bet does best, and what would change the decision.

import type { EvidenceView } from '../command.ts'
import type { Trigger } from '../strategy.ts'
import {
  ABSOLUTE_TIMES,
  betAbsolute,
  betRelative,
  bestTimes,
  ERROR_TIMES,
  meanAbsolute,
  meanScore,
  TAIL_TIMES,
} from './engine.ts'
import { type ArmTotals, barOf, type Evidence, readEvidence } from './evidence.ts'
import type { Case } from './judge.ts'
import { thresholdTexts } from './threshold.ts'
import { largestShare } from './weights.ts'
import { amount, count, milliseconds, percent } from './words.ts'

/** Nobody waits for more failures than this to see a decision change. */
const FAILURES_TRIED = 60

function share(bad: number, all: number): string {
  return `${bad} of ${all} (${percent(all === 0 ? 0 : bad / all)})`
}

function errorsOf(totals: ArmTotals): string {
  return share(totals.errors, totals.requests)
}

function looksLike(times: number | null, words: string): string {
  return times === null ? '' : `, looks like ${times} ${words}`
}

function inverse(value: number): string {
  return `1/E = ${value > 1 ? amount(1 / value) : '1'}`
}

/** How many failures of the candidate in a row would cross the bar; null beyond FAILURES_TRIED. */
function failuresToBar(evidence: Evidence, trigger: Trigger, memoryMs: number): number | null {
  const bar = barOf(trigger)
  const w = largestShare(evidence.weights, { nowMs: evidence.seenMs, memoryMs })
  for (let more = 1; more <= FAILURES_TRIED; more++) {
    const absolute = betAbsolute(evidence.absolute, {
      bound: evidence.bound,
      bad: more,
      good: 0,
      cap: bar * 100,
    })
    const relative = betRelative(evidence.relative, {
      times: ERROR_TIMES,
      w,
      candidate: more,
      stable: 0,
      cap: bar * 100,
    })
    const value = Math.min(meanAbsolute(absolute, evidence.bound), meanScore(relative))
    if (value >= bar) return more
  }
  return null
}

function whatWouldChange(on: Case, value: number, memoryMs: number): string {
  const bar = barOf(on.strategy.trigger)
  if (value >= bar) return `at least ${amount(bar)}: rolled back`
  const more = failuresToBar(on.evidence, on.strategy.trigger, memoryMs)
  const until =
    more === null
      ? on.evidence.weights.current === 10_000
        ? '; at 100 % the comparison with stable is reopened first'
        : ''
      : `; ${count(more, 'more failed request')} of the candidate in a row would reach it`
  return `rolled back from ${amount(bar)} on${until}`
}

function explainErrors(on: Case, memoryMs: number): EvidenceView {
  const { evidence, strategy } = on
  const values = readEvidence(evidence)
  const { trigger } = strategy
  const raised = evidence.bound > trigger.errorRateThreshold ? ' (as far as stable went)' : ''
  const note =
    values.absolute >= barOf(trigger) && values.relative < barOf(trigger)
      ? ' The candidate fails too often, but stable is equally bad.'
      : ''
  return {
    metric: 'errors',
    value: values.errors,
    bar: barOf(trigger),
    text:
      `errors: candidate ${errorsOf(evidence.candidate)}, stable ${errorsOf(evidence.stable)}. ` +
      `Against ${percent(evidence.bound)}${raised} E = ${amount(values.absolute)}` +
      `${looksLike(bestTimes(evidence.absolute, ABSOLUTE_TIMES), 'times that')}; against stable ` +
      `E = ${amount(values.relative)}` +
      `${looksLike(bestTimes(evidence.relative, ERROR_TIMES), 'times worse')}. Evidence ` +
      `${amount(values.errors)} (${inverse(values.errors)}), ` +
      `${whatWouldChange(on, values.errors, memoryMs)}.${note}`,
  }
}

function explainTail(on: Case): EvidenceView {
  const { evidence, strategy } = on
  const bar = barOf(strategy.trigger)
  const { anchor } = evidence
  if (anchor === null) {
    const text =
      evidence.noTail === '' ? 'no latency test: nothing was raised yet' : evidence.noTail
    return { metric: 'p99', value: null, bar, text: `p99: ${text}.` }
  }
  const value = readEvidence(evidence).tail
  const level = percent(anchor.requests === 0 ? 0 : anchor.over / anchor.requests)
  const warming =
    evidence.warmUp === null ? '' : ' Latency is not judged while the candidate warms up.'
  const { candidate, stable } = evidence
  return {
    metric: 'p99',
    value,
    bar,
    text:
      `p99: candidate ${share(candidate.exceeded, seen(candidate))} over ` +
      `${milliseconds(anchor.candidateUs)}, stable ${share(stable.exceeded, seen(stable))} over ` +
      `${milliseconds(anchor.stableUs)} (which is the slowest ${level} of stable)` +
      `${looksLike(bestTimes(evidence.tail, TAIL_TIMES), 'times more often slow')}. ` +
      `Evidence ${amount(value)} ` +
      `(${inverse(value)}), rolled back from ${amount(bar)} on.${warming}`,
  }
}

/** The evidence as people read it, one view a metric. */
export function explain(on: Case, memoryMs: number): readonly EvidenceView[] {
  const { trigger } = on.strategy
  if (trigger.mode === 'threshold') {
    const texts = thresholdTexts(on.windows, trigger)
    return [
      { metric: 'errors', value: null, bar: barOf(trigger), text: `${texts.errors}.` },
      { metric: 'p99', value: null, bar: barOf(trigger), text: `${texts.p99}.` },
    ]
  }
  return [explainErrors(on, memoryMs), explainTail(on)]
}

/** The numbers behind a decision, for the journal and the page. */
export function figuresOf(on: Case): unknown {
  const { evidence } = on
  if (on.strategy.trigger.mode === 'threshold') return { windows: on.windows }
  return {
    values: readEvidence(evidence),
    bar: barOf(on.strategy.trigger),
    bound: evidence.bound,
    weights: evidence.weights,
    candidate: evidence.candidate,
    stable: evidence.stable,
    anchor: evidence.anchor,
  }
}

/** A request counts as slow when it passes the limit in flight, before it counts as measured. */
function seen({ measured, exceeded }: { measured: number; exceeded: number }): number {
  return Math.max(measured, exceeded)
}
