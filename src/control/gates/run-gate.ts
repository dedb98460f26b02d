// Runs one gate within its time limit and turns what came of it into a report. Whatever goes wrong
// on the way is a report, too: a gate that cannot say that it was passed was not.

import type { Gate, GateReport } from '../../core/gate.ts'
import { runCommand } from './command-gate.ts'
import { failure, type Finding, type GateTask } from './gate-task.ts'
import { watchMirror } from './mirror-gate.ts'
import { runSynthetic } from './synthetic-gate.ts'
import { askWebhook } from './webhook-gate.ts'

/** Node's timers know no more: 2^31 − 1 ms are 24.8 days. A longer limit is core's to keep. */
const LONGEST_TIMER_MS = 2 ** 31 - 1

/** A person's gate runs nowhere: the rollout itself waits for it. */
export type RunnableGate = Exclude<Gate, { kind: 'manual' }>

function find(gate: RunnableGate, task: GateTask, signal: AbortSignal): Promise<Finding> {
  switch (gate.kind) {
    case 'synthetic':
      return runSynthetic(gate, task, signal)
    case 'command':
      return runCommand(gate, task, signal)
    case 'webhook':
      return askWebhook(gate, task, signal)
    case 'mirror':
      return watchMirror(gate, task, signal)
  }
}

/** A finding that does not come in spite of the signal is not waited for. */
function within(limit: AbortSignal, found: Promise<Finding>): Promise<Finding> {
  return new Promise((resolve) => {
    const late = (): void => {
      // Who watches the signal says more than we could; it gets a moment for it.
      setTimeout(() => resolve(failure('it did not end when it was told to')), 3000).unref()
    }
    limit.addEventListener('abort', late, { once: true })
    found.then(resolve, (error: unknown) => {
      const text = error instanceof Error ? error.message : String(error)
      resolve(failure(`a fault of Vertex itself: ${text}`))
    })
  })
}

/**
 * Runs a gate to its end. Never rejects.
 *
 * @param options.signal ends it early; what is reported then is nobody's business any more
 * @param options.wall milliseconds since 1970
 */
export async function runGate(
  gate: RunnableGate,
  task: GateTask,
  options: { signal: AbortSignal; wall: () => number },
): Promise<GateReport> {
  const { signal, wall } = options
  const beganMs = wall()
  const limit = AbortSignal.timeout(Math.min(gate.timeoutMs, LONGEST_TIMER_MS))
  const either = AbortSignal.any([signal, limit])
  const finding = await within(either, find(gate, task, either))
  const late = limit.aborted && !finding.passed
  const { details, reason } = finding
  return {
    ...{ gate: gate.name, kind: gate.kind, passed: finding.passed && !either.aborted },
    reason: late ? `it was not over within ${gate.timeoutMs / 1000} s: ${reason}` : reason,
    startedAt: new Date(beganMs).toISOString(),
    durationMs: Math.max(0, wall() - beganMs),
    details,
  }
}
