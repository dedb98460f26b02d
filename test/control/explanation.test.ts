// How a node explains its verdicts: the API, the journal and the page say the same, with the names
// of the requests that failed, and the OpenAPI document describes every part of it.

import { Ajv } from 'ajv'
import t from 'tap'
import { ExplanationSchema } from '../../src/admin/explanation-schema.ts'
import { ServiceSchema } from '../../src/admin/schemas.ts'
import type { ServiceView } from '../../src/core/command.ts'
import { type Explanation, isExplanation } from '../../src/core/explanation.ts'
import type { JournalEntry, JournalKind } from '../../src/core/journal.ts'
import type { Outcome } from '../../src/core/outcome.ts'
import { configOf, removeDirectory, TestNode, temporaryDirectory, until, Webhook } from './node.ts'

const ajv = new Ajv({ strict: false, formats: { 'date-time': true } })
const isServiceView = ajv.compile(ServiceSchema)
const isDescribed = ajv.compile(ExplanationSchema)

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>
  readonly patternProperties?: unknown
  readonly items?: Schema
  readonly anyOf?: readonly Schema[]
}

/** Where a value has a member that its schema does not name. */
function undescribed(value: unknown, schema: Schema, at = ''): string[] {
  if (typeof value !== 'object' || value === null) return []
  const alternatives = schema.anyOf ?? [schema]
  const found = alternatives.find((one) => one.properties !== undefined || one.items !== undefined)
  if (found === undefined) return schema.patternProperties === undefined ? [`${at} at all`] : []
  if (Array.isArray(value)) return value.flatMap((item) => undescribed(item, found.items ?? {}, at))
  return Object.entries(value).flatMap(([key, member]) => {
    const part = found.properties?.[key]
    return part === undefined ? [`${at}.${key}`] : undescribed(member, part, `${at}.${key}`)
  })
}

async function started(
  t: Tap,
  choices: Omit<Parameters<typeof configOf>[0], 'stateDir'> = {},
): Promise<TestNode> {
  const stateDir = await temporaryDirectory()
  const node = await TestNode.start(configOf({ stateDir, ...choices }))
  t.teardown(async () => {
    await node.stop()
    await removeDirectory(stateDir)
  })
  return node
}

interface Tap {
  teardown: (end: () => Promise<void>) => void
}

/** Lets the candidate fail as an edge thread would count and name it. */
function fail(node: TestNode, names: readonly string[], outcome: Outcome = 'serverError'): void {
  const slot = node.slot('v2')
  for (const requestId of names) {
    node.control.noteFailure({ slot, requestId, outcome, status: 503 })
    node.serve(slot, { bad: 1 })
  }
}

function errorsOf(view: ServiceView): readonly string[] {
  const errors = view.rollout?.evidence.find(({ metric }) => metric === 'errors')
  return errors?.failures.map(({ requestId }) => requestId) ?? []
}

async function entryOf(node: TestNode, kind: JournalKind): Promise<JournalEntry> {
  const find = async () => (await node.journal()).findLast((entry) => entry.kind === kind)
  await until(`the entry ${kind}`, async () => (await find()) !== undefined)
  const entry = await find()
  if (entry === undefined) throw new Error('it was there')
  return entry
}

function explanationIn(entry: JournalEntry): Explanation {
  if (!isExplanation(entry.evidence)) throw new Error(`${entry.kind} explains nothing`)
  return entry.evidence
}

/** Without times: the wall clock that they are told by is not the one that they were taken by. */
function timeless(told: unknown): unknown {
  return JSON.parse(JSON.stringify(told, (key, value: unknown) => (key === 'at' ? '' : value)))
}

