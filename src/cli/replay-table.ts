// How replays look on a terminal: a row for what has happened and one for each strategy, then what
// cannot be told. Text in, text out.

import type { Happened, Replayed } from '../core/replay/replay.ts'
import { amount, count, seconds } from '../core/verdict/words.ts'
import { percentFromWeight } from '../core/weight.ts'
import { columns } from './columns.ts'
import type { ReplayTrial } from './simulate-journal.ts'

export interface ReplayReport {
  readonly was: Replayed
  readonly trials: readonly ReplayTrial[]
  /** The setting that is swept; empty without a sweep. */
  readonly key: string
  readonly notes: readonly string[]
}

const LEFT = [true, true, false, false, false, false, false]
const ENDS: ReadonlySet<Happened['decision']> = new Set(['promoted', 'rolled-back', 'aborted'])

function percent(weight: number): string {
  return `${weight} %`
}

/** The row of a strategy: how it would have ended, and what it would have cost. */
function trialRow(label: string, { end, moments }: Replayed): readonly string[] {
  const last = moments.at(-1)
  const ended = last?.decision === 'rolled-back' || last?.decision === 'promoted' ? last : null
  const paused = moments.find(({ decision }) => decision === 'pause')
  const { candidate } = ended ?? end
  const evidence =
    end.values === null ? '' : ` (evidence ${amount(Math.max(end.values.errors, end.values.tail))})`
  const decision = ended?.decision ?? (paused === undefined ? `goes on${evidence}` : 'paused')
  return [
    label,
    decision,
    seconds(ended?.atMs ?? paused?.atMs ?? end.atMs),
    ended === null ? '' : percent(percentFromWeight(ended.weight)),
    String(candidate.requests),
    String(candidate.errors),
    String(candidate.userErrors),
  ]
}

function happenedRow({ end, happened }: Replayed): readonly string[] {
  const last = happened.findLast(({ decision }) => ENDS.has(decision))
  const before = happened.at(last === undefined ? -1 : -2)
  return [
    'as it happened',
    last?.decision ?? 'goes on',
    seconds(end.atMs),
    before === undefined ? '' : percent(before.weight),
    String(end.candidate.requests),
    String(end.candidate.errors),
    String(end.candidate.userErrors),
  ]
}

/** What of a replay as it was is to be said: that it agrees with the node, or where it does not. */
function agreement({ compared, deviation, differences, happened }: Replayed): readonly string[] {
  if (differences.length > 0) {
    return ['The replay differs from what the node has done:', ...differences.map(indented)]
  }
  const most = deviation === 0 ? 'exactly' : `to ${deviation.toExponential(0)}`
  return [
    `The replay takes the same decisions at the same lines: ${count(happened.length, 'decision')}, ` +
      `${count(compared, 'comparison')} of the values of the tests, equal ${most}.`,
  ]
}

function indented(text: string): string {
  return `  ${text}`
}

function storyOf({ happened }: Replayed): readonly string[] {
  return happened.map(({ atMs, text }) => `  ${seconds(atMs).padStart(8)}  ${text.split('. ')[0]}`)
}

/** The whole text. */
export function replayTable({ key, notes, trials, was }: ReplayReport): string {
  const { beganAt, candidate, rollout, service } = was
  const head = [key.toUpperCase(), 'DECISION', 'AFTER', 'AT', 'REQUESTS', 'BAD', 'REACHED USERS']
  const rows = trials.map(({ label, replayed }) =>
    trialRow(label === '' ? 'asked' : label, replayed),
  )
  const said = new Set([...notes, ...was.notes, ...trials.flatMap(notesOf)])
  return [
    `${rollout} of ${service}: ${candidate ?? 'a candidate'}, from ${beganAt}`,
    ...storyOf(was),
    '',
    columns([head, happenedRow(was), ...rows], LEFT),
    '',
    ...agreement(was),
    ...said,
  ].join('\n')
}

function notesOf({ label, replayed }: ReplayTrial): readonly string[] {
  return replayed.notes.map((note) =>
    label === '' || note.startsWith('Cannot') ? note : `${label}: ${note}`,
  )
}
