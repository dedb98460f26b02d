// What control is made of that has to be opened first: the state directory with its documents, the
// journal, the pager's files, and the way into the fleet.

import { createHash } from 'node:crypto'
import type { FleetConfig } from '../config/config.ts'
import { Clock } from './clock.ts'
import { logEntry } from './entry-log.ts'
import type { Shared } from './fleet/shared.ts'
import type { FleetPort } from './fleet-port.ts'
import { JournalFile } from './journal-file.ts'
import type { Ledger } from './ledger.ts'
import { readNodeId } from './node-id.ts'
import type { ControlOptions } from './options.ts'
import { Pager, type PagerNote } from './pages/pager.ts'
import { StateDirectory } from './state-directory.ts'

export interface Parts {
  readonly ledger: Ledger
  readonly journal: JournalFile
  readonly clock: Clock
  readonly pager: Pager
  /** The way into the fleet and what speaks there; null: it works alone and reads none of it. */
  readonly fleet: { readonly port: FleetPort; readonly Shared: typeof Shared } | null
  /** Sentences about what was found damaged. */
  readonly complaints: readonly string[]
}

/** All nodes of a fleet call an incident the same: what they share is their Redis. */
function keyOf({ prefix, redis }: FleetConfig): string {
  const { tls: _, ...place } = redis
  const known = place.kind === 'sentinel' ? [place.name, place.db] : place
  const text = JSON.stringify([prefix, known])
  return createHash('sha256').update(text).digest('hex').slice(0, 12)
}

/** Opens the parts. Throws with one sentence when the directory is locked. */
export async function openParts(
  options: ControlOptions,
  { onPaged }: { onPaged: (note: PagerNote) => void },
): Promise<Parts> {
  const { fleet: join = null, log } = options
  const { monotonic = () => performance.now(), random = Math.random, wall = Date.now } = options
  const directory = options.config.stateDir
  const ledger = await StateDirectory.open({ directory, wall })
  const { journal, torn } = await JournalFile.open({ directory, wall })
  journal.onEntry((entry) => logEntry(log, entry))
  const clock = new Clock({ monotonic, wall })
  const fleetKey = options.config.fleet === null ? null : keyOf(options.config.fleet)
  const opened = await Pager.open({ directory, wall, random, onNote: onPaged, fleet: fleetKey })
  const complaints = [...opened.complaints]
  if (torn > 0) {
    const text = `the journal's last line was cut off: ${torn} bytes were removed`
    log.warn({ bytes: torn }, text)
    complaints.unshift(text)
  }
  let fleet: Parts['fleet'] = null
  if (join !== null) {
    const { complaint, id } = await readNodeId(directory, { wall })
    if (complaint !== null) complaints.push(complaint)
    const { Shared } = await import('./fleet/shared.ts')
    fleet = { port: join(id), Shared }
  }
  log.info({ stateDir: directory, wall: wall() }, 'state directory opened')
  return { ledger, journal, clock, pager: opened.pager, fleet, complaints }
}
