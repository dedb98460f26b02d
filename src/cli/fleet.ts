// `vertex fleet`: the fleet as the node that is asked sees it, with the time at which each node
// served by the last change of each service. A node that works alone says so, with exit 1.

import type { Context } from './context.ts'
import { EXIT, fail } from './exit.ts'
import { fleetText } from './fleet-table.ts'

/** @param service only this one's changes; undefined: those of all services */
export async function fleet(context: Context, service: string | undefined): Promise<number> {
  const got = await context.client.fleet()
  if (!got.ok) return fail(got)
  const { colour, output } = context
  const paper = { colour, width: process.stdout.isTTY ? process.stdout.columns : null }
  const shown = { nowMs: Date.now(), service: service ?? null, times: true }
  const text =
    output === 'json'
      ? JSON.stringify(got.value, null, 2)
      : fleetText(got.value, { ...paper, ...shown })
  process.stdout.write(`${text}\n`)
  return EXIT.done
}
