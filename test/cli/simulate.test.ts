// `vertex simulate` as its user sees it: a journal from a file, a state directory or a node, and a
// scenario; tables, JSON, exit codes and mistakes.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { entry, startAdmin } from '../admin/harness.ts'
import { RecordedPlay } from '../core/replay/recorded-play.ts'
import { STRATEGY } from '../core/rollout-play.ts'
import { seededRandom } from '../core/random.ts'
import { cliLines, type Ran } from './run-cli.ts'

const directory = mkdtempSync(join(tmpdir(), 'vertex-simulate-'))
t.teardown(() => rmSync(directory, { recursive: true, force: true }))

function file(name: string, text: string): string {
  const path = join(directory, name)
  writeFileSync(path, text)
  return path
}

const SHORT = {
  ...STRATEGY,
  warmUpMs: 2000,
  steps: STRATEGY.steps.map((step) => ({ ...step, observeMs: 5000 })),
}
const healthy = { errors: () => 0.0005, slow: () => 0.01 }
const late = { errors: (ms: number) => (ms > 10_000 ? 0.02 : 0), slow: () => 0.01 }
const play = new RecordedPlay(seededRandom(3), SHORT)
play.run({ rate: 400, candidate: late, stable: healthy }, 100_000)
const journal = file('journal.jsonl', play.journal)

// A state directory whose journal was rotated, and a node whose journal is read by its API.
const lines = play.journal.split('\n')
const rotated = mkdtempSync(join(directory, 'state-'))
writeFileSync(join(rotated, 'journal.1.jsonl'), `${lines.slice(0, 40).join('\n')}\n`)
writeFileSync(join(rotated, 'journal.jsonl'), lines.slice(40).join('\n'))
const admin = await startAdmin()
const noise = Array.from({ length: 1500 }, (_, i) =>
  JSON.stringify(entry(10_000 + i, { kind: 'target', service: 'cart' })),
)
writeFileSync(join(admin.stateDir, 'journal.jsonl'), `${play.journal}${noise.join('\n')}\n`)

const ofJournal = `simulate --journal ${journal}`
const cut = file('cut.jsonl', play.journal.slice(0, -200))
const looser = file('looser.yaml', 'rollback_trigger: { error_rate_threshold: 10% }\n')
const config = file(
  'vertex.yaml',
  `versions:
  v1: { targets: [http://127.0.0.1:1] }
  v2: { targets: [http://127.0.0.1:2] }
routing: { stable: v1 }
deploy_strategy: { rollback_trigger: { error_rate_threshold: 10%, p99_latency_increase: 50% } }
`,
)
const scenario = file(
  'scenario.yaml',
  `rate: 200
duration: 2m
both: { errors: 0.05% }
changes: [{ at: 20s, candidate: { errors: 50% } }]
`,
)
const ofScenario = `simulate --scenario ${scenario} --runs 5`
const bad = file('bad.yaml', 'rate: fast\n')
const wrong = file('wrong.yaml', 'beta: 7\n')
const MISTAKES: readonly (readonly [string, number, RegExp])[] = [
  [`${ofJournal} --scenario ${bad}`, 2, /^Cannot simulate as it must be a journal/],
  [`${ofJournal} --sweep beta`, 2, /^Cannot sweep as the form is/],
  [`simulate --scenario ${bad} --runs 0`, 2, /^Cannot read the command line/],
  [`simulate --scenario ${bad} --runs 10001`, 2, /at most 10000/],
  [`simulate --scenario ${bad}`, 3, /bad.yaml:1:7: Cannot set rate as it must be a number/],
  [`${ofJournal} --strategy ${wrong}`, 3, /wrong.yaml:1:7: Cannot set beta/],
  [`simulate --journal ${join(directory, 'none')}`, 1, /^Cannot read the journal as the system/],
  [`simulate --journal ${file('empty.jsonl', '')}`, 1, /^Cannot replay this journal as it must/],
  [`${ofJournal} --service cart`, 1, /^Cannot replay this journal/],
  [`simulate --journal ${join(rotated, 'journal.jsonl')}`, 1, /^Cannot replay shop-1 as its begin/],
  ['simulate --rollout shop-7', 1, /one of shop-1: current value is shop-7\n$/],
  ['simulate --admin http://127.0.0.1:1', 6, /^Cannot reach the admin API/],
]
const RUNS = {
  asItWas: ofJournal,
  json: `simulate --journal ${directory} -o json`,
  cut: `simulate --journal ${cut}`,
  rotated: `simulate --journal ${rotated}`,
  looser: `${ofJournal} --strategy ${looser}`,
  config: `${ofJournal} -c ${config}`,
  sweep: `${ofJournal} --sweep error_rate_threshold=0.05%..5%/3`,
  sweepJson: `${ofJournal} --sweep alpha=0.001..0.1/3 -o json`,
  node: 'simulate',
  scenario: ofScenario,
  again: ofScenario,
  otherSeed: `${ofScenario} --seed 100`,
  scenarioSweep: `${ofScenario} --sweep error_rate_threshold=0.1%..49%/2`,
  scenarioJson: `${ofScenario} -o json`,
}
// All of them in one process, as starting one costs more than most of these.
const names = Object.keys(RUNS) as (keyof typeof RUNS)[]
const every = [...names.map((name) => RUNS[name]), ...MISTAKES.map(([line]) => line)]
const all = await cliLines(every, { env: { VERTEX_ADMIN: admin.url } })
await admin.stop()

