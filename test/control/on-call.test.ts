// A node and those it tells: the incidents that its decisions open and end, and that nothing which
// happens to a page is felt by a rollback, by another service, or by a node that stops.

import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import type { ReceiverConfig } from '../../src/config/config.ts'
import { ATTEMPT_MS } from '../../src/control/pages/post.ts'
import { configOf, removeDirectory, TestNode, temporaryDirectory, until } from './node.ts'
import { PageReceiver } from './page-receiver.ts'

async function withNode(
  choices: { receivers: readonly ReceiverConfig[]; services?: readonly string[] },
  play: (node: TestNode, again: () => Promise<TestNode>) => Promise<void>,
): Promise<void> {
  const stateDir = await temporaryDirectory()
  const config = configOf({ stateDir, ...choices })
  let node = await TestNode.start(config)
  const again = async (): Promise<TestNode> => {
    node = await TestNode.start(config)
    return node
  }
  try {
    await play(node, again)
  } finally {
    await node.stop()
    await removeDirectory(stateDir)
  }
}

/** Deploys a version and lets it fail outright; milliseconds until it is at weight 0. */
async function rollBack(node: TestNode, version = 'v2', service = 'shop'): Promise<number> {
  const targets = [`http://127.0.0.1:9${version.slice(1).padStart(3, '0')}`]
  const deploy = {
    do: 'deploy',
    service,
    version,
    targets,
    replace: false,
    strategy: null,
  } as const
  const answer = await node.ask(deploy)
  if (!answer.ok) throw new Error(answer.problem.detail)
  await until('the first step', () => node.row(service).weight === 500)
  const before = performance.now()
  node.serve(node.slot(version, service), { bad: 3 })
  await until('weight 0', () => node.row(service).weight === 0)
  return performance.now() - before
}

await t.test('a pager that is mute, or not there, is not felt', async (t) => {
  const mute = await PageReceiver.start(
    'pagerduty',
    Array.from({ length: 10 }, () => 'hang' as const),
  )
  const gone = await PageReceiver.start('slack')
  await gone.stop()
  const receivers = [mute.config(), gone.config()]
  await withNode({ receivers, services: ['shop', 'cart'] }, async (node) => {
    for (const service of ['shop', 'cart']) {
      const tookMs = await rollBack(node, 'v2', service)
      t.ok(tookMs < ATTEMPT_MS, `${service} does not wait for an answer: ${tookMs} ms`)
    }
    t.equal((await node.ask({ do: 'retry', version: 'v2' })).ok, true, 'and takes commands')
    await until('both were asked', () => mute.attempts.length === 2)
    await until('it is said', () => node.control.degraded().length === 1)
    t.match(
      node.control.degraded()[0],
      /^Cannot page slack \(slack\) as .*: ECONNREFUSED; pages of 2/,
    )
    const before = performance.now()
    await node.stop()
    t.ok(performance.now() - before < ATTEMPT_MS, 'a node that stops does not wait for it')
    node.control = (await TestNode.start(node.config)).control
  })
  await mute.stop()
})

await t.test('a retry ends the incident of its version, a promotion ends all', async (t) => {
  const duty = await PageReceiver.start('pagerduty')
  await withNode({ receivers: [duty.config()] }, async (node) => {
    for (const version of ['v2', 'v3', 'v4']) await rollBack(node, version)
    await until('three are open', () => duty.opened.length === 3)
    await node.ask({ do: 'retry', version: 'v3' })
    await until('one is over', () => duty.resolved.length === 1)
    t.match(duty.resolved[0], /-shop-2$/)
    const targets = ['http://127.0.0.1:9005']
    await node.ask({ do: 'deploy', version: 'v5', targets, replace: false, strategy: null })
    await until('the first step', () => node.row().weight === 500)
    await node.ask({ do: 'promote', full: true })
    await node.ask({ do: 'promote', full: false })
    await until('all are over', () => duty.resolved.length === 3)
    t.strictSame(duty.objections, [])
    const journaled = async () => (await node.journal()).filter(({ kind }) => kind === 'page')
    await until('all of it is journaled', async () => (await journaled()).length === 12)
    const pages = await journaled()
    t.match(pages[0], {
      ...{ by: 'node', service: 'shop', text: /^incident shop-1 opens, for pagerduty: shop: v2/ },
      evidence: { incident: 'shop-1', action: 'open', severity: 'error' },
    })
    t.match(pages.at(-1)?.text, /^pagerduty \(pagerduty\) took the end of incident shop-3/)
    t.match(pages.at(-1)?.evidence, { receiver: 'pagerduty', attempts: 1 })
  })
  await duty.stop()
})

await t.test('a page that was decided and lost is told by the next start', async (t) => {
  const duty = await PageReceiver.start('pagerduty')
  await duty.stop()
  await withNode({ receivers: [duty.config()] }, async (node, again) => {
    await rollBack(node)
    await until('it is saved', async () => (await node.view()).ended !== null)
    await node.stop()
    const pages = join(node.config.stateDir, 'pages')
    for (const name of await readdir(pages)) {
      if (name.endsWith('.json')) await rm(join(pages, name))
    }
    await duty.listen()
    const next = await again()
    await until('it is told', () => duty.opened.length === 1)
    const { body } = duty.taken[0] ?? {}
    t.match(body, { payload: { summary: /^shop: v2 was rolled back/, severity: 'error' } })
    t.match(JSON.stringify(body), /looks like 500 times/, 'with the evidence')
    await next.ask({ do: 'retry', version: 'v2' })
    await until('it is over', () => duty.resolved.length === 1)
    t.strictSame(duty.objections, [])
  })
  await duty.stop()
})

await t.test('a fault of our own is told until somebody has looked', async (t) => {
  const duty = await PageReceiver.start('pagerduty')
  await withNode({ receivers: [duty.config()] }, async (node) => {
    node.gate = Promise.reject(new Error('this is a fault of the test'))
    node.gate.catch(() => undefined) // it is for the node
    const targets = ['http://127.0.0.1:9002']
    await node.ask({ do: 'deploy', version: 'v2', targets, replace: false, strategy: null })
    await until('it is told', () => duty.opened.length === 1)
    t.match(duty.taken[0]?.body, { payload: { severity: 'critical', summary: /is frozen after/ } })
    node.gate = Promise.resolve()
    await node.ask({ do: 'abort' })
    await until('it is over', () => duty.resolved.length === 1)
    t.strictSame(duty.objections, [])
  })
  await duty.stop()
})
