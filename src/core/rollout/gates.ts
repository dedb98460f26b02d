// Gates stand before every raise: a transaction, a program, a webhook, a person, what mirrored
// requests have shown. They run one after the other; when all have been passed the raise is done,
// and when one is not, the strategy says what follows. Nothing is raised without a report: a gate
// that is silent beyond its time has failed.
//
// Which gate has to run is part of the state, and not an effect: control runs what the state asks
// for and ends what it does not ask for any more. So whatever ends a rollout ends its gates, and a
// node that was killed in a gate runs it again.

import type { Effect, ServiceDocument } from '../events.ts'
import type { Gate, GatedRaise, GateReport, GateResult, GateRun } from '../gate.ts'
import type { Pause, Rollout, ServiceState } from '../service.ts'
import type { Strategy } from '../strategy.ts'
import type { Hold } from '../verdict/readiness.ts'
import { seconds } from '../verdict/words.ts'
import { percentFromWeight, type Weight } from '../weight.ts'
import { endedDocument } from './end.ts'
import { explanationOf } from './explanation.ts'
import { tellOnCall } from './incident.ts'
import { pauseWith, raiseTo } from './raise.ts'
import { type EventOf, moved, outOfTraffic, PERSIST } from './transition.ts'
import { rolloutOf, type Stepped, unchanged } from './transition.ts'

/** Control reports a gate's time limit itself; so much later its silence is a failure, too. */
const GRACE_MS = 5000
/** What was proven so long ago has to be proven again, when the raise had to wait after all. */
const PASS_HOLDS_MS = 60_000

/**
 * The gates before a weight: those of all steps that it reaches or passes over, in their order and
 * each once. Requests are mirrored only beside a stable version and to a candidate at 0 %: where
 * there can be none, a gate that waits for them would wait in vain, as behind a restart.
 */
function gatesBefore(
  { stable, weight: inForce }: ServiceState,
  { gates, steps }: Strategy,
  weight: Weight,
): readonly Gate[] {
  const reached = steps.findIndex((step) => step.weight >= weight)
  const passed = steps.filter((step, i) => step.weight > inForce && (i <= reached || reached < 0))
  const found: Gate[] = []
  for (const step of passed) for (const gate of step.gates ?? gates) addGate(found, gate)
  const isMirrored = stable !== null && inForce === 0
  return found.filter(({ kind }) => kind !== 'mirror' || isMirrored)
}

/** Two steps may name the same gate, or call different gates by one name. */
function addGate(found: Gate[], gate: Gate): void {
  const same = found.filter(({ name }) => name === gate.name || name.startsWith(`${gate.name} (`))
  const text = (one: Gate): string => JSON.stringify({ ...one, name: '' })
  if (same.some((one) => text(one) === text(gate))) return
  found.push(same.length === 0 ? gate : { ...gate, name: `${gate.name} (${same.length + 1})` })
}

/** The gate that runs now; null when none does, be it that all were passed. */
export function gateUnderWay({ gate }: Rollout): Gate | null {
  return gate?.gates[gate.reports.length] ?? null
}

function isPassed(gate: GateRun): boolean {
  return gate.reports.length === gate.gates.length
}

function isFor(gate: GateRun, raise: GatedRaise): boolean {
  return gate.raise.weight === raise.weight && gate.raise.phase === raise.phase
}

/** What a rollout waits for while gates run; null when none does. */
export function gateHold(rollout: Rollout, now: number): Hold | null {
  const gate = gateUnderWay(rollout)
  const run = rollout.gate
  if (gate === null || run == null) return null
  const before = `gate ${JSON.stringify(gate.name)} before ${percentFromWeight(run.raise.weight)} %`
  const forMs = now - run.sinceMs
  const text =
    gate.kind === 'manual'
      ? `waits for a person at ${before}: promote lets it go on`
      : `waits for ${before}, for ${seconds(forMs)} of at most ${seconds(gate.timeoutMs)}`
  return { word: 'gate', text }
}

/**
 * Raises the weight once its gates have been passed: at once where there are none, or where they
 * have just been; else the gates begin, or go on for this order.
 *
 * @param pause the pause that the rollout is in behind the raise
 */
export function raiseGated(
  document: ServiceDocument,
  raise: GatedRaise,
  at: { now: number; pause?: Pause | null },
): Stepped {
  const { now, pause = null } = at
  const rollout = rolloutOf(document)
  const gates = gatesBefore(document.state, rollout.strategy, raise.weight)
  const known = rollout.gate ?? null
  const goesOn = known !== null && isFor(known, raise)
  if (gates.length === 0 || (goesOn && isPassed(known))) {
    return raiseWith(document, raise, { now, pause })
  }
  if (!goesOn) return beginGates(document, { raise, gates, pause, verb: 'begin' }, now)
  const gate = { ...known, raise, pause }
  const held = { ...rollout, pause: pause ?? rollout.pause, gate, held: null }
  const next = moved(document, { state: { rollout: held } })
  const text = `${beforeText(raise)} go on: ${namesOf(gates)}`
  return { document: next, note: text, effects: [PERSIST, noted(next, { text, by: raise.by })] }
}

