// Health as an operator sees it: real apps behind a real control side; the test plays the edge
// threads. Who is left out and comes back, and that no candidate gets its first request before its
// targets are there.

import t from 'tap'
import { targetShare } from '../../src/board/tallies.ts'
import type { Config, HealthCheckConfig, ServiceConfig } from '../../src/config/config.ts'
import { type Connect, connectOnce } from '../../src/control/check-request.ts'
import type { Answer, TargetView } from '../../src/core/command.ts'
import type { HealthRules } from '../../src/core/health.ts'
import type { CheckResult } from '../../src/core/health-check.ts'
import { App } from './app.ts'
import { configOf, removeDirectory, TestNode, temporaryDirectory, until } from './node.ts'

const CHECK: HealthCheckConfig = { path: '/up', intervalMs: 50, timeoutMs: 500, up: 2, down: 3 }

interface Play {
  readonly stable: readonly App[]
  readonly candidate: readonly App[]
  readonly healthCheck?: HealthCheckConfig | null
  readonly health?: Partial<HealthRules>
  readonly connect?: Connect
  readonly connectMs?: number
  /** What the first table waits for. */
  readonly gate?: Promise<void>
  /** The file names v2 as the candidate at 0 %. */
  readonly named?: boolean
}

/** A service whose versions are these apps. */
function configFor(stateDir: string, play: Play): Config {
  const { connectMs = 1000, health, healthCheck = null } = play
  const config = configOf({ stateDir, candidate: play.named === true ? 'v2' : null })
  const urls = (apps: readonly App[]): string[] => apps.map(({ url }) => url)
  const services = config.services.map(
    (service): ServiceConfig => ({
      ...service,
      versions: [
        { name: 'v1', targets: urls(play.stable) },
        { name: 'v2', targets: urls(play.candidate) },
      ],
      health: { ...service.health, ...health },
      healthCheck,
    }),
  )
  return { ...config, services, timeouts: { ...config.timeouts, connectMs } }
}

async function withNode(play: Play, act: (node: TestNode, stateDir: string) => Promise<void>) {
  const stateDir = await temporaryDirectory()
  const { connect = connectOnce, gate } = play
  const more = gate === undefined ? {} : { gate }
  const node = await TestNode.start(configFor(stateDir, play), { connect, ...more })
  try {
    await act(node, stateDir)
  } finally {
    await node.stop()
    await removeDirectory(stateDir)
    for (const app of [...play.stable, ...play.candidate]) await app.stop()
  }
}

async function apps(...moods: readonly App['mood'][]): Promise<App[]> {
  return Promise.all(moods.map((mood) => App.start(mood)))
}

/** An app that is not there. */
async function nobody(): Promise<App> {
  const app = await App.start()
  await app.stop()
  return app
}

async function targetsOf(node: TestNode, role: 'stable' | 'candidate') {
  return (await node.view())[role]?.targets ?? []
}

async function standing(node: TestNode, role: 'stable' | 'candidate'): Promise<string> {
  return (await targetsOf(node, role)).map((target) => target.standing).join(' ')
}

async function lines(node: TestNode, kind: string): Promise<readonly string[]> {
  return (await node.journal()).filter((entry) => entry.kind === kind).map(({ text }) => text)
}

function cellOf(node: TestNode, version: string, target: number): number {
  const found = node.tables.at(-1)?.services[0]?.versions.find(({ name }) => name === version)
  return found?.targets[target]?.index ?? -1
}

function problemOf(answer: Answer): { code: string; detail: string } {
  return answer.ok ? { code: 'ok', detail: '' } : answer.problem
}

await t.test(
  'failed checks take a target out; it comes back with a tenth of its share',
  async (t) => {
    const stable = await apps('well', 'well')
    const [bad] = stable
    const candidate = await apps('well')
    const health = { slowStartMs: 10_000 }
    await withNode({ stable, candidate, healthCheck: CHECK, health }, async (node) => {
      const share = (): number => targetShare(node.board, cellOf(node, 'v1', 0))
      await until('a check of each', () => stable.every(({ asked }) => asked.length > 0))
      t.equal(await standing(node, 'stable'), 'healthy healthy')
      if (bad !== undefined) bad.mood = 'error'
      await until('its end', () => share() === -1)
      const [view] = await targetsOf(node, 'stable')
      t.match(view, { healthy: false, standing: 'checked-out', until: null, share: 0 })
      t.equal(view?.reason, '3 health checks in a row failed: status 500')
      if (bad !== undefined) bad.mood = 'well'
      await until('its return', () => share() !== -1)
      t.ok(share() >= 100 && share() < 300, `${share()} of 1000`)
      node.advance(5000)
      await until('a half', () => share() >= 550)
      t.ok(share() < 900, `${share()} of 1000`)
      t.ok(((await targetsOf(node, 'stable'))[0]?.share ?? 1) < 1)
      node.advance(6000)
      await until('all', () => share() === 0)
      await until('both lines', async () => (await lines(node, 'target')).length >= 2)
      const url = bad?.url ?? ''
      t.same(await lines(node, 'target'), [
        `target ${url} of v1 is left out as 3 health checks in a row failed: status 500`,
        `target ${url} of v1 is back`,
      ])
    })
  },
)

