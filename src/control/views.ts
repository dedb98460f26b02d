// What an operator sees of a service: the document, the gauges and the verdict's own words, put
// into the form of the API. Nothing is decided here.

import type { Board } from '../board/board.ts'
import { claims, targetInFlight, targetShare } from '../board/tallies.ts'
import { OUT, WHOLE } from '../core/choose.ts'
import type { EndedView } from '../core/command.ts'
import type {
  GatesView,
  RolloutView,
  ServiceView,
  TargetView,
  VersionView,
} from '../core/command.ts'
import type { ServiceDocument } from '../core/events.ts'
import type { TargetHealth } from '../core/health.ts'
import type { Rollout, ServiceState } from '../core/service.ts'
import { gateHold, gateUnderWay } from '../core/rollout/gates.ts'
import { explanationOf } from '../core/rollout/explanation.ts'
import { triesOf } from '../core/rollout/transition.ts'
import { holdOf } from '../core/rollout/watch.ts'
import { FULL_WEIGHT, percentFromWeight, type Weight } from '../core/weight.ts'
import type { Clock } from './clock.ts'
import type { MirrorPort } from './gates/ports.ts'
import { Gauge } from './gauge.ts'
import { withNames } from './named-failures.ts'
import type { Residency } from './residency.ts'

export interface ViewParts {
  readonly board: Board
  readonly clock: Clock
  readonly residency: Residency
  readonly mirror: MirrorPort | null
}

function targetView(
  url: string,
  parts: ViewParts & { cell: number | undefined; health: TargetHealth },
): TargetView {
  const { board, cell, clock, health } = parts
  const { cause, reason, standing, untilMs } = health
  const share = cell === undefined ? WHOLE : targetShare(board, cell)
  return {
    url,
    healthy: standing === 'healthy',
    ...{ standing, reason },
    until: cause === 'requests' ? clock.iso(untilMs) : null,
    share: share === OUT ? 0 : share === WHOLE ? 1 : share / 1000,
    inFlight: cell === undefined ? 0 : targetInFlight(board, cell),
  }
}

function versionView(
  document: ServiceDocument,
  parts: ViewParts & { name: string | null; weight: Weight },
): VersionView | null {
  const { board, clock, name, residency } = parts
  if (name === null) return null
  const { service, versions } = document.state
  const resident = residency.version(service, name)
  const gauge = resident?.gauge ?? new Gauge()
  const targets: TargetView[] = (versions[name]?.targets ?? []).map((url) => {
    const cell = resident?.targets.get(url)
    return targetView(url, { ...parts, cell, health: gauge.healthOf(url) })
  })
  const inFlight = resident === undefined ? 0 : claims(board, resident.slot)
  return {
    version: name,
    weight: percentFromWeight(parts.weight),
    targets,
    stats: { ...gauge.whole.stats(clock.now()), inFlight },
    totals: gauge.totals(),
    tries: triesOf(document.state, name),
  }
}

/** What the rollout waits for, as a sentence and as a word. */
function waitOf(
  document: ServiceDocument,
  { now, rollout }: { now: number; rollout: Rollout },
): Pick<RolloutView, 'reason' | 'waitsFor'> {
  const gate = gateHold(rollout, now)
  if (gate !== null) {
    const isPerson = gateUnderWay(rollout)?.kind === 'manual'
    return { reason: gate.text, waitsFor: isPerson ? 'operator' : 'gate' }
  }
  if (rollout.pause !== null) return { reason: rollout.pause.reason, waitsFor: 'operator' }
  if (rollout.phase === 'manual') {
    return { reason: 'a weight set by hand; the verdict is armed', waitsFor: 'operator' }
  }
  const hold = holdOf(document, now)
  if (hold !== null) return { reason: hold.text, waitsFor: hold.word }
  const next = document.state.weight === FULL_WEIGHT ? 'promoted' : 'raised'
  return { reason: `about to be ${next}`, waitsFor: null }
}

function gatesView({ gate }: Rollout, { clock }: ViewParts): GatesView | null {
  if (gate == null) return null
  const running = gate.reports.length
  return {
    before: percentFromWeight(gate.raise.weight),
    sinceAt: clock.iso(gate.sinceMs),
    gates: gate.gates.map(({ kind, name }, i) => {
      const state = i < running ? 'passed' : i === running ? 'running' : 'waiting'
      return { name, kind, state }
    }),
  }
}

function rolloutView(document: ServiceDocument, parts: ViewParts): RolloutView | null {
  const { candidate, rollout, service } = document.state
  if (rollout === null) return null
  const { clock } = parts
  const explanation = explanationOf(document)
  const named = explanation === null ? null : withNames(explanation, { ...parts, service })
  return {
    id: rollout.id,
    phase: rollout.phase,
    step: rollout.step + 1,
    steps: rollout.strategy.steps.map((step) => ({
      weight: percentFromWeight(step.weight),
      observeSeconds: step.observeMs / 1000,
    })),
    paused: rollout.pause !== null,
    ...waitOf(document, { now: clock.now(), rollout }),
    startedAt: clock.iso(rollout.startedMs),
    gates: gatesView(rollout, parts),
    gateReports: rollout.gate?.reports ?? rollout.gateReports ?? [],
    evidence: named?.evidence ?? [],
    proofs: named?.proofs ?? [],
    residualRisk: named?.residualRisk ?? null,
    mirror: candidate === null ? null : (parts.mirror?.tally(service, candidate) ?? null),
  }
}

function endedView({ ended, service }: ServiceState, parts: ViewParts): EndedView | null {
  if (ended === null) return null
  const { explanation, ...rest } = ended
  if (explanation === undefined) return { ...rest, explanation: null }
  return { ...rest, explanation: withNames(explanation, { ...parts, service }) }
}

/** A service as the API shows it. */
export function serviceView(document: ServiceDocument, parts: ViewParts): ServiceView {
  const { state } = document
  const { clock, residency } = parts
  const { previous } = state
  const kept = residency.version(state.service, previous?.version ?? null)
  return {
    name: state.service,
    revision: state.epoch,
    stable: versionView(document, {
      ...parts,
      name: state.stable,
      weight: FULL_WEIGHT - state.weight,
    }),
    candidate: versionView(document, { ...parts, name: state.candidate, weight: state.weight }),
    rollout: rolloutView(document, parts),
    ended: endedView(state, parts),
    previous:
      previous === null
        ? null
        : {
            version: previous.version,
            healthy: (kept?.gauge.targetCounts(kept.targets).healthy ?? 0) > 0,
            retainedUntil: clock.iso(previous.retainedUntilMs),
          },
    quarantine: state.quarantine,
  }
}
