// Which target of a version a request goes to: the core chooses (core/choose.ts), the board says
// how busy the targets are, and a target at its cap is refused at once rather than queued for.

import { targetInFlight } from '../board/tallies.ts'
import { chooseTarget } from '../core/choose.ts'
import type { Edge } from './edge.ts'
import type { Target, Version } from './routes.ts'

/** Draws until one falls on another target; with two targets eight fail once in 256 times. */
const DRAWS = 8

/** A target of the version, or the fault that there is none to give. */
export function targetIn(edge: Edge, version: Version): Target | 'no-target' | 'overload' {
  const index = chooseTarget(version, Math.random())
  const target = index < 0 ? undefined : version.targets[index]
  if (target === undefined) return 'no-target'
  const cap = edge.settings.limits.inFlightPerTarget
  return targetInFlight(edge.board, target.index) < cap ? target : 'overload'
}

/** Another target of the version than the one that failed; null when none is found. */
export function otherTargetIn(edge: Edge, version: Version, failed: Target | null): Target | null {
  if (version.count < 2) return null
  for (let draw = 0; draw < DRAWS; draw++) {
    const target = targetIn(edge, version)
    if (typeof target === 'object' && target !== failed) return target
  }
  return null
}
