// A second opinion on raises, written apart from the engine: whether what was counted of the
// candidate proves it harmless by the rule as it is stated, so that a raise that only waited long
// enough would show. Errors: F, the mean over f in {0, .1, .25, .5} of fʸ·((1 − f·q)/(1 − q))ⁿ⁻ʸ,
// has reached 2/β for the share q that must be excluded, or else the comparison with stable has.

import type { ServiceDocument } from '../../src/core/events.ts'
import type { ArmCounts } from '../../src/core/facts.ts'
import { FULL_WEIGHT } from '../../src/core/weight.ts'

const PARTS = [0, 0.1, 0.25, 0.5]
const LEAST_REQUESTS = 30
/** The rate is measured, so the expected requests of the next window waver a little. */
const WAVERING = 1.5

function clean(n: number, y: number, q: number): number {
  let sum = 0
  for (const f of PARTS) sum += f ** y * ((1 - f * q) / (1 - q)) ** (n - y)
  return sum / PARTS.length
}

/**
 * Whether a raise, or the promotion, is proven.
 *
 * @param before the document before the event that brought it about
 * @param now what that event counted, and the comparison with stable after it (logarithms)
 */
export function isProven(
  before: ServiceDocument,
  now: { last: ArmCounts; relative: readonly number[] | null },
): boolean {
  const { evidence, facts, state } = before
  const { rollout } = state
  if (evidence === null || rollout === null) return false
  const { strategy } = rollout
  const { beta, harmBudget, trigger } = strategy
  const { bad, good } = now.last
  if (evidence.step.requests + good + bad < LEAST_REQUESTS) return false
  const theta = trigger.errorRateThreshold
  const bar = 2 / beta
  if (rollout.phase === 'baking') {
    const { errors, requests } = evidence.step
    // As far as stable goes, where stable itself fails more often than is tolerated.
    const q = Math.min(0.9, 2 * Math.max(theta, evidence.bound))
    return clean(requests + good + bad, errors + bad, q) >= bar
  }
  const next = strategy.steps.find(({ weight }) => weight > state.weight)
  if (next === undefined) return false
  const share = next.weight / FULL_WEIGHT
  const expected = (facts.ratePerSecond * share * next.observeMs) / 1000
  const harmless = expected > 0 ? (WAVERING * harmBudget) / expected : 0
  const q = Math.min(0.2, Math.max((share <= 0.5 ? 10 : 3) * theta, harmless))
  const { errors, requests } = evidence.candidate
  const proven = clean(requests + good + bad, errors + bad, q) >= bar
  return proven || comparedWell(now.relative ?? evidence.proof.relative, bar)
}

function comparedWell(logs: readonly number[], bar: number): boolean {
  let sum = 0
  for (const log of logs) sum += Math.exp(log)
  return sum / logs.length >= bar
}
