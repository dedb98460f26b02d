// A request's judgement by itself, whatever happens to it and in which order: it adds to each
// counter once at most, and to exactly one outcome; and latency is evidence only of what was sent
// soon after its draw.

import fc from 'fast-check'
import t from 'tap'
import { publishAssignment } from '../../src/board/assignment.ts'
import { createBoard } from '../../src/board/board.ts'
import { setLatencyStripe, takeLatency } from '../../src/board/latency.ts'
import { setLatencyLimitUs, TallyReader } from '../../src/board/tallies.ts'
import { SENT_WITHIN_MS } from '../../src/core/facts.ts'
import { OUTCOMES, type Outcome } from '../../src/core/outcome.ts'
import type { Table } from '../../src/core/table.ts'
import { Edge } from '../../src/edge/edge.ts'
import { Judgement } from '../../src/edge/record.ts'
import { SETTINGS } from './harness.ts'

const SLOT = 1
const LIMIT_MS = 50
const SLOW_MS = 400

/** An edge whose clock the test turns. */
class StillEdge extends Edge {
  nowMs = 0

  override now(): number {
    return this.nowMs
  }
}

/** A request that was drawn, as an exchange would do it. */
class Drawn extends Judgement {
  constructor(edge: Edge, path: string) {
    super(edge)
    const service = edge.routes.router.find('', path)
    if (service === null) throw new Error('no service')
    this.belongsTo(service, path)
    const version = edge.routes.bySlot.get(SLOT)
    if (version === undefined) throw new Error('no version')
    this.drawn({ version, arm: 'candidate', row: 0 }, { ticket: 0, bucket: -1, newKey: '' })
    this.slot = SLOT
  }
}

const ROW = { stableSlot: 0, candidateSlot: SLOT, weight: 100 }

const TABLE: Table = {
  revision: 1,
  services: [
    {
      name: 'default',
      index: 0,
      matches: [{ host: null, path: '/' }],
      affinity: null,
      salt: '',
      versionOverride: null,
      rescue: true,
      mirror: null,
      rescueBudget: { share: 0.2, atLeast: 16 },
      replay: { putDelete: false, idempotencyKey: false },
      bodyLimitBytes: null,
      verdict: { exclude: ['/out'], clientErrors: 'ignore', slowIsErrorMs: SLOW_MS },
      versions: [{ name: 'v2', slot: SLOT, targets: [] }],
    },
  ],
}

function makeEdge(): { edge: StillEdge; reader: TallyReader } {
  const board = createBoard({ threads: 1, services: 1, slots: 2, targets: 1, latencyStripes: 1 })
  setLatencyStripe(board, SLOT, 0)
  setLatencyLimitUs(board, SLOT, LIMIT_MS * 1000)
  const edge = new StillEdge(board, 0, SETTINGS)
  edge.useTable(TABLE)
  edge.tick() // its constructor has seen another clock
  return { edge, reader: new TallyReader(board) }
}

type Act = { wait: number } | { judge: Outcome } | 'sent' | 'head' | 'look' | 'user' | 'again'

const ACT = fc.oneof<fc.Arbitrary<Act>[]>(
  fc.record({ wait: fc.integer({ min: 0, max: 600 }) }),
  fc.record({ judge: fc.constantFrom(...OUTCOMES) }),
  fc.constantFrom<Act>('sent', 'head', 'look', 'user', 'again'),
)

function play(edge: StillEdge, request: Drawn, act: Act): void {
  if (act === 'sent') request.requestSent(edge.now())
  else if (act === 'head') request.recordLatency()
  else if (act === 'look') edge.tick()
  else if (act === 'user') request.noteUserError()
  else if (act === 'again') edge.headCame(request)
  else if ('wait' in act) edge.nowMs += act.wait
  else request.judge(act.judge)
}

await t.test('a request adds once at most, and one outcome', async (t) => {
  const { edge, reader } = makeEdge()
  const lives = fc.record({ path: fc.constantFrom('/', '/out/x'), acts: fc.array(ACT) })
  fc.assert(
    fc.property(lives, ({ acts, path }) => {
      const request = new Drawn(edge, path)
      for (const act of acts) play(edge, request, act)
      request.judge('ok') // if it has not ended by now, it has then
      edge.headCame(request)
      const { outcomes, evidenceBad, evidenceGood, exceeded, userErrors } = reader.read(SLOT)
      const sum = outcomes.reduce((total, times) => total + times, 0)
      if (sum !== 1) throw new Error(`${sum} outcomes`)
      if (evidenceBad + evidenceGood > 1) throw new Error('counted twice')
      if (Math.max(exceeded, userErrors) > 1) throw new Error(`${exceeded} slow, ${userErrors}`)
      if (path !== '/' && evidenceBad + evidenceGood + exceeded + userErrors > 0) {
        throw new Error('an excluded path counts')
      }
    }),
    { numRuns: 2000 },
  )
  t.pass('for 2,000 random lives')
})

await t.test('latency is evidence of what was sent within its time', async (t) => {
  for (const [waitMs, counts] of [
    [0, 1],
    [SENT_WITHIN_MS, 1],
    [SENT_WITHIN_MS + 1, 0],
  ] as const) {
    for (const answers of [true, false]) {
      const { edge, reader } = makeEdge()
      const request = new Drawn(edge, '/')
      edge.nowMs += waitMs
      request.requestSent(edge.now())
      edge.nowMs += LIMIT_MS + 1
      if (answers) request.recordLatency()
      else edge.tick()
      let measured = 0
      takeLatency(edge.board, SLOT, (_, times) => {
        measured += times
      })
      t.equal(reader.read(SLOT).exceeded, counts, `${waitMs} ms, ${answers}`)
      t.equal(measured, answers ? counts : 0)
    }
  }
})

await t.test(
  'a slow request is an error when its time has passed, however it was sent',
  async (t) => {
    const { edge, reader } = makeEdge()
    const request = new Drawn(edge, '/')
    edge.nowMs += 5000
    request.requestSent(edge.now())
    edge.nowMs += SLOW_MS
    edge.tick()
    t.equal(reader.read(SLOT).evidenceBad, 0)
    edge.nowMs += 1
    edge.tick()
    const { evidenceBad, outcomes } = reader.read(SLOT)
    t.same([evidenceBad, outcomes[OUTCOMES.indexOf('timeout')]], [1, 1])
  },
)

await t.test('what an earlier assignment drew long ago is no evidence any more', async (t) => {
  const { edge, reader } = makeEdge()
  const failedAfter = (ms: number): number => {
    edge.tick()
    const request = new Drawn(edge, '/')
    publishAssignment(edge.board, 0, ROW)
    edge.nowMs += ms
    edge.tick()
    request.judge('reset')
    const { earlierBad, evidenceBad } = reader.read(SLOT)
    return evidenceBad * 10 + earlierBad
  }
  t.equal(failedAfter(1000), 11, 'it is told apart')
  t.equal(failedAfter(edge.memoryMs + 1), 0, 'and left out')
})
