// A journal alone reproduces the verdict: rollouts are played on a virtual clock, journaled as a
// node does it, and replayed. Every decision must come at the same moment, with the same evidence.

import t, { type Test } from 'tap'
import { readJournal } from '../../../src/core/journal.ts'
import { isEvidenceLine } from '../../../src/core/replay/line.ts'
import { type Replayed, replay } from '../../../src/core/replay/replay.ts'
import { rolloutsIn } from '../../../src/core/replay/chapter.ts'
import type { Strategy } from '../../../src/core/strategy.ts'
import { seededRandom } from '../random.ts'
import { type Behaviour, STRATEGY } from '../rollout-play.ts'
import { RecordedPlay, type Traffic } from './recorded-play.ts'

const SHORT: Strategy = {
  ...STRATEGY,
  steps: [
    { weight: 500, observeMs: 5000 },
    { weight: 2500, observeMs: 10_000 },
    { weight: 10_000, observeMs: 0 },
  ],
  bakeMs: 20_000,
  warmUpMs: 2000,
}
const HEALTHY: Behaviour = { errors: () => 0.0005, slow: () => 0.01 }

function played(seed: number, traffic: Partial<Traffic>, lastMs = 400_000): RecordedPlay {
  const play = new RecordedPlay(seededRandom(seed), SHORT)
  play.run({ rate: 400, candidate: HEALTHY, stable: HEALTHY, ...traffic }, lastMs)
  return play
}

function replayed(play: RecordedPlay, strategy: Strategy | null = null): Replayed {
  const [rollout = ''] = rolloutsIn(play.entries)
  const result = replay(play.entries, { rollout, strategy })
  if ('cannot' in result) throw new Error(result.cannot)
  return result
}

function isTheSame(t: Test, result: Replayed): void {
  t.same(result.differences, [])
  t.ok(result.deviation < 1e-9, `values differ by ${result.deviation}`)
  t.ok(result.compared > 0, `${result.compared} compared`)
}

await t.test('healthy rollouts, late bugs and outages are replayed as they were', async (t) => {
  const late: Behaviour = { errors: (ms) => (ms > 30_000 ? 0.05 : 0.0005), slow: () => 0.01 }
  const outage: Behaviour = {
    errors: (ms) => (ms > 8000 && ms < 12_000 ? 0.3 : 0),
    slow: () => 0.01,
  }
  const slow: Behaviour = { errors: () => 0, slow: (ms) => (ms > 12_000 ? 0.2 : 0.01) }
  const kinds: readonly (readonly [string, Partial<Traffic>])[] = [
    ['healthy', {}],
    ['dead', { candidate: { errors: () => 1, slow: () => 0 } }],
    ['late', { candidate: late }],
    ['shared outage', { candidate: outage, stable: outage }],
    ['slow', { candidate: slow }],
    ['few requests', { rate: 10 }],
  ]
  for (const [kind, traffic] of kinds) {
    for (let seed = 1; seed <= 2; seed++) {
      const play = played(seed, traffic)
      const result = replayed(play)
      t.comment(
        `${kind}: ${play.document.state.ended?.ending ?? 'running'}, ` +
          `${play.entries.length} entries, ${play.journal.length} bytes, ` +
          `${result.compared} compared, deviation ${result.deviation}`,
      )
      isTheSame(t, result)
      const last = result.moments.at(-1)?.decision
      const { ended } = play.document.state
      if (ended !== null) t.equal(last, ended.ending, kind)
    }
  }
})

/** To 100 %, with candidate and stable as they are from then on. */
function atFull(play: RecordedPlay, then: Partial<Traffic>, lastMs: number): void {
  const traffic = { rate: 400, candidate: HEALTHY, stable: HEALTHY }
  while (play.document.state.weight < 10_000) {
    play.run(traffic, 1000)
    if (play.isOver) throw new Error('over before 100 %')
  }
  play.run({ ...traffic, ...then }, lastMs)
}

await t.test('at 100 % the comparison is reopened in the replay, too', async (t) => {
  const bad: Behaviour = { errors: () => 0.05, slow: () => 0.01 }
  const own = new RecordedPlay(seededRandom(1), { ...SHORT, bakeMs: 600_000 })
  atFull(own, { candidate: bad }, 60_000)
  const alone = replayed(own)
  isTheSame(t, alone)
  const decisions = alone.happened.map(({ decision }) => decision)
  t.same(decisions.slice(-2), ['reopened', 'rolled-back'])

  const shared = new RecordedPlay(seededRandom(2), { ...SHORT, bakeMs: 600_000 })
  const stutter: Behaviour = { errors: (ms) => (ms % 20_000 < 1000 ? 0.03 : 0), slow: () => 0.01 }
  atFull(shared, { candidate: stutter, stable: stutter }, 200_000)
  const both = replayed(shared)
  isTheSame(t, both)
  const kinds = new Set(both.happened.map(({ decision }) => decision))
  t.ok(kinds.has('reopened') && kinds.has('restored'), [...kinds].join(', '))
})

