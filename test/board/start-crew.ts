// Starts the threads of crew.ts on a board and hands out their answers.

import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { type Board, createBoard, shareBoard } from '../../src/board/board.ts'
import { type CrewData, ENDED, type Job, READY } from './crew.ts'

export const THREADS = 2
export const SLOTS = 40

export interface Crew {
  readonly cells: Int32Array<SharedArrayBuffer>
  /** The answers of all threads. */
  finish(): Promise<number[][]>
  working: boolean
}

/** Starts the threads and resolves when all of them are at work. */
export async function startCrew(board: Board, job: Job, threads = THREADS): Promise<Crew> {
  const cells = new Int32Array(new SharedArrayBuffer(4 * (ENDED + SLOTS)))
  const workers = Array.from({ length: threads }, (_, thread) => {
    const workerData: CrewData = { board: shareBoard(board), thread, cells: cells.buffer, job }
    return new Worker(new URL('./crew.ts', import.meta.url), { workerData, execArgv: [] })
  })
  const answers = Promise.all(
    workers.map(async (worker) => {
      const [[answer]] = await Promise.all([once(worker, 'message'), once(worker, 'exit')])
      return answer as number[]
    }),
  )
  const crew = { cells, finish: () => answers, working: true }
  void answers.finally(() => {
    crew.working = false
  })
  while (Atomics.load(cells, READY) < threads) await turn()
  return crew
}

export function makeBoard(): Board {
  return createBoard({ threads: THREADS, services: 1, slots: SLOTS, targets: 1, latencyStripes: 2 })
}

export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
