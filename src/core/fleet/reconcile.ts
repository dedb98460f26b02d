// What becomes of this node's document when it is held against the one in the ledger.
//
//   the ledger holds            this node has decided nothing     it has
//   what was confirmed last     same                              propose ours
//   something later             adopt theirs                      adopt theirs, say what is lost
//   something earlier, nothing  restore ours: Redis has lost it   restore ours
//   somebody's older state,
//     put back after a loss     restore ours over it              restore ours over it
//   nothing was ever held       propose ours                      propose ours
//
// One thing is stronger than this order: a rollout that has a tombstone on either side has ended,
// whatever was decided without knowing of it. A document that is put together of both has a
// revision above both, so that no revision ever means two things and none goes back.

import type { Effect, ServiceDocument } from '../events.ts'
import type { ServiceState, Tombstone } from '../service.ts'
import { adopt } from './adopt.ts'
import { comparePositions, type Position } from './position.ts'
import { withStones } from './stones.ts'
import type { Stored } from './stored.ts'

/** A decision of this node that the ledger has not accepted. */
export interface Pending {
  /** The revision it made. */
  readonly epoch: number
  /** One sentence; empty where nobody needs to hear that it does not hold. */
  readonly text: string
}

export interface Known {
  readonly ours: ServiceDocument
  /** What the ledger has accepted of this node, or this node of the ledger; null: nothing yet. */
  readonly confirmed: Position | null
  /** This node has decided something since. */
  readonly isDirty: boolean
  /** What it was; those that leave a tombstone have no text, as they hold in any case. */
  readonly pending: readonly Pending[]
  readonly stored: Stored | null
  /** This node. */
  readonly node: string
}

export type Outcome = 'same' | 'propose' | 'adopt' | 'restore'

export interface Reconciled {
  readonly outcome: Outcome
  readonly document: ServiceDocument
  /** What leads this node from its document to the result. */
  readonly effects: readonly Effect[]
  /** Whose counts are in the evidence of the result. */
  readonly counters: 'ours' | 'theirs'
  /** Sentences about what does not hold, and what was lost. */
  readonly said: readonly string[]
  /** The result is not what the ledger holds. */
  readonly mustPropose: boolean
}

/** @param now milliseconds of the node's clock */
export function reconcile(known: Known, now: number): Reconciled {
  const { confirmed, isDirty, ours, stored } = known
  const kept = { document: ours, effects: [], counters: 'ours', said: [] } as const
  if (stored === null && confirmed === null) {
    const isBlank = ours.state.epoch === 0
    return { ...kept, outcome: isBlank ? 'same' : 'propose', mustPropose: !isBlank }
  }
  if (stored === null) return restored(known, now)
  const order = confirmed === null ? 1 : comparePositions(stored.position, confirmed)
  if (order === 0) {
    return { ...kept, outcome: isDirty ? 'propose' : 'same', mustPropose: isDirty }
  }
  const isTheirs = order > 0 && !isOutdated(stored, confirmed)
  return isTheirs ? adopted(known, stored, now) : restored(known, now)
}

/**
 * The ledger had been emptied, and who was there first has put back less than this node knows of
 * the same history; nothing was decided on top of it since.
 */
function isOutdated({ body, position }: Stored, confirmed: Position | null): boolean {
  const back = body.restored?.at(-1)
  if (confirmed === null || back === undefined || back.term !== confirmed.term) return false
  return back.epoch < confirmed.epoch && position.epoch === back.epoch + 1
}

function adopted(known: Known, stored: Stored, now: number): Reconciled {
  const { ours } = known
  const theirs = stored.body.document
  const { document: taken } = adopt(ours, theirs)
  const entombed = withStones(taken, { from: ours.state, node: known.node }, now)
  const whole = withIncidents(entombed.document, { from: ours.state, stones: entombed.stones })
  // Ids of rollouts are numbered: one that was given here is not given to another.
  const rollouts = Math.max(whole.state.rollouts, ours.state.rollouts)
  const isTheirs = whole === taken && rollouts === theirs.state.rollouts
  const isExact = isTheirs && theirs.state.epoch > ours.state.epoch
  const epoch = Math.max(whole.state.epoch, ours.state.epoch + 1, theirs.state.epoch + 1)
  const document = isExact ? taken : { ...whole, state: { ...whole.state, rollouts, epoch } }
  const said = [...notHolding(known, stored), ...lostThere(known, stored)]
  return {
    outcome: 'adopt',
    document,
    effects: [
      ...adopt(ours, document).effects,
      ...entombed.told,
      ...journaled(said, document.state),
    ],
    counters: 'theirs',
    said,
    mustPropose: !isExact,
  }
}

