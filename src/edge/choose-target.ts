// Which target of a version a request goes to: the core chooses (core/choose.ts), the board says
// how busy the targets are, and a target at its cap is refused at once rather than queued for. A
// target that just did not accept a connection is passed over for a moment: with nothing in flight
// it would look like the best choice until it is ejected.

import { targetInFlight } from '../board/tallies.ts'
import { type Choice, chooseTarget, OUT } from '../core/choose.ts'
import type { Fault } from '../http1/fault.ts'
import type { Edge } from './edge.ts'
import type { Target, Version } from './routes.ts'

/** How long a target that did not accept a connection comes last. */
const SHUN_MS = 250

/** A target of the version, or the fault that there is none to give. */
export function targetIn(edge: Edge, version: Version): Target | 'no-target' | 'overload' {
  const index = chooseTarget(version, version.count === 1 ? 0 : Math.random())
  let target = index < 0 ? undefined : version.targets[index]
  if (target === undefined) return 'no-target'
  if (isShunned(edge, target)) target = otherTargetIn(edge, version, target) ?? target
  const cap = edge.settings.limits.inFlightPerTarget
  return targetInFlight(edge.board, target.index) < cap ? target : 'overload'
}

/** A ready target of the version that is not this one, nor shunned; null when there is none. */
export function otherTargetIn(edge: Edge, version: Version, not: Target | null): Target | null {
  const others: Choice = {
    count: version.count,
    share(index) {
      const target = version.targets[index]
      const isOut = target === undefined || target === not || isShunned(edge, target)
      return isOut ? OUT : version.share(index)
    },
    inFlight: (index) => version.inFlight(index),
  }
  const index = chooseTarget(others, Math.random())
  return index < 0 ? null : (version.targets[index] ?? null)
}

const ELSEWHERE = new Set<Fault>(['upstream-refused', 'upstream-reset', 'connect-timeout'])

/** Whether a fault says something about one target and nothing about its neighbours. */
export function isOfOneTarget(fault: Fault): boolean {
  return ELSEWHERE.has(fault)
}

/** A target did not accept a connection. */
export function shun(edge: Edge, target: Target): void {
  target.shunnedUntilMs = edge.now() + SHUN_MS
}

function isShunned(edge: Edge, target: Target): boolean {
  if (target.shunnedUntilMs === 0) return false
  if (edge.now() < target.shunnedUntilMs) return true
  target.shunnedUntilMs = 0
  return false
}
