// Names the requests that failed in an explanation. Only this side knows them: an edge thread tells
// of them a moment after it has counted them, so they are looked up when something is told, not
// when it is decided. A version that is no longer resident has no names left; the journal has.

import { type Explanation, isExplanation, withFailures } from '../core/explanation.ts'
import type { Clock } from './clock.ts'
import type { Residency } from './residency.ts'

interface Of {
  readonly service: string
  readonly clock: Clock
  readonly residency: Residency
}

/** The explanation with the last few requests that failed in its rollout. */
export function withNames(explanation: Explanation, of: Of): Explanation {
  const { clock, residency, service } = of
  const failures = residency.version(service, explanation.version)?.gauge.recentFailures() ?? []
  const named = failures
    // The version may have been rolled out before.
    .filter(({ at }) => at >= explanation.startedMs)
    .map(({ at, outcome, requestId, status }) => ({
      requestId,
      outcome,
      status,
      at: clock.iso(at),
    }))
  return withFailures(explanation, named)
}

/** What a decision is journaled with: an explanation, or one beside what a replay needs. */
export function namedIn(evidence: unknown, of: Of): unknown {
  if (isExplanation(evidence)) return withNames(evidence, of)
  if (typeof evidence !== 'object' || evidence === null) return evidence
  const { explanation } = evidence as { readonly explanation?: unknown }
  if (!isExplanation(explanation)) return evidence
  return { ...evidence, explanation: withNames(explanation, of) }
}
