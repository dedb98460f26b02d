// The evidence of a rollout on a terminal: a row for each test that speaks against the candidate
// and for each proof that speaks for it, with how far it has come to its bar, and what has moved
// since the last look. Bars are logarithmic, as both kinds of scores grow by factors.

import type { RolloutView, ServiceView } from '../core/command.ts'
import type { ArmFigures, EvidenceView, FailureView, ProofView } from '../core/explanation.ts'
import { count, duration, percent, score, whole } from '../core/verdict/words.ts'
import { align, bar, type Cell } from './status-cells.ts'

const NAMED = ['EVIDENCE', 'NOW', 'BAR'].map((text) => ({ text, paint: 'dim' }) as const)
const HEAD: readonly Cell[] = [...NAMED, { text: '' }, { text: '' }, { text: '' }]
const LEFT = [true, false, true, true, true, true]
/** The column that says what has moved. */
const CHANGE = 4

/**
 * How far a score has come from 1, which says nothing, by its logarithm: requests of a kind add
 * about equal parts.
 */
function progress(value: number, goal: number): number {
  return value <= 1 ? 0 : Math.min(1, Math.log(value) / Math.log(goal))
}

const LEAST_CHANGE = 0.01
/** A proof grows with each clean request without end; beyond so many bars nobody cares how far. */
const FAR_BARS = 100

interface Score {
  readonly now: number | null
  readonly before: number | null | undefined
  /** Where numbers end: from here on it is said only that it is more. */
  readonly most: number
}

/** `113`, or `4,000+` far beyond the bar. */
function scoreText(value: number, most: number): string {
  return value > most ? `${score(most)}+` : score(value)
}

function change({ before, most, now }: Score): string {
  if (now === null || before === null || before === undefined) return ''
  const difference = Math.min(now, most) - Math.min(before, most)
  // What would not be seen in the numbers either.
  const isSame = scoreText(now, most) === scoreText(before, most)
  if (isSame || Math.abs(difference) < LEAST_CHANGE) return ''
  const more = Math.max(now, before) > most ? '+' : ''
  return `${difference > 0 ? '+' : '−'}${score(Math.abs(difference))}${more}`
}

const AT_BAR = { 'roll-back': '', reopen: ' reopens', page: ' pages' } as const

function counts({ rate, requests }: ArmFigures): string {
  return `${percent(rate)} of ${whole(requests)}`
}

function againstFacts({ candidate, metric, stable, value, text }: EvidenceView): string {
  // Without a test the reason stands there.
  if (value === null && metric === 'p99') return text.replace(/^p99: ([^.]*)\..*$/s, '$1')
  if (candidate.requests === 0 && stable.requests === 0) return 'nothing seen yet'
  const bad = metric === 'errors' ? 'failed' : 'slow'
  return `${counts(candidate)} ${bad}, stable ${counts(stable)}`
}

function againstRow(view: EvidenceView, before: EvidenceView | undefined): Cell[] {
  const { leadsTo, metric, value } = view
  const goal = view.bar
  const isNear = value !== null && goal !== null && progress(value, goal) >= 0.5
  const paint = isNear ? { paint: 'red' as const } : {}
  return [
    { text: `against ${metric}` },
    { text: value === null ? '–' : score(value), ...paint },
    { text: goal === null ? '' : `${score(goal)}${AT_BAR[leadsTo]}` },
    { text: value === null || goal === null ? '' : bar(progress(value, goal)), ...paint },
    { text: change({ now: value, before: before?.value, most: Number.POSITIVE_INFINITY }) },
    { text: againstFacts(view) },
  ]
}

function forFacts({ aboutSeconds, missingRequests, proof, proven, text }: ProofView): string {
  if (proven) return 'shown'
  if (missingRequests === null) return text
  const kind = proof === 'errors' ? 'more clean request' : 'more request'
  const whose = proof === 'errors' ? 'of the candidate' : 'of the service'
  const wait = aboutSeconds === null ? '' : `, about ${duration(aboutSeconds * 1000)}`
  return `${count(missingRequests, kind)} ${whose}${wait}`
}

