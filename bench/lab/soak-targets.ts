// The targets of the soak and their fate: one at a time is killed (SIGKILL, whatever it was doing)
// or stopped as a good server would, stays away for a moment, and comes back as a new process on
// the same port. What a process knew is collected before it goes.

import type { ChildProcess } from 'node:child_process'
import { createServer } from 'node:net'
import { endChild, startModule } from './children.ts'
import { monotonicMs, sleep } from './clock.ts'
import { askChild } from './rpc.ts'
import type { Dice } from './soak-plan.ts'

/** What a target process has seen, since it started. Lists hold numbers of requests. */
export interface OriginState {
  readonly requests: number
  readonly staleFaults: number
  readonly idleResets: number
  readonly idleEnds: number
  /** What reached the target otherwise than its client wrote it, in words. */
  readonly violations: readonly string[]
  /** Those that no target may see twice, as often as it has seen them. */
  readonly once: Uint32Array
  /** Those that came upon a connection that it had just closed. */
  readonly raced: Uint32Array
  /** Those whose answer had begun but was not whole at this moment. */
  readonly begun: Uint32Array
  /** Those that had been read, and not answered to the end. */
  readonly inHand: Uint32Array
}

/** When a target was away, on the monotonic clock. */
export interface Absence {
  readonly port: number
  readonly how: 'killed' | 'stopped'
  readonly fromMs: number
  readonly toMs: number
}

/** What all target processes of a soak have seen together. */
export interface TargetsReport {
  readonly requests: number
  readonly staleFaults: number
  readonly idleResets: number
  readonly idleEnds: number
  readonly violations: readonly string[]
  readonly raced: ReadonlySet<number>
  readonly begun: ReadonlySet<number>
  readonly inHand: ReadonlySet<number>
  /** Requests that more than one attempt was made for, though none may be repeated. */
  readonly repeated: readonly number[]
  readonly absences: readonly Absence[]
}

const module = new URL('./soak-origin-process.ts', import.meta.url)
/**
 * Below the range from which systems take the ports of outgoing connections: while a target is
 * away, a connection to its port could otherwise be given that very port and reach itself.
 */
const PORTS = { from: 12_000, to: 31_000 }
const PORT_TRIES = 50

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.once('error', () => resolve(false))
    probe.listen({ host: '127.0.0.1', port }, () => probe.close(() => resolve(true)))
  })
}

async function freePort(): Promise<number> {
  for (let i = 0; i < PORT_TRIES; i++) {
    // Not from the seed: two soaks with the same seed may run at the same time.
    const port = PORTS.from + Math.floor(Math.random() * (PORTS.to - PORTS.from))
    if (await isFree(port)) return port
  }
  throw new Error(`Cannot start a target as no free port was found in ${PORT_TRIES} draws`)
}

export class Targets {
  readonly ports: readonly number[]
  readonly #processes = new Map<number, ChildProcess>()
  readonly #absences: Absence[] = []
  readonly #seenOnce = new Set<number>()
  readonly #repeated: number[] = []
  readonly #raced = new Set<number>()
  readonly #begun = new Set<number>()
  readonly #inHand = new Set<number>()
  readonly #violations: string[] = []
  readonly #sums = { requests: 0, staleFaults: 0, idleResets: 0, idleEnds: 0 }
  /** A process that is ready to take a port, so that the start of Node is no part of an absence. */
  #spare: ChildProcess | null = null
  #restarting: Promise<void> | null = null
  #ending = false

  private constructor(ports: readonly number[]) {
    this.ports = ports
  }

  static async start(count: number): Promise<Targets> {
    const ports: number[] = []
    while (ports.length < count) {
      const port = await freePort()
      if (!ports.includes(port)) ports.push(port)
    }
    const targets = new Targets(ports)
    await Promise.all(ports.map((port) => targets.#open(port)))
    return targets
  }

  urls(from: number, to: number): string[] {
    return this.ports.slice(from, to).map((port) => `http://127.0.0.1:${port}`)
  }

  async #open(port: number): Promise<void> {
    const child = this.#spare ?? startModule(module)
    this.#spare = null
    await askChild(child, 'listen', { with: port })
    this.#processes.set(port, child)
  }

  /** Takes targets away, one at a time, until `end`. */
  restart(dice: Dice, pauseMs: { readonly from: number; readonly to: number }): void {
    this.#restarting = this.#restartLoop(dice, pauseMs)
  }

  async #restartLoop(dice: Dice, pauseMs: { from: number; to: number }): Promise<void> {
    while (!this.#ending) {
      this.#spare ??= startModule(module)
      await sleep(dice.whole(pauseMs.from, pauseMs.to))
      const port = this.ports[dice.whole(0, this.ports.length - 1)]
      if (port === undefined || this.#ending) return
      await this.#takeAway(port, dice.chance(0.5) ? 'killed' : 'stopped', dice.whole(0, 300))
    }
  }

  async #takeAway(port: number, how: Absence['how'], awayMs: number): Promise<void> {
    const child = this.#processes.get(port)
    if (child === undefined) return
    const fromMs = monotonicMs()
    const state = await askChild(child, how === 'killed' ? 'freeze' : 'stop')
    // A stop that took too long is a kill, too: what is in hand then does not get its answer.
    this.#collect(state as OriginState, true)
    await endChild(child, { signal: 'SIGKILL' })
    await sleep(awayMs)
    await this.#open(port)
    this.#absences.push({ port, how, fromMs, toMs: monotonicMs() })
  }

  #collect(state: OriginState, killed: boolean): void {
    this.#sums.requests += state.requests
    this.#sums.staleFaults += state.staleFaults
    this.#sums.idleResets += state.idleResets
    this.#sums.idleEnds += state.idleEnds
    this.#violations.push(...state.violations)
    for (const number of state.once) {
      if (this.#seenOnce.has(number)) this.#repeated.push(number)
      else this.#seenOnce.add(number)
    }
    for (const number of state.raced) this.#raced.add(number)
    if (!killed) return
    for (const number of state.begun) this.#begun.add(number)
    for (const number of state.inHand) this.#inHand.add(number)
  }

  /** Ends the restarts; all targets are there afterwards. */
  async calm(): Promise<void> {
    this.#ending = true
    await this.#restarting
  }

  /** Ends all targets and says what they have seen. */
  async end(): Promise<TargetsReport> {
    await this.calm()
    for (const child of this.#processes.values()) {
      this.#collect((await askChild(child, 'freeze')) as OriginState, false)
    }
    const children = [...this.#processes.values(), ...(this.#spare ? [this.#spare] : [])]
    await Promise.all(children.map((child) => endChild(child, { signal: 'SIGKILL' })))
    return {
      ...this.#sums,
      violations: this.#violations,
      raced: this.#raced,
      begun: this.#begun,
      inHand: this.#inHand,
      repeated: this.#repeated,
      absences: this.#absences,
    }
  }
}
