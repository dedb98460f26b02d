// The memory that edge threads and the control thread share, laid out in one place. Everything is
// an Int32 cell of one SharedArrayBuffer. What must be seen in order with the rest is touched
// through Atomics; plain additions and looks say why (tallies.ts, latency.ts). Each cell has one
// writer: an edge thread (its stripe of tallies, claims, latency counts and its heartbeat) or the
// control thread (assignments, limits, shares). Only the bitmaps of buckets are written by all.
// Counters wrap at 2^32; readers take differences.
//
//   header        wake, changes of latency limits
//   threads       heartbeat, acknowledged table revision, connections  one row a thread
//   services      number of the current assignment row, mirror order,  one row a service
//                 ring of rows
//   buckets       bitmaps of affinity buckets that had an error        four maps a service
//   slots         latency limit, latency stripe                        one row a version
//   tallies       outcomes, evidence, rescued, exceeded, claims        one row a thread and slot
//   dirty         one bit a slot                                       one row a thread
//   targets       share of the requests                                one row a target
//   targetTallies in flight, failures in a row, served, connections,   one row a thread and target
//                 requests that wait for a connection
//   latency       HDR bucket counts                                    one row a thread and stripe

import { BUCKET_WORDS } from '../core/bucket-errors.ts'
import { OUTCOMES } from '../core/outcome.ts'

/** 2 significant digits from 1 µs to 60 s, see latency.ts. */
export const LATENCY_CELLS = 2560

/** How many assignment rows of a service are kept; see assignment.ts for why a few are enough. */
export const RING_ROWS = 16
export const ROW_CELLS = 4

export const THREAD = {
  heartbeat: 0,
  acknowledged: 1,
  connections: 2,
  ready: 3,
  cells: 16,
} as const
export const SLOT = { limitUs: 0, latencyStripe: 1, cells: 4 } as const
/** `share`: −1 is out, 0 is all that is fair, else thousandths of it (core/choose.ts). */
export const TARGET = { share: 0, cells: 4 } as const
export const TARGET_TALLY = {
  inFlight: 0,
  failuresInARow: 1,
  served: 2,
  connections: 3,
  waiting: 4,
  cells: 8,
} as const

const AFTER = OUTCOMES.length
/** Cells of one thread's tallies of one version. The outcomes come first, in their own order. */
export const TALLY = {
  evidenceGood: AFTER,
  evidenceBad: AFTER + 1,
  rescued: AFTER + 2,
  userErrors: AFTER + 3,
  exceeded: AFTER + 4,
  /** As evidenceBad and exceeded, of requests drawn before the row in force. */
  earlierBad: AFTER + 5,
  earlierExceeded: AFTER + 6,
  /** Errors of an affinity bucket that has had one: no news to the comparison with stable. */
  repeatedBad: AFTER + 7,
  claims: AFTER + 8,
  /** Requests in flight that are slower than their limit; like claims no counter. */
  overdue: AFTER + 9,
  cells: 32,
} as const

const MAPS = 2
const MAP_CELLS = Math.ceil((BUCKET_WORDS + 1) / 16) * 16
/** Of each service a bitmap for each kind, and behind it whether a bit is set: 2.5 KiB. */
export const BUCKETS = {
  maps: MAPS,
  mapCells: MAP_CELLS,
  marked: BUCKET_WORDS,
  cells: MAPS * MAP_CELLS,
} as const

export interface BoardSize {
  readonly threads: number
  readonly services: number
  readonly slots: number
  readonly targets: number
  /** How many versions can have their latency measured at the same time. */
  readonly latencyStripes: number
}

export interface BoardLayout extends BoardSize {
  readonly wake: number
  readonly limitChanges: number
  readonly threadsAt: number
  readonly servicesAt: number
  readonly bucketsAt: number
  readonly slotsAt: number
  readonly talliesAt: number
  readonly dirtyAt: number
  readonly dirtyWords: number
  readonly targetsAt: number
  readonly targetTalliesAt: number
  readonly latencyAt: number
  readonly cells: number
}

export const SERVICE_CELLS = 16 + RING_ROWS * ROW_CELLS

/** Where each region begins, in cells. */
export function layOut(size: BoardSize): BoardLayout {
  let at = 16
  const take = (cells: number): number => {
    const from = at
    at += Math.ceil(cells / 16) * 16 // a region starts on a cache line of its own
    return from
  }
  const dirtyWords = Math.ceil(size.slots / 32 / 16) * 16
  return {
    ...size,
    wake: 0,
    limitChanges: 1,
    threadsAt: take(size.threads * THREAD.cells),
    servicesAt: take(size.services * SERVICE_CELLS),
    bucketsAt: take(size.services * BUCKETS.cells),
    slotsAt: take(size.slots * SLOT.cells),
    talliesAt: take(size.threads * size.slots * TALLY.cells),
    dirtyAt: take(size.threads * dirtyWords),
    dirtyWords,
    targetsAt: take(size.targets * TARGET.cells),
    targetTalliesAt: take(size.threads * size.targets * TARGET_TALLY.cells),
    latencyAt: take(size.threads * size.latencyStripes * LATENCY_CELLS),
    cells: at,
  }
}
