// What a changed file may do to services that run: nothing that it does not name. And the node's
// time, which one service's long rest must not take from the others.

import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import type { Config } from '../../src/config/config.ts'
import { Clock } from '../../src/control/clock.ts'
import {
  BY_TIME,
  configOf,
  removeDirectory,
  STRATEGY,
  TestNode,
  temporaryDirectory,
  until,
} from './node.ts'

const DAY_MS = 24 * 3600 * 1000

async function withDirectory(play: (stateDir: string) => Promise<void>): Promise<void> {
  const stateDir = await temporaryDirectory()
  try {
    await play(stateDir)
  } finally {
    await removeDirectory(stateDir)
  }
}

/** The config with another stable version. */
function withStable(config: Config, stable: string): Config {
  const services = config.services.map((service) => ({
    ...service,
    routing: { stable, candidate: null, weight: 0 },
  }))
  return { ...config, services }
}

/** Lets a service look as if it had been saved for the last time so long ago. */
async function rest(stateDir: string, service: string, ms: number): Promise<void> {
  const path = join(stateDir, 'services', `${service}.json`)
  const saved = JSON.parse(await readFile(path, 'utf8'))
  await writeFile(path, JSON.stringify({ ...saved, clockMs: saved.clockMs - ms }))
}

await t.test('before it is asked for, the time goes on from what was saved', (t) => {
  let monotonic = 5000
  const clock = new Clock({ monotonic: () => monotonic, wall: () => 10 * DAY_MS })
  clock.continueFrom(8 * DAY_MS)
  t.equal(clock.now(), 9 * DAY_MS, 'at most a day further')
  monotonic += 1000
  clock.continueFrom(2 * DAY_MS)
  t.equal(clock.now(), 9 * DAY_MS + 1000, 'then it never goes back')
  clock.continueFrom(9 * DAY_MS + 500)
  t.equal(clock.now(), 9 * DAY_MS + 1000, 'nor does it leap')
  clock.continueFrom(9 * DAY_MS + 3000)
  t.equal(clock.now(), 9 * DAY_MS + 3000, 'but what was saved lies behind it')
  t.end()
})

await t.test('a service that rested for a month holds no rollout of another back', async (t) => {
  await withDirectory(async (stateDir) => {
    const strategy = { trigger: { ...STRATEGY.trigger, ...BY_TIME } }
    const config = configOf({ stateDir, services: ['shop', 'zoo'], strategy })
    const first = await TestNode.start(config)
    await first.deploy()
    await until('the first step', () => first.row().weight === 500)
    await first.stop()
    await rest(stateDir, 'zoo', 30 * DAY_MS)
    const second = await TestNode.start(config)
    second.serve(second.slot('v2'), { good: 100 })
    await until('the requests', async () => (await second.view()).candidate?.stats.requests === 100)
    second.advance(61_000)
    await until('the last step', () => second.row().weight === 10_000)
    t.pass('the step ended after its minute')
    await second.stop()
  })
})

await t.test('what is decided while a service opens is not lost', async (t) => {
  await withDirectory(async (stateDir) => {
    const strategy = { minRequests: 0, trigger: { ...STRATEGY.trigger, ...BY_TIME } }
    const both = configOf({ stateDir, services: ['shop', 'zoo'], strategy })
    const node = await TestNode.start(both)
    await node.deploy()
    await until('the first step', () => node.row().weight === 500)
    await node.control.reload(configOf({ stateDir, services: ['zoo'], strategy }))
    const { promise, resolve } = Promise.withResolvers<void>()
    node.gate = promise
    const tables = node.tables.length
    const reloaded = node.control.reload(both)
    await until('the table', () => node.tables.length > tables)
    node.advance(61_000)
    await new Promise((done) => setTimeout(done, 60))
    resolve()
    await reloaded
    await until('the last step', () => node.row().weight === 10_000)
    const revision = (await node.view()).revision
    const raises = (await node.journal()).filter(
      ({ kind, service }) => kind === 'raise' && service === 'shop',
    )
    t.same(
      raises.map(({ weight }) => weight),
      [5, 100],
      'each step was raised to once',
    )
    t.ok((raises.at(-1)?.epoch ?? Number.POSITIVE_INFINITY) <= revision)
    await node.stop()
  })
})

await t.test('two reloads at a time are carried out one after the other', async (t) => {
  await withDirectory(async (stateDir) => {
    const node = await TestNode.start(configOf({ stateDir }))
    const both = configOf({ stateDir, services: ['shop', 'zoo'] })
    await Promise.all([node.control.reload(both), node.control.reload(both)])
    t.equal(node.row('zoo').weight, 0)
    const applied = (await node.journal()).filter(({ text }) =>
      text.includes('routing was applied'),
    )
    t.equal(applied.length, 2, 'once a service')
    await node.stop()
  })
})

await t.test('another stable in the file: the old one stays until the row is', async (t) => {
  await withDirectory(async (stateDir) => {
    const config = configOf({ stateDir })
    const node = await TestNode.start(config)
    const old = node.slot('v1')
    const [first, second] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    node.gate = first.promise
    const tables = node.tables.length
    const reloaded = node.control.reload(withStable(config, 'v2'))
    await until('the table of the new matches', () => node.tables.length > tables)
    node.gate = second.promise
    first.resolve()
    await until('the table of the new versions', () => node.tables.length > tables + 1)
    t.equal(node.row().stable, old, 'no thread has acknowledged the new version')
    t.equal(node.slot('v1'), old, 'so it must still be able to serve the old one')
    second.resolve()
    await reloaded
    t.equal(node.row().stable, node.slot('v2'))
    t.throws(() => node.slot('v1'), 'and in the end it is gone')
    await node.stop()
  })
})

await t.test('a file that cannot be saved is applied, but raises nothing', async (t) => {
  await withDirectory(async (stateDir) => {
    const config = configOf({ stateDir, candidate: 'v2', weight: 2500 })
    const node = await TestNode.start(config)
    t.equal(node.row().weight, 2500)
    await rm(join(stateDir, 'services'), { recursive: true })
    await node.control.reload(withStable(config, 'v2'))
    t.equal(node.row().stable, node.slot('v2'), 'another stable')
    const turned = config.services.map((service) => ({
      ...service,
      routing: { stable: 'v2', candidate: 'v1', weight: 500 },
    }))
    await node.control.reload({ ...config, services: turned })
    const view = await node.view()
    t.equal(view.candidate?.version, 'v1')
    t.equal(view.candidate?.weight, 0, 'not the weight of the candidate before')
    t.equal(node.row().weight, 0)
    t.equal(node.row().candidate, node.slot('v1'))
    await mkdir(join(stateDir, 'services'))
    await node.stop()
  })
})