await t.test('the API, the journal and the page name what failed, and say the same', async (t) => {
  const hook = await Webhook.start()
  t.teardown(() => hook.stop())
  const node = await started(t, { pageUrl: hook.url })
  await node.deploy()
  await until('the first step', () => node.row().weight === 500)
  node.serve(node.slot('v1'), { good: 190 })
  node.serve(node.slot('v2'), { good: 9 })
  fail(node, ['first'])
  await until(
    'the counts',
    async () => (await node.view()).rollout?.evidence[0]?.candidate.bad === 1,
  )
  const running = await node.view()
  t.same(errorsOf(running), ['first'])
  const [errors] = running.rollout?.evidence ?? []
  t.match(errors, { candidate: { requests: 10, bad: 1 }, stable: { requests: 190, bad: 0 } })
  t.match(errors?.failures[0], { outcome: 'serverError', status: 503, at: /^\d{4}-.*Z$/ })
  t.match(running.rollout?.proofs[0], { proof: 'errors', bar: 40, proven: false })
  t.match(running.rollout?.residualRisk, { confidence: 0.95 })
  t.equal(running.rollout?.waitsFor, 'watching')
  t.equal(running.candidate?.tries, 1)

  fail(node, ['b', 'c', 'd', 'e', 'f'])
  const names = ['b', 'c', 'd', 'e', 'f']
  const told = explanationIn(await entryOf(node, 'rolled-back'))
  t.same(
    told.evidence[0]?.failures.map(({ requestId }) => requestId),
    names,
    'the last five',
  )
  const ended = await node.view()
  t.same(timeless(ended.ended?.explanation), timeless(told))
  await until('the page', () => hook.pages.length > 0)
  t.same(timeless(hook.pages[0]?.body.evidence), timeless(told))
  for (const view of [running, ended]) {
    t.ok(isServiceView(view), JSON.stringify(isServiceView.errors))
    t.same(undescribed(view, ServiceSchema as Schema), [])
  }
  t.ok(isDescribed(told), JSON.stringify(isDescribed.errors))
  t.same(undescribed(told, ExplanationSchema as Schema), [])
})

await t.test(
  'a later rollout of the version counts as a try and names no old failures',
  async (t) => {
    const node = await started(t)
    await node.deploy()
    await until('the first step', () => node.row().weight === 500)
    fail(node, ['old1', 'old2', 'old3', 'old4'])
    await until('the rollback', () => node.row().weight === 0)
    await node.ask({ do: 'retry', version: 'v2' })
    node.advance(10)
    await node.deploy()
    await until('the first step again', () => node.row().weight === 500)
    const view = await node.view()
    t.equal(view.candidate?.tries, 2)
    t.same(errorsOf(view), [])
  },
)

await t.test('holds, pauses, promotions and aborts carry what was known', async (t) => {
  const node = await started(t, {
    strategy: {
      onInconclusive: 'pause',
      maxHoldMs: 1000,
      steps: [{ weight: 10_000, observeMs: 0 }],
    },
  })
  await node.deploy()
  await until('100 %', () => node.row().weight === 10_000)
  node.serve(node.slot('v2'), { good: 40 })
  node.advance(61_000)
  const held = explanationIn(await entryOf(node, 'hold'))
  t.match(held, { rollout: 'shop-1', version: 'v2', evidence: [{ comparison: 'none' }, {}] })
  node.advance(2000)
  const paused = explanationIn(await entryOf(node, 'pause'))
  t.match(paused.evidence[0]?.text, 'At 100 % there is no stable to compare with')
  const view = await node.view()
  t.equal(view.rollout?.waitsFor, 'operator')
  t.match(view.rollout?.reason, paused.residualRisk.text)
  t.ok(isServiceView(view), JSON.stringify(isServiceView.errors))
  await node.ask({ do: 'promote', full: false })
  const promoted = explanationIn(await entryOf(node, 'promoted'))
  t.match(promoted.evidence[0], { candidate: { requests: 40, bad: 0 } })
  t.same((await node.view()).ended?.explanation?.evidence, promoted.evidence)
})

await t.test('a raise is journaled with what was proven before it', async (t) => {
  const steps = [
    { weight: 500, observeMs: 0 },
    { weight: 10_000, observeMs: 0 },
  ]
  const node = await started(t, { strategy: { steps } })
  await node.deploy()
  await until('the first step', () => node.row().weight === 500)
  node.serve(node.slot('v1'), { good: 400 })
  await node.ask({ do: 'promote', full: true })
  const { evidence } = await entryOf(node, 'raise')
  t.match(evidence, { fold: 'raise', explanation: { proofs: [{ proof: 'errors' }, {}] } })
})

await t.test('with affinity the explanation says what counts of a bucket', async (t) => {
  const stateDir = await temporaryDirectory()
  const config = configOf({ stateDir })
  const affinity = { by: 'cookie', name: 'customer' } as const
  const services = config.services.map((service) => ({ ...service, affinity }))
  const node = await TestNode.start({ ...config, services } as typeof config)
  t.teardown(async () => {
    await node.stop()
    await removeDirectory(stateDir)
  })
  await node.deploy()
  await until('the first step', () => node.row().weight === 500)
  const { rollout } = await node.view()
  t.match(rollout?.evidence[0]?.text, 'With affinity one error counts of each bucket')
})