function forRow(view: ProofView, before: ProofView | undefined): Cell[] {
  const { proof, proven, value } = view
  const paint = proven ? { paint: 'green' as const } : {}
  const most = FAR_BARS * view.bar
  return [
    { text: `for ${proof}` },
    { text: value === null ? '–' : scoreText(value, most), ...paint },
    { text: score(view.bar) },
    { text: value === null ? '' : bar(progress(value, view.bar)), ...paint },
    { text: change({ now: value, before: before?.value, most }) },
    { text: forFacts(view) },
  ]
}

/** The same rollout as it was at the last look. */
function sameBefore(now: RolloutView, before: ServiceView | undefined): RolloutView | null {
  const rollout = before?.rollout ?? null
  return rollout !== null && rollout.id === now.id ? rollout : null
}

/** The rows of the evidence; none before the first raise. */
export function evidenceRows(
  rollout: RolloutView,
  paper: { colour: boolean; before: ServiceView | undefined },
): readonly string[] {
  const { evidence, proofs } = rollout
  if (evidence.length === 0) return []
  const last = sameBefore(rollout, paper.before)
  const rows: Cell[][] = [
    [...HEAD],
    ...evidence.map((view) =>
      againstRow(
        view,
        last?.evidence.find(({ metric }) => metric === view.metric),
      ),
    ),
    ...proofs.map((view) =>
      forRow(
        view,
        last?.proofs.find(({ proof }) => proof === view.proof),
      ),
    ),
  ]
  // Without a last look the column of changes would be a gap.
  const isKept = (_: unknown, column: number): boolean => last !== null || column !== CHANGE
  const left = LEFT.filter(isKept)
  return align(
    rows.map((row) => row.filter(isKept)),
    { colour: paper.colour, left },
  )
}

/** `candidate +340 requests, +2 failed`; empty when nothing moved. */
export function movedText(rollout: RolloutView, before: ServiceView | undefined): string {
  const now = rollout.evidence.find(({ metric }) => metric === 'errors')
  const then = sameBefore(rollout, before)?.evidence.find(({ metric }) => metric === 'errors')
  if (now === undefined || then === undefined) return ''
  const arms = (['candidate', 'stable'] as const).flatMap((arm) => {
    const requests = now[arm].requests - then[arm].requests
    const bad = now[arm].bad - then[arm].bad
    if (requests <= 0) return []
    const failed = bad > 0 ? ` (${whole(bad)} failed)` : ''
    return [`${arm} +${count(requests, 'request')}${failed}`]
  })
  return arms.join(', ')
}

/** `7f3a… (reset), 81c0… (serverError 503)`; empty when none is known. */
export function failuresText(evidence: readonly EvidenceView[]): string {
  const failures = evidence.flatMap((view) => view.failures)
  const named = ({ outcome, requestId, status }: FailureView): string =>
    `${requestId} (${outcome}${status === 0 ? '' : ` ${status}`})`
  return failures.map(named).join(', ')
}

/** One line about where the evidence stands, for logs. */
export function evidenceLine({ evidence, proofs }: RolloutView): string {
  const against = evidence.map(({ bar: goal, metric, value }) =>
    value === null || goal === null ? '' : `${metric} ${score(value)} of ${score(goal)}`,
  )
  const speaksFor = proofs.map(({ bar: goal, proof, proven, value }) =>
    value === null ? '' : `${proof} ${proven ? 'shown' : `${score(value)} of ${score(goal)}`}`,
  )
  const part = (name: string, texts: readonly string[]): string[] => {
    const known = texts.filter((text) => text !== '')
    return known.length === 0 ? [] : [`${name} it ${known.join(', ')}`]
  }
  return [...part('against', against), ...part('for', speaksFor)].join('; ')
}
