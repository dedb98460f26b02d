// What a verdict says of itself is true: its numbers are those of the tests, and what it says would
// change the decision does change it when it is played.

import t from 'tap'
import type { EvidenceView, Explanation } from '../../src/core/explanation.ts'
import { isExplanation } from '../../src/core/explanation.ts'
import { type ArmCounts, NO_COUNTS } from '../../src/core/facts.ts'
import { explanationOf } from '../../src/core/rollout/explanation.ts'
import { holdOf } from '../../src/core/rollout/watch.ts'
import type { Strategy, Trigger } from '../../src/core/strategy.ts'
import { readEvidence } from '../../src/core/verdict/evidence.ts'
import { PACE_MS } from '../../src/core/verdict/pace.ts'
import { Play, STRATEGY } from './rollout-play.ts'

const WARM: Strategy = { ...STRATEGY, warmUpMs: 0 }

function arm(good: number, bad = 0, exceeded = 0): ArmCounts {
  return { ...NO_COUNTS, good, bad, exceeded }
}

function explained(play: Play): Explanation {
  const explanation = explanationOf(play.document)
  if (explanation === null) throw new Error('there is no rollout')
  return explanation
}

function viewOf(play: Play, metric: EvidenceView['metric']): EvidenceView {
  const view = explained(play).evidence.find((one) => one.metric === metric)
  if (view === undefined) throw new Error(`nothing is said about ${metric}`)
  return view
}

/** The number in `4 more failed requests in a row would …`. */
function moreIn({ wouldChange }: EvidenceView): number {
  return Number(/^(\d+) more/.exec(wouldChange)?.[1] ?? Number.NaN)
}

function values(play: Play) {
  const { evidence } = play.document
  if (evidence === null) throw new Error('there is no evidence')
  return readEvidence(evidence)
}

function withTrigger(trigger: Partial<Trigger>): Strategy {
  return { ...WARM, trigger: { ...WARM.trigger, ...trigger } }
}

/** At 5 %, with some traffic behind it. */
function begun(strategy: Strategy = WARM): Play {
  const play = new Play(strategy)
  play.now += 1000
  play.ratePerSecond = 200
  play.tick(arm(200, 1, 2), arm(3800, 2, 38))
  return play
}

/** At 100 %, where stable had failed now and then. */
function atFull(strategy: Strategy = WARM): Play {
  const play = new Play(strategy)
  play.tick(arm(1000), arm(19_000, 19, 190))
  play.now += 1000
  play.send({ event: 'promote', full: true, ifMatch: null })
  play.tick(arm(1000), NO_COUNTS)
  return play
}

await t.test('counts, rates, both tests, and what happens at the bar', async (t) => {
  const play = begun()
  const view = viewOf(play, 'errors')
  const { absolute, errors, relative } = values(play)
  t.match(view, {
    value: errors,
    bar: 200,
    leadsTo: 'roll-back',
    comparison: 'stable',
    candidate: { requests: 201, bad: 1, rate: 1 / 201 },
    stable: { requests: 3802, bad: 2 },
    limits: { bound: 0.001, boundFrom: 'setting' },
  })
  t.same(
    view.tests.map(({ value }) => value),
    [absolute, relative],
  )
  t.equal(view.pValue, Math.min(1, 1 / errors))
  t.match(view.text, 'candidate 1 of 201 (0.5 %) failed, stable 2 of 3,802 (0.053 %).')
  t.match(view.text, view.wouldChange)
  const slow = viewOf(play, 'p99')
  t.match(slow, {
    value: values(play).tail,
    candidate: { requests: 201, bad: 2 },
    limits: { bound: null, stableMs: 200, candidateMs: Number },
  })
  const { tailLevel } = slow.limits
  t.ok(tailLevel !== null && Math.abs(tailLevel - 0.01) < 0.001, `${tailLevel}`)
  t.match(slow.text, /candidate 2 of 201 \(1 %\) over 241 ms, .* over 200 ms \(its slowest 1 %\)/)
  t.ok(isExplanation(JSON.parse(JSON.stringify(explained(play)))))
  t.notOk(isExplanation({ fold: 'raise' }))
  t.notOk(isExplanation(null))
})

