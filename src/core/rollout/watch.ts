// What a rollout does by itself: it takes in what was counted, asks the judge, and either goes on,
// raises the next step, reopens the comparison, or takes the candidate out. The order matters:
// first what is bad, only then what may be raised.

import type { ServiceDocument } from '../events.ts'
import type { Rollout } from '../service.ts'
import { REQUESTS_FOR_P99 } from '../verdict/anchor.ts'
import {
  barOf,
  type Evidence,
  foldLateAnchor,
  foldTick,
  readEvidence,
} from '../verdict/evidence.ts'
import { isOverBudget, judge } from '../verdict/judge.ts'
import { type Hold, stepHold, targetsHold } from '../verdict/readiness.ts'
import { isWarm } from '../verdict/warm-up.ts'
import { count, percent, seconds } from '../verdict/words.ts'
import { FULL_WEIGHT, percentFromWeight } from '../weight.ts'
import { promoted, rollBackByVerdict } from './end.ts'
import { demandNow, nextStepOf } from './demand.ts'
import { explanationOf, journalEffect } from './explanation.ts'
import { tellOnCall } from './incident.ts'
import { conclude, inconclusiveText, isInconclusive } from './inconclusive.ts'
import {
  dropGates,
  forgetStale,
  gateHold,
  gateSilent,
  gateUnderWay,
  provenAnew,
  raiseGated,
  takeReport,
} from './gates.ts'
import { fullRaise, stepRaise } from './raise.ts'
import { reopen, restore } from './reopen.ts'
import { noRaiseHold } from './no-raise.ts'
import { ejectedRefusal } from './targets.ts'
import {
  caseOf,
  type EventOf,
  limitsOf,
  moved,
  PERSIST,
  RESIDENCY,
  rolloutOf,
  type Stepped,
  unchanged,
} from './transition.ts'

/** Stable's tail is taken from so much of the past; after it, fewer requests must do. */
const TAIL_WINDOW_MS = 60_000

/** A reopened comparison is open for so long at least. */
const LEAST_REOPENED_MS = 10_000

/** Requests were counted, or a tick passed. */
export function watch(document: ServiceDocument, event: EventOf<'tick'>, now: number): Stepped {
  if (document.evidence === null) return unchanged(document)
  // By name: to copy the event would take as long as all that follows.
  const tick = {
    candidate: event.candidate,
    stable: event.stable,
    stableSlow: event.stableSlow,
    nowMs: now,
    memoryMs: document.facts.memoryMs,
  }
  const evidence = foldTick(document.evidence, tick, rolloutOf(document).strategy.trigger)
  return decide({ ...document, evidence }, now)
}

/** Control has looked at targets and windows. */
export function survey(document: ServiceDocument, event: EventOf<'survey'>, now: number): Stepped {
  const seen = { ...document, facts: event.facts }
  const kept = dropPrevious(seen, now)
  const warmed = beginLatency(kept.document, now)
  const decided = decide(warmed.document, now)
  // A rollback waits for nothing: what has to be saved about the previous stable comes behind it.
  return { ...decided, effects: [...warmed.effects, ...decided.effects, ...kept.effects] }
}

/** The same without a rollout: only the previous stable's time may be over. */
export function keepHouse(
  document: ServiceDocument,
  event: EventOf<'survey'>,
  now: number,
): Stepped {
  return dropPrevious({ ...document, facts: event.facts }, now)
}

function dropPrevious(document: ServiceDocument, now: number): Stepped {
  const { previous, weight } = document.state
  if (previous === null || now < previous.retainedUntilMs) return unchanged(document)
  // Who decides for the fleet decides this, too.
  if (document.facts.mayNotRaise !== undefined) return unchanged(document)
  const text = `${previous.version} may be stopped now: rolling back to it is no longer possible`
  return {
    document: moved(document, { state: { previous: null } }),
    note: '',
    effects: [
      PERSIST,
      { effect: 'journal', kind: 'targets', text, by: 'rollout', weight },
      RESIDENCY,
    ],
  }
}

/** Latency begins to be judged: the candidate is warm, and stable's tail is known. */
function beginLatency(document: ServiceDocument, now: number): Stepped {
  const { evidence } = document
  if (evidence === null) return unchanged(document)
  const next = withLatency(document, now)
  if (next === evidence) return unchanged(document)
  return { document: { ...document, evidence: next }, effects: [limitsOf(next)], note: '' }
}

/** The evidence with latency judged, if that can begin now; else the same. */
export function withLatency(document: ServiceDocument, now: number): Evidence | null {
  const { evidence, facts } = document
  if (evidence === null) return null
  const { strategy, stepSinceMs } = rolloutOf(document)
  const { tail } = facts
  const seen = { nowMs: now, given: facts.given }
  const warm = evidence.warmUp === null || isWarm(evidence.warmUp, seen, strategy)
  const known = (tail?.requests ?? 0) >= REQUESTS_FOR_P99 || now - stepSinceMs >= TAIL_WINDOW_MS
  const next: Evidence = warm && evidence.warmUp !== null ? { ...evidence, warmUp: null } : evidence
  return warm && known ? foldLateAnchor(next, tail, strategy.trigger) : next
}

