// A line of evidence in the journal: what was counted of the two versions since the line before, in
// such a form that the tests can be reckoned again from it, to the last digit. The order matters to
// them: between two ticks a little new doubt (γ) is granted, and what is counted afterwards bets on
// it. So a line lists its ticks. One in which the candidate had nothing but clean requests is two
// numbers, the time since the tick before and how many; one with errors or slow requests is a list.
// Stable's clean requests bet on nothing, so one sum a line is enough.
//
// A line ends with each second, with a tick in which an error or a slow request fell, and with each
// decision. Times are milliseconds of the rollout's own clock, 0 at its beginning.

import { type ArmCounts, NO_COUNTS, type TailFigures, type TargetCounts } from '../facts.ts'
import type { WindowFigures } from '../facts.ts'
import type { Rollout } from '../service.ts'
import type { Evidence } from '../verdict/evidence.ts'

/** What one tick has counted. */
export interface Fold {
  readonly atMs: number
  readonly candidate: ArmCounts
  readonly stable: ArmCounts
  /** Stable's slow requests in flight before the counts were read. */
  readonly stableSlow: number
}

/** Latency begins to be judged: the candidate is warm, or stable's tail is known at last. */
export interface LatencyMark {
  readonly warm: boolean
  /** Stable's tail that the limit was taken from; null when the limit stands already. */
  readonly tail: TailFigures | null
}

/** What control saw of the world when it looked last; holds from the end of the line on. */
export interface Seen {
  /** Requests a second of both versions together. */
  readonly ratePerSecond: number
  /** Left out while they are as in the line before. */
  readonly targets?: { readonly candidate: TargetCounts; readonly stable: TargetCounts }
  /** In mode `threshold`, which judges by nothing else. */
  readonly windows?: { readonly candidate: WindowFigures; readonly stable: WindowFigures }
}

/** All that is known of a rollout, so that a replay can begin here. */
export interface Keyframe {
  readonly rollout: Rollout
  readonly evidence: Evidence
  readonly weight: number
  readonly stable: string | null
  readonly candidate: string | null
}

export interface EvidenceLine {
  /** The id of the rollout. */
  readonly rollout: string
  /** Counts the lines of the rollout since the node came up, so that a gap is seen. */
  readonly line: number
  readonly sinceMs: number
  readonly untilMs: number
  /** How long before its end a request may have been drawn. */
  readonly memoryMs: number
  /** Before the first tick of the line. */
  readonly latency?: LatencyMark
  /** `ms, clean` for a quiet tick; its time, PLACE of both arms and claims for every other. */
  readonly ticks: readonly (number | readonly number[])[]
  readonly stableGood: number
  /** Sums over the line, for people. */
  readonly candidate: ArmCounts
  readonly stable: ArmCounts
  readonly seen?: Seen
  /** What the rollout waited for at its end, in one word; for people. */
  readonly waits?: string
  readonly keyframe?: Keyframe
}

/** Where the counts of an arm stand in a tick's list; the compiler sees when one is missing. */
const PLACE: Readonly<Record<keyof Required<ArmCounts>, number>> = {
  good: 0,
  bad: 1,
  exceeded: 2,
  userErrors: 3,
  earlierBad: 4,
  earlierExceeded: 5,
  repeatedBad: 6,
}
const FIELDS = Object.keys(PLACE) as readonly (keyof ArmCounts)[]

export function plus(some: ArmCounts, more: ArmCounts): ArmCounts {
  return {
    good: some.good + more.good,
    bad: some.bad + more.bad,
    exceeded: some.exceeded + more.exceeded,
    userErrors: some.userErrors + more.userErrors,
    earlierBad: (some.earlierBad ?? 0) + (more.earlierBad ?? 0),
    earlierExceeded: (some.earlierExceeded ?? 0) + (more.earlierExceeded ?? 0),
    repeatedBad: (some.repeatedBad ?? 0) + (more.repeatedBad ?? 0),
  }
}

function isClean({ bad, exceeded, userErrors }: ArmCounts): boolean {
  return bad === 0 && exceeded === 0 && userErrors === 0
}

/**
 * Whether a tick can be told by its clean requests alone. The first one behind a lowering is the
 * one of which nothing counts, and the first one with a request tells when a step began to have
 * any.
 */
function isQuiet(fold: Fold, evidence: Evidence): boolean {
  if (!isClean(fold.candidate) || !isClean(fold.stable)) return false
  if (evidence.settling?.first === true) return false
  return evidence.stepDataMs !== null || fold.candidate.good === 0
}

function isNothing({ candidate, stable }: Fold): boolean {
  return candidate.good + stable.good === 0
}

