// Drives the real rollout with what a journal tells, as it was or under another strategy. Counts
// go through the same `watch` as in the node; changes of the weight are those that happened, since
// only they have drawn the requests that were counted. What the rollout would have decided by
// itself is noted as a moment and not carried out: the journal goes on as it went.

import type { Effect, ServiceDocument } from '../events.ts'
import { type ArmCounts, type Facts, NO_COUNTS } from '../facts.ts'
import { lowered } from '../rollout/by-hand.ts'
import { raiseTo } from '../rollout/raise.ts'
import { blankDocument, NO_FACTS, rolloutOf, type Stepped } from '../rollout/transition.ts'
import { restarted, takeBack } from '../rollout/upkeep.ts'
import { reopen, restore } from '../rollout/reopen.ts'
import { holdOf, watch } from '../rollout/watch.ts'
import type { Rollout } from '../service.ts'
import { type Strategy, withoutGates } from '../strategy.ts'
import {
  type ArmTotals,
  type Evidence,
  type EvidenceValues,
  foldLateAnchor,
  foldTick,
  type Raise,
  readEvidence,
} from '../verdict/evidence.ts'
import type { Weight } from '../weight.ts'
import { type EvidenceLine, type Fold, foldsOf, type Keyframe, type LatencyMark } from './line.ts'
import type { FoldRecord } from './record.ts'
import { ReplayedWindows } from './windows.ts'

/** Silence is looked through in such steps, since time alone can end a step. */
const SILENT_MS = 1000
/** No more of them than a day has seconds: a rollout that rests for weeks is replayed in leaps. */
const SILENT_TICKS = 86_400

const WELL: Facts = {
  ...NO_FACTS,
  candidateResident: true,
  stable: { healthy: 1, total: 1 },
  candidate: { healthy: 1, total: 1 },
}

export type Decision = 'raise' | 'promoted' | 'rolled-back' | 'pause' | 'reopened' | 'restored'

/** What the rollout decides by itself, and what it has seen by then. */
export interface Moment {
  readonly decision: Decision
  /** The rollout's own clock. */
  readonly atMs: number
  /** The weight in force before it. */
  readonly weight: Weight
  readonly candidate: ArmTotals
  readonly stable: ArmTotals
  readonly values: EvidenceValues | null
  /** The sentence that the journal would have. */
  readonly text: string
}

export interface MachineOptions {
  readonly service: string
  /** Null: the strategy that the rollout had. */
  readonly strategy: Strategy | null
  /** Slow requests were counted against the limit of the rollout's own strategy. */
  readonly latency: boolean
}

function decisionOf(effects: readonly Effect[], after: ServiceDocument): Decision | null {
  for (const effect of effects) {
    if (effect.effect !== 'journal') continue
    const { kind } = effect
    if (kind === 'raise' || kind === 'promoted' || kind === 'rolled-back') return kind
    if (kind === 'pause') return 'pause'
    if (kind === 'weight') return after.state.rollout?.reopened ? 'reopened' : 'restored'
  }
  return null
}

function withoutSlow(counts: ArmCounts): ArmCounts {
  return { ...counts, exceeded: 0 }
}

export class Machine {
  readonly #options: MachineOptions
  readonly #windows = new ReplayedWindows()
  /** Null until the rollout's first raise, or the first keyframe. */
  document: ServiceDocument | null = null
  /** What it would have decided, in order; of decisions that it goes on to want only the first. */
  readonly moments: Moment[] = []
  /** What it has wanted since the weight was changed last. */
  #wanted: Decision | null = null
  /** Its own clock. */
  atMs = 0
  #silent = 0

  constructor(options: MachineOptions) {
    this.#options = options
  }

  get evidence(): Evidence | null {
    return this.document?.evidence ?? null
  }

  get values(): EvidenceValues | null {
    return this.evidence === null ? null : readEvidence(this.evidence)
  }