await t.test('so many more failures, and no fewer, roll it back', async (t) => {
  const failures = moreIn(viewOf(begun(), 'errors'))
  const spared = begun()
  spared.tick(arm(0, failures - 1), NO_COUNTS)
  t.notOk(spared.isOver, `${failures - 1} failures`)
  const gone = begun()
  gone.tick(arm(0, failures), NO_COUNTS)
  t.equal(gone.ending, 'rolled-back')
  const slow = moreIn(viewOf(begun(), 'p99'))
  const fast = begun()
  for (let i = 0; i < slow && !fast.isOver; i++) {
    fast.tick(arm(0, 0, 1), NO_COUNTS)
    fast.now += PACE_MS
  }
  t.equal(fast.ending, 'rolled-back', `${slow} slow requests, one after the other`)
  const rush = begun()
  rush.tick(arm(0, 0, 10 * slow), NO_COUNTS)
  t.notOk(rush.isOver, 'all at once they may have one cause')
  t.match(
    viewOf(begun(), 'p99').wouldChange,
    `${slow} more slow requests in a row, spread over at least`,
  )
})

await t.test('what is rolled back says what would have spared it', async (t) => {
  const play = begun()
  const failures = moreIn(viewOf(play, 'errors'))
  play.tick(arm(0, failures), NO_COUNTS)
  const view = play.document.state.ended?.explanation?.evidence[0]
  t.match(view?.text, 'the bar of 200 is reached')
  const alpha = Number(/^With alpha below ([\d.]+) it/.exec(view?.wouldChange ?? '')?.[1])
  t.ok(alpha > 0 && alpha < 0.01, `${alpha}`)
  const spared = begun(withTrigger({ alpha }))
  spared.tick(arm(0, failures), NO_COUNTS)
  t.notOk(spared.isOver)
  t.match(play.document.state.quarantine.b?.evidence, /^errors: /)
  t.notMatch(play.document.state.quarantine.b?.evidence, /p99/, 'only what was decisive')
})

await t.test('what is far beyond the bar would be rolled back in any case', async (t) => {
  const play = begun()
  play.tick(arm(0, 20), NO_COUNTS)
  const { wouldChange = '' } = play.document.state.ended?.explanation?.evidence[0] ?? {}
  t.equal(wouldChange, 'Even with alpha 0.001 it is rolled back.')
  const stricter = begun(withTrigger({ alpha: 0.001 }))
  stricter.tick(arm(0, 20), NO_COUNTS)
  t.ok(stricter.isOver)
})

await t.test(
  'at 100 % it says what it is held against, and when it is compared again',
  async (t) => {
    const play = atFull()
    const view = viewOf(play, 'errors')
    t.match(view, { comparison: 'none', leadsTo: 'reopen', bar: 10, value: values(play).absolute })
    t.equal(view.limits.boundFrom, 'stable')
    t.equal(view.limits.bound, play.document.evidence?.bound)
    t.match(
      view.text,
      /At 100 % there is no stable to compare with: the candidate is held against [\d.]+ %, the most/,
    )
    t.match(
      view.text,
      "the most that stable's share before the raise, 19 of 19,019 (0.1 %), may mean",
    )
    t.match(view.text, 'from 10 on it is compared with stable again')
    t.match(viewOf(play, 'p99').text, /held against [\d.]+ %, the most .* may mean/)
    const more = moreIn(view)
    play.tick(arm(0, more - 1), NO_COUNTS)
    t.equal(play.weight, 1)
    play.tick(arm(0, 1), NO_COUNTS)
    t.equal(play.weight, 0.5)
    const reopened = viewOf(play, 'errors')
    t.match(reopened, { comparison: 'reopened', leadsTo: 'roll-back', bar: 200 })
    t.match(reopened.text, 'The comparison with stable is reopened.')
    const clean = Number(
      /([\d,]+) clean requests would bring it back/
        .exec(reopened.wouldChange)?.[1]
        ?.replaceAll(',', ''),
    )
    t.match(holdOf(play.document, play.now)?.text, /compares with stable again/)
    play.now += 10_000 // it is open for so long at least
    play.tick(arm(clean - 1), NO_COUNTS)
    t.equal(play.weight, 0.5, `${clean} clean requests`)
    play.tick(arm(1), NO_COUNTS)
    t.equal(play.weight, 1)
  },
)

