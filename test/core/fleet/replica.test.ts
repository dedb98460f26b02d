// The replica, one answer after the other: what it takes over, what it asks for next, and what it
// lets this node do meanwhile. How all of it holds together is the simulation's business.

import t from 'tap'
import type { RolloutEvent, ServiceDocument } from '../../../src/core/events.ts'
import { countedFor } from '../../../src/core/counters.ts'
import { NO_COUNTS } from '../../../src/core/facts.ts'
import { NOTHING_KEPT } from '../../../src/core/fleet/kept.ts'
import type { Changed } from '../../../src/core/fleet/message.ts'
import type { Sent } from '../../../src/core/fleet/outcome.ts'
import { Replica } from '../../../src/core/fleet/replica.ts'
import type { FleetStanding } from '../../../src/core/fleet/standing.ts'
import type { Stored } from '../../../src/core/fleet/stored.ts'
import { step } from '../../../src/core/rollout.ts'
import {
  ABORT,
  after,
  at,
  BAKING,
  deploy,
  IDLE,
  lineOf,
  PAUSE,
  PROMOTE,
  SHIFTING,
  stored,
  SURVEY,
  weight,
} from './documents.ts'

const NOW = 5000

/** A replica that has taken over what the ledger holds. */
function following(document: ServiceDocument): Replica {
  const replica = new Replica('edge-2', { document: IDLE, kept: NOTHING_KEPT })
  replica.wasRead(replica.asking, { found: 'document', stored: stored(document) }, NOW)
  // This node has looked at its targets.
  const seen = { ...replica.document, facts: SURVEY.facts }
  replica.decided({ document: seen, effects: [], note: '' })
  return replica
}

function decide(replica: Replica, ...events: readonly RolloutEvent[]): void {
  for (const event of events) {
    const stepped = step(replica.document, event, NOW)
    if ('refused' in stepped) throw new Error(stepped.refused.detail)
    replica.decided(stepped)
  }
}

/** Whether v2 may have so much where it has nothing now. */
function allows(replica: Replica, weight: number): boolean {
  const row = { stable: 'v1', candidate: 'v2' }
  return replica.allows({ ...row, weight }, { ...row, weight: 0 })
}

function sent(replica: Replica, lease: number | null = null): Sent {
  const proposal = replica.proposal({ lease, clockMs: NOW })
  if (proposal === null || 'cannot' in proposal) throw new Error('nothing is proposed')
  return proposal
}

function changed(of: Stored): Changed {
  const { position, save } = of
  return { message: 'changed', service: 'shop', position, save, stored: of }
}

await t.test('whichever try was accepted, it is known to be its own', (t) => {
  const replica = following(SHIFTING)
  decide(replica, ABORT)
  const tries = [1000, 2000, 3000].map((clockMs) => {
    const asked = replica.proposal({ lease: 1, clockMs })
    if (asked === null || 'cannot' in asked) throw new Error('nothing is proposed')
    replica.wasAnswered(asked, { result: 'failed', reason: 'Redis is away' }, NOW)
    return asked
  })
  const { epoch } = replica.document.state
  const body = tries[1]?.proposal.body
  if (body === undefined) throw new Error('nothing was tried')
  const held = { ...stored(replica.document, { writer: 'edge-2', save: 2 }), body }
  const outcome = replica.wasRead(replica.asking, { found: 'document', stored: held }, NOW)
  t.match(outcome, { outcome: null, effects: [], next: null })
  t.match(replica.confirmed, at(epoch, 'edge-2'))
  t.notOk(replica.isDirty)
  t.end()
})

await t.test('what Redis has lost is put back once, however often it is looked at', (t) => {
  const replica = following(SHIFTING)
  const nothing = { found: 'nothing' } as const
  const first = replica.wasRead(replica.asking, nothing, NOW)
  t.match(first, { outcome: 'restore', next: 'propose' })
  const { document } = replica
  const second = replica.wasRead(replica.asking, nothing, NOW)
  t.match(second, { outcome: 'propose', effects: [], next: 'propose' })
  t.equal(replica.document, document)
  replica.wasAnswered(
    sent(replica),
    { result: 'accepted', position: at(document.state.epoch, 'edge-2', 9), save: 1 },
    NOW,
  )
  t.match(replica.wasRead(replica.asking, nothing, NOW), { outcome: 'restore' }, 'lost again')
  t.end()
})

