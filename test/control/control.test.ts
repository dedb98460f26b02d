// The control side as its operator sees it: commands in, weights on the board, state and journal
// on the disk. Edge threads are played by the test.

import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { wakeControl } from '../../src/board/board.ts'
import { TALLY } from '../../src/board/layout.ts'
import { recordLatency } from '../../src/board/latency.ts'
import {
  count,
  countTarget,
  isEjected,
  latencyLimitUs,
  raiseClaim,
  releaseClaim,
} from '../../src/board/tallies.ts'
import type { Answer } from '../../src/core/command.ts'
import {
  BY_TIME,
  configOf,
  removeDirectory,
  STRATEGY,
  TestNode,
  temporaryDirectory,
  until,
  Webhook,
} from './node.ts'

async function withNode(
  choices: Omit<Parameters<typeof configOf>[0], 'stateDir'>,
  play: (node: TestNode, stateDir: string) => Promise<void>,
): Promise<void> {
  const stateDir = await temporaryDirectory()
  const node = await TestNode.start(configOf({ stateDir, ...choices }))
  try {
    await play(node, stateDir)
  } finally {
    await node.stop()
    await removeDirectory(stateDir)
  }
}

function codeOf(answer: Answer): string {
  return answer.ok ? 'ok' : `${answer.problem.status} ${answer.problem.code}`
}

await t.test('a candidate that fails outright is at weight 0 with its third failure', async (t) => {
  const hook = await Webhook.start([503, 500])
  await withNode({ pageUrl: hook.url }, async (node) => {
    t.equal(codeOf(await node.deploy()), 'ok')
    await until('the first step', () => node.row().weight === 500)
    const slot = node.slot('v2')
    node.serve(slot, { bad: 2 })
    await new Promise((resolve) => setTimeout(resolve, 60))
    t.equal(node.row().weight, 500, 'two failures are not enough')
    node.serve(slot, { bad: 1 })
    await until('weight 0', () => node.row().weight === 0)
    const view = await node.view()
    t.equal(view.ended?.ending, 'rolled-back')
    t.match(view.quarantine.v2?.evidence ?? '', /candidate 3 of 3 \(100 %\)/)
    t.ok(node.closedTunnels.includes(slot), 'its tunnels are closed')
    await until('a page', () => hook.pages.length === 3)
    const ids = new Set(hook.pages.map(({ body }) => body.id))
    t.equal(ids.size, 1, 'the same page until it is taken')
    t.equal(hook.pages[0]?.key, 'k', 'with its headers')
    t.match(JSON.stringify(hook.pages[2]?.body), /looks like 500 times/)
    await until('the page in the journal', async () =>
      (await node.journal()).some(({ kind }) => kind === 'page'),
    )
    const kinds = (await node.journal()).map(({ kind }) => kind)
    t.ok(kinds.indexOf('evidence') < kinds.indexOf('rolled-back'), 'evidence comes first')
    t.equal(codeOf(await node.deploy()), '409 quarantined')
    t.equal(codeOf(await node.ask({ do: 'retry', version: 'v2' })), 'ok')
    t.equal(codeOf(await node.deploy()), 'ok')
  })
  await hook.stop()
})

await t.test('a candidate is never named in a row before every thread knows it', async (t) => {
  await withNode({}, async (node) => {
    const { promise, resolve } = Promise.withResolvers<void>()
    node.gate = promise
    const deployed = node.deploy()
    await until('the table', () => node.tables.length === 2)
    node.advance(5000)
    await new Promise((done) => setTimeout(done, 60))
    t.equal(node.row().candidate, -1)
    t.equal(node.row().weight, 0)
    t.match((await node.view()).rollout?.reason ?? '', /every edge thread/)
    resolve()
    await deployed
    await until('the first step', () => node.row().weight === 500)
    t.equal(node.row().candidate, node.slot('v2'))
  })
})

await t.test('steps, bake and promotion; the previous stable can be returned to', async (t) => {
  const strategy = { trigger: { ...STRATEGY.trigger, ...BY_TIME } }
  await withNode({ strategy }, async (node) => {
    await node.deploy()
    await until('the first step', () => node.row().weight === 500)
    const [old, fresh] = [node.slot('v1'), node.slot('v2')]
    node.serve(old, { good: 900 })
    node.serve(fresh, { good: 40, thread: 1 })
    await until('the counts', async () => (await node.view()).candidate?.stats.requests === 40)
    node.advance(60_000)
    await until('100 %', () => node.row().weight === 10_000)
    node.serve(fresh, { good: 100 })
    node.advance(30_000)
    await new Promise((resolve) => setTimeout(resolve, 60))
    t.equal((await node.view()).rollout?.phase, 'baking')
    node.advance(31_000)
    await until('the promotion', () => node.row().stable === fresh)
    t.same(node.row(), { stable: fresh, candidate: -1, weight: 0 })
    const view = await node.view()
    t.equal(view.previous?.version, 'v1')
    t.equal(view.stable?.version, 'v2')
    t.equal(codeOf(await node.ask({ do: 'rollback', force: false })), 'ok')
    t.equal(node.row().stable, old, 'at once')
    t.equal(codeOf(await node.ask({ do: 'rollback', force: false })), '409 no-previous')
  })
})

