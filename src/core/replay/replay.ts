// Replays a rollout from its journal. As it was: then every decision must come at the same line and
// with the same evidence as in the node, and the replay says whether it does. Or under another
// strategy: then it says when that would have stopped or promoted the candidate, and after how many
// bad requests. It never guesses: what a journal cannot tell is said in a sentence.

import type { EvidenceView } from '../explanation.ts'
import type { JournalEntry } from '../journal.ts'
import type { Strategy } from '../strategy.ts'
import { type ArmTotals, type EvidenceValues, NO_TOTALS } from '../verdict/evidence.ts'
import { seconds } from '../verdict/words.ts'
import { percentFromWeight, type Weight } from '../weight.ts'
import { cannotReplay } from './cannot.ts'
import { type Chapter, chapterOf, missingLines, type Passage } from './chapter.ts'
import { type Decision, Machine, type Moment } from './machine.ts'
import type { FoldRecord } from './record.ts'

/** A decision that was taken, by whomever. */
export interface Happened {
  readonly decision: Decision | 'aborted' | 'weight' | 'resumed' | 'restarted'
  readonly by: JournalEntry['by']
  /** The rollout's own clock, as far as the journal tells it. */
  readonly atMs: number
  /** ISO 8601. */
  readonly at: string
  readonly seq: number
  readonly weight: number
  readonly text: string
}

/** A step of the rollout, and when the strategy would have ended it. */
export interface ReplayedStep {
  readonly weight: Weight
  readonly sinceMs: number
  /** When it was left; null for the one in which the journal ends. */
  readonly leftMs: number | null
  /** Whether it was left for a larger weight or a promotion, not for an end. */
  readonly wentOn: boolean
  /** When the strategy would have left it; null when it would still have held. */
  readonly readyMs: number | null
  /** What it would have waited for then; empty when for nothing. */
  readonly hold: string
}

export interface Replayed {
  readonly rollout: string
  readonly service: string
  readonly candidate: string | null
  readonly strategy: Strategy
  /** ISO 8601, of the first entry. */
  readonly beganAt: string
  /** What the strategy would have decided; behind the first rollback or promotion nothing more. */
  readonly moments: readonly Moment[]
  readonly steps: readonly ReplayedStep[]
  readonly happened: readonly Happened[]
  /** What is known where the replay ends. */
  readonly end: {
    readonly atMs: number
    readonly candidate: ArmTotals
    readonly stable: ArmTotals
    readonly values: EvidenceValues | null
    readonly hold: string | null
  }
  /** As it was: where the replay and the node differ; empty is what must be. */
  readonly differences: readonly string[]
  /** How many values of the node's tests were compared, and the largest relative difference. */
  readonly compared: number
  readonly deviation: number
  /** What cannot be replayed. */
  readonly notes: readonly string[]
}

export interface ReplayQuestion {
  readonly rollout: string
  /** Null: as it was. */
  readonly strategy: Strategy | null
}

const FOLDED: Readonly<Record<FoldRecord['fold'], Happened['decision']>> = {
  raise: 'raise',
  reopening: 'reopened',
  lowering: 'weight',
  restoring: 'restored',
  'taking-back': 'pause',
  restart: 'restarted',
}

function decisionOf(passage: Passage): Happened['decision'] | null {
  if (passage.brings === 'line') return null
  const { kind } = passage.entry
  if (passage.brings === 'fold') {
    if (kind === 'resume') return 'resumed'
    return kind === 'weight' && passage.record.fold === 'raise'
      ? 'weight'
      : FOLDED[passage.record.fold]
  }
  switch (kind) {
    case 'promoted':
    case 'rolled-back':
    case 'pause':
    case 'aborted':
      return kind
    case 'resume':
      return 'resumed'
    default:
      return null
  }
}

/** Whether the rollout or its verdict has decided it, so that a replay must come to the same. */
function isItsOwn(passage: Passage): boolean {
  if (passage.brings === 'fold' && passage.record.fold === 'raise' && passage.record.begin) {
    return false // targets and residency decide the first raise, and they are in no journal
  }
  return passage.entry.by === 'rollout' || passage.entry.by === 'verdict'
}

/** The largest relative difference of the values that are told. */
function deviationOf(told: Partial<EvidenceValues>, reckoned: EvidenceValues): number {
  let largest = 0
  for (const name of Object.keys(told) as (keyof EvidenceValues)[]) {
    const value = told[name] ?? 0
    const scale = Math.max(Math.abs(value), Math.abs(reckoned[name]))
    if (scale > 0) largest = Math.max(largest, Math.abs(value - reckoned[name]) / scale)
  }
  return largest
}