await t.test('what is heard is taken over, once, and late messages lead to a look', async (t) => {
  const replica = following(SHIFTING)
  const later = stored(BAKING)
  t.match(replica.heard(changed(later), NOW), { outcome: 'adopt', next: null })
  t.equal(replica.document.state.weight, 10_000)
  t.match(replica.heard(changed(later), NOW), { outcome: null, effects: [], next: null })
  t.equal(replica.heard(changed(stored(SHIFTING)), NOW).next, 'read')
  t.equal(replica.document.state.weight, 10_000)
  const told = { ...changed(stored(after(BAKING, [PAUSE]))), stored: null }
  t.equal(replica.heard(told, NOW).next, 'read', 'without its body it has to be read')
})

await t.test('a decision is proposed on what the ledger holds, and confirmed', async (t) => {
  const replica = following(SHIFTING)
  t.equal(replica.proposal({ lease: null, clockMs: NOW }), null, 'nothing is new')
  decide(replica, PAUSE)
  const proposal = sent(replica)
  t.strictSame(proposal.proposal.expected, at(3))
  const answer = { result: 'accepted', position: at(4, 'edge-2'), save: 2 } as const
  t.equal(replica.wasAnswered(proposal, answer, NOW).next, null)
  t.strictSame(replica.confirmed, at(4, 'edge-2'))
  t.notOk(replica.isDirty)
})

await t.test('what was decided meanwhile is proposed next', async (t) => {
  const replica = following(SHIFTING)
  decide(replica, PAUSE)
  const proposal = sent(replica)
  decide(replica, weight(1, 4))
  const answer = { result: 'accepted', position: at(4, 'edge-2'), save: 2 } as const
  t.equal(replica.wasAnswered(proposal, answer, NOW).next, 'propose')
  t.strictSame(sent(replica).proposal.expected, at(4, 'edge-2'))
})

await t.test('a conflict: theirs is taken over, an abort of ours goes on', async (t) => {
  const replica = following(SHIFTING)
  decide(replica, ABORT)
  const proposal = sent(replica)
  const theirs = stored(BAKING, { writer: 'edge-3' })
  const outcome = replica.wasAnswered(proposal, { result: 'conflict', stored: theirs }, NOW)
  t.match(outcome, { outcome: 'adopt', next: 'propose' })
  t.match(replica.document.state, { weight: 0, rollout: null, epoch: 5 })
  t.strictSame(sent(replica).proposal.expected, at(4, 'edge-3'))
})

await t.test('a raise waits for the ledger: its row, and this node its disk', async (t) => {
  const replica = following(SHIFTING)
  decide(replica, PROMOTE)
  t.ok(replica.isRaised)
  t.notOk(allows(replica, 10_000))
  t.ok(allows(replica, 500))
  t.equal(replica.copy.document.state.weight, 500, 'a restart comes back with less')
  t.match(replica.proposal({ lease: null, clockMs: NOW }), { cannot: /no longer/ })
  const answer = { result: 'accepted', position: at(4, 'edge-2'), save: 2 } as const
  replica.wasAnswered(sent(replica, 7), answer, NOW)
  t.ok(allows(replica, 10_000))
  t.equal(replica.copy.document.state.weight, 10_000)
})

await t.test(
  'a raise that the ledger has not accepted is taken back, and goes on later',
  async (t) => {
    const replica = following(SHIFTING)
    decide(replica, PROMOTE)
    replica.wasAnswered(sent(replica, 7), { result: 'failed', reason: 'it is away' }, NOW)
    const taken = replica.takeBack('it is away', NOW)
    t.match(taken, { isWhole: false })
    if (taken !== null) replica.decided(taken)
    t.match(replica.document.state, { weight: 500, rollout: { pause: null, phase: 'shifting' } })
    t.notOk(replica.isRaised)
    t.equal(replica.takeBack('again', NOW), null)
    const leading: FleetStanding = {
      standing: 'leading',
      leader: 'edge-2',
      lease: 7,
      mayNotRaise: null,
    }
    t.match(replica.mayNotRaise(leading), /not known what the ledger/, 'it has to be read first')
  },
)

