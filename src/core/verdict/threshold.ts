// `mode: threshold`, the literal reading of a rollback trigger: the window's error rate above the
// threshold, or its p99 above stable's by more than the allowed increase, with a least number of
// requests. It is there for those who want a plain rule; it condemns 71 to 90 % of healthy
// candidates at 100 requests, which is why it is not the default.

import type { WindowFigures } from '../facts.ts'
import type { Trigger } from '../strategy.ts'
import { milliseconds, percent } from './words.ts'

export interface Windows {
  readonly candidate: WindowFigures
  readonly stable: WindowFigures
}

function errorsCrossed({ candidate }: Windows, trigger: Trigger): string | null {
  const rate = candidate.requests === 0 ? 0 : candidate.errors / candidate.requests
  if (candidate.requests < trigger.minRequests || rate <= trigger.errorRateThreshold) return null
  return (
    `errors: ${percent(rate)} of the candidate's last ${candidate.requests} requests failed, ` +
    `more than ${percent(trigger.errorRateThreshold)}`
  )
}

function latencyCrossed({ candidate, stable }: Windows, trigger: Trigger): string | null {
  if (candidate.requests < trigger.minRequests || stable.requests < trigger.minRequests) return null
  if (candidate.p99Us === null || stable.p99Us === null) return null
  if (candidate.p99Us <= stable.p99Us * (1 + trigger.p99LatencyIncrease)) return null
  return (
    `p99: ${milliseconds(candidate.p99Us)} on the candidate against ` +
    `${milliseconds(stable.p99Us)} on stable, more than ` +
    `${percent(trigger.p99LatencyIncrease)} above it`
  )
}

/** The sentence about the threshold that is crossed now, or null. */
export function thresholdCrossed(windows: Windows, trigger: Trigger): string | null {
  return errorsCrossed(windows, trigger) ?? latencyCrossed(windows, trigger)
}
