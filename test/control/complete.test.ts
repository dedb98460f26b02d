// A document of an older release is taken up: what it does not know is as at the beginning.

import t from 'tap'
import { completed } from '../../src/control/complete.ts'
import type { ServiceDocument } from '../../src/core/events.ts'
import { explanationOf } from '../../src/core/rollout/explanation.ts'
import { step } from '../../src/core/rollout.ts'
import { Play, STRATEGY } from '../core/rollout-play.ts'

function without(document: ServiceDocument, paths: readonly string[]): ServiceDocument {
  const copy = JSON.parse(JSON.stringify(document))
  for (const path of paths) {
    const names = path.split('.')
    const last = names.pop() ?? ''
    let at = copy
    for (const name of names) at = at[name]
    delete at[last]
  }
  return copy
}

await t.test('a rollout that an older release has saved goes on', (t) => {
  const play = new Play()
  play.now = 1000
  play.tick(
    { good: 50, bad: 1, exceeded: 0, userErrors: 0 },
    { good: 950, bad: 0, exceeded: 3, userErrors: 0 },
  )
  const old = without(play.document, [
    'evidence.proof',
    'evidence.settling',
    'evidence.pace',
    'evidence.unknown',
    'evidence.stepDataMs',
    'facts.given',
    'facts.ratePerSecond',
    'state.rollout.strategy.beta',
    'state.rollout.strategy.maxHoldMs',
    'state.rollout.strategy.trigger.maxUserErrors',
  ])
  const known = completed(old, STRATEGY)
  t.equal(known.state.rollout?.strategy.beta, 0.05)
  t.same(known.evidence?.absolute, play.document.evidence?.absolute, 'what is there stays')
  const candidate = { good: 10, bad: 0, exceeded: 0, userErrors: 0 }
  const tick = { event: 'tick', candidate, stable: candidate, stableSlow: 0 } as const
  const stepped = step(known, tick, 1100)
  t.ok('document' in stepped && stepped.document.evidence !== null)
  t.ok(explanationOf(known), 'and can be explained')
  t.same(completed(play.document, STRATEGY), play.document, 'a whole one is left alone')
  t.end()
})
