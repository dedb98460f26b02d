// What control tells the rollout about the world: which targets are well, what the windows hold,
// and whether the candidate is resident. Taken once a second and before every command.

import type { Board } from '../board/board.ts'
import type { Config } from '../config/config.ts'
import type { ServiceDocument } from '../core/events.ts'
import {
  type Facts,
  NO_FIGURES,
  NO_TARGETS,
  requestMemoryMs,
  type TargetCounts,
  type WindowFigures,
} from '../core/facts.ts'
import type { ServiceState } from '../core/service.ts'
import { WINDOW_MS } from '../core/window.ts'
import { claims, targetInFlight, targetServed } from '../board/tallies.ts'
import type { Shared } from './fleet/shared.ts'
import type { Residency, ResidentVersion } from './residency.ts'
import type { Targets } from './targets.ts'

function countsOf(version: ResidentVersion | undefined): TargetCounts {
  return version === undefined ? NO_TARGETS : version.gauge.targetCounts(version.targets)
}

/** In mode `threshold` the window is the trigger's, and never older than the rollout. */
function figuresOf(
  version: ResidentVersion | undefined,
  { now, state }: { state: ServiceState; now: number },
): WindowFigures {
  const { rollout } = state
  if (version === undefined) return NO_FIGURES
  const window = version.gauge.whole
  if (rollout?.strategy.trigger.mode !== 'threshold') return window.counted(WINDOW_MS, now)
  const { windowMs } = rollout.strategy.trigger
  return window.figures(Math.min(windowMs, Math.max(1000, now - rollout.startedMs)), now)
}

export interface FactsParts {
  readonly board: Board
  readonly residency: Residency
  readonly targets: Targets
  /** The fleet that this node belongs to, and leads or is cut off from. */
  readonly shared: Shared | null
  readonly now: number
  readonly memoryMs: number
  /** With affinity one error of each bucket counts. */
  readonly perBucket: boolean
}

/** How long before its end a request may have been drawn, in this node. */
export function memoryMs({ timeouts }: Config): number {
  return requestMemoryMs(timeouts)
}

/** The facts about a service now. Pours the latency counts of its versions into their windows. */
export function takeFacts(document: ServiceDocument, parts: FactsParts): Facts {
  const { board, memoryMs, now, perBucket, residency, shared, targets } = parts
  const { state } = document
  const { service } = state
  for (const { gauge, slot } of residency.versionsOf(service)) {
    gauge.takeLatency(board, { slot, nowMs: now })
  }
  const stable = residency.version(service, state.stable)
  const candidate = residency.version(service, state.candidate)
  const mayNotRaise = shared?.mayNotRaise(service) ?? null
  const others = shared?.tallying.windows.others(service, state.candidate ?? '')
  const given: Record<string, number> = {}
  for (const [url, cell] of candidate?.targets ?? []) {
    const here = targetServed(board, cell) + targetInFlight(board, cell)
    given[url] = here + (others?.given[url] ?? 0)
  }
  const here = candidate === undefined ? 0 : claims(board, candidate.slot)
  return {
    candidateResident:
      residency.isAcknowledged(service, state.candidate) && (shared?.isSettled(document) ?? true),
    stable: countsOf(stable),
    candidate: candidate === undefined ? NO_TARGETS : targets.candidateCounts(state, candidate),
    previous: countsOf(residency.version(service, state.previous?.version ?? null)),
    given,
    candidateInFlight: here + (others?.inFlight ?? 0),
    tail: stable?.gauge.whole.tail(now) ?? null,
    memoryMs,
    windows: {
      candidate: figuresOf(candidate, { state, now }),
      stable: figuresOf(stable, { state, now }),
    },
    ratePerSecond: (candidate?.gauge.whole.rate(now) ?? 0) + (stable?.gauge.whole.rate(now) ?? 0),
    perBucket,
    ...(mayNotRaise === null ? {} : { mayNotRaise }),
  }
}