function beforeText({ weight }: GatedRaise): string {
  return `gates before ${percentFromWeight(weight)} %`
}

function namesOf(gates: readonly Gate[]): string {
  return gates.map(({ name }) => name).join(', ')
}

function beginGates(
  document: ServiceDocument,
  order: Pick<GateRun, 'raise' | 'gates' | 'pause'> & { verb: string },
  now: number,
): Stepped {
  const { gates, pause, raise, verb } = order
  const rollout = rolloutOf(document)
  const gateRuns = (rollout.gateRuns ?? 0) + 1
  const run = `${rollout.id}/${gateRuns}`
  const gate: GateRun = { run, raise, pause, gates, reports: [], passedMs: [], sinceMs: now }
  const held = { ...rollout, pause: pause ?? rollout.pause, gate, gateRuns, held: null }
  const next = moved(document, { state: { rollout: held } })
  const text = `${beforeText(raise)} ${verb}: ${namesOf(gates)}`
  return { document: next, note: text, effects: [PERSIST, noted(next, { text, by: raise.by })] }
}

/** The raise itself, with the pause that follows it. */
function raiseWith(
  document: ServiceDocument,
  raise: GatedRaise,
  { now, pause }: { now: number; pause: Pause | null },
): Stepped {
  const passed = (rolloutOf(document).gate?.reports ?? []).map(({ gate }) => gate)
  const text = passed.length === 0 ? raise.text : `${raise.text}; passed ${passed.join(', ')}`
  const raised = raiseTo(document, { ...raise, text, now })
  if (pause === null) return raised
  const { state } = raised.document
  const rollout = { ...rolloutOf(raised.document), pause }
  return { ...raised, document: { ...raised.document, state: { ...state, rollout } } }
}

function noted(
  { state }: ServiceDocument,
  entry: { text: string; by: GatedRaise['by']; report?: GateReport },
): Effect {
  const { by, report, text } = entry
  const said = { effect: 'journal', kind: 'gate', text, by, weight: state.weight } as const
  return report === undefined ? said : { ...said, evidence: report }
}

/** Takes a report in. What follows when it was the last one is `watch.ts`'s to say. */
export function takeReport(
  document: ServiceDocument,
  { report, run }: Omit<EventOf<'gated'>, 'event'>,
  now: number,
): Stepped {
  const rollout = rolloutOf(document)
  const gate = gateUnderWay(rollout)
  if (rollout.gate == null || gate === null) return unchanged(document)
  if (rollout.gate.run !== run || gate.name !== report.gate) return unchanged(document)
  if (!report.passed) return gateFailed(document, report, now)
  const { raise, reports } = rollout.gate
  const passedMs = [...rollout.gate.passedMs, now]
  const taken = { ...rollout.gate, reports: [...reports, resultOf(report)], passedMs, sinceMs: now }
  const next = moved(document, { state: { rollout: { ...rollout, gate: taken } } })
  const text =
    `gate ${JSON.stringify(gate.name)} before ${percentFromWeight(raise.weight)} % was passed ` +
    `in ${seconds(report.durationMs)}: ${report.reason}`
  return {
    document: next,
    note: text,
    effects: [PERSIST, noted(next, { text, by: 'rollout', report })],
  }
}

function resultOf({ details: _details, ...result }: GateReport): GateResult {
  return result
}

/**
 * A person has taken his time: what was passed before is proven again, without asking him again.
 * Null when nothing has to be.
 */
export function provenAnew(document: ServiceDocument, now: number): Stepped | null {
  const { gate } = rolloutOf(document)
  if (gate == null || !isPassed(gate)) return null
  const asked = gate.gates.findLastIndex(({ kind }) => kind === 'manual')
  const old = gate.gates.filter(({ kind }, i) => {
    const sinceMs = now - (gate.passedMs[i] ?? 0)
    return i < asked && kind !== 'manual' && sinceMs >= PASS_HOLDS_MS
  })
  if (old.length === 0) return null
  const { pause, raise } = gate
  return beginGates(document, { raise, pause, gates: old, verb: 'run again' }, now)
}

/** A person lets the manual gate that runs be passed; null when none does. */
export function approve(document: ServiceDocument, now: number): Stepped | null {
  const rollout = rolloutOf(document)
  const gate = gateUnderWay(rollout)
  if (rollout.gate == null || gate?.kind !== 'manual') return null
  const report: GateReport = {
    ...{ gate: gate.name, kind: gate.kind, passed: true, reason: 'approved by an operator' },
    startedAt: new Date(rollout.gate.sinceMs).toISOString(),
    durationMs: now - rollout.gate.sinceMs,
    details: null,
  }
  return takeReport(document, { run: rollout.gate.run, report }, now)
}

