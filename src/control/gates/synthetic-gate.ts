// A gate that is a synthetic transaction: the candidate is healthy, or what it fails in is said.

import type { Gate } from '../../core/gate.ts'
import type { SyntheticReport } from '../../core/synthetic.ts'
import { failure, type Finding, type GateTask } from './gate-task.ts'

/** More sentences than this nobody reads in a page; the report has them all. */
const MOST_SAID = 3

function summary({ latency, transactions }: SyntheticReport): string {
  const p99 = latency === null ? '' : `, p99 ${latency.p99.toFixed(1)} ms`
  return `${transactions} transactions were as they must be${p99}`
}

/** Runs the transaction against the candidate's targets; the signal ends it early. */
export async function runSynthetic(
  { assertions, scenario }: Extract<Gate, { kind: 'synthetic' }>,
  { subject, synthetic }: GateTask,
  signal: AbortSignal,
): Promise<Finding> {
  if (synthetic === null) return failure('there is no thread that runs synthetic transactions')
  const { service, targets, version } = subject
  const order = { service, version, targets, scenario, assertions, rate: null, durationMs: null }
  const run = await synthetic.run(order, signal)
  if ('problem' in run) {
    const { allowed, detail } = run.problem
    const known = allowed === undefined ? '' : `; known are ${allowed.join(', ') || 'none'}`
    return failure(`${detail}${known}`, run.problem)
  }
  const { report } = run
  const { failures, healthy } = report.result
  if (healthy) return { passed: true, reason: summary(report), details: report }
  const more = failures.length > MOST_SAID ? `; and ${failures.length - MOST_SAID} more` : ''
  return failure(`${failures.slice(0, MOST_SAID).join('; ')}${more}`, report)
}
