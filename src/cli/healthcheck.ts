// `vertex healthcheck`: for containers and init systems; says by its exit code whether the node is
// ready (or, with --live, whether it answers at all).

import type { Context } from './context.ts'
import { EXIT, fail } from './exit.ts'

export async function healthcheck({ client }: Context, live: boolean): Promise<number> {
  const probed = await client.probe(live ? '/livez' : '/readyz')
  if (!probed.ok) return fail(probed)
  process.stdout.write(`${probed.value}\n`)
  return EXIT.done
}
