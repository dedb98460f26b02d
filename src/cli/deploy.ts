// `vertex deploy`: registers a version as candidate and starts its rollout. With --wait it follows
// the rollout to its end and tells a pipeline by the exit code how it went: 0 promoted, 4 taken
// out, 5 not decided in time. While it waits, a node that cannot be reached for a moment is no
// failure.

import { setTimeout as sleep } from 'node:timers/promises'
import type { ServiceView } from '../core/command.ts'
import { type Context, pickService, printChanged, splitWords } from './context.ts'
import { EXIT, fail, failure, type Result } from './exit.ts'
import { summaryLine } from './status-table.ts'

const POLL_MS = 250
/** How long a node may be away while its rollout is waited for, such as for a restart. */
const AWAY_LIMIT_MS = 30_000

export interface DeployOptions {
  readonly targets: readonly string[]
  readonly wait: boolean
  readonly replace: boolean
  readonly timeoutMs: number
}

/** The exit code once the rollout has ended, else null. */
function endOf(view: ServiceView, id: string): number | null {
  if (view.rollout?.id === id) return null
  if (view.ended?.id !== id) return EXIT.failed
  const { ending } = view.ended
  if (ending === 'promoted') return EXIT.done
  return ending === 'superseded' ? EXIT.failed : EXIT.rolledBack
}

function tellEnd(context: Context, view: ServiceView, id: string): void {
  const text =
    view.ended?.id === id
      ? `${id} ${view.ended.ending}: ${view.ended.reason}`
      : `Cannot tell how ${id} ended as another rollout has begun since`
  if (context.output === 'json') process.stdout.write(`${JSON.stringify(view, null, 2)}\n`)
  else process.stdout.write(`${text}\n`)
}

/** What changes only when the rollout moves, unlike its reason, which counts seconds. */
function positionOf({ rollout, candidate }: ServiceView): string {
  return JSON.stringify([rollout?.phase, rollout?.step, rollout?.paused, candidate?.weight])
}

async function follow(
  context: Context,
  { service, id, timeoutMs }: { service: string; id: string; timeoutMs: number },
): Promise<number> {
  const startedMs = performance.now()
  let seenMs = startedMs
  let position = ''
  for (;;) {
    const got: Result<ServiceView> = await context.client.service(service)
    const nowMs = performance.now()
    if (got.ok) {
      seenMs = nowMs
      const end = endOf(got.value, id)
      if (end !== null) {
        tellEnd(context, got.value, id)
        return end
      }
      if (positionOf(got.value) !== position) process.stderr.write(`${summaryLine(got.value)}\n`)
      position = positionOf(got.value)
    } else if (nowMs - seenMs > AWAY_LIMIT_MS) return fail(got)
    if (nowMs - startedMs > timeoutMs) {
      const seconds = timeoutMs / 1000
      const line = `Cannot wait longer as the time limit has passed: ${id} has not ended within ${seconds} s and goes on`
      return fail(failure(EXIT.timedOut, line))
    }
    await sleep(Math.min(POLL_MS, timeoutMs))
  }
}

export async function deploy(
  context: Context,
  words: readonly string[],
  { targets, wait, replace, timeoutMs }: DeployOptions,
): Promise<number> {
  const { service, last: version } = splitWords(words)
  const picked = await pickService(context, service)
  if (!picked.ok) return fail(picked)
  const { name } = picked.value
  const body = { version, targets, ...(replace ? { replace } : {}) }
  const changed = await context.client.change(name, { method: 'POST', path: '/rollouts', body })
  if (!changed.ok) return fail(changed)
  const { rollout, stable } = changed.value
  // What is stable already needs no rollout; one that runs is another version's.
  const waits = wait && rollout !== null && stable?.version !== version
  if (!waits || context.output === 'table') await printChanged(context, changed.value)
  if (waits) return follow(context, { service: name, id: rollout.id, timeoutMs })
  return wait && stable?.version !== version ? EXIT.failed : EXIT.done
}
