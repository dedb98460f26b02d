// A short soak on one stage, as bench/soak.ts runs a long one: every answer is the right one
// although clients abort, connections are reset as they are used again, targets are killed and
// restarted, and an edge thread dies. The seed replays what is drawn, not when it happens.

import t from 'tap'
import { endAll } from '../../bench/lab/children.ts'
import { type SoakSpec, soakOn, soakReport, startStage } from '../../bench/lab/soak.ts'
import { soakChecks, threadChecks } from '../../bench/lab/soak-checks.ts'
import { killThreadsOn } from '../../bench/lab/soak-threads.ts'

const SPEC: SoakSpec = {
  requests: 3000,
  connections: 60,
  seed: 1,
  restartPauseMs: { from: 150, to: 350 },
  limitMs: 60_000,
}

t.teardown(endAll)
const stage = await startStage({ killable: true, upstreamIdleMs: 500, stableTargets: 3 })
const soak = await soakOn(stage, SPEC)
const kills = await killThreadsOn(stage, { kills: 1, connections: 40, seed: 2 })
const targets = await stage.end()

await t.test('no answer is mixed up and no replayable request fails', async (t) => {
  const checks = soakChecks(SPEC, soakReport(soak, targets))
  for (const { pass, value, what } of checks) t.ok(pass, `${what}: ${value}`)
  t.ok(targets.absences.length > 1, `${targets.absences.length} targets were taken away meanwhile`)
})

await t.test('a thread that is killed takes its own connections with it, no others', async (t) => {
  const checks = threadChecks({ ...kills, targets })
  for (const { pass, value, what } of checks) t.ok(pass, `${what}: ${value}`)
})
