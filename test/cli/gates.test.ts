// Gates on a real node: what an operator sees of them by command line and API, and what customers
// get meanwhile. A gate here is a program that looks for a file, so the test says when it passes.

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { until } from '../../bench/lab/clock.ts'
import { RealNode, TestApp } from './real-node.ts'

const stable = await TestApp.start('stable')
const candidate = await TestApp.start('candidate')
const directory = await mkdtemp(join(tmpdir(), 'vertex-gates-'))

/** A gate that waits until the file is there, and fails when it says no. */
function door(name: string): object {
  const file = join(directory, name)
  const script = `until test -e ${file}; do sleep 0.05; done; grep -q yes ${file}`
  return { name, command: ['sh', '-c', script], timeout: '60s' }
}

function open(name: string): Promise<void> {
  return writeFile(join(directory, name), 'yes\n')
}

/** Steps that end by time and at once. */
const STEPS = [{ weight: '20%', observe: 0 }, { weight: '50%', observe: 0 }, { weight: '100%' }]
const BY_TIME = { mode: 'threshold', min_requests: 1 }

function service(gate: readonly object[], more: object = {}): object {
  return {
    versions: { v1: { targets: [stable.url] }, v2: { targets: [candidate.url] } },
    routing: { stable: 'v1' },
    deploy_strategy: {
      ...{ steps: STEPS, rollback_trigger: BY_TIME, min_requests: 1, warm_up: 0, gate },
      ...more,
    },
  }
}

const node = await RealNode.start({
  steps: service([door('steps')]),
  hands: service([door('hands')]),
  killed: service([door('killed')]),
  person: service([{ manual: 'release manager' }]),
  failing: service([door('failing')], { on_gate_failure: 'pause' }),
  shadow: {
    ...service([{ mirror: { min_requests: 20, error_rate: '0%' } }], {
      steps: [{ weight: '20%', observe: '1h' }, { weight: '100%' }],
    }),
    // The mirror gives way to customers, and this machine may be busy: there is room for copies
    // that wait for it, as a gate fails where some were dropped, and time for them.
    mirror: { compare: { body: 'off' }, timeout: '10s', in_flight: 1024 },
  },
})

t.teardown(async () => {
  await node.end()
  await stable.stop()
  await candidate.stop()
  await rm(directory, { recursive: true, force: true })
})

await t.test(
  'a gate stands before every raise; promote runs it, promote --full does not',
  async (t) => {
    await node.does('deploy steps v2')
    const { rollout } = await node.seen('steps', (view) => view.rollout?.gates != null)
    t.match(rollout?.reason, /gate "steps" before 20 %/)
    const said = await node.gets('steps', 20)
    t.ok(
      said.every(({ text }) => text === 'stable'),
      'nobody meets the candidate',
    )
    t.match(await node.does('status steps'), /waits: for gate "steps" before 20 %/)
    await open('steps')
    await node.at('steps', 20)
    await rm(join(directory, 'steps'))
    await node.does('promote steps')
    await node.seen('steps', (view) => view.rollout?.gates?.before === 50)
    t.equal((await node.view('steps')).candidate?.weight, 20, 'not before the gate')
    await node.does('promote steps --full')
    t.equal((await node.view('steps')).candidate?.weight, 100)
    const kinds = node.journal('steps').filter(({ kind }) => kind === 'gate')
    t.match(kinds[1], { text: /was passed/, evidence: { kind: 'command', passed: true } })
  },
)

await t.test(
  'a weight by hand waits for its gate unless it is forced; abort waits for none',
  async (t) => {
    await node.does('deploy hands v2')
    await node.seen('hands', (view) => view.rollout?.gates != null)
    await node.does('abort hands')
    t.equal((await node.view('hands')).rollout, null)
    await node.does('weight hands 10')
    t.equal((await node.view('hands')).candidate?.weight, 0)
    await node.seen('hands', (view) => view.rollout?.gates?.before === 10)
    await node.does('weight hands 10 --force')
    t.equal((await node.view('hands')).candidate?.weight, 10)
    await node.does('weight hands 30')
    t.equal((await node.view('hands')).candidate?.weight, 10)
    await writeFile(join(directory, 'hands'), 'no\n')
    const { rollout } = await node.seen('hands', (view) => view.rollout?.gates === null)
    t.match(rollout?.gateReports, [{ gate: 'hands', passed: false, reason: /exit code 1/ }])
    t.equal((await node.view('hands')).candidate?.weight, 10, 'it stays as it was')
  },
)

await t.test('a kill -9 amid a gate: nothing was raised, and the gate runs again', async (t) => {
  await node.does('deploy killed v2')
  await node.seen('killed', (view) => view.rollout?.gates != null)
  await node.restart()
  await node.seen('killed', (view) => view.rollout?.gates != null)
  t.equal((await node.view('killed')).candidate?.weight, 0)
  const said = await node.gets('killed', 20)
  t.ok(said.every(({ text }) => text === 'stable'))
  await open('killed')
  await node.at('killed', 20)
  const raises = (): number => node.journal('killed').filter(({ kind }) => kind === 'raise').length
  await until(() => (raises() > 0 ? true : null), { what: 'the raise', withinMs: 60_000 })
  t.equal(raises(), 1, 'one raise, however many runs')
})

await t.test('a person lets it go on with promote', async (t) => {
  await node.does('deploy person v2')
  await node.seen('person', ({ rollout }) => rollout?.waitsFor === 'operator')
  const status = await node.does('status person')
  t.match(status, /waits for an operator: a person at gate "release manager" before 20 %: promote/)
  await node.does('promote person')
  t.equal((await node.view('person')).candidate?.weight, 20)
})

await t.test(
  'a gate that fails pauses where the strategy says so, and on-call is told',
  async (t) => {
    await node.does('deploy failing v2')
    await writeFile(join(directory, 'failing'), 'no\n')
    const { rollout } = await node.seen('failing', (view) => view.rollout?.paused === true)
    t.match(rollout?.reason, /gate "failing" before 20 % was not passed: exit code 1/)
    t.equal((await node.view('failing')).candidate?.weight, 0)
    await open('failing')
    await node.does('resume failing')
    await node.at('failing', 20)
  },
)

await t.test('copies of live requests are a gate: who fails them meets nobody', async (t) => {
  candidate.failing.add('shadow.test')
  await node.does('deploy shadow v2')
  await node.trafficUntil('shadow', async () => (await node.view('shadow')).ended !== null)
  const { ended } = await node.view('shadow')
  t.match(ended?.reason, /gate "mirror" .*100 % of the mirrored requests failed/)
  candidate.failing.delete('shadow.test')
  const said = await node.gets('shadow', 20)
  t.ok(said.every(({ status, text }) => status === 200 && text === 'stable'))
  await node.does('deploy shadow v2')
  const isRaised = async () => (await node.view('shadow')).candidate?.weight === 20
  await node.trafficUntil('shadow', isRaised, 100) // no more than the mirror has room for
  const [report] = (await node.view('shadow')).rollout?.gateReports ?? []
  t.match(report, { gate: 'mirror', passed: true, reason: /mirrored requests were well/ })
})
