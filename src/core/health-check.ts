// What the answers to health checks say of a target: well, bad, or unknown as long as there was no
// answer. A change of mind needs several answers in a row, since one check meets a pause of the
// machine as easily as a fault. Only the first answer decides at once, as in HAProxy and Envoy:
// there is no earlier mind to change, and a new target that does not listen must not be asked by
// users until three checks have failed.
//
// Who asks, and when, is control's business; what follows from it is decided in health.ts.

export interface CheckRules {
  /** Good checks in a row that bring a target back. */
  readonly up: number
  /** Failed checks in a row that take a target out. */
  readonly down: number
}

export interface CheckState {
  readonly word: 'unknown' | 'well' | 'bad'
  /** Checks in a row that ended as the last one did. */
  readonly run: number
  readonly lastGood: boolean
  /** Why the last checks failed, or those that made it bad: a clause, or empty. */
  readonly reason: string
}

export const UNCHECKED: CheckState = { word: 'unknown', run: 0, lastGood: true, reason: '' }

export interface CheckResult {
  readonly good: boolean
  /** Why it failed; empty when it did not. */
  readonly reason: string
  /** This node could not ask: that says nothing about the target. */
  readonly isOurs?: true
}

function reasonOf(run: number, why: string): string {
  return run === 1
    ? `a health check failed: ${why}`
    : `${run} health checks in a row failed: ${why}`
}

/** What is known of a target after one more check. */
export function foldCheck(state: CheckState, result: CheckResult, rules: CheckRules): CheckState {
  const { good } = result
  const run = state.run > 0 && state.lastGood === good ? state.run + 1 : 1
  const decides = state.word === 'unknown' || run >= (good ? rules.up : rules.down)
  const word = decides ? (good ? 'well' : 'bad') : state.word
  const kept = word === 'bad' ? state.reason : ''
  const reason = good ? kept : reasonOf(run, result.reason)
  return { word, run, lastGood: good, reason }
}
