// What an operator sees of a service: the document, the gauges and the verdict's own words, put
// into the form of the API. Nothing is decided here.

import type { Board } from '../board/board.ts'
import { claims, targetInFlight, targetShare } from '../board/tallies.ts'
import { OUT, WHOLE } from '../core/choose.ts'
import type { RolloutView, ServiceView, TargetView, VersionView } from '../core/command.ts'
import type { ServiceDocument } from '../core/events.ts'
import type { TargetHealth } from '../core/health.ts'
import { explain } from '../core/verdict/explain.ts'
import { caseOf } from '../core/rollout/transition.ts'
import { holdOf } from '../core/rollout/watch.ts'
import { FULL_WEIGHT, percentFromWeight, type Weight } from '../core/weight.ts'
import type { Clock } from './clock.ts'
import { Gauge } from './gauge.ts'
import type { Residency } from './residency.ts'

export interface ViewParts {
  readonly board: Board
  readonly clock: Clock
  readonly residency: Residency
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
    stats: { ...gauge.window.stats(clock.now()), inFlight },
    totals: gauge.totals(),
  }
}

function reasonOf(document: ServiceDocument, now: number): string {
  const { rollout, weight } = document.state
  if (rollout === null) return ''
  if (rollout.pause !== null) return rollout.pause.reason
  if (rollout.phase === 'manual') return 'a weight set by hand; the verdict is armed'
  const hold = holdOf(document, now)
  if (hold !== null) return hold.text
  return weight === FULL_WEIGHT ? 'about to be promoted' : 'about to be raised'
}

function rolloutView(document: ServiceDocument, clock: Clock): RolloutView | null {
  const { rollout } = document.state
  if (rollout === null) return null
  const { evidence, facts } = document
  return {
    id: rollout.id,
    phase: rollout.phase,
    step: rollout.step + 1,
    steps: rollout.strategy.steps.map((step) => ({
      weight: percentFromWeight(step.weight),
      observeSeconds: step.observeMs / 1000,
    })),
    paused: rollout.pause !== null,
    reason: reasonOf(document, clock.now()),
    startedAt: clock.iso(rollout.startedMs),
    evidence: evidence === null ? [] : explain(caseOf(document, rollout, evidence), facts.memoryMs),
  }
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
    rollout: rolloutView(document, clock),
    ended: state.ended,
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
