// A raise that the ledger has not accepted, or of which nobody knows whether it has, is taken back
// before its weight was stored anywhere. The rollout is not paused for it: it rests until a weight
// may be raised again.

import type { Effect, ServiceDocument } from '../events.ts'
import { step } from '../rollout.ts'
import { assignmentOf, limitsOf, moved, PERSIST } from '../rollout/transition.ts'
import { RESIDENCY, type Stepped } from '../rollout/transition.ts'
import type { Shares } from './adopt.ts'

export interface Raised {
  /** What the ledger has accepted. */
  readonly agreed: Shares
  /** The document before the raise. */
  readonly before: ServiceDocument
  /** Why it could not be saved. */
  readonly reason: string
}

/** The decision that takes the raise of `document` back. */
export function takeBack(document: ServiceDocument, raised: Raised, now: number): Stepped {
  const { agreed, before, reason } = raised
  const { candidate, epoch, rollout } = document.state
  if (rollout === null) return promotionTakenBack(document, before)
  const weight = agreed.candidate === candidate ? agreed.weight : 0
  const event = { event: 'unsaved', epoch, weight, reason, pauses: false } as const
  const stepped = step(document, event, now)
  if ('refused' in stepped) throw new Error(`a raise stays: ${stepped.refused.detail}`)
  return stepped
}

/** A candidate that served a part of the requests is not stable after all. */
function promotionTakenBack(document: ServiceDocument, before: ServiceDocument): Stepped {
  const { epoch } = document.state
  const state = { ...before.state, epoch }
  const next = moved({ ...before, state, facts: document.facts }, { state: {} })
  const { weight } = state
  const text = `${state.candidate} is not stable yet, as that could not be saved`
  const entry: Effect = { effect: 'journal', kind: 'hold', text, by: 'node', weight }
  const row = [assignmentOf(next.state), limitsOf(next.evidence)]
  return { document: next, note: text, effects: [PERSIST, entry, ...row, RESIDENCY] }
}
