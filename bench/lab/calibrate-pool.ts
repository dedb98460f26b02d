// Worker threads that play rollouts: a queue of small jobs, a job for each thread at a time, one
// limit for all of it. A thread that fails ends the calibration, as a missing row would look like a
// row that passed.

import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import type { Done, Job } from './calibrate-worker.ts'

const WORKER = new URL('./calibrate-worker.ts', import.meta.url)

/** Cuts `count` rollouts into jobs of about the same length. */
export function jobsFor(
  kind: Job['kind'],
  on: { row: number; count: number; each: number },
): readonly Job[] {
  const jobs: Job[] = []
  for (let from = 0; from < on.count; from += on.each) {
    jobs.push({ kind, row: on.row, from, to: Math.min(on.count, from + on.each) })
  }
  return jobs
}

/**
 * Works off the jobs in their order.
 *
 * @param limitMs what is not begun by then is left out
 * @returns whether all of them were done
 */
export async function workOff(
  jobs: readonly Job[],
  take: (done: Done) => void,
  limitMs: number,
): Promise<boolean> {
  const endMs = performance.now() + limitMs
  const queue = [...jobs]
  const threads = Array.from({ length: availableParallelism() }, () => new Worker(WORKER))
  const runs = threads.map(
    (thread) =>
      new Promise<void>((resolve, reject) => {
        const next = (): void => {
          const job = performance.now() < endMs ? queue.shift() : undefined
          if (job === undefined) resolve()
          else thread.postMessage(job)
        }
        thread.on('message', (done: Done) => {
          take(done)
          next()
        })
        thread.on('error', reject)
        thread.on('exit', () => reject(new Error('a thread of the calibration has ended early')))
        next()
      }),
  )
  try {
    await Promise.all(runs)
  } finally {
    for (const thread of threads) thread.removeAllListeners('exit')
    await Promise.all(threads.map((thread) => thread.terminate()))
  }
  return queue.length === 0
}