/** A gate that has not reported in time, nor its time limit. */
export function gateSilent(document: ServiceDocument, now: number): Stepped | null {
  const rollout = rolloutOf(document)
  const gate = gateUnderWay(rollout)
  if (rollout.gate == null || gate === null) return null
  const forMs = now - rollout.gate.sinceMs
  const graceMs = gate.kind === 'manual' ? 0 : GRACE_MS
  if (forMs < gate.timeoutMs + graceMs) return null
  const what = gate.kind === 'manual' ? 'nobody has approved it' : 'there was no report'
  const report: GateReport = {
    ...{ gate: gate.name, kind: gate.kind, passed: false },
    reason: `${what} within ${seconds(gate.timeoutMs)}`,
    startedAt: new Date(rollout.gate.sinceMs).toISOString(),
    durationMs: forMs,
    details: null,
  }
  return gateFailed(document, report, now)
}

/** Gates that were passed too long ago for a raise that still waits: they will run again. */
export function forgetStale(document: ServiceDocument, now: number): Stepped | null {
  const rollout = rolloutOf(document)
  if (rollout.gate == null || !isPassed(rollout.gate)) return null
  if (now - rollout.gate.sinceMs < PASS_HOLDS_MS) return null
  return dropGates(document, 'the raise had to wait: its gates will run again')
}

/** Ends the gates without their raise; the rollout stays where it is. */
export function dropGates(document: ServiceDocument, text: string): Stepped {
  const next = moved(withoutGates(document), { state: {} })
  return { document: next, note: text, effects: [PERSIST, noted(next, { text, by: 'rollout' })] }
}

function withoutGates(document: ServiceDocument, last?: GateReport): ServiceDocument {
  const rollout = rolloutOf(document)
  const reports = [
    ...(rollout.gate?.reports ?? []),
    ...(last === undefined ? [] : [resultOf(last)]),
  ]
  const { state } = document
  return {
    ...document,
    state: { ...state, rollout: { ...rollout, gate: null, gateReports: reports } },
  }
}

function gateFailed(document: ServiceDocument, report: GateReport, now: number): Stepped {
  const rollout = rolloutOf(document)
  const { facts, state } = document
  const weight = rollout.gate?.raise.weight ?? 0
  const reason =
    `gate ${JSON.stringify(report.gate)} before ${percentFromWeight(weight)} % was not passed: ` +
    report.reason
  const left = withoutGates(document, report)
  if (rollout.gate?.raise.kind === 'weight') return notRaised(left, { reason, report, now })
  // An automatic move needs somewhere to go.
  const canReturn = state.weight === 0 || (state.stable !== null && facts.stable.healthy > 0)
  const rollsBack = rollout.strategy.onGateFailure === 'rollback' && canReturn
  const stepped = rollsBack
    ? rolledBack(left, { reason, report, now })
    : pauseWith(left, { reason, by: 'rollout', now })
  const told = noted(stepped.document, { text: reason, by: 'rollout', report })
  const effects = rollsBack ? stepped.effects : [...stepped.effects, told]
  const version = state.candidate
  const severity = rollsBack ? 'error' : 'warning'
  return tellOnCall(
    { ...stepped, effects },
    {
      ...{ incident: rollout.id, version, severity, now },
      text: `${state.service}: ${rollsBack ? stepped.note : reason}`,
      evidence: { gate: resultOf(report) },
    },
  )
}

/** A raise by hand whose gates were not passed: the weight stays, and who asked looks. */
function notRaised(
  document: ServiceDocument,
  { now, reason, report }: { reason: string; report: GateReport; now: number },
): Stepped {
  const { phase } = rolloutOf(document)
  const { weight } = document.state
  const isOver = phase === 'manual' && weight === 0
  const next = isOver
    ? endedDocument(document, { ending: 'aborted', reason, by: 'rollout', now })
    : moved(document, { state: {} })
  return {
    document: next,
    note: reason,
    effects: [
      ...(isOver ? outOfTraffic(next.state) : [PERSIST]),
      noted(next, { text: reason, by: 'rollout', report }),
    ],
  }
}

/** The candidate is taken out; not into quarantine, as only what customers met condemns it. */
function rolledBack(
  document: ServiceDocument,
  { now, reason, report }: { reason: string; report: GateReport; now: number },
): Stepped {
  const { candidate, weight } = document.state
  const text = `${candidate} was rolled back from ${percentFromWeight(weight)} %: ${reason}`
  const explanation = explanationOf(document)
  const known = explanation === null ? {} : { explanation }
  const end = { ...known, ending: 'rolled-back', reason: text } as const
  const next = endedDocument(document, { ...end, by: 'rollout', now })
  return {
    document: next,
    note: text,
    effects: [
      ...outOfTraffic(next.state),
      noted(next, { text: reason, by: 'rollout', report }),
      { effect: 'journal', kind: 'rolled-back', text, by: 'rollout', weight: 0 },
    ],
  }
}
