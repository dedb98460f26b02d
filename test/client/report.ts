// A report of a synthetic transaction, and a node that answers with it.

import type { Answer, Command } from '../../src/core/command.ts'
import type { SyntheticReport } from '../../src/core/synthetic.ts'
import { inFleet } from '../admin/fleet-views.ts'

const LATENCY = { min: 1, mean: 2, p50: 2, p90: 3, p99: 4, p999: 5, max: 6 }

export const REPORT: SyntheticReport = {
  run: 'shop-1',
  service: 'shop',
  version: 'v2',
  scenario: 'critical_path',
  startedAt: '2026-01-01T00:00:00.000Z',
  durationMs: 2000,
  transactions: 200,
  failed: 1,
  warmUp: null,
  requests: 400,
  errors: 1,
  errorRate: 0.0025,
  throughput: 199.5,
  latency: LATENCY,
  spectrum: [{ ms: 2, count: 200 }],
  steps: [
    { name: 'cart', requests: 200, errors: 1, latency: LATENCY },
    { name: 'pay', requests: 200, errors: 0, latency: null },
  ],
  assertions: [
    { metric: 'p99_latency', bound: 50, value: 4, passed: true, text: 'p99_latency is 4 ms' },
    { metric: 'throughput', bound: 10, value: null, passed: false, text: 'nothing was measured' },
  ],
  failures: [{ text: 'step "cart" was answered with 500', count: 1 }],
  result: {
    healthy: false,
    service: 'shop',
    version: 'v2',
    scenario: 'critical_path',
    failures: ['step "cart" was answered with 500'],
  },
}

/**
 * Like a node of a fleet with a service `shop` on which every change and every transaction can be
 * done.
 */
export function answerWithReports(command: Command): Answer {
  return command.do === 'synthetic'
    ? { ok: true, answer: 'synthetic', report: REPORT }
    : inFleet(command)
}
