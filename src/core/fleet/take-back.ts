// A raise that the ledger has not accepted, or of which nobody knows whether it has, is taken back
// before its weight was stored anywhere. The rollout is not paused for it: it rests until a weight
// may be raised again.

import type { Effect, ServiceDocument } from '../events.ts'
import { step } from '../rollout.ts'
import { assignmentOf, limitsOf, moved, PERSIST } from '../rollout/transition.ts'
import { RESIDENCY, type Stepped } from '../rollout/transition.ts'
import { raisesOver, type Shares } from './adopt.ts'

export interface Raised {
  /** What the ledger has accepted. */
  readonly agreed: Shares
  /** The revision of the raise, or of a promotion behind it. */
  readonly epoch: number
  /** Why it could not be saved. */
  readonly reason: string
}

/**
 * The decision that takes a raise back.
 *
 * @param document the one with the raise; behind a promotion the one before that
 */
export function takeBack(document: ServiceDocument, raised: Raised, now: number): Stepped {
  const { agreed, epoch, reason } = raised
  const known = { ...document, state: { ...document.state, epoch } }
  const { candidate } = known.state
  if (!raisesOver(agreed, known.state)) return stableNoMore(known)
  const weight = agreed.candidate === candidate ? agreed.weight : 0
  const event = { event: 'unsaved', epoch, weight, reason, pauses: false } as const
  const stepped = step(known, event, now)
  if ('refused' in stepped) throw new Error(`a raise stays: ${stepped.refused.detail}`)
  return stepped
}

/** A candidate that serves a part of the requests was promoted, and is not stable after all. */
function stableNoMore(document: ServiceDocument): Stepped {
  const next = moved(document, { state: {} })
  const { candidate, weight } = next.state
  const text = `${candidate} is not stable yet, as that could not be saved`
  const entry: Effect = { effect: 'journal', kind: 'hold', text, by: 'node', weight }
  const row = [assignmentOf(next.state), limitsOf(next.evidence)]
  return { document: next, note: text, effects: [PERSIST, entry, ...row, RESIDENCY] }
}
