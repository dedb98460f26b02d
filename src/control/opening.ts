// What is done first with a service, by what the ledger holds of it: the document to begin with and
// the steps that lead to the file's routing or back into a rollout. It decides and does not act.

import type { ServiceConfig } from '../config/config.ts'
import type { RolloutEvent, ServiceDocument } from '../core/events.ts'
import { blankDocument, type Stepped } from '../core/rollout/transition.ts'
import { step } from '../core/rollout.ts'
import { completed } from './complete.ts'
import type { Reading } from './ledger.ts'
import { routingEvent } from './routing.ts'

export interface Opening {
  readonly document: ServiceDocument
  /** What the ledger holds; null: nothing. */
  readonly savedEpoch: number | null
  /** To be taken one after the other, once the table of all services is published. */
  readonly first: readonly Stepped[]
}

/**
 * The first steps of a service at time `now`.
 *
 * @param at `isShared`: nodes share the document, so the file only begins one that is not there
 */
export function openingOf(
  service: ServiceConfig,
  reading: Reading,
  at: { now: number; isShared: boolean },
): Opening {
  const isKnown = reading.found === 'document'
  const saved = isKnown ? reading.saved.document : null
  let document = saved === null ? blankDocument(service.name) : completed(saved, service.strategy)
  const savedEpoch = isKnown ? document.state.epoch : null
  // What ran is not known, so a version that was taken out must not come back by the file.
  const config =
    reading.found === 'damage'
      ? { ...service, routing: { ...service.routing, weight: 0 } }
      : service
  const first: Stepped[] = []
  const take = (event: RolloutEvent): void => {
    const stepped = step(document, event, at.now)
    if ('refused' in stepped) throw new Error(stepped.refused.detail)
    document = stepped.document
    // The table is published for all services together.
    const effects = stepped.effects.filter(({ effect }) => effect !== 'residency')
    first.push({ ...stepped, effects })
  }
  const routing = routingEvent(config)
  const isFiles = !at.isShared || !isKnown
  if (isFiles && document.state.routingHash !== routing.hash) take(routing)
  if (!at.isShared && isKnown && document.state.rollout !== null) take({ event: 'restarted' })
  return { document, savedEpoch, first }
}