await t.test(
  'stable serves at once, unchecked; its last target stays whatever is found',
  async (t) => {
    const stable = await apps('error')
    const candidate = await apps('well')
    await withNode({ stable, candidate, healthCheck: CHECK }, async (node) => {
      t.equal(node.row().stable, node.slot('v1'))
      await until('failing', async () => (await standing(node, 'stable')) === 'failing')
      t.equal(targetShare(node.board, cellOf(node, 'v1', 0)), 0)
      await until('a line', async () => (await lines(node, 'target')).length > 0)
      t.match(
        (await lines(node, 'target'))[0],
        /fails as .*status 500, but stays as too few others/,
      )
    })
  },
)

await t.test('what is found while a service is being opened counts when it is', async (t) => {
  const stable = await apps('error', 'well')
  const [app] = stable
  const gate = until('its checks', () => (app?.asked.length ?? 0) > CHECK.down + 1)
  await withNode(
    { stable, candidate: await apps('well'), healthCheck: CHECK, gate },
    async (node) => {
      t.equal(await standing(node, 'stable'), 'checked-out healthy')
    },
  )
})

await t.test('a candidate that nobody can connect to gets nothing until it listens', async (t) => {
  const stable = await apps('well')
  const candidate = [await App.start(), await nobody()]
  const [, late] = candidate
  await withNode({ stable, candidate }, async (node) => {
    await node.deploy()
    await until('failing', async () => (await standing(node, 'candidate')) === 'healthy failing')
    t.equal(node.row().weight, 0)
    const [, view] = await targetsOf(node, 'candidate')
    t.equal(view?.reason, 'it cannot be connected to: connection refused')
    await until('the hold', async () => (await lines(node, 'hold')).length === 1)
    const [hold] = await lines(node, 'hold')
    t.equal(
      hold,
      `holds as 1 of the candidate's 2 targets fails: ${late?.url}, as it cannot be connected ` +
        'to: connection refused',
    )
    await late?.listen()
    await until('the first step', () => node.row().weight === 500)
    t.equal(await standing(node, 'candidate'), 'healthy healthy')
    await until('its line', async () => (await lines(node, 'target')).length === 2)
    t.match((await lines(node, 'target'))[1], /can be connected to$/)
    t.equal((await lines(node, 'hold')).length, 1, 'one hold, one line')
  })
})

await t.test(
  'with health checks a candidate must be found well before its first raise',
  async (t) => {
    const stable = await apps('well')
    const candidate = await apps('error')
    const [app] = candidate
    await withNode({ stable, candidate, healthCheck: CHECK }, async (node) => {
      await node.deploy()
      await until('failing', async () => (await standing(node, 'candidate')) === 'failing')
      t.equal(node.row().weight, 0)
      await until('the hold', async () => (await lines(node, 'hold')).length === 1)
      t.match((await lines(node, 'hold'))[0], /, as .*health check.* failed: status 500$/)
      if (app !== undefined) app.mood = 'well'
      await until('the first step', () => node.row().weight === 500)
    })
  },
)

await t.test('however rare the checks are, a first raise does not wait for the next', async (t) => {
  const stable = await apps('well')
  const candidate = await apps('well')
  const healthCheck = { ...CHECK, intervalMs: 3_600_000 }
  await withNode({ stable, candidate, healthCheck }, async (node) => {
    await node.deploy()
    await until('the first step', () => node.row().weight === 500)
    t.same(candidate[0]?.asked, ['/up'])
  })
})

