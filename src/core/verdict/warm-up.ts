// After a raise a candidate is slow for a while for harmless reasons: cold caches, code that is
// not compiled yet, connections that must be opened. Latency of both versions is ignored until
// some time has passed and each of the candidate's targets has been given some requests, at most
// three times the time. Errors are never ignored. Targets that join later are not exempt.

import type { Strategy } from '../strategy.ts'

export interface WarmUp {
  readonly sinceMs: number
  /** What each target had been given at the raise, by its URL. */
  readonly given: Readonly<Record<string, number>>
}

const LONGEST = 3

/** The warm-up that a raise begins, or null when the strategy asks for none. */
export function warmUpAfterRaise(
  raise: { nowMs: number; given: Readonly<Record<string, number>> },
  strategy: Strategy,
): WarmUp | null {
  if (strategy.warmUpMs === 0) return null
  return { sinceMs: raise.nowMs, given: raise.given }
}

/** Whether the candidate is warm now. */
export function isWarm(
  warmUp: WarmUp,
  seen: { nowMs: number; given: Readonly<Record<string, number>> },
  strategy: Strategy,
): boolean {
  const passedMs = seen.nowMs - warmUp.sinceMs
  if (passedMs < strategy.warmUpMs) return false
  if (passedMs >= LONGEST * strategy.warmUpMs) return true
  return Object.entries(warmUp.given).every(([target, before]) => {
    const given = seen.given[target]
    if (given === undefined) return true // the target is gone
    // Counters begin at 0 again when the node restarts.
    return (given >= before ? given - before : given) >= strategy.warmUpRequests
  })
}
