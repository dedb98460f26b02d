// The steps that all changing verbs share: find the service, send the change, print what it led to.

import type { ChangeRequest } from './admin-client.ts'
import { type Context, pickService, printChanged } from './context.ts'
import { EXIT, fail } from './exit.ts'

/** Carries out a change of the named service, or of the only one. Returns the exit code. */
export async function change(
  context: Context,
  options: { readonly service: string | undefined; readonly request: ChangeRequest },
): Promise<number> {
  const { service, request } = options
  let name = service
  if (name === undefined) {
    const picked = await pickService(context, service)
    if (!picked.ok) return fail(picked)
    name = picked.value.name
  }
  const changed = await context.client.change(name, request)
  if (!changed.ok) return fail(changed)
  await printChanged(context, changed.value)
  return EXIT.done
}
