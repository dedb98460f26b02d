// The edge threads of the tick's measurement: a worker that counts requests on the board as they
// would, at a steady rate for each service, with Poisson's spread, few errors and slow requests in
// both arms alike, and the wake-ups that those cause. No request is made: only what the control
// loop reads of them is there.

import { parentPort, workerData } from 'node:worker_threads'
import { openBoard, type SharedBoard, wakeControl } from '../../src/board/board.ts'
import { recordLatency } from '../../src/board/latency.ts'
import { TALLY } from '../../src/board/layout.ts'
import { count, latencyLimitUs } from '../../src/board/tallies.ts'
import { outcomeIndex } from '../../src/core/outcome.ts'
import { type Random, seeded } from './seeded.ts'

/** One service's traffic. Slots of the board. */
export interface TickService {
  readonly stable: number
  /** −1 without a candidate. */
  readonly candidate: number
}

export interface TickTraffic {
  readonly services: readonly TickService[]
  /** Requests a second and service. */
  readonly rate: number
  /** The candidate's share, 0 to 1. */
  readonly share: number
  /** The share of failures, in both arms. */
  readonly errorRate: number
}

export interface TickThreadStart {
  readonly board: SharedBoard
  readonly thread: number
  readonly seed: number
}

const TURN_MS = 5
const FLOOR_US = 1000
const MEAN_US = 5000
const OK = outcomeIndex('ok')
const FAILED = outcomeIndex('serverError')

const { board: shared, seed, thread } = workerData as TickThreadStart
const board = openBoard(shared)
const random: Random = seeded(seed)
let traffic: TickTraffic | null = null
let lastMs = performance.now()

function serve(slot: number, errorRate: number): void {
  const us = Math.round(FLOOR_US - Math.log(1 - random()) * MEAN_US)
  recordLatency(board, thread, slot, us)
  const limitUs = latencyLimitUs(board, slot)
  if (limitUs > 0 && us > limitUs) {
    count(board, thread, slot, TALLY.exceeded)
    wakeControl(board)
  }
  const failed = random() < errorRate
  count(board, thread, slot, failed ? FAILED : OK)
  count(board, thread, slot, failed ? TALLY.evidenceBad : TALLY.evidenceGood)
  if (failed) wakeControl(board)
}

/** A Poisson number; `mean` is small here. */
function poisson(mean: number): number {
  const limit = Math.exp(-mean)
  let number = 0
  for (let product = random(); product > limit; product *= random()) number++
  return number
}

setInterval(() => {
  const nowMs = performance.now()
  const mean = ((nowMs - lastMs) / 1000) * (traffic?.rate ?? 0)
  lastMs = nowMs
  if (traffic === null) return
  for (const { candidate, stable } of traffic.services) {
    for (let left = poisson(Math.min(mean, 50)); left > 0; left--) {
      const isCandidate = candidate >= 0 && random() < traffic.share
      serve(isCandidate ? candidate : stable, traffic.errorRate)
    }
  }
}, TURN_MS)

parentPort?.on('message', (next: TickTraffic | null) => {
  traffic = next
})
