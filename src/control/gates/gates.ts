// Runs the gates that the services' states ask for, one a service at a time. It looks at the state
// behind every decision: a gate that has to run is begun, one that is not asked for any more is
// ended. So an abort, a rollback or a new rollout ends a running gate without a word about gates.

import type { GateReport } from '../../core/gate.ts'
import { gateUnderWay } from '../../core/rollout/gates.ts'
import type { ServiceState } from '../../core/service.ts'
import { percentFromWeight } from '../../core/weight.ts'
import type { GateSubject, GateTask } from './gate-task.ts'
import { runGate, type RunnableGate } from './run-gate.ts'

export interface GatesParts extends Pick<GateTask, 'synthetic' | 'mirror'> {
  /** The directory of the config, from which commands run and files are named. */
  readonly directory: () => string
  /** Milliseconds since 1970. */
  readonly wall: () => number
  readonly onReport: (service: string, gated: { run: string; report: GateReport }) => void
}

interface Running {
  /** The run and the number of the gate in it. */
  readonly key: string
  readonly stop: AbortController
  readonly done: Promise<void>
}

export class Gates {
  readonly #parts: GatesParts
  readonly #running = new Map<string, Running>()
  /** Gates that were told to end and have not yet. */
  readonly #ending = new Set<Promise<void>>()
  #closed = false

  constructor(parts: GatesParts) {
    this.#parts = parts
  }

  /** Brings the running gate of a service into line with its state. */
  follow(state: ServiceState): void {
    const { rollout, service } = state
    const run = rollout?.gate ?? null
    const gate = rollout === null ? null : gateUnderWay(rollout)
    const key = run === null ? '' : `${run.run}#${run.reports.length}`
    const running = this.#running.get(service)
    if (running !== undefined && running.key !== key) this.#end(service, running)
    if (this.#closed || gate === null || gate.kind === 'manual' || run === null) return
    if (running?.key === key) return
    const version = state.candidate ?? ''
    const targets = state.versions[version]?.targets ?? []
    const weight = percentFromWeight(run.raise.weight)
    const subject = { service, version, targets, rollout: rollout?.id ?? '', weight }
    this.#begin(gate, { key, run: run.run, subject })
  }

  /** The service is no longer there. */
  forget(service: string): void {
    const running = this.#running.get(service)
    if (running !== undefined) this.#end(service, running)
  }

  /** Ends all gates and waits for their ends. */
  async close(): Promise<void> {
    this.#closed = true
    for (const [service, running] of this.#running) this.#end(service, running)
    await Promise.all(this.#ending)
  }

  #begin(gate: RunnableGate, order: { key: string; run: string; subject: GateSubject }): void {
    const { key, run, subject } = order
    const { directory, mirror, onReport, synthetic, wall } = this.#parts
    const stop = new AbortController()
    const task = { subject, directory: directory(), synthetic, mirror }
    const over = async (): Promise<void> => {
      const report = await runGate(gate, task, { signal: stop.signal, wall })
      if (stop.signal.aborted) return // nobody asks for it any more
      this.#running.delete(subject.service)
      onReport(subject.service, { run, report })
    }
    this.#running.set(subject.service, { key, stop, done: over() })
  }

  #end(service: string, running: Running): void {
    this.#running.delete(service)
    this.#ending.add(running.done)
    void running.done.finally(() => this.#ending.delete(running.done))
    running.stop.abort()
  }
}
