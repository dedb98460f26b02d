// What a metric's evidence means in the present situation: what happens at its bar, and how near it
// is, in words. Below 100 % the candidate is rolled back. At 100 %, where stable gets no requests,
// a suspicion only reopens the comparison. Where there is nothing to go back to, nothing is moved
// and on-call is told. Nothing is decided here; judge.ts does.

import type { EvidenceView } from '../explanation.ts'
import { barOf } from './evidence.ts'
import { type Case, REOPEN, RESTORE } from './judge.ts'
import { cleanToFallBelow, FAILURES_TRIED, isAlone, type Tried } from './what-if.ts'
import { amount, count, percent, score, seconds, whole } from './words.ts'

export interface Explained extends Tried {
  /** What there is to go back to: without it nothing is moved and on-call is told. */
  readonly refuge: 'ready' | 'unhealthy' | 'none'
  /** With affinity: of a bucket of clients one error in ten minutes counts. */
  readonly perBucket: boolean
}

export interface Stake {
  readonly comparison: EvidenceView['comparison']
  readonly leadsTo: EvidenceView['leadsTo']
  readonly bar: number
  /** Whether the decision hangs on the test against the bound. */
  readonly byBound: boolean
}

/**
 * @param compared the value of the test that compares with stable: at the bar it counts, even at
 *   100 %
 */
export function stakeOf(on: Explained, compared: number): Stake {
  const bar = barOf(on.strategy.trigger)
  const canMove = on.refuge === 'ready'
  const comparison = on.reopened ? 'reopened' : isAlone(on.evidence) ? 'none' : 'stable'
  if (comparison !== 'none' || compared >= bar) {
    return { comparison, leadsTo: canMove ? 'roll-back' : 'page', bar, byBound: false }
  }
  if (!canMove) return { comparison, leadsTo: 'page', bar, byBound: true }
  return { comparison, leadsTo: 'reopen', bar: REOPEN, byBound: true }
}

/** min(1, 1/E): the chance that a harmless candidate ever comes so far (Ville's inequality). */
export function pValueOf(value: number): number {
  return value > 1 ? 1 / value : 1
}

/** `3 of 1,020 (0.29 %)`. */
export function shareText(bad: number, all: number): string {
  return `${whole(bad)} of ${whole(all)} (${percent(rateOf(bad, all))})`
}

export function rateOf(bad: number, all: number): number {
  return all === 0 ? 0 : bad / all
}

const NOWHERE = {
  ready: '',
  unhealthy: 'stable has no healthy target',
  none: 'there is no stable version to return to',
} as const

/** What happens at the bar, or that it is reached. */
function barText(on: Explained, { value, stake }: { value: number; stake: Stake }): string {
  const bar = score(stake.bar)
  if (value >= stake.bar) return `the bar of ${bar} is reached`
  if (stake.leadsTo === 'roll-back') return `it is rolled back from ${bar} on`
  if (stake.leadsTo === 'reopen') return `from ${bar} on it is compared with stable again`
  return `from ${bar} on on-call is told, as ${NOWHERE[on.refuge]}`
}

/**
 * How strong the evidence is and what follows from it.
 *
 * @param told the value on which the decision hangs, and where it comes from when there are several
 */
export function evidenceText(
  on: Explained,
  told: { value: number; stake: Stake; detail: string },
): string {
  const { detail, value } = told
  const evidence = `Evidence ${score(value)}${detail}`
  if (value <= 1) return `${evidence}; up to 1 is none, and ${barText(on, told)}.`
  const chance = percent(pValueOf(value))
  return `${evidence}: at most ${chance} of harmless candidates ever come so far; ${barText(on, told)}.`
}

/** So many bars, which no component of a test has reached at its cap of a hundred. */
const FAR = 10

const DOES = {
  'roll-back': 'roll it back',
  reopen: 'reopen the comparison with stable',
  page: 'call on-call',
} as const

/**
 * What would change the decision, without its full stop.
 *
 * @param how `more`: so many in a row reach the bar (null: more than anybody waits for); `thing`:
 *   what they are; `overMs`: how long they take at the soonest
 */
export function changeText(
  on: Explained,
  how: { value: number; stake: Stake; more: number | null; thing: string; overMs?: number },
): string {
  const { more, overMs = 0, stake, thing, value } = how
  const does = DOES[stake.leadsTo]
  if (value >= stake.bar) return reachedText(on, how)
  const over = overMs === 0 ? '' : `, spread over at least ${seconds(overMs)},`
  const next =
    more === null
      ? `more than ${FAILURES_TRIED} ${thing}s in a row are needed to ${does}`
      : `${count(more, `more ${thing}`)} in a row${over} would ${does}`
  if (stake.comparison !== 'reopened') return next
  const clean = cleanToFallBelow(RESTORE, on)
  const back =
    clean === null ? '' : `; ${count(clean, 'clean request')} would bring it back to 100 %`
  return `${next}${back}`
}

function reachedText(on: Explained, { stake, value }: { value: number; stake: Stake }): string {
  if (stake.leadsTo === 'page') {
    return `nothing is moved as ${NOWHERE[on.refuge]}; with one it would be rolled back`
  }
  if (stake.leadsTo === 'reopen') return 'it is compared with stable again now'
  // The bar is 2 / alpha. Far beyond it scores are capped, so the smallest alpha is not known.
  const alpha = 2 / stake.bar
  if (value >= FAR * stake.bar) return `even with alpha ${amount(alpha / FAR)} it is rolled back`
  const digits = 10 ** (1 - Math.floor(Math.log10(2 / value)))
  const least = amount(Math.floor((2 / value) * digits) / digits)
  return `with alpha below ${least} it would not be rolled back yet`
}

/** The blast budget: so many failures that reached a user end the rollout, whatever the rate. */
export function budgetOf({ evidence, strategy }: Case): EvidenceView['userErrors'] {
  const { maxUserErrors } = strategy.trigger
  if (maxUserErrors === null) return null
  return { seen: evidence.candidate.userErrors, atMost: maxUserErrors }
}

/** What would change the decision, with what is left of the budget. */
export function withBudget(change: string, budget: EvidenceView['userErrors']): string {
  if (budget === null) return change
  const { atMost, seen } = budget
  const left = atMost - seen
  if (left > 0) {
    return `${change} ${count(left, 'more failure')} that reach users would roll it back, too.`
  }
  const reached = `${count(seen, 'failure')} of the candidate reached users`
  return `With max_user_errors above ${whole(atMost)} it would not be rolled back yet: ${reached}.`
}

/** A clause as a sentence of its own. */
export function sentence(clause: string): string {
  return `${clause.charAt(0).toUpperCase()}${clause.slice(1)}.`
}