await t.test('no share is told that cannot be', async (t) => {
  const play = new Play(withTrigger({ errorRateThreshold: 0.01 }))
  play.tick(arm(0, 40), arm(300, 100))
  const view = play.document.state.ended?.explanation?.evidence[0]
  if (view === undefined) throw new Error('it was not rolled back')
  t.match(view.text, 'It looks like 90 times the tolerated 1 %')
  const [bound, stable] = view.tests
  t.ok((bound?.bestTimes ?? 0) * 0.01 <= 1, `${bound?.bestTimes}`)
  const { rate } = view.stable
  t.ok((stable?.bestTimes ?? 0) * rate <= 1.05, `${stable?.bestTimes} times ${rate}`)
})

await t.test('where the bound is the setting, it is called that', async (t) => {
  const play = new Play(withTrigger({ errorRateThreshold: 0.05 }))
  play.tick(arm(1000), arm(19_000, 19, 190))
  play.send({ event: 'promote', full: true, ifMatch: null })
  t.match(viewOf(play, 'errors').limits, { bound: 0.05, boundFrom: 'setting' })
  t.match(viewOf(play, 'errors').text, 'held against the tolerated 5 %.')
})

await t.test('with nothing to go back to it is on-call who is told', async (t) => {
  const play = begun()
  play.survey({ stable: { healthy: 0, total: 1 } })
  const view = viewOf(play, 'errors')
  t.match(view, { leadsTo: 'page', bar: 200 })
  t.match(view.text, 'from 200 on on-call is told, as stable has no healthy target')
  play.tick(arm(0, 6), NO_COUNTS)
  t.notOk(play.isOver)
  t.match(viewOf(play, 'errors').wouldChange, 'Nothing is moved as stable has no healthy target')
})

await t.test('a stable that is equally bad is named', async (t) => {
  const play = begun()
  play.tick(arm(180, 20), arm(3420, 380))
  const view = viewOf(play, 'errors')
  t.ok((view.tests[0]?.value ?? 0) >= 200)
  t.match(view.text, 'The candidate fails too often, but stable is equally bad.')
})

await t.test('a candidate that never answered well, and affinity, are named', async (t) => {
  const play = new Play(WARM)
  play.survey({ perBucket: true })
  play.tick(arm(0, 2), arm(40))
  const { text } = viewOf(play, 'errors')
  t.match(text, 'It has not answered a single request well.')
  t.match(text, 'With affinity one error counts of each bucket of clients in ten minutes')
})

await t.test('where there is no latency test the reason stands there', async (t) => {
  const play = new Play(WARM)
  play.send({ event: 'abort', ifMatch: null })
  play.send({
    event: 'deploy',
    version: 'b',
    targets: [],
    replace: false,
    strategy: WARM,
    ifMatch: null,
  })
  play.survey({ tail: { requests: 12, p99Us: 1, overP99: 0, tenthUs: 1, overTenth: 0 } })
  const view = viewOf(play, 'p99')
  t.match(view, { value: null, pValue: null, tests: [] })
  t.match(view.text, 'p99: no latency test: stable had 12 requests in the minute before the raise')
  t.match(view.wouldChange, 'It begins when stable has been measured')
  const warming = new Play(STRATEGY)
  t.match(viewOf(warming, 'p99').text, 'Latency is not judged until the candidate is warm.')
  t.match(viewOf(warming, 'p99').wouldChange, /^Once it is warm, \d+ more slow requests in a row/)
  t.match(viewOf(warming, 'p99').text, 'candidate nothing measured yet, limit 241 ms')
})

