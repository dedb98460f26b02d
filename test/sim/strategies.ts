// Strategies whose rollouts are over within a simulated second or two: by thresholds, by evidence,
// with a gate before each raise.

import type { Strategy } from '../../src/core/strategy.ts'
import { STRATEGY } from '../core/rollout-play.ts'

const FAST: Strategy = {
  ...STRATEGY,
  steps: [
    { weight: 2000, observeMs: 250 },
    { weight: 5000, observeMs: 500 },
    { weight: 10_000, observeMs: 500 },
  ],
  bakeMs: 1000,
  warmUpMs: 0,
  minRequests: 10,
  maxHoldMs: 2000,
  retainMs: 3000,
  trigger: {
    ...STRATEGY.trigger,
    mode: 'threshold',
    errorRateThreshold: 0.01,
    minRequests: 50,
    windowMs: 1000,
  },
}

const GATED: Strategy = {
  ...FAST,
  gates: [{ kind: 'command', name: 'check', command: ['true'], timeoutMs: 4000 }],
}

/** It goes on where it has not been proven wrong, and reopens the comparison at 100 %. */
const BY_EVIDENCE: Strategy = {
  ...FAST,
  maxHoldMs: 200,
  onInconclusive: 'promote',
  bakeMs: 4000,
  trigger: { ...FAST.trigger, mode: 'evidence', errorRateThreshold: 0.01 },
}

const CAUTIOUS: Strategy = { ...BY_EVIDENCE, onInconclusive: 'rollback', maxHoldMs: 1500 }

export const STRATEGIES: readonly [Strategy, ...Strategy[]] = [FAST, GATED, BY_EVIDENCE, CAUTIOUS]
