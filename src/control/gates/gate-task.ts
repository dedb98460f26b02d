// What every kind of gate is told, and what it says when it is over. A gate answers with a finding
// and never throws for what may happen in the world; its time limit and its end by an abort come as
// a signal from outside (run-gate.ts).

import type { MirrorPort, SyntheticPort } from './ports.ts'

/** What a gate is about. */
export interface GateSubject {
  readonly service: string
  /** The candidate. */
  readonly version: string
  readonly targets: readonly string[]
  /** The id of the rollout. */
  readonly rollout: string
  /** The weight in percent that the raise leads to. */
  readonly weight: number
}

export interface GateTask {
  readonly subject: GateSubject
  /** Relative paths of the config start here. */
  readonly directory: string
  readonly synthetic: SyntheticPort | null
  readonly mirror: MirrorPort | null
}

/** What a gate has come to; `reason` is one sentence without a full stop. */
export interface Finding {
  readonly passed: boolean
  readonly reason: string
  /** JSON. */
  readonly details: unknown
}

export function failure(reason: string, details: unknown = null): Finding {
  return { passed: false, reason, details }
}