const NAMES: Readonly<Record<string, keyof EvidenceValues>> = {
  'errors bound': 'absolute',
  'errors stable': 'relative',
  'p99 stable': 'tail',
  'p99 bound': 'tailAbsolute',
}

/** The values of the tests in the explanation that an entry carries. */
function toldBy({ evidence }: JournalEntry): Partial<EvidenceValues> | null {
  if (typeof evidence !== 'object' || evidence === null || !('evidence' in evidence)) return null
  if (!Array.isArray(evidence.evidence)) return null
  const told: Partial<Record<keyof EvidenceValues, number>> = {}
  for (const { metric, tests } of evidence.evidence as readonly Partial<EvidenceView>[]) {
    for (const { against, value } of tests ?? []) {
      const name = NAMES[`${metric} ${against}`]
      if (name !== undefined) told[name] = value
    }
  }
  return Object.keys(told).length === 0 ? null : told
}

function isOver({ decision }: Moment): boolean {
  return decision === 'rolled-back' || decision === 'promoted'
}

/** One pass over a chapter. */
class Pass {
  readonly machine: Machine
  readonly happened: Happened[] = []
  readonly steps: ReplayedStep[] = []
  readonly differences: string[] = []
  readonly notes: string[] = []
  readonly #asItWas: boolean
  compared = 0
  deviation = 0
  /** Moments that were compared with what happened. */
  #matched = 0
  #stepSinceMs = 0
  /** Moments that belong to the steps before the present one. */
  #before = 0

  constructor(chapter: Chapter, question: { strategy: Strategy | null; latency: boolean }) {
    const { latency, strategy } = question
    this.machine = new Machine({ service: chapter.service, strategy, latency })
    this.#asItWas = strategy === null
  }

  /** Whether the strategy has come to an end of its own. */
  get isOver(): boolean {
    return !this.#asItWas && this.machine.moments.some(isOver)
  }

  read(passage: Passage): void {
    const { machine } = this
    if (passage.brings === 'line') {
      machine.readLine(passage.line)
      return
    }
    const decision = decisionOf(passage)
    if (decision !== null) {
      this.#meet(passage, decision)
      this.#leaveStep(passage, decision)
    }
    if (passage.brings === 'fold') {
      machine.readFold(passage.record)
      this.#compare(passage.record.values, machine.values)
      this.#stepSinceMs = machine.atMs
      this.#before = machine.moments.length
      const { kind, by } = passage.entry
      const byHand = kind === 'weight' && by === 'operator' && passage.record.phase !== 'manual'
      if (byHand) machine.pause('manual weight')
    } else if (decision === 'pause') machine.pause(passage.entry.text)
  }