await t.test('a raise by hand needs targets that are there, unless it is forced', async (t) => {
  const stable = await apps('well')
  const candidate = [await nobody()]
  await withNode({ stable, candidate, named: true }, async (node) => {
    const refused = problemOf(await node.ask({ do: 'weight', weight: 500, force: false }))
    t.equal(refused.code, 'target-unreachable')
    t.equal(
      refused.detail,
      `Cannot raise the weight as target ${candidate[0]?.url} of v2 cannot be connected to: ` +
        'connection refused. Force raises it all the same',
    )
    t.equal(node.row().weight, 0)
    t.ok((await node.ask({ do: 'weight', weight: 500, force: true })).ok)
    t.equal(node.row().weight, 500)
    const more = problemOf(await node.ask({ do: 'weight', weight: 900, force: false }))
    t.equal(more.code, 'target-ejected', 'nor more requests than it gets already')
    t.ok((await node.ask({ do: 'weight', weight: 900, force: true })).ok)
  })
})

await t.test('a promotion before the first step needs them too, unless it is full', async (t) => {
  const stable = await apps('well')
  const candidate = [await nobody()]
  await withNode({ stable, candidate }, async (node) => {
    await node.deploy()
    const refused = problemOf(await node.ask({ do: 'promote', full: false }))
    t.equal(refused.code, 'target-unreachable')
    t.ok((await node.ask({ do: 'promote', full: true })).ok)
    t.equal(node.row().weight, 10_000)
  })
})

await t.test(
  'a target that does not answer delays a raise by hand no longer than a connection',
  async (t) => {
    const stable = await apps('well')
    const candidate = await apps('well')
    // As a host that drops packets: neither a yes nor a no.
    const { promise: silence, resolve: giveUp } = Promise.withResolvers<CheckResult>()
    const connect: Connect = () => silence
    await withNode({ stable, candidate, named: true, connect, connectMs: 40 }, async (node) => {
      const refused = problemOf(await node.ask({ do: 'weight', weight: 500, force: false }))
      t.match(refused.detail, /could not be connected to in time/)
      giveUp({ good: false, reason: 'no connection' })
    })
  },
)

await t.test('what is said meanwhile overtakes a raise that waits for its targets', async (t) => {
  const stable = await apps('well')
  const candidate = await apps('well')
  const { promise: open, resolve } = Promise.withResolvers<void>()
  const connect: Connect = async () => {
    await open
    return { good: true, reason: '' }
  }
  await withNode({ stable, candidate, named: true, connect }, async (node) => {
    const raise = node.ask({ do: 'weight', weight: 500, force: false })
    await node.ask({ do: 'weight', weight: 0, force: false })
    resolve()
    t.equal(problemOf(await raise).code, 'overtaken')
    t.equal(node.row().weight, 0)
    t.ok((await node.ask({ do: 'weight', weight: 700, force: false })).ok)
    t.equal(node.row().weight, 700)
  })
})

await t.test('another reading of the file changes rules and checks while they run', async (t) => {
  const stable = await apps('well', 'error')
  const candidate = await apps('well')
  const play = { stable, candidate }
  await withNode(play, async (node, stateDir) => {
    await new Promise((resolve) => setTimeout(resolve, 100))
    t.equal(stable[1]?.asked.length, 0, 'no checks are configured')
    await node.control.reload(configFor(stateDir, { ...play, healthCheck: CHECK }))
    await until('the check', async () => (await standing(node, 'stable')) === 'healthy checked-out')
    await node.control.reload(configFor(stateDir, { ...play, health: { ejectedShare: 0.5 } }))
    await until('no checks', async () => (await standing(node, 'stable')) === 'healthy healthy')
    const health = { ejectedShare: 0 }
    await node.control.reload(configFor(stateDir, { ...play, healthCheck: CHECK, health }))
    await until('nobody out', async () => (await standing(node, 'stable')) === 'healthy failing')
    t.equal(targetShare(node.board, cellOf(node, 'v1', 1)), 0)
  })
})

await t.test('a target that is added to a version that serves begins slowly', async (t) => {
  const stable = await apps('well')
  const candidate = await apps('well')
  const health = { slowStartMs: 60_000 }
  await withNode({ stable, candidate, health }, async (node) => {
    t.equal(targetShare(node.board, cellOf(node, 'v1', 0)), 0, 'the first ones do not')
    const urls = [stable[0]?.url ?? '', 'http://127.0.0.1:9']
    const answer = await node.ask({ do: 'targets', version: 'v1', targets: urls })
    t.ok(answer.ok)
    t.equal(targetShare(node.board, cellOf(node, 'v1', 0)), 0)
    t.equal(targetShare(node.board, cellOf(node, 'v1', 1)), 100)
    const shares = (await targetsOf(node, 'stable')).map((target: TargetView) => target.share)
    t.same(shares, [1, 0.1])
  })
})