/** Phase `proving`: the candidate is resident at 0 %, and its first gates run. */
function prove(document: ServiceDocument, now: number): Stepped {
  const rollout = rolloutOf(document)
  if (rollout.pause !== null) return unchanged(document)
  const hold = targetsHold(document.facts)
  if (hold !== null) return held(document, hold)
  const { strategy } = rollout
  const order = { strategy, by: 'rollout' } as const
  const raise =
    document.state.stable === null
      ? fullRaise(document, { ...order, why: 'there is no stable version yet' })
      : stepRaise(document, { ...order, step: 0, why: 'the candidate is resident' })
  return raiseGated(document, raise, { now })
}

function decide(document: ServiceDocument, now: number): Stepped {
  const { evidence } = document
  const rollout = rolloutOf(document)
  if (evidence === null) return advance(document, now)
  const judgement = judge(caseOf(document, rollout, evidence))
  if (judgement === 'roll-back' || judgement === 'reopen') {
    if (!hasSomewhereToGo(document)) {
      // Reopening is asked for on a mere suspicion; nobody is called out of bed for that.
      const mustTell = !evidence.told && isBeyondDoubt(evidence, rollout)
      return mustTell ? tellOnce(document, now) : advance(document, now)
    }
    if (judgement === 'roll-back') return rollBackByVerdict(document, now)
    return reopen(document, now)
  }
  // A moment of quiet is no news: a comparison that has just been reopened goes on for a while.
  const isOpenMs = now - evidence.proof.weightSinceMs
  const mayRaise = rollout.pause === null && document.facts.mayNotRaise === undefined
  const mayRestore = mayRaise && isOpenMs >= LEAST_REOPENED_MS
  if (judgement === 'restore' && mayRestore) return restore(document, now)
  return advance(document, now)
}

function isBeyondDoubt(evidence: Evidence, rollout: Rollout): boolean {
  const { trigger } = rollout.strategy
  const { errors, absolute, tail, tailAbsolute } = readEvidence(evidence)
  if (trigger.mode === 'threshold' || isOverBudget({ evidence, strategy: rollout.strategy }))
    return true
  const alone = evidence.weights.current === FULL_WEIGHT ? Math.max(absolute, tailAbsolute) : 0
  return Math.max(errors, tail, alone) >= barOf(trigger)
}

function hasSomewhereToGo({ state, facts }: ServiceDocument): boolean {
  return state.stable !== null && facts.stable.healthy > 0
}

/** The candidate is bad and there is no stable to go to: hold, and call for a person, once. */
function tellOnce(document: ServiceDocument, now: number): Stepped {
  const { evidence, state } = document
  if (evidence === null || evidence.told) return unchanged(document)
  const { id } = rolloutOf(document)
  const why = state.stable === null ? 'there is no stable version' : 'stable has no healthy target'
  const text = `${state.candidate} looks bad, but nothing is moved as ${why}`
  const { candidate, weight } = state
  const stepped = {
    document: { ...document, evidence: { ...evidence, told: true } },
    note: text,
    effects: [journalEffect(document, { kind: 'hold', text, by: 'verdict', weight }), PERSIST],
  }
  return tellOnCall(stepped, {
    ...{ incident: id, version: candidate, severity: 'critical', now },
    text: `${state.service}: ${text}`,
    evidence: explanationOf(document),
  })
}

/** How long a step is watched at least, and what the bake is. */
function leastMs(rollout: Rollout): number {
  if (rollout.phase === 'baking') return rollout.strategy.bakeMs
  return rollout.strategy.steps[rollout.step]?.observeMs ?? 0
}

const NO_REFUGE: Hold = {
  word: 'no-refuge',
  text: 'holds as the candidate looks bad and stable has no healthy target to go back to',
}

/** Whether the judge would take traffic away if there were somewhere for it to go. */
function isWithoutRefuge(document: ServiceDocument): boolean {
  const { evidence } = document
  if (evidence === null || hasSomewhereToGo(document)) return false
  const judgement = judge(caseOf(document, rolloutOf(document), evidence))
  return judgement === 'roll-back' || judgement === 'reopen'
}

/** What the rollout waits for now; null when it waits for nothing but its own next look. */
export function holdOf(document: ServiceDocument, now: number): Hold | null {
  const { evidence, facts } = document
  const rollout = rolloutOf(document)
  const nowhere = noRaiseHold(document)
  if (nowhere !== null) return nowhere
  const gate = gateHold(rollout, now)
  if (gate !== null) return gate
  if (rollout.phase === 'proving') return targetsHold(facts)
  if (rollout.phase === 'manual' || evidence === null) return null
  if (isWithoutRefuge(document)) return NO_REFUGE
  const restMs = rollout.stepSinceMs + leastMs(rollout) - now
  const { strategy, reopened } = rollout
  const demand = demandNow(document, evidence)
  return stepHold({ evidence, strategy, facts, restMs, reopened, demand })
}