await t.test('the budget of failures that reach users is told', async (t) => {
  const play = begun(withTrigger({ errorRateThreshold: 0.1, maxUserErrors: 3 }))
  play.tick({ ...arm(0, 1), userErrors: 1 }, NO_COUNTS)
  const view = viewOf(play, 'errors')
  t.same(view.userErrors, { seen: 1, atMost: 3 })
  t.match(view.wouldChange, '2 more failures that reach users would roll it back, too.')
  play.tick({ ...arm(0, 2), userErrors: 2 }, NO_COUNTS)
  const ended = play.document.state.ended
  t.match(ended?.reason, 'by its user errors')
  t.match(
    ended?.explanation?.evidence[0]?.wouldChange,
    'With max_user_errors above 3 it would not be rolled back yet: 3 failures of the candidate',
  )
})

await t.test('mode threshold says where the window stands', async (t) => {
  const play = new Play(withTrigger({ mode: 'threshold' }))
  const windows = {
    candidate: { requests: 60, errors: 3, p99Us: 250_000 },
    stable: { requests: 1000, errors: 1, p99Us: 200_000 },
  }
  play.survey({ windows })
  const view = viewOf(play, 'errors')
  t.match(view, { value: null, bar: null, candidate: { requests: 60, bad: 3, rate: 0.05 } })
  t.match(view.text, /3 of 60 \(5 %\).*more than 0\.1 %.*judged in 40 more requests/)
  const slow = viewOf(play, 'p99')
  t.match(slow.candidate, { p99: 250 })
  t.match(slow.limits, { stableMs: 200, candidateMs: 240 })
  t.match(slow.text, "more than 20 % above stable's p99, which is 240 ms")
  t.same(explained(play).proofs, [], 'nothing is to be proven')
})

await t.test(
  'the proofs tell how many clean requests are missing, and how long they take',
  async (t) => {
    const strategy = {
      ...WARM,
      harmBudget: 0,
      steps: WARM.steps.map((s) => ({ ...s, observeMs: 0 })),
    }
    const play = new Play(strategy)
    play.survey({ ratePerSecond: 2000 })
    play.tick(arm(40, 0, 0), arm(760, 0, 8))
    const [errors] = explained(play).proofs
    const missing = errors?.missingRequests ?? Number.NaN
    t.equal(errors?.aboutSeconds, missing / (2000 * 0.05), 'at 5 % of 2,000 requests a second')
    t.equal(holdOf(play.document, play.now)?.text, errors?.text, 'it is what the rollout waits for')
    t.match(
      errors?.text,
      /^needs \d+ more clean requests of the candidate, about [\d.]+ s at today's rate, to show/,
    )
    play.tick(arm(missing - 1), NO_COUNTS)
    t.match(explained(play).proofs[0], { missingRequests: 1, proven: false })
    play.tick(arm(1), NO_COUNTS)
    t.match(explained(play).proofs[0], {
      missingRequests: 0,
      proven: true,
      text: /^has shown that/,
    })
  },
)

await t.test('the estimate for latency does not jump with the first slow request', async (t) => {
  const play = begun()
  const estimate = (): number => explained(play).proofs[1]?.missingRequests ?? Number.NaN
  const before = estimate()
  t.ok(before > 500 && before < 50_000, `${before}`)
  play.tick(arm(1, 0, 1), NO_COUNTS)
  t.ok(estimate() < before * 4, `${before}, then ${estimate()}`)
})

await t.test('the residual risk falls with what is seen', async (t) => {
  const play = begun()
  const { confidence, errorRate, text } = explained(play).residualRisk
  t.equal(confidence, 0.95)
  t.match(
    text,
    /^95 % upper bound on the candidate's error rate: [\d.]+ % \(1 of 201 requests failed\)$/,
  )
  play.tick(arm(2000), arm(38_000))
  t.ok(explained(play).residualRisk.errorRate < errorRate / 3)
})

await t.test('the journal carries the same as the API', async (t) => {
  const play = begun()
  const before = explained(play)
  const { effects } = play.send({ event: 'pause', ifMatch: null })
  const entry = effects.find(({ effect }) => effect === 'journal')
  t.match(entry, { kind: 'pause', evidence: before })
})
