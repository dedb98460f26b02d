// kill -9 in the middle of a step: the evidence after the restart is the one that was saved, at
// most a second before, and no γ is granted twice. A real process, killed with requests under way;
// what it had saved is read from its state directory while it is dead, and again after it came up.

import { readFileSync } from 'node:fs'
import path from 'node:path'
import t, { type Test } from 'tap'
import { endAll } from '../../bench/lab/children.ts'
import { monotonicOfWall, until } from '../../bench/lab/clock.ts'
import { startLoad } from '../../bench/lab/load.ts'
import { deployAt, type Pair, startPair } from '../../bench/lab/pair.ts'
import type { ServiceDocument } from '../../src/core/events.ts'
import type { Evidence } from '../../src/core/verdict/evidence.ts'
import { raiseShare, timeShare } from '../../src/core/verdict/schedule.ts'

const RATE = 400
/** Evidence is saved once a second; the rest is for a machine that is busy with other tests. */
const AGE_MAX_MS = 2500
/** So far may the times of an answer at the app and in Vertex be apart on such a machine. */
const APART_MAX_MS = 500
const SCORES = ['absolute', 'relative', 'tail', 'tailAbsolute'] as const

interface Saved {
  readonly evidence: Evidence
  /** The raises of the rollout itself; the evidence keeps a number of its own. */
  readonly raises: number
  /** When it was saved, by the clock of the node, which follows the wall's. */
  readonly clockMs: number
}

function saved({ vertex }: Pair): Saved | null {
  const text = readFileSync(path.join(vertex.stateDir, 'services', 'default.json'), 'utf8')
  const { clockMs, document } = JSON.parse(text) as { clockMs: number; document: ServiceDocument }
  const { evidence, state } = document
  return evidence === null ? null : { evidence, raises: state.rollout?.raises ?? 0, clockMs }
}

/** Waits until evidence was saved after a time of the node's clock. */
function savedAfter(pair: Pair, ms: number): Promise<Saved> {
  const probe = (): Saved | null => {
    const one = saved(pair)
    return one !== null && one.clockMs > ms ? one : null
  }
  return until(probe, { what: 'evidence is saved', withinMs: 60_000, everyMs: 20 })
}

/** Σγ that the schedule grants for so many raises and so much time. */
function scheduled({ elapsedMs, raises }: Evidence): number {
  const ofRaises = Array.from({ length: raises }, (_, i) => raiseShare(i + 1))
  return ofRaises.reduce((sum, share) => sum + share, timeShare(0, elapsedMs))
}

function judged({ candidate, stable }: Evidence): number {
  return candidate.requests + stable.requests
}

/** Requests that both apps have answered between two times of the node's clock. */
async function answered(pair: Pair, fromMs: number, toMs: number): Promise<number> {
  const [from, to] = [monotonicOfWall(fromMs), monotonicOfWall(toMs)]
  const reports = await Promise.all([pair.stable.report(), pair.candidate.report()])
  const times = reports.flatMap(({ answeredMs }) => [...answeredMs])
  return times.filter((ms) => ms > from && ms <= to).length
}

/** Waits until more was saved, and then until the middle between two saves. */
async function gathered(pair: Pair, first: Saved): Promise<void> {
  const enough = judged(first.evidence) + RATE / 4
  const more = await until(
    () => {
      const now = saved(pair)
      return now !== null && judged(now.evidence) > enough ? now : null
    },
    { what: 'more is saved', withinMs: 60_000, everyMs: 20 },
  )
  await until(() => (Date.now() > more.clockMs + 500 ? true : null), {
    what: 'half a second passes',
    withinMs: 60_000,
  })
}

function startSteps(): Promise<Pair> {
  return startPair({
    // Some errors in both versions alike, so that every score moves.
    behaviour: { errorRate: 0.05 },
    more: {
      deploy_strategy: {
        type: 'canary',
        warm_up: '0',
        steps: [
          { weight: '10%', observe: '1h' },
          { weight: '30%', observe: '1h' },
          { weight: '100%', observe: '1h' },
        ],
        rollback_trigger: {
          error_rate_threshold: '5%',
          p99_latency_increase: '10000%',
          // By chance nothing is rolled back here in a million years.
          alpha: 0.000001,
        },
      },
    },
  })
}

/** The evidence after the restart is the saved one, and what time has added. */
function sameEvidence(t: Test, before: Saved, after: Saved): void {
  const [was, is] = [before.evidence, after.evidence]
  for (const arm of ['candidate', 'stable', 'step'] as const) {
    t.same(is[arm], was[arm], `the counts of ${arm} are those that were saved`)
  }
  t.equal(after.raises, before.raises, 'the restart is no raise')
  t.equal(is.raises, was.raises)
  const granted = is.granted - was.granted
  for (const test of SCORES) {
    const expected = was[test].map((score) => score + granted)
    // Relative, as scores grow large.
    const apart = is[test].map((score, j) => Math.abs(score / (expected[j] ?? 0) - 1))
    t.ok(Math.max(...apart) < 1e-9, `the scores of ${test} are those saved, and the γ since`)
  }
  t.ok(Math.abs(is.granted - scheduled(is)) < 1e-9, `Σγ is the schedule's: ${is.granted}`)
  const lived = is.elapsedMs - was.elapsedMs
  const passed = after.clockMs - before.clockMs
  t.ok(lived < passed, `γ is granted for ${lived} ms of life, not for all ${passed} ms`)
}

await t.test('kill -9 in a step: the evidence goes on where it was saved', async (t) => {
  t.teardown(endAll)
  const pair = await startSteps()
  const { vertex } = pair
  const load = await startLoad({ port: vertex.port, rate: RATE, connections: 16 })
  await deployAt(pair, 'v2', 10)
  await vertex.change('POST', '/v1/services/default/rollout/promote')
  const first = await savedAfter(pair, Date.now())
  t.equal(first.raises, 2)
  await gathered(pair, first)
  await vertex.end('SIGKILL')
  const diedMs = Date.now()
  const before = saved(pair)
  if (before === null) throw new Error('the evidence is gone')
  t.ok(diedMs - before.clockMs < AGE_MAX_MS, `it is ${diedMs - before.clockMs} ms old`)
  const counted = judged(before.evidence) - judged(first.evidence)
  const came = await answered(pair, first.clockMs, before.clockMs)
  t.ok(
    Math.abs(counted - came) < (APART_MAX_MS / 1000) * RATE,
    `what was saved holds what came until then: ${counted} and ${came} requests`,
  )
  const { candidate, granted, stable } = before.evidence
  t.ok(candidate.errors > 0 && stable.errors > 0, 'errors of both versions were counted')
  t.ok(granted > first.evidence.granted, 'γ was granted to what passed')
  await load.stop()
  await vertex.start() // nothing is sent now: only time can add to the evidence
  sameEvidence(t, before, await savedAfter(pair, diedMs))
  await pair.end()
})
