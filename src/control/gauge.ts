// What is measured of one resident version: its rolling minute, its counts since the start, and the
// health of its targets. Filled from the board, read by the views and by the rollout's facts.

import type { Board } from '../board/board.ts'
import { takeLatency } from '../board/latency.ts'
import type { TallyDelta } from '../board/tallies.ts'
import {
  setTargetShare,
  targetFailuresInARow,
  targetServed,
  targetShare,
} from '../board/tallies.ts'
import type { VersionTotals } from '../core/command.ts'
import { WHOLE } from '../core/choose.ts'
import type { TargetCounts } from '../core/facts.ts'
import {
  HEALTHY,
  type HealthByTarget,
  type HealthRules,
  judgeTargets,
  sharesOf,
  type TargetHealth,
  type TargetReading,
} from '../core/health.ts'
import { LatencyTotals } from '../core/latency-totals.ts'
import { type FailedRequest, OUTCOMES, type Outcome } from '../core/outcome.ts'
import { Window } from '../core/window.ts'

export interface HealthChange {
  readonly target: string
  readonly was: TargetHealth
  readonly health: TargetHealth
}

/** What was found out about a target besides its requests. */
export type Found = Pick<TargetReading, 'check' | 'unreached'>

/** A request that counted against the version while it was the candidate. */
export interface RecentFailure extends Omit<FailedRequest, 'slot'> {
  /** When control heard of it, by the clock of the rollouts. */
  readonly at: number
}

/** An explanation names so many. */
const FAILURES_KEPT = 5

export interface TargetLook {
  /** The cells of the targets, by URL. */
  readonly targets: ReadonlyMap<string, number>
  readonly now: number
  readonly rules: HealthRules
  readonly found: (target: string) => Found
}

/** What a version did since the last time that it was told. */
export interface Interval {
  readonly outcomes: number[]
  rescued: number
  evidenceGood: number
  evidenceBad: number
  /** Counts by latency in microseconds. */
  readonly latency: Map<number, number>
}

function emptyInterval(): Interval {
  return {
    outcomes: OUTCOMES.map(() => 0),
    ...{ rescued: 0, evidenceGood: 0, evidenceBad: 0 },
    latency: new Map(),
  }
}

export class Gauge {
  readonly window = new Window()
  #whole: Window | null = null
  #interval: Interval | null = null
  readonly #outcomes: number[] = OUTCOMES.map(() => 0)
  #rescued = 0
  readonly #latency = new LatencyTotals()
  #failures: readonly RecentFailure[] = []
  #health: HealthByTarget = {}
  #isSteady = false

  /** The window of all nodes together, where this one leads a fleet; else its own. */
  get whole(): Window {
    return this.#whole ?? this.window
  }

  /** From now on what it did is kept for `takeInterval`, and others may add to `whole`. */
  share(): void {
    this.#interval ??= emptyInterval()
    this.#whole ??= this.window.copy()
  }

  /** Its window is its own again. */
  shareNoMore(): void {
    this.#interval = null
    this.#whole = null
  }

  /** What it did since the last call; null unless that is kept. */
  takeInterval(): Interval | null {
    const taken = this.#interval
    if (taken !== null) this.#interval = emptyInterval()
    return taken
  }

  /** Adds what another node has told of this version. */
  addOthers(told: Interval, nowMs: number): void {
    if (this.#whole === null) return
    this.#whole.addCounts(told, nowMs)
    for (const [us, times] of told.latency) this.#whole.addLatency({ us, times }, nowMs)
  }

  addCounts(delta: TallyDelta, nowMs: number): void {
    this.window.addCounts(delta, nowMs)
    this.#whole?.addCounts(delta, nowMs)
    if (this.#interval !== null) addTo(this.#interval, delta)
    const { outcomes } = delta
    for (let i = 0; i < outcomes.length; i++) {
      const times = outcomes[i] ?? 0
      if (times > 0) this.#outcomes[i] = (this.#outcomes[i] ?? 0) + times
    }
    this.#rescued += delta.rescued
  }

  noteFailure({ outcome, requestId, status }: FailedRequest, nowMs: number): void {
    const failure = { requestId, outcome, status, at: nowMs }
    this.#failures = [...this.#failures, failure].slice(-FAILURES_KEPT)
  }

  /** The last few requests that counted against it, the oldest first. */
  recentFailures(): readonly RecentFailure[] {
    return this.#failures
  }

  /** Takes the latencies that the threads have counted for the slot since the last call. */
  takeLatency(board: Board, at: { slot: number; nowMs: number }): void {
    const { slot, nowMs } = at
    takeLatency(board, slot, (us, times) => {
      this.#latency.add(us, times)
      this.window.addLatency({ us, times }, nowMs)
      this.#whole?.addLatency({ us, times }, nowMs)
      const latency = this.#interval?.latency
      latency?.set(us, (latency.get(us) ?? 0) + times)
    })
  }

  /**
   * Looks at the targets, takes them out and in and writes the shares of those that are in slow
   * start. Returns whose standing has changed.
   */
  judgeTargets(board: Board, look: TargetLook): readonly HealthChange[] {
    const { found, now, rules, targets } = look
    const readings = [...targets].map(([target, cell]) => ({
      target,
      served: targetServed(board, cell),
      streaks: targetFailuresInARow(board, cell),
      ...found(target),
    }))
    const before = this.#health
    this.#health = judgeTargets(before, { readings, now, rules })
    const shares = sharesOf(this.#health, { now, rules })
    const changes: HealthChange[] = []
    let isSteady = true
    for (const [target, cell] of targets) {
      const share = shares[target] ?? 0
      if (targetShare(board, cell) !== share) setTargetShare(board, cell, share)
      const health = this.healthOf(target)
      isSteady &&= share === WHOLE && health.standing === 'healthy'
      const was = before[target] ?? HEALTHY
      if (health.standing !== was.standing) changes.push({ target, was, health })
    }
    this.#isSteady = isSteady
    return changes
  }

  /**
   * Whether all targets were well and had their whole share at the last look: time changes none.
   */
  get isSteady(): boolean {
    return this.#isSteady
  }

  healthOf(target: string): TargetHealth {
    return this.#health[target] ?? HEALTHY
  }

  /** How many of the targets are well, and why the first one that is not is not. */
  targetCounts(targets: ReadonlyMap<string, number>): TargetCounts {
    let healthy = 0
    let why = ''
    for (const target of targets.keys()) {
      const { reason, standing } = this.healthOf(target)
      if (standing === 'healthy') healthy++
      else if (why === '') why = `${target}, as ${reason}`
    }
    const counts = { healthy, total: targets.size }
    return why === '' ? counts : { ...counts, why }
  }

  /** Counts since the version became resident. */
  totals(): VersionTotals {
    const outcomes = Object.fromEntries(
      OUTCOMES.map((outcome, i) => [outcome, this.#outcomes[i] ?? 0]),
    ) as Record<Outcome, number>
    return { outcomes, rescued: this.#rescued, latency: this.#latency.view() }
  }
}

function addTo(interval: Interval, delta: TallyDelta): void {
  for (const [i, times] of delta.outcomes.entries()) {
    interval.outcomes[i] = (interval.outcomes[i] ?? 0) + times
  }
  interval.rescued += delta.rescued
  interval.evidenceGood += delta.evidenceGood
  interval.evidenceBad += delta.evidenceBad
}