await t.test('a slow candidate goes by its exceedances', async (t) => {
  await withNode({ candidate: 'v2' }, async (node) => {
    const stable = node.slot('v1')
    for (let i = 0; i < 2000; i++) recordLatency(node.board, i % 2, stable, 10_000 + i)
    t.equal(codeOf(await node.ask({ do: 'weight', weight: 2500 })), 'ok')
    const limitUs = latencyLimitUs(node.board, stable)
    t.ok(limitUs > 11_800 && limitUs < 12_100, `stable is measured against its p99: ${limitUs} µs`)
    const { counts } = (await node.view()).stable?.totals.latency ?? { counts: [] }
    t.equal(
      counts.reduce((sum, count) => sum + count, 0),
      2000,
    )
    const candidate = node.slot('v2')
    const ratio = latencyLimitUs(node.board, candidate) / limitUs
    t.ok(ratio >= 1.19 && ratio < 1.22, `the candidate against 1.2 times that: ${ratio}`)
    // For a second, as a pause of one process is not enough.
    for (let i = 0; i < 12 && node.row().weight > 0; i++) {
      for (let j = 0; j < 3; j++) count(node.board, 0, candidate, TALLY.exceeded)
      wakeControl(node.board)
      node.advance(100)
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    t.equal(node.row().weight, 0)
    t.match((await node.view()).ended?.reason ?? '', /by its p99/)
    t.equal(latencyLimitUs(node.board, candidate), 0, 'nothing is measured any more')
  })
})

await t.test('commands that cannot be carried out name what is allowed', async (t) => {
  await withNode({}, async (node) => {
    const unknown = await node.control.handle({ do: 'service', service: 'shoppe' })
    t.same(unknown.ok ? [] : unknown.problem.allowed, ['shop'])
    t.equal(codeOf(await node.deploy('v9')), '404 unknown-version')
    t.equal(codeOf(await node.deploy('bad name')), '422 bad-version')
    t.equal(codeOf(await node.ask({ do: 'weight', weight: 500 })), '409 no-candidate')
    t.equal(codeOf(await node.ask({ do: 'weight', weight: 10_001 })), '422 bad-weight')
    const bad = { do: 'targets', version: 'v1', targets: ['ftp://x'] } as const
    t.equal(codeOf(await node.ask(bad)), '422 bad-target')
    const strategy = { do: 'deploy', version: 'v2', targets: [], replace: false } as const
    t.equal(codeOf(await node.ask({ ...strategy, strategy: 5 })), '422 bad-strategy')
    t.equal(codeOf(await node.ask({ do: 'abort' })), '409 no-rollout')
    const { revision } = await node.view()
    await node.deploy()
    await until('the first step', () => node.row().weight === 500)
    t.equal(codeOf(await node.ask({ do: 'weight', weight: 100 })), '428 revision-required')
    const stale = { do: 'weight', weight: 100, ifMatch: revision } as const
    t.equal(codeOf(await node.ask(stale)), '412 revision-mismatch')
    t.equal(node.row().weight, 500, 'a refused change leaves everything as it was')
  })
})

await t.test('a board without room refuses a version and keeps serving', async (t) => {
  const stateDir = await temporaryDirectory()
  const node = await TestNode.start(configOf({ stateDir }), { slots: 1 })
  t.equal(codeOf(await node.deploy()), '503 board-full')
  t.equal(node.row().stable, node.slot('v1'))
  await node.stop()
  await removeDirectory(stateDir)
})

await t.test('a slot is used again only when nothing is in flight in it', async (t) => {
  await withNode({}, async (node) => {
    const deploy = async (version: string): Promise<void> => {
      const targets = [`http://127.0.0.1:${9100 + node.tables.length}`]
      const order = { do: 'deploy', version, targets, replace: true, strategy: null } as const
      t.equal(codeOf(await node.ask(order)), 'ok')
    }
    await deploy('a')
    const slot = node.slot('a')
    raiseClaim(node.board, 1, slot)
    for (let i = 0; i < 30; i++) {
      await deploy(`b${i}`)
      t.not(node.slot(`b${i}`), slot)
      node.advance(1000) // the moment at which cells are freed
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
    releaseClaim(node.board, 1, slot)
    await until('the slot to be used again', async () => {
      node.advance(1000)
      await deploy(`c${node.tables.length}`)
      return node.tables.at(-1)?.services[0]?.versions.some((one) => one.slot === slot) === true
    })
  })
})

await t.test(
  'a target that fails five times in a row is left out and holds the raise',
  async (t) => {
    await withNode({}, async (node) => {
      const targets = ['http://127.0.0.1:9102', 'http://127.0.0.1:9103']
      t.equal(codeOf(await node.ask({ do: 'targets', version: 'v1', targets })), 'ok')
      await node.deploy()
      const stable = node.tables.at(-1)?.services[0]?.versions.find(({ name }) => name === 'v1')
      const cell = stable?.targets[0]?.index ?? -1
      await until('a look', () => node.row().weight === 500)
      node.advance(1000)
      await new Promise((resolve) => setTimeout(resolve, 50))
      for (let i = 0; i < 5; i++) countTarget(node.board, 0, cell, false)
      node.advance(1000)
      await until('the ejection', () => isEjected(node.board, cell))
      t.same(
        (await node.view()).stable?.targets.map((target) => target.healthy),
        [false, true],
      )
      node.advance(31_000)
      await until('its return', () => !isEjected(node.board, cell))
      await until(
        'both lines',
        async () => (await node.journal()).filter(({ kind }) => kind === 'target').length === 2,
      )
    })
  },
)

await t.test(
  'a restart goes on where it stopped, with the weight that the journal says',
  async (t) => {
    const stateDir = await temporaryDirectory()
    const config = configOf({ stateDir })
    const first = await TestNode.start(config)
    await first.deploy()
    await until('the first step', () => first.row().weight === 500)
    first.serve(first.slot('v2'), { bad: 1 })
    await until('evidence', async () => ((await first.view()).rollout?.evidence[0]?.value ?? 0) > 1)
    await first.stop()
    const second = await TestNode.start(config)
    t.equal(second.row().weight, 500)
    const view = await second.view()
    t.equal(view.rollout?.phase, 'shifting')
    t.ok((view.rollout?.evidence[0]?.value ?? 0) > 1, 'the evidence is remembered')
    const weights = (await second.journal()).filter(({ weight }) => weight !== undefined)
    t.equal(weights.at(-1)?.weight, 5)
    second.serve(second.slot('v2'), { bad: 2 })
    await until('weight 0', () => second.row().weight === 0)
    await second.stop()
    const third = await TestNode.start(config)
    t.equal(third.row().weight, 0, 'the file does not bring it back')
    t.equal(codeOf(await third.deploy()), '409 quarantined')
    await third.stop()
    await removeDirectory(stateDir)
  },
)

await t.test('a fresh state takes the weight of the file; a changed file is applied', async (t) => {
  const stateDir = await temporaryDirectory()
  const first = await TestNode.start(configOf({ stateDir, candidate: 'v2', weight: 1000 }))
  t.equal(first.row().weight, 1000)
  t.equal((await first.view()).rollout?.phase, 'manual', 'with the verdict armed')
  await first.ask({ do: 'weight', weight: 2000 })
  await first.control.reload(configOf({ stateDir, candidate: 'v2', weight: 1000 }))
  t.equal(first.row().weight, 2000, 'the same file again resets nothing')
  await first.stop()
  const second = await TestNode.start(configOf({ stateDir, candidate: 'v2', weight: 1000 }))
  t.equal(second.row().weight, 2000, 'nor does it at a restart')
  await second.control.reload(configOf({ stateDir, candidate: 'v2', weight: 500 }))
  t.equal(second.row().weight, 500, 'another file does')
  const more = { stateDir, candidate: 'v2', weight: 500, services: ['shop', 'cart'] }
  await second.control.reload(configOf(more))
  t.equal(second.row('cart').weight, 500, 'a new service is served')
  await second.control.reload(configOf({ ...more, services: ['cart'] }))
  await until('shop to leave the table', () => second.tables.at(-1)?.services.length === 1)
  await second.stop()
  await removeDirectory(stateDir)
})

await t.test('a damaged state is put aside, said, and its candidate stays at 0', async (t) => {
  const stateDir = await temporaryDirectory()
  await mkdir(join(stateDir, 'services'), { recursive: true })
  await writeFile(join(stateDir, 'services', 'shop.json'), '{"format":1,"clockMs":5,"docu')
  await writeFile(join(stateDir, 'journal.jsonl'), '{"seq":41,"kind":"start"}\n{"seq":42,"ki')
  const node = await TestNode.start(configOf({ stateDir, candidate: 'v2', weight: 1000 }))
  t.equal(node.row().weight, 0)
  const entries = await node.journal()
  t.match(entries.map(({ text }) => text).join('\n'), /it was put aside as .*shop\.json\.damaged/)
  t.match(entries.map(({ text }) => text).join('\n'), /last line was cut off: 13 bytes/)
  t.equal(entries[1]?.seq, 42, 'numbers go on')
  await node.stop()
  await removeDirectory(stateDir)
})

await t.test('a second process is told who has the state directory', async (t) => {
  await withNode({}, async (_node, stateDir) => {
    await t.rejects(
      TestNode.start(configOf({ stateDir })),
      /another process uses it: .*process \d+/,
    )
  })
  const stateDir = await temporaryDirectory()
  await writeFile(join(stateDir, 'lock'), '{"pid":999999999,"started":"1"}')
  const node = await TestNode.start(configOf({ stateDir }))
  t.pass('the lock of a dead process is taken over')
  await node.stop()
  await t.rejects(readFile(join(stateDir, 'lock')), /ENOENT/, 'and released at the end')
  await removeDirectory(stateDir)
})

await t.test('a raise that cannot be saved does not happen; an abort does', async (t) => {
  await withNode({ candidate: 'v2' }, async (node, stateDir) => {
    await node.ask({ do: 'weight', weight: 500 })
    t.equal(node.row().weight, 500)
    await rm(join(stateDir, 'services'), { recursive: true })
    await node.ask({ do: 'weight', weight: 2500 })
    t.equal(node.row().weight, 500)
    const view = await node.view()
    t.equal(view.candidate?.weight, 5)
    t.match(view.rollout?.reason, /could not be saved/)
    t.match(node.control.degraded().join(' '), /cannot be saved/)
    await node.ask({ do: 'abort' })
    t.equal(node.row().weight, 0)
    await mkdir(join(stateDir, 'services'))
    node.advance(1000)
    await until('the state to be saved again', () => node.control.degraded().length === 0)
    const saved = await readFile(join(stateDir, 'services', 'shop.json'), 'utf8')
    t.match(saved, /"ending":"aborted"/)
  })
})

await t.test('an abort overtakes a raise that still waits for the disk', async (t) => {
  await withNode({ candidate: 'v2' }, async (node) => {
    await node.ask({ do: 'weight', weight: 100 })
    const raise = node.ask({ do: 'weight', weight: 5000 })
    const abort = node.ask({ do: 'abort' })
    await Promise.all([raise, abort])
    t.equal(node.row().weight, 0)
    await new Promise((resolve) => setTimeout(resolve, 30))
    t.equal(node.row().weight, 0, 'and stays ahead of it')
  })
})

await t.test(
  'many weight changes in a row end with the last one, on the board and on the disk',
  async (t) => {
    await withNode({ candidate: 'v2' }, async (node, stateDir) => {
      const weights = Array.from({ length: 100 }, (_, i) => 100 + ((i * 37) % 90) * 100)
      await Promise.all(weights.map((weight) => node.ask({ do: 'weight', weight })))
      const last = weights.at(-1)
      t.equal(node.row().weight, last)
      const saved = JSON.parse(await readFile(join(stateDir, 'services', 'shop.json'), 'utf8'))
      t.equal(saved.document.state.weight, last)
    })
  },
)

await t.test('mode threshold is the literal reading', async (t) => {
  const trigger = {
    mode: 'threshold',
    errorRateThreshold: 0.1,
    p99LatencyIncrease: 0.2,
    alpha: 0.01,
    maxUserErrors: null,
    minRequests: 100,
    windowMs: 60_000,
  } as const
  await withNode({ strategy: { trigger }, candidate: 'v2' }, async (node) => {
    await node.ask({ do: 'weight', weight: 5000 })
    const slot = node.slot('v2')
    node.serve(slot, { good: 60, bad: 30 })
    node.advance(1000)
    await new Promise((resolve) => setTimeout(resolve, 60))
    t.equal(node.row().weight, 5000, 'not before 100 requests')
    node.serve(slot, { good: 10 })
    node.advance(1000)
    await until('weight 0', () => node.row().weight === 0)
    t.match(
      (await node.view()).ended?.reason,
      /30 % of the candidate's last 100 requests|30 of 100/,
    )
  })
})