/** A gate has reported: the next one begins, the raise is done, or what its failure leads to. */
export function gated(document: ServiceDocument, event: EventOf<'gated'>, now: number): Stepped {
  return afterReport(takeReport(document, event, now), now)
}

/** What follows a report: when it was the last one that was missing, the raise. */
export function afterReport(taken: Stepped, now: number): Stepped {
  const { rollout } = taken.document.state
  if (rollout?.gate == null || gateUnderWay(rollout) !== null) return taken
  const went = provenAnew(taken.document, now) ?? advance(taken.document, now)
  const note = went.note === '' ? taken.note : went.note
  return { ...went, note, effects: [...taken.effects, ...went.effects] }
}

/** What the gates of a raise let happen now; null when the rollout goes its own way. */
function underGates(document: ServiceDocument, now: number): Stepped | null {
  const rollout = rolloutOf(document)
  if (rollout.gate == null) return null
  const silent = gateSilent(document, now)
  if (silent !== null) return silent
  if (gateUnderWay(rollout) !== null) return unchanged(document)
  const { pause, raise } = rollout.gate
  if (raise.by === 'rollout') return forgetStale(document, now)
  // What an operator has asked for is done, unless it could not be asked for any more.
  const instead = 'The gates were passed; ask again when all are back'
  const ejected = ejectedRefusal(document, { action: 'raise the weight', instead })
  if (ejected !== null) return dropGates(document, ejected.refused.detail)
  return raiseGated(document, raise, { now, pause })
}

function advance(document: ServiceDocument, now: number): Stepped {
  // Gates rest, too: the time of one that runs elsewhere is not over because it is not heard of.
  const nowhere = noRaiseHold(document)
  if (nowhere !== null) return held(document, nowhere)
  if (document.facts.mayNotRaise !== undefined) return unchanged(document)
  const waiting = underGates(document, now)
  if (waiting !== null) return waiting
  const rollout = rolloutOf(document)
  const { evidence, state } = document
  if (rollout.phase === 'proving') return prove(document, now)
  if (rollout.pause !== null || rollout.phase === 'manual' || evidence === null) {
    return unchanged(document)
  }
  const hold = holdOf(document, now)
  if (hold !== null) {
    const { onInconclusive } = rollout.strategy
    if (!isInconclusive(document, { hold, leastMs: leastMs(rollout), now })) {
      return held(document, hold)
    }
    // To go on regardless is what the operator has asked for; the line says what is not known.
    if (onInconclusive !== 'promote' || !MAY_PROMOTE.has(hold.word)) {
      return conclude(document, { hold, now })
    }
    return goOn(document, { why: inconclusiveText(document, hold), now })
  }
  const { requests, errors } = evidence.step
  const rate = percent(requests === 0 ? 0 : errors / requests)
  const seen =
    `${count(requests, 'request')} in ${seconds(now - rollout.stepSinceMs)} at ` +
    `${percentFromWeight(state.weight)} %, ${rate} failed`
  return goOn(document, { why: seen, now })
}

/** The end of a step: the next one, or the promotion. */
function goOn(document: ServiceDocument, order: { why: string; now: number }): Stepped {
  const rollout = rolloutOf(document)
  if (rollout.phase === 'baking') return promoted(document, { by: 'rollout', ...order })
  const { strategy } = rollout
  const step = nextStepOf(document.state, rollout)
  const raise = stepRaise(document, { strategy, step, by: 'rollout', why: order.why })
  return raiseGated(document, raise, { now: order.now })
}

/** Holds that `on_inconclusive: promote` may end: nothing speaks against the candidate. */
const MAY_PROMOTE: ReadonlySet<Hold['word']> = new Set([
  'requests',
  'errors-proof',
  'latency-proof',
])

/** What every step waits for, so that it is no news. */
const QUIET: ReadonlySet<Hold['word']> = new Set([
  'watching',
  'warming',
  'resident',
  'unproven',
  'gate',
])

/** Notes a hold, one line in the journal for each. */
function held(document: ServiceDocument, hold: Hold): Stepped {
  const rollout = rolloutOf(document)
  if (QUIET.has(hold.word)) return unchanged(document)
  if (rollout.held === hold.word) return unchanged(document)
  const { state } = document
  const { weight } = state
  const entry = journalEffect(document, { kind: 'hold', text: hold.text, by: 'rollout', weight })
  const rolloutHeld = { ...rollout, held: hold.word }
  return {
    document: { ...document, state: { ...state, rollout: rolloutHeld } },
    effects: [entry],
    note: hold.text,
  }
}
