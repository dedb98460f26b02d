// Every verdict explains itself: counts and rates, the evidence and its inverse (a p-value that
// stays valid however often one looks), the bar and what happens there, what the limit of the
// latency test is and how rare it really is on stable, which bet does best, and what would change
// the decision. The metrics have a file each; what the evidence means is in stake.ts.

import type { EvidenceView } from '../explanation.ts'
import { explainErrors } from './explain-errors.ts'
import { explainLatency } from './explain-latency.ts'
import { explainThreshold } from './explain-threshold.ts'
import type { Explained } from './stake.ts'

/** The evidence against the candidate as it stands, one view a metric. */
export function explain(on: Explained): readonly EvidenceView[] {
  const { trigger } = on.strategy
  if (trigger.mode === 'threshold') return explainThreshold(on)
  return [explainErrors(on), explainLatency(on)]
}
