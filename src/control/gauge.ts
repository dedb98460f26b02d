// What is measured of one resident version: its rolling minute, its counts since the start, and the
// health of its targets. Filled from the board, read by the views and by the rollout's facts.

import type { Board } from '../board/board.ts'
import { takeLatency } from '../board/latency.ts'
import type { TallyDelta } from '../board/tallies.ts'
import { setEjected, targetFailuresInARow, targetServed } from '../board/tallies.ts'
import type { VersionTotals } from '../core/command.ts'
import type { TargetCounts } from '../core/facts.ts'
import { judgeTargets, type TargetHealth } from '../core/health.ts'
import { OUTCOMES, type Outcome } from '../core/outcome.ts'
import { Window } from '../core/window.ts'

export interface HealthChange {
  readonly target: string
  readonly health: TargetHealth
}

export class Gauge {
  readonly window = new Window()
  readonly #outcomes: number[] = OUTCOMES.map(() => 0)
  #rescued = 0
  #health: Readonly<Record<string, TargetHealth>> = {}

  addCounts(delta: TallyDelta, nowMs: number): void {
    this.window.addCounts(delta, nowMs)
    delta.outcomes.forEach((times, i) => {
      this.#outcomes[i] = (this.#outcomes[i] ?? 0) + times
    })
    this.#rescued += delta.rescued
  }

  /** Takes the latencies that the threads have counted for the slot since the last call. */
  takeLatency(board: Board, at: { slot: number; nowMs: number }): void {
    const { slot, nowMs } = at
    takeLatency(board, slot, (us, times) => this.window.addLatency({ us, times }, nowMs))
  }

  /** Looks at the targets' counters, ejects and readmits. Returns what has changed. */
  judgeTargets(
    board: Board,
    look: { targets: ReadonlyMap<string, number>; now: number },
  ): readonly HealthChange[] {
    const { targets, now } = look
    const readings = [...targets].map(([target, cell]) => ({
      target,
      served: targetServed(board, cell),
      streaks: targetFailuresInARow(board, cell),
    }))
    const before = this.#health
    this.#health = judgeTargets(before, { readings, now })
    const changes: HealthChange[] = []
    for (const [target, cell] of targets) {
      const health = this.#health[target]
      if (health === undefined) continue
      const was = before[target]?.standing ?? 'healthy'
      if (health.standing === was) continue
      setEjected(board, cell, health.standing === 'ejected')
      changes.push({ target, health })
    }
    return changes
  }

  isHealthy(target: string): boolean {
    return (this.#health[target]?.standing ?? 'healthy') === 'healthy'
  }

  targetCounts(targets: ReadonlyMap<string, number>): TargetCounts {
    let healthy = 0
    for (const target of targets.keys()) if (this.isHealthy(target)) healthy++
    return { healthy, total: targets.size }
  }

  /** Counts since the version became resident. */
  totals(): VersionTotals {
    const outcomes = Object.fromEntries(
      OUTCOMES.map((outcome, i) => [outcome, this.#outcomes[i] ?? 0]),
    ) as Record<Outcome, number>
    return { outcomes, rescued: this.#rescued }
  }
}
