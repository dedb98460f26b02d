// The half of `vertex simulate` that replays a rollout from a journal: as it was, or once for each
// strategy that is asked about. Without a strategy it is a check: the journal must lead to the very
// decisions that the node has taken.

import { type Replayed, replay } from '../core/replay/replay.ts'
import type { Strategy } from '../core/strategy.ts'
import { makeContext } from './context.ts'
import { EXIT, failure, type Result, success } from './exit.ts'
import { findInFile, findInNode, type Found } from './journal-source.ts'
import { replayTable } from './replay-table.ts'
import { type Plan, trialsOf } from './simulate.ts'

/** A replay under one strategy. */
export interface ReplayTrial {
  readonly label: string
  readonly replayed: Replayed
}

async function find({ flags, global }: Plan): Promise<Result<Found>> {
  const wanted = { rollout: flags.rollout, service: flags.service }
  if (flags.journal !== undefined) return findInFile(flags.journal, wanted)
  const context = await makeContext(global, process.env)
  if (!context.ok) return context
  try {
    return await findInNode(context.value.client, wanted)
  } finally {
    await context.value.client.close()
  }
}

function once(found: Found, strategy: Strategy | null): Result<Replayed> {
  const replayed = replay(found.entries, { rollout: found.rollout, strategy })
  return 'cannot' in replayed ? failure(EXIT.failed, replayed.cannot) : success(replayed)
}

function jsonOf(found: Found, was: Replayed, trials: readonly ReplayTrial[]): unknown {
  return {
    rollout: was.rollout,
    service: was.service,
    candidate: was.candidate,
    notes: found.notes,
    asItWas: was,
    trials: trials.map(({ label, replayed }) => ({ value: label, ...replayed })),
  }
}

/** @returns the exit code: 1 when a replay as it was differs from what the node has done */
export async function simulateJournal(plan: Plan): Promise<Result<number>> {
  const found = await find(plan)
  if (!found.ok) return found
  const was = once(found.value, null)
  if (!was.ok) return was
  const trials: ReplayTrial[] = []
  if (plan.asks) {
    const asked = trialsOf(plan, was.value.strategy)
    if (!asked.ok) return asked
    for (const { label, strategy } of asked.value) {
      const replayed = once(found.value, strategy)
      if (!replayed.ok) return replayed
      trials.push({ label, replayed: replayed.value })
    }
  }
  const key = plan.sweep?.key ?? ''
  const text =
    plan.global.output === 'json'
      ? JSON.stringify(jsonOf(found.value, was.value, trials), null, 2)
      : replayTable({ was: was.value, trials, key, notes: found.value.notes })
  process.stdout.write(`${text}\n`)
  return success(was.value.differences.length > 0 ? EXIT.failed : EXIT.done)
}
