// `vertex weight`: sets the split by hand. The revision that the CLI has just read goes along, so
// that a change which came in between is not overwritten unseen.

import type { ServiceView } from '../core/command.ts'
import { weightFromPercent } from '../core/weight.ts'
import { type Context, pickService, printChanged, splitWords } from './context.ts'
import { EXIT, fail, failure } from './exit.ts'

export interface WeightOptions {
  readonly force: boolean
  readonly revision: number | undefined
}

export async function weight(
  context: Context,
  words: readonly string[],
  { force, revision }: WeightOptions,
): Promise<number> {
  const { service, last } = splitWords(words)
  const digits = /^(\d+(?:\.\d+)?)\s*%?$/.exec(last)?.[1]
  const candidate = Number(digits)
  if (digits === undefined || weightFromPercent(candidate) === null) {
    const line = `Cannot set the weight as it must be a percentage from 0 to 100 with at most two decimals: current value is ${last}`
    return fail(failure(EXIT.usage, line))
  }
  const picked = await pickService(context, service)
  if (!picked.ok) return fail(picked)
  const body = force ? { candidate, force } : { candidate }
  const set = (ifMatch: number) =>
    context.client.change(picked.value.name, { method: 'PUT', path: '/weight', body, ifMatch })
  let changed = await set(revision ?? picked.value.revision)
  if (!changed.ok && revision === undefined) {
    // A node that takes over the lead makes a revision, too, and changes nothing that was read.
    const now = await pickService(context, service)
    const isNewer = now.ok && now.value.revision !== picked.value.revision
    if (isNewer && isSame(now.value, picked.value)) changed = await set(now.value.revision)
  }
  if (!changed.ok) return fail(changed)
  await printChanged(context, changed.value)
  return EXIT.done
}

/** Whether a weight that was chosen by the one view is meant by the other, too. */
function isSame(one: ServiceView, other: ServiceView): boolean {
  const [before, after] = [one, other].map(({ candidate, rollout, stable }) =>
    JSON.stringify([stable?.version, candidate?.version, candidate?.weight, rollout?.id]),
  )
  return before === after
}
