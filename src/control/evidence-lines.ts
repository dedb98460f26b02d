// Writes the lines of evidence: what a rollout's tests were given, tick by tick, so that the
// journal alone reproduces the verdict (core/replay/). It stands beside every decision, sees what
// came in and what came of it, and decides nothing. A line is written each second, at the end of a
// tick in which a request failed or was slow, and before the entry of a decision, so that the
// journal reads in the order of things.

import type { RolloutEvent, ServiceDocument } from '../core/events.ts'
import type { Facts } from '../core/facts.ts'
import { LineDraft, type Seen } from '../core/replay/line.ts'
import { keyframeOf } from '../core/replay/record.ts'
import { holdOf, withLatency } from '../core/rollout/watch.ts'
import type { Trigger } from '../core/strategy.ts'
import type { JournalFile } from './journal-file.ts'

/** A journal that has lost its beginning can be replayed from the last one of these on. */
const KEYFRAME_MS = 600_000

/** What is known of a rollout's lines. */
interface Lines {
  readonly rollout: string
  draft: LineDraft | null
  /** Lines written. */
  count: number
  /** Where the last one ended, by the rollout's own clock. */
  lastMs: number
  keyframeMs: number
  /** The targets of the last line that told of them, as JSON. */
  targets: string
  ratePerSecond: number
}

export interface Noted {
  readonly event: RolloutEvent
  /** The clock of the decision. */
  readonly now: number
}

interface Cut {
  readonly lines: Lines
  readonly untilMs: number
  readonly seen: Seen | null
  readonly now: number
}

export class EvidenceLines {
  readonly #journal: Pick<JournalFile, 'append'>
  readonly #services = new Map<string, Lines>()

  constructor(journal: Pick<JournalFile, 'append'>) {
    this.#journal = journal
  }

  /** Notes what a decision is given; `document` is the one before it. */
  note(document: ServiceDocument, { event, now }: Noted): void {
    const { evidence, facts, state } = document
    if (state.rollout === null || evidence === null) return
    const atMs = now - state.rollout.startedMs
    const lines = this.#linesOf(document, atMs)
    if (event.event === 'survey') this.#look(document, { lines, facts: event.facts, now })
    if (event.event !== 'tick') return
    const { candidate, stable, stableSlow } = event
    lines.draft ??= newDraft(lines, facts)
    lines.draft.add({ atMs, candidate, stable, stableSlow }, evidence)
  }

  /** Something came of a decision: its entry follows. `document` is the one before it. */
  cut(document: ServiceDocument, now: number): void {
    const { evidence, facts, state } = document
    if (state.rollout === null || evidence === null) return
    const untilMs = now - state.rollout.startedMs
    const lines = this.#linesOf(document, untilMs)
    // Also without counts: it tells at which time it was decided.
    lines.draft ??= newDraft(lines, facts)
    this.#write(document, { lines, untilMs, seen: null, now })
  }

  /** Writes a line when a failed or slow request has made it notable. */
  writeNotable({ facts, state }: ServiceDocument, now: number): void {
    const lines = this.#services.get(state.service)
    if (lines?.draft?.isNotable !== true || state.rollout?.id !== lines.rollout) return
    const untilMs = now - state.rollout.startedMs
    this.#write({ facts, state, evidence: null }, { lines, untilMs, seen: null, now })
  }

  /** Once a second, and before a command: a line ends with what was seen. */
  #look(document: ServiceDocument, at: { lines: Lines; facts: Facts; now: number }): void {
    const { facts, lines, now } = at
    const { rollout } = document.state
    if (rollout === null) return
    const untilMs = now - rollout.startedMs
    const seen = seenOf(lines, facts, rollout.strategy.trigger.mode)
    if (seen !== null) lines.draft ??= newDraft(lines, facts)
    if (lines.draft !== null && (seen !== null || !lines.draft.isEmpty)) {
      this.#write(document, { lines, untilMs, seen, now })
    }
    const before = document.evidence
    const after = withLatency({ ...document, facts }, now)
    if (before === null || after === null || after === before) return
    const warm = before.warmUp !== null && after.warmUp === null
    const tail = after.anchor === before.anchor ? null : facts.tail
    const latency = { warm, tail }
    const { memoryMs } = facts
    lines.draft = new LineDraft(lines.rollout, { sinceMs: untilMs, memoryMs, latency })
  }

  #linesOf({ state }: ServiceDocument, atMs: number): Lines {
    const rollout = state.rollout?.id ?? ''
    const known = this.#services.get(state.service)
    if (known?.rollout === rollout) return known
    const lines: Lines = {
      ...{ rollout, draft: null, count: 0, lastMs: atMs, keyframeMs: atMs },
      ...{ targets: '', ratePerSecond: Number.NaN },
    }
    this.#services.set(state.service, lines)
    return lines
  }

  #write(document: ServiceDocument, { lines, now, seen, untilMs }: Cut): void {
    const { draft } = lines
    if (draft === null) return
    const { epoch, service, weight } = document.state
    const waits = document.evidence === null ? null : (holdOf(document, now)?.word ?? null)
    const line = draft.end({ line: ++lines.count, untilMs, seen, waits })
    lines.draft = null
    lines.lastMs = untilMs
    const { candidate, stable } = line
    const text =
      `candidate ${candidate.good} good, ${candidate.bad} bad, ${candidate.exceeded} slow; ` +
      `stable ${stable.good} good, ${stable.bad} bad, ${stable.exceeded} slow`
    const isTime = seen !== null && untilMs - lines.keyframeMs >= KEYFRAME_MS
    const keyframe = isTime ? keyframeOf(document) : null
    if (isTime) lines.keyframeMs = untilMs
    void this.#journal.append({
      kind: 'evidence',
      service,
      epoch,
      text,
      by: 'node',
      weight: weight / 100,
      evidence: keyframe === null ? line : { ...line, keyframe },
    })
  }
}

function newDraft({ lastMs, rollout }: Lines, { memoryMs }: Facts): LineDraft {
  return new LineDraft(rollout, { sinceMs: lastMs, memoryMs })
}

/** What is new in the facts; null when nothing is. */
function seenOf(lines: Lines, facts: Facts, mode: Trigger['mode']): Seen | null {
  const { candidate, ratePerSecond, stable, windows } = facts
  const targets = JSON.stringify({ candidate, stable })
  const same = targets === lines.targets
  if (mode === 'evidence' && same && ratePerSecond === lines.ratePerSecond) return null
  lines.targets = targets
  lines.ratePerSecond = ratePerSecond
  return {
    ratePerSecond,
    ...(same ? {} : { targets: { candidate, stable } }),
    ...(mode === 'threshold' ? { windows } : {}),
  }
}
