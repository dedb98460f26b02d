// How much γ a rollout is granted, whatever happens to it: random weeks of the real state machine
// in which an operator raises and lowers the weight, promotes, pauses and resumes at will, and in
// which the node restarts now and then with what it had saved. Nothing is ever wrong, so each score
// is the sum of what was granted to it, and neither may exceed 1.

import { defaultStrategy } from '../../src/config/strategy.ts'
import type { RolloutEvent, ServiceDocument } from '../../src/core/events.ts'
import { NO_COUNTS } from '../../src/core/facts.ts'
import { step } from '../../src/core/rollout.ts'
import { blankDocument, NO_FACTS } from '../../src/core/rollout/transition.ts'
import { Dice } from './calibrate-dice.ts'

const WEEK_MS = 7 * 24 * 3600 * 1000
const LONGEST_QUIET_MS = 3_600_000
const STRATEGY = defaultStrategy()

/** Everybody is well and there is somewhere to go. */
const WELL = {
  ...NO_FACTS,
  candidateResident: true,
  stable: { healthy: 1, total: 1 },
  candidate: { healthy: 1, total: 1 },
}

/** What may happen between two ticks; a rollout may refuse it. */
function happening(dice: Dice, { state }: ServiceDocument): RolloutEvent {
  const kind = Math.floor(dice.next() * 7)
  const ifMatch = state.epoch
  // At 100 % or in a rollout by hand this would be the promotion, which ends the week.
  const maySkip = state.rollout?.phase === 'shifting'
  if (kind === 0) return { event: 'pause', ifMatch }
  if (kind === 1) return { event: 'resume', ifMatch }
  if (kind === 2 && maySkip) return { event: 'promote', full: false, ifMatch }
  if (kind === 3) return { event: 'restarted' }
  if (kind === 4) return { event: 'survey', facts: WELL }
  const weight = Math.floor(dice.next() * 10_000)
  return { event: 'weight', weight, force: true, strategy: STRATEGY, ifMatch }
}

/** The document after an event; a refusal changes nothing. */
function after(document: ServiceDocument, event: RolloutEvent, now: number): ServiceDocument {
  const stepped = step(document, event, now)
  return 'refused' in stepped ? document : stepped.document
}

function begun(): ServiceDocument {
  const versions = { a: ['http://127.0.0.1:1'], b: ['http://127.0.0.1:2'] }
  const routing = { versions, stable: 'a', candidate: null, weight: 0, hash: 'r.v' }
  const routed = { event: 'routing', ...routing, strategy: STRATEGY } as const
  const order = { version: 'b', targets: [], replace: false, strategy: STRATEGY, ifMatch: null }
  const known = after(blankDocument('s'), routed, 0)
  return after(after(known, { event: 'deploy', ...order }, 0), { event: 'survey', facts: WELL }, 0)
}

/**
 * The largest Σγ, and how many raises there were in all. A week ends early when its rollout does.
 */
export function grantsOfWeeks(weeks: number): { largest: number; raises: number } {
  const dice = new Dice(8)
  const quiet = { event: 'tick', candidate: NO_COUNTS, stable: NO_COUNTS, stableSlow: 0 } as const
  let largest = 0
  let raises = 0
  for (let week = 0; week < weeks; week++) {
    let document = begun()
    let seen = 0
    for (let now = 0; now < WEEK_MS; now += dice.next() * LONGEST_QUIET_MS) {
      const event = happening(dice, document)
      // What a restart finds is what was saved: plain JSON.
      if (event.event === 'restarted') document = JSON.parse(JSON.stringify(document))
      document = after(after(document, event, now), quiet, now)
      const { evidence, state } = document
      if (state.rollout === null) break
      seen = state.rollout.raises
      if (evidence === null) continue
      const { absolute, granted, relative, tail } = evidence
      largest = Math.max(largest, granted, ...absolute, ...relative, ...tail)
    }
    raises += seen
  }
  return { largest, raises }
}
