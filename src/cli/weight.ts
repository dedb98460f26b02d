// `vertex weight`: sets the split by hand. The revision that the CLI has just read goes along, so
// that a change which came in between is not overwritten unseen.

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
  const changed = await context.client.change(picked.value.name, {
    method: 'PUT',
    path: '/weight',
    body: force ? { candidate, force } : { candidate },
    ifMatch: revision ?? picked.value.revision,
  })
  if (!changed.ok) return fail(changed)
  await printChanged(context, changed.value)
  return EXIT.done
}
