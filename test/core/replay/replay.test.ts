// A journal alone reproduces the verdict: rollouts are played on a virtual clock, journaled as a
// node does it, and replayed. Every decision must come at the same moment, with the same evidence.

import t, { type Test } from 'tap'
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
