// The main thread's end of synthetic transactions: it knows the scenarios, decides which run may
// begin, and starts the thread that carries them out with the first of them, and again when it has
// died. Its death costs the runs in it, which end with a problem, and nothing else.
//
// Runs share one thread, so they must not spoil each other's figures: at most four at a time, and
// together no more requests a second than one thread can surely send. What has to wait, waits in
// order; when too many wait, a run is refused.

import { randomUUID } from 'node:crypto'
import { Worker } from 'node:worker_threads'
import { provingRate } from '../core/assertion.ts'
import type { Problem } from '../core/problem.ts'
import type { SyntheticOrder, SyntheticReport } from '../core/synthetic.ts'
import type { Transaction } from '../core/transaction/transaction.ts'
import type { FromThread, RunOrder, ToThread } from './messages.ts'
import * as refusal from './problems.ts'

export const MOST_RUNS = 4
export const MOST_WAITING = 16
/** Requests a second of all runs together; a run that needs more runs alone. */
const MOST_RATE = 10_000
/** A run that is so much over its time is stuck, and its thread with it. */
const GRACE_MS = 10_000

export const SHORTEST_MS = 100
export const LONGEST_MS = 600_000
export const LOWEST_RATE = 0.01
export const HIGHEST_RATE = 100_000

type Ended = { readonly report: SyntheticReport } | { readonly problem: Problem }

interface Active {
  readonly order: RunOrder
  /** Requests a second. */
  readonly rate: number
  readonly settle: (ended: Ended) => void
  watchdog: NodeJS.Timeout | null
}

export interface SyntheticHostOptions {
  readonly scenarios: readonly Transaction[]
  /** Called with a sentence when the thread has died. */
  readonly onDeath: (text: string) => void
  /** How far a run may be over its time before its thread is ended; default 10 s. */
  readonly graceMs?: number
}

export class SyntheticHost {
  readonly #onDeath: (text: string) => void
  readonly #graceMs: number
  readonly #running = new Map<string, Active>()
  readonly #waiting: Active[] = []
  #scenarios: readonly Transaction[]
  #worker: Worker | null = null
  #isStopped = false

  constructor({ graceMs = GRACE_MS, onDeath, scenarios }: SyntheticHostOptions) {
    this.#graceMs = graceMs
    this.#scenarios = scenarios
    this.#onDeath = onDeath
  }

  /** Takes over the scenarios of a config that was read again; runs go on with their own. */
  useScenarios(scenarios: readonly Transaction[]): void {
    this.#scenarios = scenarios
  }

  /** Runs a synthetic transaction to its end. */
  run(order: SyntheticOrder, signal: AbortSignal): Promise<Ended> {
    const settled = this.#settled(order)
    if ('problem' in settled) return Promise.resolve(settled)
    if (signal.aborted || this.#isStopped) return Promise.resolve({ problem: refusal.aborted() })
    if (this.#waiting.length >= MOST_WAITING) {
      return Promise.resolve({ problem: refusal.tooMany(MOST_RUNS, MOST_WAITING) })
    }
    return new Promise((resolve) => {
      const { run } = settled.order
      const stop = (): void => this.#stop(active)
      const settle = (ended: Ended): void => {
        signal.removeEventListener('abort', stop)
        if (active.watchdog !== null) clearTimeout(active.watchdog)
        this.#running.delete(run)
        resolve(ended)
        this.#beginWaiting()
      }
      const active: Active = { ...settled, settle, watchdog: null }
      signal.addEventListener('abort', stop, { once: true })
      this.#waiting.push(active)
      this.#beginWaiting()
    })
  }

  /** The order with its numbers, or why there is no such run. */
  #settled(order: SyntheticOrder): Pick<Active, 'order' | 'rate'> | { problem: Problem } {
    const transaction = this.#scenarios.find(({ name }) => name === order.scenario)
    if (transaction === undefined) {
      const names = this.#scenarios.map(({ name }) => name)
      return { problem: refusal.unknownScenario(order.scenario, names) }
    }
    if (order.targets.length === 0) return { problem: refusal.noTargets(order.version) }
    const steps = transaction.steps.length
    const durationMs = order.durationMs ?? transaction.durationMs
    const assertions = [...transaction.assertions, ...order.assertions]
    const rate = provingRate(order.rate ?? transaction.rate, { assertions, steps })
    const problem =
      refusal.outside('rate', { value: rate, least: LOWEST_RATE, most: HIGHEST_RATE }) ??
      refusal.outside('duration in ms', { value: durationMs, least: SHORTEST_MS, most: LONGEST_MS })
    if (problem !== null) return { problem }
    const run = randomUUID()
    return { order: { run, order, transaction, rate, durationMs }, rate: rate * steps }
  }

  #beginWaiting(): void {
    while (!this.#isStopped) {
      const [next] = this.#waiting
      if (next === undefined || this.#running.size >= MOST_RUNS) return
      let rate = next.rate
      for (const active of this.#running.values()) rate += active.rate
      if (this.#running.size > 0 && rate > MOST_RATE) return
      this.#waiting.shift()
      this.#begin(next)
    }
  }

  #begin(active: Active): void {
    const { durationMs, run, transaction } = active.order
    this.#running.set(run, active)
    const worker = this.#thread()
    // The last request may have waited as long as it may then take.
    const timeouts = transaction.steps.length + 1
    const limitMs = durationMs + transaction.timeoutMs * timeouts + this.#graceMs
    active.watchdog = setTimeout(() => {
      this.#lose(worker, `a run of scenario ${transaction.name} did not end in its time`)
    }, limitMs)
    worker.postMessage({ do: 'run', run: active.order } satisfies ToThread)
  }

  #stop(active: Active): void {
    const { run } = active.order
    const index = this.#waiting.indexOf(active)
    if (index >= 0) this.#waiting.splice(index, 1)
    else this.#worker?.postMessage({ do: 'stop', run } satisfies ToThread)
    active.settle({ problem: refusal.aborted() })
  }

  #thread(): Worker {
    if (this.#worker !== null) return this.#worker
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
    const worker = new Worker(new URL(`./thread.${extension}`, import.meta.url), {
      name: 'vertex-synthetic',
    })
    this.#worker = worker
    let reason = 'it ended by itself'
    worker.on('message', ({ report, run }: FromThread) => {
      this.#running.get(run)?.settle({ report })
    })
    worker.on('error', (error) => {
      reason = error instanceof Error ? error.message : String(error)
    })
    worker.on('exit', () => this.#lose(worker, reason))
    return worker
  }

  /** Ends the runs of a thread that is gone or must go; the next run starts another. */
  #lose(worker: Worker, reason: string): void {
    if (this.#worker !== worker) return
    this.#worker = null
    void worker.terminate()
    this.#onDeath(`The thread of synthetic transactions has ended: ${reason}`)
    for (const active of [...this.#running.values()]) {
      active.settle({ problem: refusal.threadDied(reason) })
    }
  }

  /** Ends all runs and the thread. */
  async stop(): Promise<void> {
    this.#isStopped = true
    const worker = this.#worker
    this.#worker = null
    for (const active of [...this.#waiting, ...this.#running.values()]) this.#stop(active)
    await worker?.terminate()
  }
}
