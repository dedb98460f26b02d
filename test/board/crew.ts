// What the threads of stress.test.ts do: one job each, told by its data, until it is done or until
// the shared stop cell is set. The answer is posted back as plain numbers.

import { parentPort, workerData } from 'node:worker_threads'
import {
  assignedCandidate,
  assignedStable,
  assignedWeight,
  assignmentNumber,
} from '../../src/board/assignment.ts'
import { type Board, openBoard, type SharedBoard, wakeControl } from '../../src/board/board.ts'
import { markBucket } from '../../src/board/buckets.ts'
import { recordLatency } from '../../src/board/latency.ts'
import { acknowledgeTable } from '../../src/board/liveness.ts'
import { count, raiseClaim, releaseClaim } from '../../src/board/tallies.ts'
import type { Edge } from '../../src/edge/edge.ts'
import { pickVersion } from '../../src/edge/pick.ts'
import { type Service, Version } from '../../src/edge/routes.ts'

export const STOP = 0
export const READY = 1
export const ACKNOWLEDGED = 2
/** From here on one cell a slot: 1 while nobody may be in it. */
export const ENDED = 16

export type Job =
  /** Counts `times` times over the slots; answers the counts by slot and cell. */
  | { readonly do: 'count'; readonly times: number; readonly slots: number; readonly cells: number }
  /** Records `times` latencies; answers nothing. */
  | { readonly do: 'latency'; readonly times: number; readonly slot: number }
  /** Picks versions until stopped; answers the picks, and how often it was in an ended slot. */
  | { readonly do: 'pick'; readonly secondLook: boolean; readonly slots: number }
  /** Reads rows until stopped; answers the reads, the torn ones, and those found out by number. */
  | { readonly do: 'rows' }
  /** Counts one, wakes control, waits for its word; `times` times. */
  | { readonly do: 'wake'; readonly times: number }
  /** Counts in three slots, waits until all three were read; `times` times. */
  | { readonly do: 'marks'; readonly times: number }
  /** Marks `buckets` buckets again and again; answers how often it was the first. */
  | { readonly do: 'buckets'; readonly buckets: number; readonly rounds: number }
  | { readonly do: 'tables'; readonly last: number }

export interface CrewData {
  readonly board: SharedBoard
  readonly thread: number
  readonly cells: SharedArrayBuffer
  readonly job: Job
}

/** A small random generator with a seed, so that a run can be repeated (xorshift32). */
export function generator(seed: number): () => number {
  let state = seed | 1
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return state >>> 0
  }
}

interface Crew {
  readonly board: Board
  readonly thread: number
  readonly cells: Int32Array<SharedArrayBuffer>
  readonly random: () => number
}

function countAll({ board, thread, random }: Crew, job: Job & { do: 'count' }): number[] {
  const counts = Array.from<number>({ length: job.slots * job.cells }).fill(0)
  for (let i = 0; i < job.times; i++) {
    const at = random() % counts.length
    counts[at] = (counts[at] ?? 0) + 1
    count(board, thread, Math.floor(at / job.cells), at % job.cells)
  }
  return counts
}

function pickAll({ board, thread, cells, random }: Crew, job: Job & { do: 'pick' }): number[] {
  const bySlot = new Map<number, Version>()
  for (let slot = 0; slot < job.slots; slot++) {
    bySlot.set(slot, new Version(board, { service: 's', name: `v${slot}`, slot, targets: [] }))
  }
  const edge = { board, thread, routes: { bySlot } } as unknown as Edge
  const service = { index: 0 } as Service
  let picks = 0
  let trespasses = 0
  while (Atomics.load(cells, STOP) === 0) {
    const ticket = random() % 10_000
    const slot = job.secondLook
      ? (pickVersion(edge, service, ticket)?.version.slot ?? -1)
      : pickOnce(board, thread, ticket)
    if (slot < 0) continue
    picks++
    // Looked at for a while, as a request takes its time.
    let ended = 0
    for (let look = 0; look < 5; look++) ended |= Atomics.load(cells, ENDED + slot)
    if (ended !== 0) trespasses++
    releaseClaim(board, thread, slot)
  }
  return [picks, trespasses]
}