await t.test(
  'what operators do in between is replayed; it is no decision of its own',
  async (t) => {
    const traffic = { rate: 400, candidate: HEALTHY, stable: HEALTHY }
    const play = new RecordedPlay(seededRandom(5), SHORT)
    play.run(traffic, 4000)
    play.send({ event: 'pause', ifMatch: null })
    play.run(traffic, 20_000)
    play.send({ event: 'resume', ifMatch: null })
    play.run(traffic, 5000)
    const { epoch } = play.document.state
    play.send({ event: 'weight', weight: 200, force: false, strategy: SHORT, ifMatch: epoch })
    play.run(traffic, 5000)
    play.send({ event: 'resume', ifMatch: null })
    play.run(traffic, 3000)
    play.send({ event: 'promote', full: false, ifMatch: null })
    const sick: Behaviour = { errors: () => 0.2, slow: () => 0.01 }
    play.run({ ...traffic, candidate: sick }, 60_000)
    const result = replayed(play)
    isTheSame(t, result)
    t.same(
      result.happened.map(({ by, decision }) => `${decision} by ${by}`),
      [
        'raise by rollout',
        'pause by operator',
        'resumed by operator',
        'weight by operator',
        'resumed by operator',
        'raise by operator',
        'rolled-back by verdict',
      ],
    )
  },
)

await t.test('a restart goes on with what was saved, in the replay as in the node', async (t) => {
  const traffic = { rate: 400, candidate: HEALTHY, stable: HEALTHY }
  const play = new RecordedPlay(seededRandom(6), SHORT)
  play.run(traffic, 8000)
  const saved = play.document
  play.run(traffic, 700)
  play.restart(saved)
  play.run(traffic, 400_000)
  const result = replayed(play)
  isTheSame(t, result)
  t.equal(play.document.state.ended?.ending, 'promoted')
  t.ok(result.happened.some(({ decision }) => decision === 'restarted'))
})

await t.test(
  'holds that conclude nothing, user errors and mode threshold are replayed',
  async (t) => {
    const sick: Behaviour = { errors: () => 0.02, slow: () => 0.01 }
    const strategies: readonly (readonly [string, Strategy])[] = [
      ['pause', { ...SHORT, maxHoldMs: 10_000 }],
      ['rollback', { ...SHORT, maxHoldMs: 10_000, onInconclusive: 'rollback' }],
      ['promote', { ...SHORT, maxHoldMs: 10_000, onInconclusive: 'promote' }],
      ['users', { ...SHORT, trigger: { ...SHORT.trigger, maxUserErrors: 2 } }],
    ]
    for (const [name, strategy] of strategies) {
      const play = new RecordedPlay(seededRandom(7), strategy)
      const candidate = name === 'users' ? sick : HEALTHY
      play.run({ rate: 20, candidate, stable: HEALTHY }, 120_000)
      isTheSame(t, replayed(play))
    }
    const trigger = { ...SHORT.trigger, mode: 'threshold', windowMs: 5000 } as const
    const play = new RecordedPlay(seededRandom(8), { ...SHORT, trigger })
    for (let second = 0; second < 20 && !play.isOver; second++) {
      const candidate = { requests: 150 * second, errors: second, p99Us: 90_000 + 2000 * second }
      const stable = { requests: 2000 * second, errors: 0, p99Us: 100_000 }
      play.survey({ windows: { candidate, stable } })
      play.run({ rate: 400, candidate: HEALTHY, stable: HEALTHY }, 900)
    }
    const result = replayed(play)
    t.same(result.differences, [])
    t.equal(result.moments.at(-1)?.decision, 'rolled-back')
  },
)

await t.test('a journal that was cut off mid-line replays up to there', async (t) => {
  const play = played(9, {})
  const whole = new TextEncoder().encode(play.journal)
  for (const share of [0.3, 0.61, 0.97]) {
    const reading = readJournal(whole.subarray(0, Math.floor(whole.length * share)))
    t.ok(reading.tornBytes > 0, 'the rest is told')
    const result = replay(reading.entries, { rollout: 'shop-1', strategy: null })
    if ('cannot' in result) throw new Error(result.cannot)
    t.same(result.differences, [])
    t.equal(result.moments.length, result.happened.length - 1)
    t.ok(result.end.atMs < replayed(play).end.atMs)
  }
})

