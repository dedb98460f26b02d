// The main thread's end of synthetic transactions: it knows the scenarios, decides which run may
// begin, and starts the thread that carries them out with the first of them, and again when it has
// died. A thread that is stuck (in a regular expression, say) is ended: when a run is far over its
// time, or does not stop when it is told to. That costs the run at fault; the others are begun once
// more in the next thread, so that nobody's gate fails by another's probe.
//
// Runs share one thread, so they must not spoil each other's figures: at most four at a time, and
// together no more requests a second than one thread can surely send. What has to wait, waits in
// order; when too many wait, a run is refused. Gates go before probes, as a rollout waits for them:
// in the queue, by a place that probes leave free, and by ending probes whose rate is in the way.

import { randomUUID } from 'node:crypto'
import { Worker } from 'node:worker_threads'
import { provingRate } from '../core/assertion.ts'
import type { Problem } from '../core/problem.ts'
import type { SyntheticOrder, SyntheticReport } from '../core/synthetic.ts'
import type { Transaction } from '../core/transaction/transaction.ts'
import type { Beginning, Checking, FromThread, RunOrder, ToThread } from './messages.ts'
import * as refusal from './problems.ts'

export const MOST_RUNS = 4
export const MOST_WAITING = 16
/** Requests a second of all runs together; a run that needs more runs alone. */
const MOST_RATE = 10_000
/** A run that is so much over its time is stuck, and its thread with it. */
const GRACE_MS = 10_000
/** A thread that has not ended a run so long after it was told to is stuck, and not just busy. */
const STOP_MS = 5000
/** A run is begun once more when its thread was lost by no fault of its own. */
const MOST_BEGINS = 2

export const SHORTEST_MS = 100
export const LONGEST_MS = 600_000
export const LOWEST_RATE = 0.01
export const HIGHEST_RATE = 100_000

type Ended = { readonly report: SyntheticReport } | { readonly problem: Problem }

interface Active {
  readonly order: RunOrder
  /** Requests a second. */
  readonly rate: number
  readonly isProbe: boolean
  readonly settle: (ended: Ended) => void
  watchdog: NodeJS.Timeout | undefined
  begins: number
}

export interface SyntheticHostOptions {
  readonly scenarios: readonly Transaction[]
  /** Called with a sentence when the thread has died. */
  readonly onDeath: (text: string) => void
  /** How far a run may be over its time before its thread is ended; default 10 s. */
  readonly graceMs?: number
  /** How long the thread may take to stop a run before it is ended; default 5 s. */
  readonly stopMs?: number
  /** Whether a thread rehearses before its first run, which takes 1.2 s; default true. */
  readonly rehearses?: boolean
}

/** Whether one thread can surely send what all of them ask for. */
function hasRoom(next: Active, others: readonly Active[]): boolean {
  const rate = others.reduce((sum, one) => sum + one.rate, next.rate)
  return others.length === 0 || rate <= MOST_RATE
}

export class SyntheticHost {
  readonly #onDeath: (text: string) => void
  readonly #graceMs: number
  readonly #stopMs: number
  readonly #rehearses: boolean
  readonly #running = new Map<string, Active>()
  /** Gates first. */
  readonly #waiting: Active[] = []
  /** Runs that the thread was told to stop and has not acknowledged. */
  readonly #stopping = new Map<string, NodeJS.Timeout>()
  #scenarios: readonly Transaction[]
  #worker: Worker | null = null
  #checking: Checking = new Int32Array(new SharedArrayBuffer(4))
  #runs = 0
  #isStopped = false

