// How a node comes from its own document to the one that the ledger holds. Whoever has less than
// before has it at once: the row is stored first, whatever waits for the table. A version that has
// more waits until every thread of this node knows it, as before any raise.
//
// What was seen of targets and requests stays the node's own; evidence and decisions are the
// ledger's.

import type { Effect, ServiceDocument } from '../events.ts'
import { type Facts, NO_FIGURES, NO_TARGETS, type TargetCounts } from '../facts.ts'
import { versionsInUse } from '../rollout/begin.ts'
import { sameTargets } from '../rollout/quarantine.ts'
import { hasTombstone } from '../rollout/tombstone.ts'
import { assignmentOf, limitsOf, RESIDENCY } from '../rollout/transition.ts'
import type { ServiceState } from '../service.ts'
import { FULL_WEIGHT, type Weight } from '../weight.ts'

export interface Adoption {
  readonly document: ServiceDocument
  readonly effects: readonly Effect[]
}

/** Who is sent what: of a state all that a raise is told by. */
export type Shares = Pick<ServiceState, 'stable' | 'candidate' | 'weight' | 'previous'>

/** The row in force: nothing is known of what was before. */
export type Row = Omit<Shares, 'previous'>

export const NOWHERE: Shares = { stable: null, candidate: null, weight: 0, previous: null }

export function sharesOf({ candidate, previous, stable, weight }: ServiceState): Shares {
  return { stable, candidate, weight, previous }
}

/** What a version is sent of all requests. */
export function shareOf({ candidate, stable, weight }: Row, version: string | null): Weight {
  if (version === null) return 0
  return (stable === version ? FULL_WEIGHT - weight : 0) + (candidate === version ? weight : 0)
}

/** Whether a version that has to prove itself is sent more than before. */
export function raisesOver(before: Shares, after: Row): boolean {
  const isMore = (version: string | null): boolean =>
    version !== before.stable &&
    version !== (before.previous?.version ?? null) &&
    shareOf(after, version) > shareOf(before, version)
  // A stable version that was no candidate was named by a file: nothing is compared with it.
  const isPromoted = after.stable === before.candidate && isMore(after.stable)
  return isMore(after.candidate) || isPromoted
}

/** The ledger's document in the place of ours. */
export function adopt(ours: ServiceDocument, theirs: ServiceDocument): Adoption {
  const document = { ...theirs, facts: factsFor(ours, theirs.state) }
  if (ours.state.epoch === theirs.state.epoch) {
    // The same decision with newer evidence.
    const limits = limitsOf(theirs.evidence)
    return { document, effects: isSame(limitsOf(ours.evidence), limits) ? [] : [limits] }
  }
  return { document, effects: effectsBetween(ours.state, document) }
}

function effectsBetween(ours: ServiceState, document: ServiceDocument): readonly Effect[] {
  const theirs = document.state
  const rows = [assignmentOf(theirs), limitsOf(document.evidence)]
  const known = versionsInUse(ours)
  const isKnown = [theirs.stable, theirs.candidate].every(
    (one) => one === null || known.includes(one),
  )
  // Who is to be left at once is left for whatever is there.
  const isLeft = ours.stable !== null && fallenOf(ours, theirs).has(ours.stable)
  const waits = !isKnown || (raisesOver(ours, theirs) && !isLeft)
  const first = waits ? lessBefore(ours, theirs) : rows
  const evacuated = evacuations(ours, theirs)
  if (!hasNewTable(ours, theirs)) {
    return waits ? [...first, ...evacuated, ...rows] : [...first, ...evacuated]
  }
  return [...first, ...evacuated, RESIDENCY, ...rows]
}

/** Of the row to come all that needs no version that this node may not know yet. */
function lessBefore(ours: ServiceState, theirs: ServiceState): readonly Effect[] {
  const isBack = theirs.stable !== null && theirs.stable === ours.previous?.version
  const stable = isBack ? theirs.stable : ours.stable
  const candidate = ours.candidate === stable ? null : ours.candidate
  const weight = Math.min(ours.weight, shareOf(theirs, candidate))
  // Without stable the rest would have nowhere to go.
  if (stable === null || (!isBack && weight === ours.weight)) return []
  return [{ effect: 'assign', stable, candidate, weight }]
}

/** Versions whose rollout has ended for the worse, or was superseded: their tunnels are closed. */
function evacuations(ours: ServiceState, theirs: ServiceState): readonly Effect[] {
  const versions = fallenOf(ours, theirs)
  const isSuperseded = ours.rollout !== null && ours.candidate !== theirs.candidate
  if (isSuperseded && ours.candidate !== null) versions.add(ours.candidate)
  return versionsInUse(ours)
    .filter((version) => versions.has(version) && shareOf(theirs, version) === 0)
    .map((version) => ({ effect: 'evacuate', version }))
}

/** Versions of whose rollouts' ends nothing was known here. */
function fallenOf(ours: ServiceState, theirs: ServiceState): Set<string> {
  const stones = (theirs.tombstones ?? []).filter((stone) => !hasTombstone(ours, stone))
  return new Set(stones.map(({ version }) => version))
}

/** Whether the threads have to be told of other versions, targets, or another draw. */
function hasNewTable(ours: ServiceState, theirs: ServiceState): boolean {
  const [before, after] = [versionsInUse(ours), versionsInUse(theirs)]
  if (!sameTargets(before, after) || ours.rollout?.id !== theirs.rollout?.id) return true
  return after.some((version) => !hasSameTargets(ours, theirs, version))
}

function hasSameTargets(ours: ServiceState, theirs: ServiceState, version: string): boolean {
  const [before, after] = [ours.versions[version], theirs.versions[version]]
  return sameTargets(before?.targets ?? [], after?.targets ?? [])
}

function isSame(one: Effect, other: Effect): boolean {
  return JSON.stringify(one) === JSON.stringify(other)
}

/** What this node has seen, of the versions in their new places. */
function factsFor({ facts, state }: ServiceDocument, theirs: ServiceState): Facts {
  const seen: readonly (readonly [string | null, TargetCounts])[] = [
    [state.previous?.version ?? null, facts.previous],
    [state.candidate, facts.candidate],
    [state.stable, facts.stable],
  ]
  const known = new Map(seen)
  const of = (version: string | null): TargetCounts =>
    version === null ? NO_TARGETS : (known.get(version) ?? NO_TARGETS)
  const { candidate, stable } = theirs
  const isStable = stable === state.stable
  const isCandidate =
    candidate === state.candidate &&
    (candidate === null || hasSameTargets(state, theirs, candidate))
  return {
    ...facts,
    candidateResident: isCandidate && facts.candidateResident,
    stable: of(stable),
    candidate: of(candidate),
    previous: of(theirs.previous?.version ?? null),
    given: isCandidate ? facts.given : {},
    candidateInFlight: isCandidate ? facts.candidateInFlight : 0,
    tail: isStable ? facts.tail : null,
    windows: {
      candidate: isCandidate ? facts.windows.candidate : NO_FIGURES,
      stable: isStable ? facts.windows.stable : NO_FIGURES,
    },
  }
}
