// What stands in the status while something does not work: a sentence a subject, and one alone when
// Redis has gone, whatever had failed a moment before.

import t from 'tap'
import { Troubles } from '../../src/fleet/troubles.ts'

const log = { info: () => {}, warn: () => {}, error: () => {} }

await t.test('what calls said is forgotten when it is known why they fail', (t) => {
  const troubles = new Troubles({ log, monotonic: () => 0 })
  for (const call of ['heartbeat', 'lease']) troubles.callFailed(call, `Cannot do ${call}`)
  troubles.say('document shop', 'Cannot use what Redis holds of service shop')
  troubles.mention('journal losses', { sentence: 'Entries were lost', forMs: 1000 })
  t.equal(troubles.sentences.length, 4)
  troubles.forgetCalls()
  t.same(troubles.sentences, ['Cannot use what Redis holds of service shop', 'Entries were lost'])
  t.end()
})

await t.test('what is over is shown for a while', (t) => {
  let nowMs = 0
  const troubles = new Troubles({ log, monotonic: () => nowMs })
  troubles.mention('unsent', { sentence: 'A message was not sent', forMs: 100 })
  nowMs = 99
  t.equal(troubles.sentences.length, 1)
  nowMs = 100
  t.same(troubles.sentences, [])
  t.end()
})
