// When the machine itself was slow: a virtual machine gets less of its processors when its
// neighbours want them, and none of it is in its own statistics. What took long by then says
// nothing of what was measured, so a measurement of tails tells both: all, and what was not hit.

import { Worker } from 'node:worker_threads'

export interface Beat {
  /** By the machine's monotonic clock. */
  readonly atMs: number
  /** What the same little work took. */
  readonly tookMs: number
}

/** Over this multiple of the usual the machine was slow. */
const SLOW = 1.5
/** A slow beat stands for so much time on both sides of it. */
const AROUND_MS = 10

export class Pulse {
  readonly #worker: Worker

  private constructor(worker: Worker) {
    this.#worker = worker
  }

  /** Costs about 2 % of a core until it is stopped. */
  static start(): Pulse {
    return new Pulse(new Worker(new URL('pulse-thread.ts', import.meta.url)))
  }

  async stop(): Promise<Beats> {
    const beats = new Promise<readonly Beat[]>((resolve, reject) => {
      this.#worker.once('message', resolve)
      this.#worker.once('error', reject)
    })
    this.#worker.postMessage('stop')
    return new Beats(await beats)
  }
}

export class Beats {
  /** When the machine was slow, in order. */
  readonly #slowMs: readonly number[]
  /** The share of the time in which the machine was slow. */
  readonly slowShare: number

  constructor(beats: readonly Beat[]) {
    const usual = beats.map(({ tookMs }) => tookMs).toSorted((a, b) => a - b)[beats.length >> 1]
    const slow = beats.filter(({ tookMs }) => tookMs > SLOW * (usual ?? 0))
    this.#slowMs = slow.map(({ atMs }) => atMs)
    this.slowShare = beats.length === 0 ? 0 : slow.length / beats.length
  }

  /** Whether the machine was slow at some time between these two. */
  wasSlow(fromMs: number, toMs: number): boolean {
    let [low, high] = [0, this.#slowMs.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#slowMs[middle] ?? 0) > fromMs - AROUND_MS) high = middle
      else low = middle + 1
    }
    return (this.#slowMs[low] ?? Number.POSITIVE_INFINITY) < toMs + AROUND_MS
  }
}