await t.test('what was built on such a raise goes with it, and is said', async (t) => {
  const replica = following(SHIFTING)
  decide(replica, PROMOTE, PROMOTE, deploy('v3'))
  const taken = replica.takeBack('it is away', NOW)
  t.match(taken, { isWhole: true })
  if (taken !== null) replica.decided(taken)
  t.match(replica.document.state, { stable: 'v1', candidate: 'v2', weight: 500, epoch: 7 })
  t.match(replica.unsaid, [
    /^revision 4 of edge-2 does not hold \(v2 goes to 100 %/,
    /^revision 5 of edge-2 does not hold \(v2 is stable now/,
    /^revision 6 of edge-2 does not hold \(rollout shop-2 of v3 begins/,
  ])
})

await t.test('what has ended behind such a raise stays ended', async (t) => {
  const replica = following(SHIFTING)
  decide(replica, PROMOTE, PROMOTE, { event: 'rollback', force: true, ifMatch: null }, deploy('v3'))
  const taken = replica.takeBack('it is away', NOW)
  if (taken !== null) replica.decided(taken)
  t.equal(replica.isRaised, false)
  t.match(replica.document.state, { stable: 'v1', weight: 0 })
  t.match(replica.document.state.tombstones, [{ rollout: 'shop-1', version: 'v2' }])
})

await t.test('what this node has lowered goes up by the ledger only', async (t) => {
  const replica = following(BAKING)
  decide(replica, weight(1, 4))
  decide(replica, PROMOTE)
  t.ok(replica.isRaised, 'though the ledger still has 100 %')
  t.equal(replica.copy.document.state.weight, 100)
  const answer = { result: 'failed', reason: 'it is away' } as const
  replica.wasAnswered(sent(replica, 7), answer, NOW)
  const taken = replica.takeBack('it is away', NOW)
  t.equal(taken?.document.state.weight, 100)
})

await t.test('a raise on a raise: the disk follows what is accepted', async (t) => {
  const replica = following(SHIFTING)
  decide(replica, weight(20, 3))
  const proposal = sent(replica, 7)
  decide(replica, PROMOTE)
  t.equal(replica.copy.document.state.epoch, 3)
  const answer = { result: 'accepted', position: at(4, 'edge-2'), save: 2 } as const
  t.equal(replica.wasAnswered(proposal, answer, NOW).next, 'propose')
  t.match(replica.copy, { document: { state: { epoch: 4, weight: 2000 } }, kept: { pending: [] } })
  t.ok(replica.isRaised)
})

await t.test('what is no more than before may always be stored', async (t) => {
  const replica = following(SHIFTING)
  decide(replica, ABORT)
  const row = { stable: 'v1', candidate: 'v2', weight: 500 }
  t.ok(replica.allows({ ...row, weight: 100 }, row))
  t.notOk(replica.allows(row, { ...row, weight: 100 }))
})

await t.test('a lowering while the ledger accepts more stays lowered', async (t) => {
  const replica = following(SHIFTING)
  decide(replica, PROMOTE)
  const proposal = sent(replica, 7)
  decide(replica, weight(1, 4))
  const answer = { result: 'accepted', position: at(4, 'edge-2'), save: 2 } as const
  t.equal(replica.wasAnswered(proposal, answer, NOW).next, 'propose')
  t.notOk(allows(replica, 10_000))
})

await t.test('its own decision, told back before the answer, is confirmed', async (t) => {
  const replica = following(SHIFTING)
  decide(replica, PAUSE)
  const proposal = sent(replica)
  const { body } = proposal.proposal
  const back: Stored = { position: at(4, 'edge-2'), base: null, save: 2, body }
  t.match(replica.heard(changed(back), NOW), { effects: [], next: null })
  t.notOk(replica.isDirty)
  const answer = { result: 'accepted', position: at(4, 'edge-2'), save: 2 } as const
  t.equal(replica.wasAnswered(proposal, answer, NOW).next, null)
})

await t.test(
  'the same revision of an earlier process of this node is another decision',
  async (t) => {
    const replica = following(SHIFTING)
    decide(replica, PAUSE)
    sent(replica)
    const before = stored(after(SHIFTING, [weight(20, 3)]), { writer: 'edge-2' })
    const other = { ...before, body: { ...before.body, clockMs: 17 } }
    replica.wasRead(replica.asking, { found: 'document', stored: other }, NOW)
    t.match(replica.document.state, { weight: 2000, epoch: 5 })
    t.match(replica.unsaid, [/^revision 4 of edge-2 does not hold \(paused/])
  },
)

await t.test('while a proposal is under way only an end for the worse is taken over', async (t) => {
  const raised = stored(after(SHIFTING, [weight(20, 3)]), { writer: 'edge-3' })
  const aborted = stored(after(SHIFTING, [weight(20, 3), ABORT]), { writer: 'edge-3' })
  const replica = following(SHIFTING)
  decide(replica, PAUSE)
  const proposal = sent(replica)
  t.match(replica.heard(changed(raised), NOW), { effects: [], next: null })
  t.equal(replica.document.state.weight, 500)
  t.match(replica.heard(changed(aborted), NOW).effects.map(lineOf), ['assign v1 v2 0'])
  const answer = { result: 'accepted', position: at(4, 'edge-2', 2), save: 2 } as const
  t.equal(replica.wasAnswered(proposal, answer, NOW).next, 'read', 'it holds something else by now')
})

await t.test('an old answer is no loss', async (t) => {
  const replica = following(SHIFTING)
  const { asking } = replica
  replica.heard(changed(stored(BAKING)), NOW)
  const reading = { found: 'document', stored: stored(SHIFTING) } as const
  t.match(replica.wasRead(asking, reading, NOW), { outcome: null, next: 'read' })
  t.match(replica.wasRead(replica.asking, reading, NOW), { outcome: 'restore', next: 'propose' })
})

await t.test('fenced: nothing is asked again with the lease that is over', async (t) => {
  const replica = following(SHIFTING)
  decide(replica, PROMOTE)
  const proposal = sent(replica, 7)
  const answer = { result: 'fenced', lease: 8, stored: stored(SHIFTING) } as const
  t.equal(replica.wasAnswered(proposal, answer, NOW).next, null)
  t.equal(replica.takeBack('fenced', NOW)?.document.state.weight, 500)
  t.equal(replica.compared({ position: at(3), save: 1 }), 'read', 'with the next look')
})

await t.test('newer evidence is taken with whose counts are in it', async (t) => {
  const replica = following(SHIFTING)
  const { rollout } = SHIFTING.state
  if (rollout === null) throw new Error('no rollout')
  const key = countedFor(rollout)
  const counts = { ...NO_COUNTS, good: 10 }
  const message = { node: 'edge-2', run: 1, number: 1, rollout: key, stableSlow: 0 }
  const own = { ...message, candidate: counts, stable: counts }
  t.equal(replica.count(own)?.candidate.good, 10)
  t.equal(replica.count(own), null, 'once')
  t.equal(replica.count({ ...own, number: 2, rollout: 'shop-1' }), null, 'another rollout')
  const known = replica.copy.kept.counters
  const newer = stored(SHIFTING, { save: 2 })
  t.equal(replica.heard({ ...changed(newer), stored: null }, NOW).next, null)
  t.ok(replica.isBehind)
  const reading = { found: 'document', stored: newer } as const
  t.match(replica.wasRead(replica.asking, reading, NOW), { outcome: 'same' })
  t.notOk(replica.isBehind)
  t.equal(
    replica.copy.kept.counters,
    null,
    'its evidence holds nothing of ours, so we tell it again',
  )
  t.equal(replica.count({ ...own, number: 2 })?.candidate.good, 10)
  t.not(known, null)
})

await t.test(
  'what was lowered alone goes on top of what the fleet has counted since',
  async (t) => {
    const replica = following(SHIFTING)
    decide(replica, weight(2, replica.document.state.epoch))
    const newer = stored(SHIFTING, { save: 7 })
    const reading = { found: 'document', stored: newer } as const
    const outcome = replica.wasRead(replica.asking, reading, NOW)
    t.match(outcome, { outcome: 'rebased', next: 'propose' })
    const { evidence, state } = replica.document
    t.equal(state.weight, 200)
    t.equal(evidence?.weights.current, 200)
    t.same(evidence?.step, SHIFTING.evidence?.step, 'the counts are those of the fleet')
    t.equal(replica.copy.kept.counters, newer.body.counters)
  },
)

await t.test('behind a restart it goes on from its disk', async (t) => {
  const before = following(SHIFTING)
  decide(before, ABORT)
  const { document, kept } = before.copy
  const replica = new Replica('edge-2', { document, kept: JSON.parse(JSON.stringify(kept)) })
  t.ok(replica.isDirty)
  t.notOk(replica.isRaised)
  const reading = { found: 'document', stored: stored(BAKING) } as const
  t.match(replica.wasRead(replica.asking, reading, NOW), { outcome: 'adopt', next: 'propose' })
  t.match(replica.document.state, { weight: 0, rollout: null })
})

await t.test('why no weight may be raised', async (t) => {
  const replica = following(after(IDLE, [deploy('v2'), SURVEY]))
  const standing: FleetStanding = {
    standing: 'leading',
    leader: 'edge-2',
    lease: 1,
    mayNotRaise: null,
  }
  t.equal(replica.mayNotRaise(standing), null)
  replica.doubt()
  t.match(replica.mayNotRaise(standing), /not known what the ledger/)
  t.equal(replica.mayNotRaise({ ...standing, mayNotRaise: 'Redis is away' }), 'Redis is away')
  const following2 = { ...standing, standing: 'following', leader: 'edge-1', lease: null } as const
  t.match(replica.mayNotRaise(following2), /^edge-1 decides/)
  t.match(replica.mayNotRaise({ ...following2, standing: 'cut-off' }), /hears from nobody/)
})
