// What the failures of a soak mean. A request that may be replayed must not fail, but for one
// reason: its target was killed when the answer had begun. Any other request may fail when its
// target died under it, was not there, or closed the connection that it came upon; the targets say
// which those were, where they can know it. What remains has no excuse.

import type { ClientReport, Failure } from './soak-client.ts'
import type { Absence, TargetsReport } from './soak-targets.ts'

/** What a target's end still does to requests so long afterwards: to be told, on a busy machine. */
const AFTERWARDS_MS = 500

export const CAUSES = [
  'its target was killed amid the answer',
  'its target was killed while it had the request',
  'its target was away',
  'its target was being killed or stopped at that time',
  'its target closed the connection on its arrival, as asked for',
  'its target was closing the connection by FIN when it came',
  'its target was closing the connection by RST when it came (by count)',
] as const
export type Cause = (typeof CAUSES)[number]

export interface Judged {
  /** Failures of requests that may be replayed, without and with the one excuse. */
  readonly replayable: { readonly failed: readonly Failure[]; readonly excused: number }
  /** Failures of all others, by cause, and those that have none. */
  readonly others: Readonly<Record<string, number>>
  readonly unexplained: readonly Failure[]
  /** Answers that only their end delimits and that ended early though no kill explains it. */
  readonly endedEarly: readonly number[]
}

function isIn(absences: readonly Absence[], atMs: number): boolean {
  return absences.some(({ fromMs, toMs }) => atMs >= fromMs && atMs <= toMs + AFTERWARDS_MS)
}

function causeOf(failure: Failure, targets: TargetsReport): Cause | null {
  const { error, fault, number } = failure
  if (targets.begun.has(number)) return CAUSES[0]
  if (targets.inHand.has(number)) return CAUSES[1]
  const away = isIn(targets.absences, failure.atMs)
  if (error === 'upstream-refused' && away) return CAUSES[2]
  if (error !== 'upstream-reset') return null
  if (fault === 'stale-reset' || fault === 'stale-end') return CAUSES[4]
  if (targets.raced.has(number)) return CAUSES[5]
  return away ? CAUSES[3] : null
}

/** Sorts the failures of a client by what the targets know. */
export function judgeFailures(client: ClientReport, targets: TargetsReport): Judged {
  const failed: Failure[] = []
  const others: Record<string, number> = {}
  const unexplained: Failure[] = []
  let excused = 0
  let idleResets = targets.idleResets
  for (const failure of client.failures) {
    if (failure.replayable) {
      if (targets.begun.has(failure.number)) excused++
      else failed.push(failure)
      continue
    }
    let cause = causeOf(failure, targets)
    if (cause === null && failure.error === 'upstream-reset' && idleResets > 0) {
      idleResets--
      cause = CAUSES[6]
    }
    if (cause === null) unexplained.push(failure)
    else others[cause] = (others[cause] ?? 0) + 1
  }
  const endedEarly = client.endedEarly.filter((number) => !targets.begun.has(number))
  return { replayable: { failed, excused }, others, unexplained, endedEarly }
}
