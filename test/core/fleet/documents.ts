// Documents of a service as a fleet has them, made by the real rollout: the tests say what was
// decided, one decision after the other.

import type { Effect, RolloutEvent, ServiceDocument } from '../../../src/core/events.ts'
import type { Position } from '../../../src/core/fleet/position.ts'
import type { Stored } from '../../../src/core/fleet/stored.ts'
import { step } from '../../../src/core/rollout.ts'
import { blankDocument } from '../../../src/core/rollout/transition.ts'
import { GOOD_FACTS, STRATEGY } from '../rollout-play.ts'

const NOBODY = { ifMatch: null } as const

export const ROUTING: RolloutEvent = {
  event: 'routing',
  versions: { v1: ['http://v1:1'] },
  stable: 'v1',
  candidate: null,
  weight: 0,
  hash: 'r.v',
  strategy: STRATEGY,
}

export function deploy(version: string): RolloutEvent {
  const targets = [`http://${version}:1`]
  return { event: 'deploy', version, targets, replace: false, strategy: STRATEGY, ...NOBODY }
}

export function weight(percent: number, ifMatch: number | null = null): RolloutEvent {
  const order = { event: 'weight', weight: percent * 100, force: true } as const
  return { ...order, strategy: STRATEGY, ifMatch }
}

export const SURVEY = {
  event: 'survey',
  facts: { ...GOOD_FACTS, previous: { healthy: 1, total: 1 } },
} as const
export const PROMOTE: RolloutEvent = { event: 'promote', full: true, ...NOBODY }
export const ABORT: RolloutEvent = { event: 'abort', ...NOBODY }
export const PAUSE: RolloutEvent = { event: 'pause', ...NOBODY }
export const ROLLBACK: RolloutEvent = { event: 'rollback', force: true, ...NOBODY }

/** So much has gone wrong that the verdict takes the candidate out. */
export const FAILURES: RolloutEvent = {
  event: 'tick',
  candidate: { good: 0, bad: 50, exceeded: 0, userErrors: 0 },
  stable: { good: 950, bad: 0, exceeded: 0, userErrors: 0 },
  stableSlow: 0,
}

/** The document after these events, all at one moment. */
export function after(
  document: ServiceDocument,
  events: readonly RolloutEvent[],
  now = 1000,
): ServiceDocument {
  let next = document
  for (const event of events) {
    const stepped = step(next, event, now)
    if ('refused' in stepped) throw new Error(stepped.refused.detail)
    next = stepped.document
  }
  return next
}

export const BLANK = blankDocument('shop')
/** Revision 1: all requests go to v1. */
export const IDLE = after(BLANK, [ROUTING])
/** Revision 3: v2 has 5 %. */
export const SHIFTING = after(IDLE, [deploy('v2'), SURVEY])
/** Revision 4: v2 has all, and v1 waits. */
export const BAKING = after(SHIFTING, [PROMOTE])
/** Revision 5: v2 is stable, v1 can be returned to. */
export const PROMOTED = after(BAKING, [{ ...PROMOTE }, SURVEY])

export function at(epoch: number, writer = 'edge-1', term = 1): Position {
  return { term, epoch, writer }
}

/** What the ledger holds: a document as another node has decided it. */
export function stored(
  document: ServiceDocument,
  more: { writer?: string; term?: number; base?: Position | null; save?: number } = {},
): Stored {
  const { base = null, save = 1, term = 1, writer = 'edge-1' } = more
  const position = at(document.state.epoch, writer, term)
  return { position, base, save, body: { document, counters: null, clockMs: 1000 } }
}

/** An effect in one line, without evidence. */
export function lineOf(effect: Effect): string {
  switch (effect.effect) {
    case 'assign':
      return `assign ${effect.stable} ${effect.candidate} ${effect.weight / 100}`
    case 'journal':
      return `journal ${effect.kind}: ${effect.text}`
    case 'page':
      return `page ${effect.text}`
    case 'evacuate':
      return `evacuate ${effect.version}`
    default:
      return effect.effect
  }
}
