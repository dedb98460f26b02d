// The loop that judges. It wakes when an edge thread counts an error or an exceedance, or every 20
// ms; reads only the slots that changed, and while nothing rolls out and nothing fails not even
// those at every tick; hands each service what its two versions have counted;
// and once a second looks at latency, health, evidence and whatever waits. A fault in one service
// freezes that service and stops neither the loop nor the serving.

import { setImmediate } from 'node:timers/promises'
import { type Board, waitForWake, wakeControl, wakeCount } from '../board/board.ts'
import { overdue, type TallyDelta, TallyReader } from '../board/tallies.ts'
import { NO_COUNTS } from '../core/facts.ts'
import type { GateReport } from '../core/gate.ts'
import { blameOf, OUTCOMES } from '../core/outcome.ts'
import { looksAmong, readAgainMs, RESTING_LOOKS } from '../core/resting.ts'
import { BucketWindows } from './bucket-windows.ts'
import { type Arms, CleanCounts } from './clean-counts.ts'
import type { Clock } from './clock.ts'
import type { EvidenceLines } from './evidence-lines.ts'
import { countedFor } from '../core/counters.ts'
import { takeFacts } from './facts.ts'
import type { Shared } from './fleet/shared.ts'
import type { Keeper } from './keeper.ts'
import type { Residency, ResidentVersion } from './residency.ts'
import type { Targets } from './targets.ts'

export const TICK_MS = 20
const SECOND_MS = 1000
/** So long may a pass look at windows and targets, besides judging. */
const LOOK_MS = 5
/** Whether a service rolls out is asked so often while none does. */
const ROLLS_OUT_MS = 100

export interface LoopParts {
  readonly board: Board
  readonly clock: Clock
  readonly evidence: EvidenceLines
  readonly residency: Residency
  readonly targets: Targets
  readonly keepers: ReadonlyMap<string, Keeper>
  /** The fleet that this node belongs to; null: it works alone. */
  readonly shared: Shared | null
  /** The response-head time-out. */
  readonly memoryMs: () => number
  readonly onFault: (text: string, error: unknown) => void
}

const FAILURES = [...OUTCOMES.keys()].filter((i) => blameOf(OUTCOMES[i] ?? 'ok') === 'version')

/** Whether the version failed at all, be it evidence or not. */
function hasFailures({ outcomes }: TallyDelta): boolean {
  for (const i of FAILURES) if ((outcomes[i] ?? 0) > 0) return true
  return false
}

export class Loop {
  readonly #parts: LoopParts
  readonly #reader: TallyReader
  readonly #buckets: BucketWindows
  readonly #clean = new CleanCounts(TICK_MS)
  #stopped = false
  #running: Promise<void> | null = null
  #alive: NodeJS.Timeout | undefined
  #lastSecondMs = Number.NEGATIVE_INFINITY
  /** The services as they were at the beginning of this second's look, and how far it has come. */
  #due: readonly Keeper[] = []
  #looked = 0
  #looks = 0
  /** Services with requests since they were last looked at. */
  readonly #counted = new Set<string>()
  /** Versions that have failed since the last tick: their targets are looked at. */
  readonly #suspects = new Set<ResidentVersion>()
  #lastTickMs = Number.NEGATIVE_INFINITY
  #lastReadMs = Number.NEGATIVE_INFINITY
  /** How long counts may wait after the last reading. */
  #readAgainMs = readAgainMs(0)
  /** Whether a service had a rollout when all were last looked through, and when that was. */
  #rollsOut = false
  #lookedThroughMs = Number.NEGATIVE_INFINITY
  /** The calm services with requests that the present look and the last one have met. */
  #calm = 0
  #calmBefore = 0
  /** The wake-ups up to the last pass. */
  #seen = -1
  /** Whether this pass is a tick, or only one of the many that a storm of errors wakes. */
  #isTick = true

  constructor(parts: LoopParts) {
    this.#parts = parts
    this.#reader = new TallyReader(parts.board)
    this.#buckets = new BucketWindows(parts.board)
  }

