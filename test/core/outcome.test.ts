// Outcomes: disjoint, each with its blame, and every failure of the edge is one of them.

import t from 'tap'
import {
  blameOf,
  isJudged,
  OUTCOMES,
  outcomeIndex,
  outcomeOfStatus,
} from '../../src/core/outcome.ts'
import { FAULTS } from '../../src/http1/fault.ts'

await t.test('each outcome has a cell of its own', async (t) => {
  t.same(OUTCOMES.map(outcomeIndex), [...OUTCOMES.keys()])
  t.equal(new Set(OUTCOMES).size, OUTCOMES.length)
})

await t.test('who is to blame', async (t) => {
  const blames = OUTCOMES.map((outcome) => `${outcome}: ${blameOf(outcome)}`)
  t.same(blames, [
    'ok: nobody',
    'clientError: nobody',
    'serverError: version',
    'refused: version',
    'reset: version',
    'timeout: version',
    'malformed: version',
    'overload: vertex',
    'aborted: client',
    'unjudged: nobody',
  ])
})

await t.test('what is judged: answers and failures of the version itself', async (t) => {
  t.same(
    OUTCOMES.filter((outcome) => !isJudged(outcome)),
    ['overload', 'aborted', 'unjudged'],
  )
  for (const outcome of OUTCOMES) if (blameOf(outcome) === 'version') t.ok(isJudged(outcome))
})

await t.test('the outcome of a status', async (t) => {
  const rows = { 101: 'ok', 200: 'ok', 399: 'ok', 400: 'clientError', 499: 'clientError' } as const
  for (const [status, outcome] of Object.entries(rows)) {
    t.equal(outcomeOfStatus(Number(status)), outcome, status)
  }
  for (const status of [500, 503, 599]) t.equal(outcomeOfStatus(status), 'serverError')
})

await t.test('every fault of the edge counts as an outcome', async (t) => {
  for (const [fault, { outcome }] of Object.entries(FAULTS)) t.ok(OUTCOMES.includes(outcome), fault)
})
