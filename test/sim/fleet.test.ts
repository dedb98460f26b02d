// The simulated fleet in thousands of runs, each of its own seed: nodes are cut off, killed and
// stopped, messages are lost, Redis forgets, operators ask anybody for anything. What must hold is
// in invariants.ts. Everything that decides is the real code.
//
//   VERTEX_SEED=42 npx tap test/sim/fleet.test.ts      one run, printed event by event
//   VERTEX_RUNS=10000 npx tap test/sim/fleet.test.ts   so many runs, however long they take

import t from 'tap'
import { run } from './run.ts'

const RUNS = 3000
/** On a busy machine fewer runs must do; those that are left out are left out at the end. */
const LIMIT_MS = 20_000
const LEAST_RUNS = 300
/** Behind it other runs would tell the same. */
const MOST_BROKEN = 5

const { VERTEX_RUNS, VERTEX_SEED } = process.env

if (VERTEX_SEED !== undefined) {
  const { broken, trace } = run(Number(VERTEX_SEED), { trace: true })
  for (const line of trace) t.comment(line)
  t.equal(broken, null, `seed ${VERTEX_SEED}`)
} else {
  await t.test('a seed replays a run exactly', async (t) => {
    for (const seed of [7, 77, 777]) {
      const [once, again] = [run(seed, { trace: true }), run(seed, { trace: true })]
      t.ok(once.trace.length > 20, `seed ${seed}: something happens`)
      t.strictSame(again, once, 'and the same again')
    }
  })
  t.setTimeout(0)
  const wanted = Number(VERTEX_RUNS ?? RUNS)
  const limitMs = VERTEX_RUNS === undefined ? LIMIT_MS : Number.POSITIVE_INFINITY
  const beganMs = performance.now()
  const total = { decisions: 0, accepted: 0, promised: 0, ends: 0 }
  let broken = 0
  let seed = 1
  for (; seed <= wanted && broken < MOST_BROKEN; seed++) {
    if (seed > LEAST_RUNS && performance.now() - beganMs > limitMs) break
    const result = run(seed)
    for (const name of ['decisions', 'accepted', 'promised', 'ends'] as const) {
      total[name] += result.summary[name]
    }
    if (result.broken === null) continue
    broken++
    t.fail(`VERTEX_SEED=${seed}: ${result.broken}`)
  }
  const runs = seed - 1
  const seconds = ((performance.now() - beganMs) / 1000).toFixed(1)
  t.comment(`${runs} runs in ${seconds} s: ${JSON.stringify(total)}`)
  t.equal(broken, 0, `${runs} runs break no invariant`)
  // A world in which nothing happens would break none, either.
  t.ok(total.decisions > 10 * runs, 'much is decided in them')
  t.ok(total.promised > 2 * runs, 'operators are told that something is done')
  t.ok(total.ends > runs / 2, 'rollouts end for the worse')
}