  start(): void {
    this.#running ??= this.#run()
    // A wait on shared memory does not keep a process alive; as long as this loop runs, it must.
    this.#alive ??= setInterval(() => {}, SECOND_MS)
  }

  async stop(): Promise<void> {
    this.#stopped = true
    wakeControl(this.#parts.board)
    await this.#running
    clearInterval(this.#alive)
  }

  async #run(): Promise<void> {
    const { board, onFault } = this.#parts
    while (!this.#stopped) {
      const seen = wakeCount(board)
      // Whatever fails wakes the loop, so without a wake-up nothing waits to be judged.
      const woken = seen !== this.#seen
      this.#seen = seen
      try {
        this.pass(woken ? 'woken' : 'tick')
      } catch (error) {
        onFault('the control loop failed and goes on', error)
      }
      // Under a storm of errors the wait ends at once; timers and sockets still get their turn.
      await setImmediate()
      await waitForWake(board, seen, TICK_MS)
    }
  }

  /** One pass: what was counted, and once a second the rest. */
  pass(reason: 'asked' | 'woken' | 'tick' = 'asked'): void {
    const now = this.#parts.clock.now()
    // Errors are judged as they come; lines are written once a tick, or a storm would push every
    // decision out of the journal within a minute.
    this.#isTick = now - this.#lastTickMs >= TICK_MS
    if (this.#isTick) this.#lastTickMs = now
    const isSecond = this.#looked >= this.#due.length && now - this.#lastSecondMs >= SECOND_MS
    // Before the tallies are read: what a slot's last request has counted is then not yet its next
    // owner's.
    if (isSecond) this.#parts.residency.reap()
    if (isSecond || reason !== 'tick' || this.#isDue(now)) this.#judgeCounted(now, reason)
    if (this.#isTick) this.#lookAtSuspects() // behind the verdicts: a rollback comes first
    if (isSecond) {
      this.#lastSecondMs = now
      this.#due = [...this.#parts.keepers.values()]
      this.#looked = 0
      this.#looks++
      this.#calmBefore = this.#calm
      this.#calm = 0
    }
    this.#lookAround(now)
  }

  /** Whether counts are to be read at this tick: always, unless all services rest. */
  #isDue(now: number): boolean {
    if (now - this.#lastReadMs >= this.#readAgainMs) return true
    if (this.#rollsOut || now - this.#lookedThroughMs >= ROLLS_OUT_MS) {
      this.#lookedThroughMs = now
      this.#rollsOut = false
      for (const { document } of this.#parts.keepers.values()) {
        if (document.state.rollout !== null) this.#rollsOut = true
      }
    }
    return this.#rollsOut
  }

  #judgeCounted(now: number, reason: 'asked' | 'woken' | 'tick'): void {
    this.#lastReadMs = now
    this.#buckets.turnTo(now)
    const slow = this.#readSlow()
    const counted = this.#readTallies(now)
    for (const keeper of this.#parts.keepers.values()) {
      if (keeper.document.state.rollout === null) continue
      const { name } = keeper.config
      const arms = counted.get(name)
      // Errors of one service wake us between two ticks: that is no news about all the others.
      const isNews = arms !== undefined || this.#parts.shared?.tallying.hasHeard(name) === true
      if (!this.#isTick && !isNews) continue
      const isUrgent = reason === 'asked' || keeper.document.evidence === null
      const due = this.#toJudge(keeper, arms, { now, isUrgent, stableSlow: slow.get(name) ?? 0 })
      if (due === null) continue
      this.#guarded(keeper, () => this.#tick(keeper, due.arms, due.stableSlow))
    }
  }

  /** What is to be judged now of all that was counted; null: nothing, or by another node. */
  #toJudge(
    keeper: Keeper,
    arms: Arms | undefined,
    at: { now: number; isUrgent: boolean; stableSlow: number | null },
  ): { arms: Arms; stableSlow: number } | null {
    const { isUrgent, now, stableSlow } = at
    const { shared } = this.#parts
    const { rollout } = keeper.document.state
    if (shared !== null && rollout !== null) {
      const counted = { rollout: countedFor(rollout), arms, stableSlow, now }
      return shared.tallying.judge(keeper, counted, isUrgent)
    }
    const due = this.#clean.add(keeper, arms, { now, isUrgent })
    return due === null ? null : { arms: due, stableSlow: stableSlow ?? 0 }
  }

  /** The look of each second, a few services a pass: no judgement waits for all the others'. */
  #lookAround(now: number): void {
    const { clock, keepers } = this.#parts
    while (this.#looked < this.#due.length) {
      const at = this.#looked++
      const keeper = this.#due[at]
      if (keeper === undefined) continue
      // A reload may have taken it away meanwhile.
      if (keepers.get(keeper.config.name) !== keeper) continue
      if (this.#isCalm(keeper) && (at + this.#looks) % this.#looksOf(keeper) !== 0) continue
      this.#counted.delete(keeper.config.name)
      this.#guarded(keeper, () => this.#second(keeper, clock.now()))
      if (clock.now() - now >= LOOK_MS) return
    }
  }

  /** A calm service is looked at in one second of so many; who asks for one has it looked at. */
  #looksOf({ config }: Keeper): number {
    if (!this.#counted.has(config.name)) return RESTING_LOOKS
    this.#calm++
    return looksAmong(this.#calmBefore)
  }

  /** Whether a look finds nothing but counts: no rollout, and all targets as they should. */
  #isCalm({ config, document, isServing, unsaved }: Keeper): boolean {
    const { previous, rollout } = document.state
    if (rollout !== null || previous !== null || unsaved !== null || !isServing) return false
    for (const { gauge } of this.#parts.residency.versionsOf(config.name)) {
      if (!gauge.isSteady) return false
    }
    return true
  }

  /** A service is open. What was found of its targets before found nobody who judges. */
  opened(keeper: Keeper): void {
    const { residency, targets } = this.#parts
    this.#guarded(keeper, () => {
      for (const version of residency.versionsOf(keeper.config.name)) targets.judge(keeper, version)
    })
    this.survey(keeper)
  }

  /** A look at targets and windows, before a command or once a second. */
  survey(keeper: Keeper): void {
    const { board, clock, memoryMs, residency, shared, targets } = this.#parts
    this.#guarded(keeper, () => {
      this.#judgeWaiting(keeper)
      targets.look(keeper)
      const now = clock.now()
      const parts = { board, residency, shared, targets, now, memoryMs: memoryMs() }
      const perBucket = keeper.config.affinity !== null
      const facts = takeFacts(keeper.document, { ...parts, perBucket })
      if (this.#isJudge(keeper)) keeper.decide({ event: 'survey', facts })
      else keeper.know(facts)
    })
  }