  /** Why no step would end now; null when one would, or nothing is known. */
  get hold(): string | null {
    if (this.document?.state.rollout == null) return null
    return holdOf(this.document, this.#now(this.atMs))?.text ?? null
  }

  // --- counts ----------------------------------------------------------------------------------

  /** Takes in a line of evidence. */
  readLine(line: EvidenceLine): void {
    if (this.document === null) {
      if (line.keyframe !== undefined) this.#beginAt(line.keyframe, line)
      return
    }
    this.#know({ memoryMs: line.memoryMs })
    if (line.latency !== undefined) this.#beginLatency(line.latency)
    for (const fold of foldsOf(line)) {
      this.#passTo(fold.atMs)
      this.#tick(fold)
    }
    this.#passTo(line.untilMs)
    const { seen } = line
    if (seen !== undefined) {
      const { ratePerSecond, targets, windows } = seen
      this.#know({ ratePerSecond, ...targets, ...(windows === undefined ? {} : { windows }) })
    }
    this.#useWindows(seen?.windows !== undefined)
    this.#decideAt(line.untilMs)
  }

  #now(atMs: number): number {
    return (this.document?.state.rollout?.startedMs ?? 0) + atMs
  }

  #know(facts: Partial<Facts>): void {
    if (this.document === null) return
    this.document = { ...this.document, facts: { ...this.document.facts, ...facts } }
  }

  /** Mode `threshold` looks at windows; where the journal has none, errors still make one. */
  #useWindows(told: boolean): void {
    const { document } = this
    const trigger = document?.state.rollout?.strategy.trigger
    if (document === null || trigger?.mode !== 'threshold' || told) return
    this.#know({ windows: this.#windows.figures(this.atMs, trigger.windowMs) })
  }

  #beginLatency({ tail, warm }: LatencyMark): void {
    const { document } = this
    if (document === null || document.evidence === null) return
    const { trigger } = rolloutOf(document).strategy
    const warmed = warm ? { ...document.evidence, warmUp: null } : document.evidence
    const judged = this.#options.latency ? tail : null
    const evidence = tail === null ? warmed : foldLateAnchor(warmed, judged, trigger)
    this.document = { ...document, evidence }
  }

  /** Lets time go by in which nothing was counted: it can end a step, too. */
  #passTo(atMs: number): void {
    // The first tick behind a lowering must be the one that it was.
    if (this.evidence?.settling?.first === true) return
    while (atMs - this.atMs > SILENT_MS && this.#silent++ < SILENT_TICKS) {
      this.#decideAt(this.atMs + SILENT_MS)
    }
  }

  #decideAt(atMs: number): void {
    if (this.evidence?.settling?.first === true) return
    this.#tick({ atMs, candidate: NO_COUNTS, stable: NO_COUNTS, stableSlow: 0 })
  }

  #tick(fold: Fold): void {
    const { document } = this
    if (document === null || document.evidence === null) return
    this.atMs = Math.max(this.atMs, fold.atMs)
    this.#windows.add(fold)
    const slow = this.#options.latency
    const candidate = slow ? fold.candidate : withoutSlow(fold.candidate)
    const stable = slow ? fold.stable : withoutSlow(fold.stable)
    const now = this.#now(fold.atMs)
    const tick = { event: 'tick', candidate, stable, stableSlow: fold.stableSlow } as const
    const stepped = watch(document, tick, now)
    const decision = decisionOf(stepped.effects, stepped.document)
    if (decision === null) {
      this.document = stepped.document
      return
    }
    const { memoryMs } = document.facts
    const { trigger } = rolloutOf(document).strategy
    const evidence = foldTick(document.evidence, { ...tick, nowMs: now, memoryMs }, trigger)
    this.document = { ...document, evidence }
    this.#note(decision, { atMs: fold.atMs, evidence, stepped })
  }

  #note(decision: Decision, at: { atMs: number; evidence: Evidence; stepped: Stepped }): void {
    if (this.#wanted === decision) return
    // Without latency nothing can be said about what is proven, only about what is condemned.
    if (!this.#options.latency && (decision === 'raise' || decision === 'pause')) return
    this.#wanted = decision
    const { atMs, evidence, stepped } = at
    const { candidate, stable } = evidence
    const weight = this.document?.state.weight ?? 0
    const values = readEvidence(evidence)
    const text = stepped.note
    this.moments.push({ decision, atMs, weight, candidate, stable, values, text })
    if (decision === 'pause') this.pause(text)
  }

  // --- changes of the weight -------------------------------------------------------------------

  /** Takes in what a decision of the journal did. */
  readFold(record: FoldRecord): void {
    if (record.fold === 'restart') {
      this.#restart(record.keyframe, record.atMs)
      return
    }
    if (record.fold === 'raise' && record.begin !== undefined) {
      const { begin } = record
      this.#open(begin.rollout, { ...begin, weight: 0, evidence: null })
      this.#know({ candidateInFlight: begin.inFlight })
    }
    const { document } = this
    if (document === null) return
    const at = record.fold === 'raise' || record.fold === 'reopening' ? record.raise : record
    const atMs = 'nowMs' in at ? at.nowMs : at.atMs
    this.atMs = atMs
    this.#wanted = null
    this.#know({ memoryMs: at.memoryMs })
    this.document = this.#changed(record, this.#now(atMs))
  }

  #changed(record: Exclude<FoldRecord, { fold: 'restart' }>, now: number): ServiceDocument {
    const document = this.document ?? blankDocument(this.#options.service)
    const { phase, step } = record
    switch (record.fold) {
      case 'raise': {
        const { raise } = record
        const order = { phase, step, by: 'rollout', text: '', now } as const
        const kind = raise.provesAnew ? 'resume' : 'raise'
        return raiseTo(this.#facing(raise), { ...order, weight: raise.weight, kind }).document
      }
      case 'reopening':
        return reopen(this.#facing(record.raise), now).document
      case 'restoring':
        return restore(document, now).document
      case 'taking-back': {
        const { goesOn, weight } = record
        const unsaved = { event: 'unsaved', epoch: 0, weight, reason: '' } as const
        const event = { ...unsaved, pauses: goesOn !== true }
        return takeBack(document, event, now).document
      }
      case 'lowering': {
        const { weight } = record
        const pause = phase === 'manual' ? null : { reason: 'manual weight', sinceMs: now }
        const rollout = { ...rolloutOf(document), reopened: false, step, phase, pause }
        return lowered(document, { weight, rollout, text: '', now }).document
      }
    }
  }

  /** The document with the facts that a raise was given. */
  #facing(raise: Raise): ServiceDocument {
    const document = this.document ?? blankDocument(this.#options.service)
    const { given, memoryMs, stableWindow, tail } = raise
    const stable = { ...document.facts.windows.stable, ...stableWindow }
    const windows = { ...document.facts.windows, stable }
    const judged = this.#options.latency ? tail : null
    const facts = { ...document.facts, tail: judged, given, memoryMs, windows }
    const raises = raise.number - 1
    const { state } = document
    return { ...document, facts, state: { ...state, rollout: { ...rolloutOf(document), raises } } }
  }

  /** An operator has paused it, or set a weight that stands in the steps' way. */
  pause(reason: string): void {
    const { document } = this
    if (document === null || document.state.rollout === null) return
    const pause = { reason, sinceMs: this.#now(this.atMs) }
    const rollout = { ...document.state.rollout, pause }
    this.document = { ...document, state: { ...document.state, rollout } }
  }

  #restart(keyframe: Keyframe | null, atMs: number): void {
    const { document } = this
    this.atMs = atMs
    this.#wanted = null
    if (keyframe === null) return
    if (this.#options.strategy === null || document === null) this.#open(keyframe.rollout, keyframe)
    else this.document = restarted(document, {}, this.#now(atMs)).document
  }

  #beginAt(keyframe: Keyframe, line: EvidenceLine): void {
    this.#open(keyframe.rollout, keyframe)
    this.atMs = line.untilMs
    const { memoryMs, seen } = line
    this.#know({ memoryMs, ...seen?.targets, ratePerSecond: seen?.ratePerSecond ?? 0 })
  }

  #open(rollout: Rollout, known: Omit<Keyframe, 'evidence'> & { evidence: Evidence | null }): void {
    const { candidate, evidence, stable, weight } = known
    const blank = blankDocument(this.#options.service)
    const strategy = withoutGates(this.#options.strategy ?? rollout.strategy)
    const state = { ...blank.state, candidate, stable, weight }
    this.document = {
      state: { ...state, rollout: { ...rollout, strategy, gate: null } },
      evidence,
      facts: WELL,
    }
  }
}
