// A raise that the ledger has not accepted, or of which nobody knows whether it has, is taken back
// before its weight was stored anywhere. The rollout is not paused for it: it rests until a weight
// may be raised again.
//
// More may have been decided behind such a raise: a promotion, even the next rollout. That has
// nothing to stand on then, so all of it is taken back and said, except that what has ended for the
// worse stays ended.

import type { Effect, ServiceDocument } from '../events.ts'
import { step } from '../rollout.ts'
import { moved, PERSIST, type Stepped } from '../rollout/transition.ts'
import { adopt, type Shares } from './adopt.ts'
import { withStones } from './stones.ts'

export interface Raised {
  /** What the ledger has accepted. */
  readonly agreed: Shares
  /** The document before the raise. */
  readonly before: ServiceDocument
  /** This node. */
  readonly node: string
  /** Why it could not be saved. */
  readonly reason: string
}

export interface TakenBack extends Stepped {
  /** Everything that was decided since the raise was taken back, too. */
  readonly isWhole: boolean
}

/** The decision that takes the raise of `document` back. */
export function takeBack(document: ServiceDocument, raised: Raised, now: number): TakenBack {
  const { agreed, reason } = raised
  const { candidate, epoch, rollout, stable } = document.state
  const isAlone =
    rollout !== null && candidate === raised.before.state.candidate && stable === agreed.stable
  if (!isAlone) return { ...backTo(document, raised, now), isWhole: true }
  const weight = agreed.candidate === candidate ? agreed.weight : 0
  const event = { event: 'unsaved', epoch, weight, reason, pauses: false } as const
  const stepped = step(document, event, now)
  if ('refused' in stepped) throw new Error(`a raise stays: ${stepped.refused.detail}`)
  return { ...stepped, isWhole: false }
}

/** The document before the raise, with the ends for the worse that were decided since. */
function backTo(document: ServiceDocument, raised: Raised, now: number): Stepped {
  const { before, node, reason } = raised
  const known = { ...before, facts: adopt(document, before).document.facts }
  const entombed = withStones(known, { from: document.state, node }, now)
  const epoch = Math.max(document.state.epoch, entombed.document.state.epoch)
  const { state } = entombed.document
  const rollouts = Math.max(state.rollouts, document.state.rollouts)
  const next = moved({ ...entombed.document, state: { ...state, epoch } }, { state: { rollouts } })
  const text = `revision ${before.state.epoch} holds again, as what followed could not be saved: ${reason}`
  const { weight } = state
  const entry: Effect = { effect: 'journal', kind: 'hold', text, by: 'node', weight }
  const { effects } = adopt(document, next)
  return { document: next, note: text, effects: [...effects, PERSIST, entry, ...entombed.told] }
}