  /** Whether this node judges the service, by whosever counts. */
  #isJudge({ config }: Keeper): boolean {
    return (this.#parts.shared?.chargeOf(config.name) ?? 'fleet') !== 'none'
  }

  /** A gate has come to an end; what was counted and seen until now comes first. */
  gated(keeper: Keeper, gated: { run: string; report: GateReport }): void {
    this.survey(keeper)
    this.#guarded(keeper, () => keeper.decide({ event: 'gated', ...gated }))
  }

  /** What is decided now is decided by all that was counted. */
  #judgeWaiting(keeper: Keeper): void {
    const now = this.#parts.clock.now()
    if (this.#parts.shared !== null) {
      if (keeper.document.state.rollout === null) return
      const due = this.#toJudge(keeper, undefined, { now, isUrgent: true, stableSlow: null })
      if (due !== null) this.#tick(keeper, due.arms, due.stableSlow)
      return
    }
    const arms = this.#clean.take(keeper, now)
    if (arms !== null) keeper.decide({ event: 'tick', ...arms, stableSlow: 0 })
  }

  /** Once a tick, as a look at a thousand targets takes its time, and a storm wakes us often. */
  #lookAtSuspects(): void {
    const { keepers, residency, targets } = this.#parts
    for (const version of this.#suspects) {
      const keeper = keepers.get(version.service)
      const isThere = residency.version(version.service, version.name) === version
      if (keeper !== undefined && isThere) {
        this.#guarded(keeper, () => targets.judge(keeper, version))
      }
    }
    this.#suspects.clear()
  }

  /** Something new is known of a version's targets; a rollout may have waited for it. */
  found(version: ResidentVersion): void {
    const { keepers, residency, targets } = this.#parts
    const keeper = keepers.get(version.service)
    // What was asked of a version that has left concerns nobody.
    if (keeper === undefined || residency.version(version.service, version.name) !== version) return
    this.#guarded(keeper, () => targets.judge(keeper, version))
    if (keeper.document.state.rollout?.phase === 'proving') this.survey(keeper)
  }

  #guarded(keeper: Keeper, action: () => void): void {
    if (keeper.fault !== null) return
    try {
      action()
    } catch (error) {
      this.#parts.onFault(`service ${keeper.config.name} is frozen at its safe table`, error)
      keeper.freeze(error)
    }
  }

  /**
   * Stable's slow requests in flight. Before the counts are read: one that fails in between is then
   * taken for two failures, not for none.
   */
  #readSlow(): Map<string, number> {
    const slow = new Map<string, number>()
    const { board, keepers, residency } = this.#parts
    for (const [name, { document }] of keepers) {
      if (document.evidence === null) continue
      const stable = residency.version(name, document.state.stable)
      if (stable !== undefined) slow.set(name, overdue(board, stable.slot))
    }
    return slow
  }

  #readTallies(now: number): Map<string, Arms> {
    const counted = new Map<string, Arms>()
    const { keepers, residency } = this.#parts
    const slots = this.#reader.dirtySlots()
    this.#readAgainMs = readAgainMs(slots.length)
    for (const slot of slots) {
      const delta = this.#reader.read(slot)
      const version = residency.inSlot(slot)
      if (version === undefined) continue // what a version that has left still counted
      version.gauge.addCounts(delta, now)
      this.#counted.add(version.service)
      const keeper = keepers.get(version.service)
      if (keeper === undefined) continue
      if (hasFailures(delta)) this.#suspects.add(version)
      const { candidate, stable } = keeper.document.state
      const arm =
        version.name === candidate ? 'candidate' : version.name === stable ? 'stable' : null
      if (arm === null) continue
      const arms = counted.get(version.service) ?? { candidate: NO_COUNTS, stable: NO_COUNTS }
      arms[arm] = {
        good: delta.evidenceGood,
        bad: delta.evidenceBad,
        exceeded: delta.exceeded,
        userErrors: delta.userErrors,
        earlierBad: delta.earlierBad,
        earlierExceeded: delta.earlierExceeded,
        repeatedBad: delta.repeatedBad,
      }
      counted.set(version.service, arms)
    }
    return counted
  }

  #tick(keeper: Keeper, arms: Arms, stableSlow: number): void {
    keeper.decide({ event: 'tick', ...arms, stableSlow })
    if (this.#isTick) this.#parts.evidence.writeNotable(keeper.document, this.#parts.clock.now())
  }

  #second(keeper: Keeper, now: number): void {
    const { residency, shared, targets } = this.#parts
    for (const version of residency.versionsOf(keeper.config.name)) targets.judge(keeper, version)
    keeper.catchUp()
    const { rollout, previous } = keeper.document.state
    if (rollout !== null || previous !== null) this.survey(keeper)
    else this.#pourLatency(keeper, now)
    if (rollout !== null) shared?.tallying.tellInterval(keeper)
    else shared?.tallying.windows.rest(keeper.config.name)
    const hasNews = keeper.document.evidence !== null && this.#isJudge(keeper)
    if (hasNews || keeper.unsaved !== null) keeper.saveEvidence()
  }

  #pourLatency(keeper: Keeper, nowMs: number): void {
    const { board, residency } = this.#parts
    for (const { gauge, slot } of residency.versionsOf(keeper.config.name)) {
      gauge.takeLatency(board, { slot, nowMs })
    }
  }
}
