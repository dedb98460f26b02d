// Each rollout may be wrong with probability α, so it is counted how often a version was tried.

import t from 'tap'
import type { RolloutEvent } from '../../src/core/events.ts'
import { step } from '../../src/core/rollout.ts'
import { blankDocument, triesOf } from '../../src/core/rollout/transition.ts'
import { GOOD_FACTS, STRATEGY } from './rollout-play.ts'

await t.test('every rollout of a version is a try, by steps or by hand', async (t) => {
  let document = { ...blankDocument('shop'), facts: GOOD_FACTS }
  const send = (event: RolloutEvent): number => {
    const stepped = step(document, event, 0)
    if ('refused' in stepped) throw new Error(stepped.refused.detail)
    document = { ...stepped.document, facts: GOOD_FACTS }
    return triesOf(document.state, 'v2')
  }
  const routing = { event: 'routing', stable: 'v1', candidate: null, weight: 0 } as const
  const versions = { v1: ['http://a:1'], v2: ['http://b:1'] }
  const strategy = STRATEGY
  const ifMatch = null
  const deploy = { event: 'deploy', version: 'v2', targets: [], replace: false } as const
  const byHand = { event: 'weight', weight: 500, force: false } as const
  t.equal(send({ ...routing, versions, hash: 'r.v', strategy }), 0)
  t.equal(send({ ...deploy, strategy, ifMatch }), 1)
  t.equal(send({ ...deploy, strategy, ifMatch }), 1, 'the same rollout goes on')
  const moved = { event: 'targets', version: 'v2', targets: ['http://b:2'], ifMatch } as const
  t.equal(send(moved), 1, 'other targets are no try')
  t.equal(send({ event: 'abort', ifMatch }), 1)
  t.equal(send({ ...byHand, strategy, ifMatch }), 2)
  t.equal(send({ ...deploy, strategy, ifMatch }), 3, 'steps in the place of a weight by hand')
  t.equal(send({ event: 'abort', ifMatch }), 3)
  const edited = { ...versions, v2: ['http://b:3'] }
  t.equal(send({ ...routing, versions: edited, hash: 'r.w', strategy }), 3, 'nor by the file')
  t.equal(triesOf(document.state, 'v1'), 0)
})
