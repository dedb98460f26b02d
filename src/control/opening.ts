// What is done first with a service, by what the ledger holds of it: the document to begin with and
// the steps that lead to the file's routing or back into a rollout. It decides and does not act.

import type { ServiceConfig } from '../config/config.ts'
import type { RolloutEvent, ServiceDocument } from '../core/events.ts'
import { blankDocument, type Stepped } from '../core/rollout/transition.ts'
import { step } from '../core/rollout.ts'
import { completed } from './complete.ts'
import type { Clock } from './clock.ts'
import type { Ledger, Reading } from './ledger.ts'
import { routingEvent } from './routing.ts'

export interface Opening {
  readonly service: ServiceConfig
  readonly document: ServiceDocument
  /** What the ledger holds; null: nothing. */
  readonly savedEpoch: number | null
  /** To be taken one after the other, once the table of all services is published. */
  readonly first: readonly Stepped[]
  /** What was saved cannot be used. */
  readonly isDamaged: boolean
  /** Sentences about what could not be used. */
  readonly told: readonly string[]
}

/** What a service of a node that works alone begins with, once the clock goes on from its time. */
export async function openAlone(
  services: readonly ServiceConfig[],
  { clock, ledger }: { clock: Clock; ledger: Ledger },
): Promise<readonly Opening[]> {
  const read: { service: ServiceConfig; reading: Reading }[] = []
  for (const service of services) {
    read.push({ service, reading: await ledger.read(service.name) })
  }
  goOnFrom(
    clock,
    read.map(({ reading }) => (reading.found === 'document' ? reading.saved.clockMs : null)),
  )
  const now = clock.now()
  return read.map(({ reading, service }) => openingOf(service, reading, { now, isShared: false }))
}

/** The latest of all: a service that has rested for long must not hold the others' time back. */
export function goOnFrom(clock: Clock, saved: readonly (number | null)[]): void {
  let latestMs = Number.NEGATIVE_INFINITY
  for (const ms of saved) latestMs = Math.max(latestMs, ms ?? latestMs)
  if (Number.isFinite(latestMs)) clock.continueFrom(latestMs)
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
  const saved = reading.found === 'document' ? reading.saved.document : null
  let document = saved === null ? blankDocument(service.name) : completed(saved, service.strategy)
  const savedEpoch = saved === null ? null : document.state.epoch
  // What ran is not known, so a version that was taken out must not come back by the file.
  const isDamaged = reading.found === 'damage'
  const config = isDamaged ? { ...service, routing: { ...service.routing, weight: 0 } } : service
  const first: Stepped[] = []
  const take = (event: RolloutEvent): void => {
    const stepped = step(document, event, at.now)
    if ('refused' in stepped) throw new Error(stepped.refused.detail)
    document = stepped.document
    first.push(withoutTable(stepped))
  }
  const routing = routingEvent(config)
  const isFiles = !at.isShared || saved === null
  if (isFiles && document.state.routingHash !== routing.hash) take(routing)
  if (!at.isShared && saved !== null && document.state.rollout !== null)
    take({ event: 'restarted' })
  const told = isDamaged && reading.text !== '' ? [reading.text] : []
  return { service, document, savedEpoch, first, isDamaged, told }
}

/** The table is published for all services together. */
export function withoutTable(stepped: Stepped): Stepped {
  const effects = stepped.effects.filter(({ effect }) => effect !== 'residency')
  return { ...stepped, effects }
}