  /** Compares a decision of the journal with what the replay has come to. */
  #meet(passage: Passage, decision: Happened['decision']): void {
    const { entry } = passage
    const { at, by, seq, text, weight = 0 } = entry
    const { atMs } = this.machine
    this.happened.push({ decision, by, atMs, at, seq, weight, text })
    if (!this.#asItWas || this.machine.document === null || !isItsOwn(passage)) return
    const moment = this.machine.moments[this.#matched]
    if (moment?.decision !== decision) {
      const hold = this.machine.hold
      const why = hold === null ? '' : `, which ${hold}`
      this.differences.push(`entry ${seq}: ${decision} is no decision of the replay${why}`)
      return
    }
    this.#matched++
    if (moment.atMs !== atMs) {
      this.differences.push(`entry ${seq}: ${decision} came ${atMs - moment.atMs} ms late`)
    }
    this.#compare(toldBy(entry), moment.values)
  }

  #compare(told: Partial<EvidenceValues> | null, reckoned: EvidenceValues | null): void {
    if (!this.#asItWas || told === null || reckoned === null) return
    this.compared++
    this.deviation = Math.max(this.deviation, deviationOf(told, reckoned))
  }

  #leaveStep(passage: Passage, decision: Happened['decision'] | null): void {
    const { evidence, hold, moments, atMs, document } = this.machine
    if (evidence === null || document === null || decision === 'restarted') return
    const weight = document.state.weight
    const since = this.#stepSinceMs
    const ready = moments
      .slice(this.#before)
      .find((moment) => moment.decision === 'raise' || moment.decision === 'promoted')
    const changes = passage.brings === 'fold' || decision !== 'pause'
    if (!changes) return
    this.steps.push({
      weight,
      sinceMs: since,
      leftMs: atMs,
      wentOn: decision === 'raise' || decision === 'promoted',
      readyMs: ready?.atMs ?? null,
      hold: ready === undefined ? (hold ?? '') : '',
    })
  }

  /** What the replay has come to and the journal has not. */
  finish(): void {
    if (!this.#asItWas) return
    for (const { atMs, decision } of this.machine.moments.slice(this.#matched)) {
      const sentence = `the replay decides ${decision} after ${seconds(atMs)}`
      if (atMs === this.machine.atMs) this.notes.push(`the journal ends where ${sentence}`)
      else this.differences.push(`${sentence}, the journal does not`)
    }
  }
}

/** The strategy that a chapter's rollout had; null when its beginning is not there. */
export function strategyOf({ passages }: Chapter): Strategy | null {
  for (const passage of passages) {
    if (passage.brings === 'fold' && passage.record.fold === 'raise' && passage.record.begin) {
      return passage.record.begin.rollout.strategy
    }
    if (passage.brings === 'line' && passage.line.keyframe !== undefined) {
      return passage.line.keyframe.rollout.strategy
    }
    if (passage.brings === 'fold' && passage.record.fold === 'restart') {
      const { keyframe } = passage.record
      if (keyframe !== null) return keyframe.rollout.strategy
    }
  }
  return null
}

/** Replays a rollout; the sentence says why it cannot be. */
export function replay(
  entries: readonly JournalEntry[],
  { rollout, strategy }: ReplayQuestion,
): Replayed | { readonly cannot: string } {
  const chapter = chapterOf(entries, rollout)
  const was = chapter === null ? null : strategyOf(chapter)
  if (chapter === null || was === null) {
    const known = chapter === null ? 'nothing' : 'only lines without their beginning'
    return {
      cannot: `Cannot replay ${rollout} as its beginning must be in the journal: current value is ${known}`,
    }
  }
  const notes = [...gapsOf(chapter), ...(strategy === null ? [] : cannotReplay(was, strategy))]
  const latency =
    strategy === null || strategy.trigger.p99LatencyIncrease === was.trigger.p99LatencyIncrease
  const pass = new Pass(chapter, { strategy, latency })
  for (const passage of chapter.passages) {
    pass.read(passage)
    if (pass.isOver) break
  }
  pass.finish()
  const { atMs, document, evidence, hold, moments, values } = pass.machine
  const over = strategy === null ? -1 : moments.findIndex(isOver)
  return {
    rollout,
    service: chapter.service,
    candidate: document?.state.candidate ?? null,
    strategy: strategy ?? was,
    beganAt: chapter.passages[0]?.entry.at ?? '',
    moments: over === -1 ? moments : moments.slice(0, over + 1),
    steps: pass.steps,
    happened: pass.happened,
    end: {
      atMs,
      candidate: evidence?.candidate ?? NO_TOTALS,
      stable: evidence?.stable ?? NO_TOTALS,
      values,
      hold: document?.state.rollout == null ? null : hold,
    },
    differences: pass.differences,
    compared: pass.compared,
    deviation: pass.deviation,
    notes: [...notes, ...pass.notes, ...(latency ? divergences(pass, strategy) : [])],
  }
}

function gapsOf(chapter: Chapter): readonly string[] {
  const missing = missingLines(chapter)
  const begins = chapter.passages.some(
    (passage) =>
      passage.brings === 'fold' && passage.record.fold === 'raise' && passage.record.begin,
  )
  return [
    ...(missing === 0
      ? []
      : [`${missing} lines of evidence are missing: what they counted is not known`]),
    ...(begins
      ? []
      : ['the beginning is not in the journal: the replay begins with a later state']),
  ]
}

/** Where another strategy would have left the path of the journal. */
function divergences(pass: Pass, strategy: Strategy | null): readonly string[] {
  if (strategy === null) return []
  const sentences: string[] = []
  for (const { hold, leftMs, readyMs, weight, wentOn } of pass.steps) {
    if (leftMs === null) continue
    const at = `${percentFromWeight(weight)} %`
    if (readyMs !== null && readyMs < leftMs) {
      sentences.push(
        `it would have left ${at} ${seconds(leftMs - readyMs)} earlier: what a larger weight ` +
          'would have shown then is not known',
      )
    } else if (wentOn && readyMs === null && hold !== '') {
      sentences.push(`it would have stayed at ${at}: ${hold}`)
    }
  }
  return sentences
}