await t.test('a journal without its beginning is replayed from a keyframe on', async (t) => {
  const traffic = { rate: 100, candidate: HEALTHY, stable: HEALTHY }
  const play = new RecordedPlay(seededRandom(10), { ...SHORT, bakeMs: 1_300_000 })
  play.run(traffic, 2_000_000)
  const at = play.entries.findIndex(({ evidence }) => isEvidenceLine(evidence) && evidence.keyframe)
  t.ok(at > 0, 'there is one after ten minutes')
  const rest = play.entries.slice(at - 5)
  const result = replay(rest, { rollout: 'shop-1', strategy: null })
  if ('cannot' in result) throw new Error(result.cannot)
  t.same(result.differences, [])
  t.equal(result.moments.at(-1)?.decision, 'promoted')
  t.match(result.notes.join(), /the beginning is not in the journal/)
  const none = replay(rest.slice(0, 3), { rollout: 'shop-1', strategy: null })
  t.match(none, { cannot: /^Cannot replay shop-1 as its beginning must be in the journal/ })
})

await t.test('lines that are missing are counted', async (t) => {
  const play = played(11, {}, 30_000)
  const lines = play.entries.filter(({ evidence }) => isEvidenceLine(evidence))
  const gone = new Set([lines[5]?.seq, lines[6]?.seq, lines[10]?.seq])
  const rest = play.entries.filter(({ seq }) => !gone.has(seq))
  const result = replay(rest, { rollout: 'shop-1', strategy: null })
  if ('cannot' in result) throw new Error(result.cannot)
  t.match(result.notes.join(), /^3 lines of evidence are missing/)
})

await t.test(
  'another strategy: when it would have stopped or promoted, and at what cost',
  async (t) => {
    const late: Behaviour = { errors: (ms) => (ms > 12_000 ? 0.01 : 0), slow: () => 0.01 }
    const play = played(12, { candidate: late })
    const was = replayed(play)
    t.equal(was.moments.at(-1)?.decision, 'rolled-back')
    const bad = (trigger: Partial<Strategy['trigger']>): Replayed =>
      replayed(play, { ...SHORT, trigger: { ...SHORT.trigger, ...trigger } })
    const same = bad({})
    t.same(same.moments, was.moments, 'the same strategy decides the same')
    const stricter = bad({ errorRateThreshold: 0.0002, alpha: 0.05 })
    const first = stricter.moments.find(({ decision }) => decision === 'rolled-back')
    const own = was.moments.at(-1)
    t.ok(first !== undefined && own !== undefined && first.atMs <= own.atMs)
    t.ok((first?.candidate.errors ?? 0) <= (own?.candidate.errors ?? 0))
    t.ok((first?.candidate.userErrors ?? 0) <= (first?.candidate.errors ?? 0))
    const looser = bad({ errorRateThreshold: 0.05 })
    t.notOk(looser.moments.some(({ decision }) => decision === 'rolled-back'))
    t.ok((looser.end.values?.errors ?? 0) < 200, 'where the evidence stood at the end')
    const budget = bad({ maxUserErrors: 1 })
    t.equal(budget.moments.at(-1)?.candidate.userErrors, 1)
    const plain = bad({ mode: 'threshold', minRequests: 100, windowMs: 10_000 })
    t.equal(plain.moments.at(-1)?.decision, 'rolled-back')
    t.match(plain.notes.join(), /Cannot replay p99 in mode threshold/)
  },
)

await t.test('what a journal cannot tell is said and not guessed', async (t) => {
  const slow: Behaviour = { errors: () => 0, slow: (ms) => (ms > 12_000 ? 0.2 : 0.01) }
  const play = played(13, { candidate: slow })
  t.match(play.document.state.ended?.reason ?? '', /by its p99/)
  const trigger = { ...SHORT.trigger, p99LatencyIncrease: 0.5 }
  const wider = replayed(play, { ...SHORT, trigger })
  t.same(wider.moments, [], 'slow requests were counted against another limit')
  t.match(wider.notes.join(), /Cannot replay p99_latency_increase 50 % .* of 20 %: latency is left/)
  const steps = [{ weight: 1000, observeMs: 0 }, ...SHORT.steps.slice(1)]
  const others = replayed(play, { ...SHORT, steps, warmUpMs: 5000 })
  t.match(others.notes.join(), /Cannot replay the steps 10 %, 25 %, 100 % as the rollout had 5 %/)
  t.match(others.notes.join(), /Cannot replay a warm_up of 5 s/)
  const healthy = played(1, {})
  t.same(replayed(healthy, SHORT).notes, [], 'its own strategy leaves its path nowhere')
  const patient = replayed(healthy, { ...SHORT, beta: 1e-6 })
  t.match(patient.notes.join(), /it would have stayed at 5 %: /)
  t.match(replay(play.entries, { rollout: 'shop-9', strategy: null }), { cannot: /Cannot replay/ })
})
