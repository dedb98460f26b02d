// What a decision about the weight did to the evidence, as its journal entry carries it: the raise,
// lowering or reopening exactly as the tests were given it. Together with the lines of evidence
// (line.ts) that is all that a replay needs. The values of the tests afterwards stand beside it, so
// that a replay can show that it has come to the same.
//
// Times are milliseconds of the rollout's own clock, 0 at its beginning.

import type { ServiceDocument } from '../events.ts'
import type { Phase, Rollout } from '../service.ts'
import { withoutGates } from '../strategy.ts'
import { type EvidenceValues, type Raise, readEvidence } from '../verdict/evidence.ts'
import type { Weight } from '../weight.ts'
import type { Keyframe } from './line.ts'

interface WeightChange {
  readonly fold: 'lowering' | 'restoring' | 'taking-back'
}

interface Common {
  /** The id of the rollout. */
  readonly rollout: string
  readonly phase: Phase
  readonly step: number
  /** Of the tests, behind this; null without evidence. */
  readonly values: EvidenceValues | null
}

export interface Begin {
  /** As it was before the first raise. */
  readonly rollout: Rollout
  readonly stable: string | null
  readonly candidate: string | null
  /** Requests of an earlier rollout of the candidate that are in flight. */
  readonly inFlight: number
}

export type FoldRecord = Common &
  (
    | {
        readonly fold: 'raise'
        /** Its `nowMs` is the rollout's own time. */
        readonly raise: Raise
        /** At the first raise, where nothing was known before. */
        readonly begin?: Begin
      }
    | { readonly fold: 'reopening'; readonly raise: Raise }
    | {
        readonly fold: WeightChange['fold']
        readonly atMs: number
        readonly weight: Weight
        readonly memoryMs: number
        /** Behind a raise that was taken back: the rollout was not paused for it. */
        readonly goesOn?: true
      }
    /** The node came up and found this. */
    | { readonly fold: 'restart'; readonly atMs: number; readonly keyframe: Keyframe | null }
  )

function commonOf(rollout: Rollout, { evidence }: ServiceDocument): Common {
  const { id, phase, step } = rollout
  return { rollout: id, phase, step, values: evidence === null ? null : readEvidence(evidence) }
}

/**
 * The rollout as the journal keeps it: without its gates, which a replay does not run, and which
 * may name what is nobody's business, such as the arguments of a program.
 */
function told(rollout: Rollout): Rollout {
  const strategy = withoutGates(rollout.strategy)
  return { ...rollout, strategy, gate: null, gateReports: [] }
}

function standing(document: ServiceDocument): Rollout {
  const { rollout } = document.state
  if (rollout === null) throw new Error('a decision about the weight belongs to a rollout')
  return rollout
}

/** @param change the documents before and after it */
export function raiseRecord(
  raise: Raise,
  change: { before: ServiceDocument; after: ServiceDocument },
): FoldRecord {
  const { after, before } = change
  const rollout = standing(after)
  const { candidate, stable, weight } = before.state
  const inFlight = weight > 0 ? 0 : before.facts.candidateInFlight
  const begin = { rollout: told(standing(before)), stable, candidate, inFlight }
  return {
    ...commonOf(rollout, after),
    fold: 'raise',
    raise: { ...raise, nowMs: raise.nowMs - rollout.startedMs },
    ...(before.evidence === null ? { begin } : {}),
  }
}

export function reopeningRecord(raise: Raise, after: ServiceDocument): FoldRecord {
  const rollout = standing(after)
  const ownTime = { ...raise, nowMs: raise.nowMs - rollout.startedMs }
  return { ...commonOf(rollout, after), fold: 'reopening', raise: ownTime }
}

/** @param change the weight that is in force from now on, by the node's clock */
export function weightRecord(
  change: WeightChange & {
    weight: Weight
    nowMs: number
    memoryMs: number
    goesOn?: boolean
  },
  after: ServiceDocument,
): FoldRecord {
  const rollout = standing(after)
  const { fold, memoryMs, nowMs, weight } = change
  const atMs = nowMs - rollout.startedMs
  const record = { ...commonOf(rollout, after), fold, atMs, weight, memoryMs }
  return change.goesOn === true ? { ...record, goesOn: true } : record
}

export function restartRecord(after: ServiceDocument, nowMs: number): FoldRecord {
  const rollout = standing(after)
  const atMs = nowMs - rollout.startedMs
  return { ...commonOf(rollout, after), fold: 'restart', atMs, keyframe: keyframeOf(after) }
}

/** All that is known of a service's rollout; null before its first raise. */
export function keyframeOf({ evidence, state }: ServiceDocument): Keyframe | null {
  const { candidate, rollout, stable, weight } = state
  if (evidence === null || rollout === null) return null
  return { rollout: told(rollout), evidence, weight, stable, candidate }
}

const FOLDS: ReadonlySet<unknown> = new Set([
  'raise',
  'reopening',
  'lowering',
  'restoring',
  'taking-back',
  'restart',
])

/** Whether what stands in a journal is such a record; entries of older releases have none. */
export function isFoldRecord(value: unknown): value is FoldRecord {
  if (typeof value !== 'object' || value === null) return false
  const { fold, raise, atMs, rollout } = value as Readonly<Record<string, unknown>>
  if (!FOLDS.has(fold) || typeof rollout !== 'string') return false
  return fold === 'raise' || fold === 'reopening'
    ? typeof raise === 'object' && raise !== null
    : typeof atMs === 'number'
}
