// `vertex journal`: the newest decisions of this node, and with -f those that follow; with --fleet
// the newest of all nodes. Entries of the kind `evidence` come every second and are left out unless
// asked for.

import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { styleText } from 'node:util'
import type { FleetEntry } from '../core/fleet/view.ts'
import type { JournalEntry, JournalKind } from '../core/journal.ts'
import { type Context, pickService } from './context.ts'
import { EXIT, fail } from './exit.ts'

const POLL_MS = 500
const DECISIONS: readonly JournalKind[] = [
  'start',
  'config',
  'rollout',
  'raise',
  'weight',
  'hold',
  'gate',
  'pause',
  'resume',
  'promoted',
  'aborted',
  'rolled-back',
  'quarantine',
  'retry',
  'targets',
  'target',
  'thread',
  'page',
  'fleet',
]

const PAINT: Partial<Record<JournalKind, Parameters<typeof styleText>[0]>> = {
  promoted: 'green',
  'rolled-back': 'red',
  aborted: 'red',
  quarantine: 'yellow',
  raise: 'cyan',
}

export interface JournalOptions {
  readonly service: string | undefined
  readonly lines: number
  readonly follow: boolean
  /** Also entries that only carry counters. */
  readonly all: boolean
  /** What all nodes have decided about the service. */
  readonly fleet: boolean
}

function entryLine(entry: JournalEntry | FleetEntry, { output, colour }: Context): string {
  if (output === 'json') return JSON.stringify(entry)
  const of = 'node' in entry ? entry.node : (entry.service ?? '-')
  const paint = PAINT[entry.kind]
  const kind = entry.kind.padEnd(11)
  const shown =
    colour && paint !== undefined ? styleText(paint, kind, { validateStream: false }) : kind
  return `${entry.at}  ${shown}  ${of.padEnd(10)}  ${entry.text}`
}

async function print(
  entries: readonly (JournalEntry | FleetEntry)[],
  context: Context,
): Promise<void> {
  if (entries.length === 0) return
  const text = entries.map((entry) => `${entryLine(entry, context)}\n`).join('')
  if (!process.stdout.write(text)) await once(process.stdout, 'drain')
}

/** The newest of all nodes, in the order in which they came to the fleet's journal. */
async function ofFleet(context: Context, options: JournalOptions): Promise<number> {
  const { service, lines, all } = options
  const picked = service === undefined ? await pickService(context, service) : null
  if (picked !== null && !picked.ok) return fail(picked)
  const name = service ?? picked?.value.name ?? ''
  const newest = await context.client.fleetJournal(name, lines)
  if (!newest.ok) return fail(newest)
  const entries = newest.value.filter(({ kind }) => all || kind !== 'evidence')
  await print(entries, context)
  return EXIT.done
}

export async function journal(context: Context, options: JournalOptions): Promise<number> {
  const { service, lines, follow, all, fleet } = options
  if (fleet) return ofFleet(context, options)
  const query = {
    ...(service === undefined ? {} : { service }),
    ...(all ? {} : { kind: DECISIONS.join(',') }),
  }
  const newest = await context.client.journal({ ...query, limit: String(lines) })
  if (!newest.ok) return fail(newest)
  await print(newest.value.entries, context)
  let after = newest.value.last ?? 0
  while (follow) {
    const page = await context.client.journal({ ...query, after: String(after), limit: '1000' })
    // A node that is restarting is asked again; the journal goes on where it was.
    if (!page.ok && page.exit !== EXIT.unreachable) return fail(page)
    if (page.ok) {
      await print(page.value.entries, context)
      after = page.value.last ?? after
    }
    if (!page.ok || page.value.next === null) await sleep(POLL_MS)
  }
  return EXIT.done
}