/** The pick as it must not be: with no second look. */
function pickOnce(board: Board, thread: number, ticket: number): number {
  const number = assignmentNumber(board, 0)
  const slot =
    ticket < assignedWeight(board, 0, number)
      ? assignedCandidate(board, 0, number)
      : assignedStable(board, 0, number)
  raiseClaim(board, thread, slot)
  return slot
}

/** The three cells of each row hang together, so that a torn reading shows. */
function readRows({ board, cells }: Crew): number[] {
  let reads = 0
  let torn = 0
  let foundOut = 0
  while (Atomics.load(cells, STOP) === 0) {
    const number = assignmentNumber(board, 0)
    const stable = assignedStable(board, 0, number)
    const candidate = assignedCandidate(board, 0, number)
    const weight = assignedWeight(board, 0, number)
    const whole = candidate === stable + 1 && weight === stable % 10_000
    if (assignmentNumber(board, 0) !== number) foundOut++
    else if (!whole) torn++
    reads++
  }
  return [reads, torn, foundOut]
}

function wakeAll({ board, thread, cells }: Crew, times: number): number[] {
  for (let i = 1; i <= times; i++) {
    count(board, thread, 0, 0)
    wakeControl(board)
    while (Atomics.load(cells, ACKNOWLEDGED) < i) {
      Atomics.wait(cells, ACKNOWLEDGED, Atomics.load(cells, ACKNOWLEDGED), 10_000)
    }
  }
  return []
}

function markAll({ board, thread, cells }: Crew, times: number): number[] {
  for (let i = 1; i <= times; i++) {
    for (const slot of [0, 5, 31]) count(board, thread, slot, 0)
    for (let look = 0; Atomics.load(cells, ACKNOWLEDGED) < 3 * i; look++) {
      // Not for ever: when a mark is lost the other side gives up.
      if (Atomics.load(cells, STOP) !== 0) return []
      if (look > 1000) Atomics.wait(cells, STOP, 0, 1)
    }
  }
  return []
}

function markBuckets({ board, cells, random }: Crew, job: Job & { do: 'buckets' }): number[] {
  // Together, or the first thread would be done before the second one begins.
  while (Atomics.load(cells, READY) < board.layout.threads) Atomics.wait(cells, STOP, 0, 1)
  let first = 0
  for (let i = 0; i < job.rounds * job.buckets; i++) {
    const bucket = random() % job.buckets
    if (markBucket(board, { service: 0, event: 'error', bucket })) first++
  }
  return [first]
}

function work(crew: Crew, job: Job): number[] {
  switch (job.do) {
    case 'count':
      return countAll(crew, job)
    case 'latency':
      for (let i = 0; i < job.times; i++) recordLatency(crew.board, crew.thread, job.slot, i % 500)
      return []
    case 'pick':
      return pickAll(crew, job)
    case 'rows':
      return readRows(crew)
    case 'wake':
      return wakeAll(crew, job.times)
    case 'marks':
      return markAll(crew, job.times)
    case 'buckets':
      return markBuckets(crew, job)
    case 'tables':
      for (let table = 1; table <= job.last; table++) {
        acknowledgeTable(crew.board, crew.thread, table)
      }
      return []
  }
}

if (parentPort !== null) {
  const data = workerData as CrewData
  const crew: Crew = {
    board: openBoard(data.board),
    thread: data.thread,
    cells: new Int32Array(data.cells),
    random: generator(2026 + data.thread),
  }
  Atomics.add(crew.cells, READY, 1)
  Atomics.notify(crew.cells, READY)
  parentPort.postMessage(work(crew, data.job))
}