/** A line while it is being gathered. */
export class LineDraft {
  readonly rollout: string
  readonly #sinceMs: number
  readonly #memoryMs: number
  readonly #latency: LatencyMark | undefined
  readonly #ticks: (number | readonly number[])[] = []
  #lastMs: number
  #stableGood = 0
  #candidate = NO_COUNTS
  #stable = NO_COUNTS

  constructor(
    rollout: string,
    begin: { sinceMs: number; memoryMs: number; latency?: LatencyMark | undefined },
  ) {
    this.rollout = rollout
    this.#sinceMs = begin.sinceMs
    this.#lastMs = begin.sinceMs
    this.#memoryMs = begin.memoryMs
    this.#latency = begin.latency
  }

  /** Adds a tick. `evidence` is what was known before it. */
  add(fold: Fold, evidence: Evidence): void {
    const { atMs, candidate, stable } = fold
    const quiet = isQuiet(fold, evidence)
    if (quiet && isNothing(fold)) return
    this.#candidate = plus(this.#candidate, candidate)
    this.#stable = plus(this.#stable, stable)
    if (quiet) {
      this.#stableGood += stable.good
      if (candidate.good === 0) return
      this.#ticks.push(atMs - this.#lastMs, candidate.good)
    } else {
      const arms = [candidate, stable].flatMap((arm) => FIELDS.map((field) => arm[field] ?? 0))
      this.#ticks.push([atMs - this.#lastMs, ...arms, fold.stableSlow])
    }
    this.#lastMs = atMs
  }

  /** Nothing to be told. */
  get isEmpty(): boolean {
    return this.#ticks.length === 0 && this.#stableGood === 0 && this.#latency === undefined
  }

  /** Holds an error or a slow request. */
  get isNotable(): boolean {
    const { candidate, stable } = { candidate: this.#candidate, stable: this.#stable }
    return candidate.bad + candidate.exceeded + stable.bad + stable.exceeded > 0
  }

  /** The line, with what is known at its end. */
  end(at: {
    line: number
    untilMs: number
    seen: Seen | null
    waits: string | null
  }): EvidenceLine {
    return {
      rollout: this.rollout,
      line: at.line,
      sinceMs: this.#sinceMs,
      untilMs: at.untilMs,
      memoryMs: this.#memoryMs,
      ...(this.#latency === undefined ? {} : { latency: this.#latency }),
      ticks: this.#ticks,
      stableGood: this.#stableGood,
      candidate: this.#candidate,
      stable: this.#stable,
      ...(at.seen === null ? {} : { seen: at.seen }),
      ...(at.waits === null ? {} : { waits: at.waits }),
    }
  }
}

function armAt(list: readonly number[], from: number): ArmCounts {
  const arm = { ...NO_COUNTS } as Record<keyof ArmCounts, number>
  for (const field of FIELDS) arm[field] = list[from + PLACE[field]] ?? 0
  return arm
}

/** The ticks of a line in their order; the first one brings stable's clean requests. */
export function* foldsOf(line: EvidenceLine): Generator<Fold> {
  let atMs = line.sinceMs
  const { stableGood, ticks } = line
  const clean = { ...NO_COUNTS, good: stableGood }
  if (stableGood > 0) yield { atMs, candidate: NO_COUNTS, stable: clean, stableSlow: 0 }
  for (let i = 0; i < ticks.length; i++) {
    const tick = ticks[i]
    if (tick === undefined) continue
    if (typeof tick === 'number') {
      const next = ticks[++i]
      atMs += tick
      const good = typeof next === 'number' ? next : 0
      yield { atMs, candidate: { ...NO_COUNTS, good }, stable: NO_COUNTS, stableSlow: 0 }
      continue
    }
    atMs += tick[0] ?? 0
    const candidate = armAt(tick, 1)
    const stable = armAt(tick, 1 + FIELDS.length)
    yield { atMs, candidate, stable, stableSlow: tick[1 + 2 * FIELDS.length] ?? 0 }
  }
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value)
}

function isTick(value: unknown): boolean {
  return isNumber(value) || (Array.isArray(value) && value.every(isNumber))
}

/** Whether what stands in a journal is such a line; older forms are not. */
export function isEvidenceLine(value: unknown): value is EvidenceLine {
  if (typeof value !== 'object' || value === null) return false
  const line = value as Partial<Record<keyof EvidenceLine, unknown>>
  return (
    typeof line.rollout === 'string' &&
    [line.line, line.sinceMs, line.untilMs, line.memoryMs, line.stableGood].every(isNumber) &&
    Array.isArray(line.ticks) &&
    line.ticks.every(isTick)
  )
}
