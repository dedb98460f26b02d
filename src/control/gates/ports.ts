// What control asks of those who prove a candidate, and cannot import: synthetic/ and mirror/ are
// connected to it in the composition root.

import type { MirrorTally } from '../../core/gate.ts'
import type { Problem } from '../../core/problem.ts'
import type { SyntheticOrder, SyntheticReport } from '../../core/synthetic.ts'

export interface SyntheticPort {
  /**
   * Runs a synthetic transaction to its end. A version that cannot be reached is a report with
   * failures; a problem says why nothing was run (an unknown scenario, too many runs at a time).
   * When the signal aborts, the run ends at once and its promise is fulfilled with a problem.
   */
  run(
    order: SyntheticOrder,
    signal: AbortSignal,
  ): Promise<{ readonly report: SyntheticReport } | { readonly problem: Problem }>
}

export interface MirrorPort {
  /** What mirrored requests have shown of a candidate; null when none was mirrored to it. */
  tally(service: string, version: string): MirrorTally | null
}