  constructor(options: SyntheticHostOptions) {
    const { graceMs = GRACE_MS, onDeath, rehearses = true, scenarios, stopMs = STOP_MS } = options
    this.#rehearses = rehearses
    this.#graceMs = graceMs
    this.#stopMs = stopMs
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
    const isProbe = order.isProbe === true
    if (this.#waiting.filter((one) => one.isProbe === isProbe).length >= MOST_WAITING) {
      return Promise.resolve({ problem: refusal.tooMany(MOST_RUNS, MOST_WAITING) })
    }
    return new Promise((resolve) => {
      const { run } = settled.order
      const stop = (): void => this.#stop(active, refusal.aborted())
      const settle = (ended: Ended): void => {
        signal.removeEventListener('abort', stop)
        clearTimeout(active.watchdog)
        this.#running.delete(run)
        resolve(ended)
        this.#beginWaiting()
      }
      const active: Active = { ...settled, isProbe, settle, watchdog: undefined, begins: 0 }
      signal.addEventListener('abort', stop, { once: true })
      const probes = this.#waiting.findIndex((one) => one.isProbe)
      this.#waiting.splice(isProbe || probes < 0 ? this.#waiting.length : probes, 0, active)
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
    const number = ++this.#runs
    return { order: { run, number, order, transaction, rate, durationMs }, rate: rate * steps }
  }

  #beginWaiting(): void {
    while (!this.#isStopped) {
      const [next] = this.#waiting
      if (next === undefined || !this.#hasPlace(next)) return
      if (hasRoom(next, [...this.#running.values()])) {
        this.#waiting.shift()
        this.#begin(next)
        continue
      }
      const inTheWay = next.isProbe ? undefined : this.#inTheWayOf(next)
      if (inTheWay === undefined) return
      this.#stop(inTheWay, refusal.gaveWay())
    }
  }

  #hasPlace({ isProbe }: Active): boolean {
    if (this.#running.size >= MOST_RUNS) return false
    const probes = [...this.#running.values()].filter((one) => one.isProbe)
    return !isProbe || probes.length < MOST_RUNS - 1
  }

  /** The probe of the highest rate, when without probes there is room for a gate. */
  #inTheWayOf(gate: Active): Active | undefined {
    const runs = [...this.#running.values()]
    const probes = runs.filter((one) => one.isProbe)
    const gates = runs.filter((one) => !one.isProbe)
    if (!hasRoom(gate, gates)) return undefined
    return probes.toSorted((one, other) => other.rate - one.rate)[0]
  }

  #begin(active: Active): void {
    const { durationMs, run, transaction } = active.order
    this.#running.set(run, active)
    active.begins++
    const worker = this.#thread()
    // The last request may have waited as long as it may then take.
    const timeouts = transaction.steps.length + 1
    const { timeoutMs, warmUpMs } = transaction
    const limitMs = warmUpMs + durationMs + timeoutMs * timeouts + this.#graceMs
    clearTimeout(active.watchdog)
    active.watchdog = setTimeout(() => {
      this.#lose(worker, `a run of scenario ${transaction.name} did not end in its time`, active)
    }, limitMs)
    worker.postMessage({ do: 'run', run: active.order } satisfies ToThread)
  }

  #stop(active: Active, problem: Problem): void {
    const { run, transaction } = active.order
    const index = this.#waiting.indexOf(active)
    const worker = this.#worker
    if (index >= 0) this.#waiting.splice(index, 1)
    else if (worker !== null) {
      worker.postMessage({ do: 'stop', run } satisfies ToThread)
      // Nobody waits for it any more, but whoever comes next needs a thread that works.
      const timer = setTimeout(() => {
        this.#lose(worker, `a run of scenario ${transaction.name} did not stop`)
      }, this.#stopMs)
      this.#stopping.set(run, timer)
    }
    active.settle({ problem })
  }

  #thread(): Worker {
    if (this.#worker !== null) return this.#worker
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
    const checking: Checking = new Int32Array(new SharedArrayBuffer(4))
    const worker = new Worker(new URL(`./thread.${extension}`, import.meta.url), {
      name: 'vertex-synthetic',
      workerData: { checking, rehearses: this.#rehearses } satisfies Beginning,
    })
    this.#checking = checking
    this.#worker = worker
    let reason = 'it ended by itself'
    worker.on('message', ({ report, run }: FromThread) => {
      if (this.#worker !== worker) return // its runs have been begun in another
      clearTimeout(this.#stopping.get(run))
      this.#stopping.delete(run)
      if (report !== null) this.#running.get(run)?.settle({ report })
    })
    worker.on('error', (error) => {
      reason = error instanceof Error ? error.message : String(error)
    })
    worker.on('exit', () => this.#lose(worker, reason))
    return worker
  }

  /**
   * Gives up a thread that is gone or must go. The run at fault ends with a problem, and so does
   * one to which this happens again; the others are begun anew in another thread.
   *
   * @param suspect at fault, unless another one's answer was being checked at this moment
   */
  #lose(worker: Worker, reason: string, suspect: Active | null = null): void {
    if (this.#worker !== worker) return
    this.#worker = null
    this.#forgetStopping()
    void worker.terminate()
    this.#onDeath(`The thread of synthetic transactions has ended: ${reason}`)
    const checked = Atomics.load(this.#checking, 0)
    const runs = [...this.#running.values()]
    const holder = runs.find(({ order }) => order.number === checked) ?? null
    const atFault = checked === 0 ? suspect : holder
    for (const active of runs) {
      const isSpared = active !== atFault && active.begins < MOST_BEGINS
      if (isSpared) this.#begin(active)
      else active.settle({ problem: refusal.threadDied(reason) })
    }
  }

  #forgetStopping(): void {
    for (const timer of this.#stopping.values()) clearTimeout(timer)
    this.#stopping.clear()
  }

  /** Ends all runs and the thread. */
  async stop(): Promise<void> {
    this.#isStopped = true
    const worker = this.#worker
    this.#worker = null
    this.#forgetStopping()
    for (const active of [...this.#waiting, ...this.#running.values()]) {
      this.#stop(active, refusal.aborted())
    }
    await worker?.terminate()
  }
}