function restored(known: Known, now: number): Reconciled {
  const { confirmed, ours, stored } = known
  const from = stored?.body.document.state ?? null
  const node = stored?.position.writer ?? known.node
  const entombed =
    from === null ? { document: ours, told: [], stones: [] } : withStones(ours, { from, node }, now)
  const { state } = entombed.document
  const epoch = Math.max(state.epoch, ours.state.epoch + 1, (from?.epoch ?? 0) + 1)
  const rollouts = Math.max(state.rollouts, from?.rollouts ?? 0)
  const document = { ...entombed.document, state: { ...state, epoch, rollouts } }
  const was = stored === null ? 'nothing' : `revision ${stored.position.epoch}`
  // Of one term the earlier is a part of the later; of two it may be of another history.
  const isOutOfDate = stored !== null && isOutdated(stored, confirmed)
  const isOther = stored !== null && stored.position.term !== confirmed?.term && !isOutOfDate
  const said = [
    `Redis had lost revision ${confirmed?.epoch ?? 0} and held ${was}: ${known.node} puts it back`,
    ...(isOther ? [mayBeLost(stored.position)] : []),
  ]
  const isLess = entombed.stones.length > 0
  return {
    outcome: 'restore',
    document,
    effects: [
      ...(isLess ? adopt(ours, document).effects : []),
      ...entombed.told,
      ...journaled(said, document.state),
    ],
    counters: 'ours',
    said,
    mustPropose: true,
  }
}

/** What this node has told on-call of rollouts that it has ended stays open. */
function withIncidents(
  document: ServiceDocument,
  { from, stones }: { from: ServiceState; stones: readonly Tombstone[] },
): ServiceDocument {
  const known = document.state.incidents ?? {}
  const missing = Object.entries(from.incidents ?? {}).filter(
    ([id]) => known[id] === undefined && stones.some(({ rollout }) => rollout === id),
  )
  if (missing.length === 0) return document
  const incidents = { ...known, ...Object.fromEntries(missing) }
  return { ...document, state: { ...document.state, incidents } }
}

export function journaled(said: readonly string[], { weight }: ServiceState): readonly Effect[] {
  return said.map((text) => ({ effect: 'journal', kind: 'fleet', text, by: 'node', weight }))
}

/** What this node has decided, where the ledger has something else. */
function notHolding({ isDirty, node, pending }: Known, { position }: Stored): readonly string[] {
  if (!isDirty) return []
  const instead = `the fleet has decided revision ${position.epoch} on ${position.writer} without knowing of it`
  return pending
    .filter(({ text }) => text !== '')
    .map(({ epoch, text }) => `revision ${epoch} of ${node} does not hold (${text}): ${instead}`)
}

/** What the ledger had accepted and does not hold any more. */
function lostThere(
  { confirmed, node }: Known,
  { base, body, position }: Stored,
): readonly string[] {
  if (confirmed === null || confirmed.term >= position.term) return []
  const { epoch, term, writer } = confirmed
  const isBack = body.restored?.some((back) => back.term === term && back.epoch >= epoch) ?? false
  if (isBack) return []
  const what = `revision ${epoch}, decided on ${writer}`
  if (base === null || comparePositions(base, confirmed) < 0) {
    const instead = `revision ${position.epoch} of ${position.writer} holds instead`
    return [`${what}, was lost when Redis changed servers: ${instead}`]
  }
  // Only what the ledger held at its last change of servers is known.
  if (base.term === term || writer !== node) return []
  return [mayBeLost(confirmed)]
}

function mayBeLost({ epoch, writer }: Position): string {
  return (
    `revision ${epoch}, decided on ${writer}, may have been lost, as Redis has changed servers ` +
    'more than once'
  )
}