function ran(name: keyof typeof RUNS): Ran {
  const found = all[names.indexOf(name)]
  if (found === undefined) throw new Error(`${name} did not run`)
  return found
}

await t.test('a journal is replayed as it was, from wherever it is', async (t) => {
  for (const name of ['asItWas', 'rotated', 'node'] as const) {
    const { code, stdout } = ran(name)
    t.equal(code, 0, name)
    t.match(stdout, /^shop-1 of shop: v2, from 2023-/)
    t.match(stdout, /\nas it happened +rolled-back +\d+ s +\d+ % +\d+ +\d+ +\d+\n/)
    t.match(stdout, /The replay takes the same decisions at the same lines/)
  }
  const { asItWas, rollout, trials } = JSON.parse(ran('json').stdout)
  t.same([rollout, asItWas.differences, trials], ['shop-1', [], []])
})

await t.test('a journal that was cut off is replayed up to there, and that is said', async (t) => {
  const { code, stdout } = ran('cut')
  t.equal(code, 0)
  t.match(stdout, /the journal was cut off in the middle of a line: \d+ bytes are left out/)
  t.match(stdout, /the journal ends where the replay decides rolled-back after \d+ s/)
})

await t.test('another strategy, and a table over a range of a setting', async (t) => {
  t.match(ran('looser').stdout, /\nasked +goes on \(evidence [\d.]+\) /)
  t.match(ran('config').stdout, /Cannot replay p99_latency_increase 50 %/)
  const { code, stdout } = ran('sweep')
  t.equal(code, 0)
  t.match(stdout, /\nERROR_RATE_THRESHOLD +DECISION /)
  t.match(stdout, /\n0.05% +rolled-back .*\n0.5% +goes on .*\n5% +goes on /)
  const { trials } = JSON.parse(ran('sweepJson').stdout)
  t.same(
    trials.map(({ value }: { value: string }) => value),
    ['0.001', '0.01', '0.1'],
  )
})

await t.test('a scenario is played, and played the same again', async (t) => {
  const { code, stdout } = ran('scenario')
  t.equal(code, 0)
  t.match(stdout, /^5 runs from seed 1; medians, and in brackets the 95th percentiles\n/)
  t.match(stdout, /rolled-back +100 % +2\d s \(2\d s\) +\d+ \(\d+\) +\d+ \(\d+\) +\d+ \(\d+\)/)
  t.equal(ran('again').stdout, stdout)
  t.not(ran('otherSeed').stdout, stdout)
  t.match(ran('scenarioSweep').stdout, /\n0.1% +rolled-back .*\n49% +/)
  t.equal(JSON.parse(ran('scenarioJson').stdout).trials[0].endings[1].runs, 5)
})

await t.test('mistakes have their sentence, their place and their exit code', async (t) => {
  for (const [i, [line, code, sentence]] of MISTAKES.entries()) {
    const found = all[names.length + i]
    t.equal(found?.code, code, line)
    t.match(found?.stderr, sentence, line)
    t.match(found?.stderr, /^[^\n]+\n$/, 'one line')
  }
})
