// Redis is away, or only from one node: traffic is served on, nothing is raised, and whatever was
// taken out stays out when all see each other again.

import t from 'tap'
import { until } from '../../bench/lab/clock.ts'
import type { ServiceView } from '../../src/core/command.ts'
import type { Body } from '../../src/core/fleet/stored.ts'
import { Fleet, type FleetNode, type Problem, WITHIN_MS } from './lab.ts'

const NAMES = 'cut lower apart raced stays bad gone less odd form wrong kept hung calm'
const services = Object.fromEntries(NAMES.split(' ').map((name) => [name, {}]))
const fleet = await Fleet.start(t, { services, relayed: ['a', 'b', 'c'] })
const all = fleet.some()
const [a, b, c] = ['a', 'b', 'c'].map((name) => fleet.node(name)) as [
  FleetNode,
  FleetNode,
  FleetNode,
]

async function stands(nodes: readonly FleetNode[], standing: string): Promise<void> {
  const probe = async (): Promise<true | null> => {
    const seen = await Promise.all(nodes.map((node) => node.fleet()))
    return seen.every((view) => view.standing === standing) ? true : null
  }
  await until(probe, { what: `they are ${standing}`, withinMs: WITHIN_MS })
}

/** Waits until the node has nothing to complain of. */
async function isWell(node: FleetNode): Promise<void> {
  const probe = async (): Promise<true | null> =>
    (await node.node()).degraded.length === 0 ? true : null
  await until(probe, { what: `${node.name} complains of nothing any more`, withinMs: WITHIN_MS })
}

/** Waits until the service has one revision everywhere; how long that took since `from`. */
async function agree(services: readonly string[], from: number): Promise<number> {
  await Promise.all(services.map((service) => fleet.agree(service)))
  return performance.now() - from
}

await t.test(
  'what a node that is cut off aborts is aborted everywhere when it is back',
  async (t) => {
    await fleet.deploy('cut', a)
    await fleet.deploy('lower', a)
    fleet.relay('c').cut()
    await stands([c], 'cut-off')
    const cut = await c.does('POST cut/rollout/abort')
    t.match(cut, { rollout: null, candidate: { weight: 0 } })
    t.strictSame(cut.convergence?.waiting.toSorted(), ['a', 'b'], 'nobody else can have heard')
    t.match(await c.weight('lower', 20), { candidate: { weight: 20 } })
    const { body, status } = await c.api('PUT lower/weight', {
      body: { candidate: 30, force: true },
      ifMatch: (await c.view('lower')).revision,
    })
    t.equal(status, 503)
    t.match(
      (body as Problem).detail,
      /Abort, rollback, pause and a lower weight work on every node/,
    )
    await fleet.leader(['a', 'b'])
    await a.weight('cut', 40, { force: true })
    await b.weight('lower', 45, { force: true })
    t.strictSame(await c.gets('cut', 8), { v1: 8 })

    fleet.relay('c').mend()
    t.comment(`one state after ${await agree(['cut', 'lower'], performance.now())} ms`)
    for (const node of all) {
      t.match(await node.view('cut'), { rollout: null, candidate: { weight: 0 } })
      t.match(await node.view('lower'), { candidate: { weight: 45 } })
      t.strictSame(await node.gets('cut', 8), { v1: 8 })
    }
    const said = c.journal('lower').map(({ text }) => text)
    t.match(
      said.join('\n'),
      /revision \d+ of c does not hold \(v2 .* 20 %.*\): the fleet has decided/,
    )
    const told = await a.told('cut', 'aborted')
    t.match(
      told.map(({ text }) => text).join('\n'),
      /taken out at 40 % as rollout cut-1 had ended on c/,
    )
  },
)

await t.test('what is counted at weights of its own is not held against the fleet', async (t) => {
  await fleet.deploy('apart', a)
  fleet.relay('c').cut()
  await stands([c], 'cut-off')
  await c.gets('apart', 40)
  await c.weight('apart', 20)
  await c.gets('apart', 40)
  const [leader] = await fleet.leader(['a', 'b'])
  await leader.gets('apart', 24)
  const saved = async (least: number): Promise<number> => {
    const probe = async (): Promise<number | null> => {
      const good = await fleet.savedGood('apart')
      return good >= least ? good : null
    }
    return until(probe, { what: `${least} requests are saved`, withinMs: WITHIN_MS })
  }
  t.equal(await saved(24), 24)

  fleet.relay('c').mend()
  await fleet.agree('apart')
  t.match(await leader.view('apart'), { candidate: { weight: 20 } })
  await c.gets('apart', 16)
  t.equal(await saved(40), 40)
})

await t.test('what an abort has overtaken is not answered as done', async (t) => {
  await fleet.deploy('raced', a)
  const [leader, other = leader] = await fleet.leader()
  const seen = (what: string, is: (view: ServiceView) => boolean): Promise<true> =>
    until(async () => (is(await leader.view('raced')) ? true : null), {
      what: `the leader ${what}`,
      withinMs: WITHIN_MS,
    })
  const { revision } = await leader.view('raced')
  fleet.relay(leader.name).hold()
  const asked = leader.api('PUT raced/weight', { body: { candidate: 60 }, ifMatch: revision })
  await seen('has decided', ({ candidate }) => candidate?.weight === 60)
  const aborted = other.does('POST raced/rollout/abort')
  await seen('has heard of the abort', ({ rollout }) => rollout === null)
  fleet.relay(leader.name).release()
  const { body, status } = await asked
  t.equal(status, 409, JSON.stringify(body))
  t.match(body, { type: 'urn:vertex:problem:overtaken' })
  t.match(await aborted, { rollout: null })
  await fleet.agree('raced')
})

await t.test('what was done and is not confirmed is answered as done', async (t) => {
  await fleet.deploy('stays', a)
  const [leader] = await fleet.leader()
  await leader.does('POST stays/rollout/pause')
  fleet.relay(leader.name).hold()
  const { convergence, rollout } = await leader.does('POST stays/rollout/resume')
  fleet.relay(leader.name).release()
  t.equal(rollout?.paused, false)
  t.ok((convergence?.waiting.length ?? 0) > 0)
  await fleet.seen('stays', (view) => view.rollout?.paused === false)
})

await t.test(
  'without Redis all is served, nothing is raised, and each node takes out',
  async (t) => {
    for (const service of ['bad', 'gone', 'less', 'calm']) await fleet.deploy(service, b)
    await fleet.redis.kill()
    await stands(all, 'cut-off')
    fleet.candidate.failing.add('bad.test')
    for (const node of all) {
      t.equal((await node.vertex.ask('GET', '/readyz')).status, 200)
      const { fleet: known } = await until(
        async () => {
          const seen = await node.node()
          const [said = ''] = seen.degraded
          const isOnce = seen.degraded.length === 1
          return isOnce && said.startsWith('Cannot reach Redis at redis:') ? seen : null
        },
        { what: 'it is said, once', withinMs: 60_000 },
      )
      t.ok(known?.awaySince)
      t.match(known?.meaning, /Traffic is served as before, but Redis is away/)
      t.match(known?.mayNotRaise, /Redis (is|has been) away/)
      const { calm } = { calm: await node.gets('calm', 40) }
      t.ok((calm.v1 ?? 0) > 0 && (calm.v2 ?? 0) > 0, 'both versions are served')

      t.match(await node.weight('less', 25), { candidate: { weight: 25 } })
      const deploy = { body: { version: 'v3', targets: ['http://127.0.0.1:9'], replace: true } }
      const refused = await node.api('POST less/rollouts', deploy)
      t.equal(refused.status, 503)
      t.match((refused.body as Problem).detail, /no node leads the fleet: Redis (is|has been) away/)
      await node.getsUntilOut('bad')
      await fleet.seen('bad', ({ ended }) => ended?.ending === 'rolled-back', { nodes: [node] })
    }
    const aborted = await a.does('POST gone/rollout/abort')
    t.strictSame(
      aborted.convergence?.applied.map(({ node }) => node),
      ['a'],
    )
    for (const service of ['bad', 'gone']) t.strictSame(await a.gets(service, 8), { v1: 8 })

    const tampered = performance.now()
    await fleet.redis.start() // with nothing of what it held
    t.comment(`one state after ${await agree(['bad', 'gone', 'less', 'calm'], tampered)} ms`)
    for (const node of all) {
      t.match(await node.view('bad'), { rollout: null, candidate: { weight: 0 } })
      t.match(await node.view('gone'), { rollout: null, candidate: { weight: 0 } })
      t.match(await node.view('less'), { candidate: { weight: 25 } })
      t.match(await node.view('calm'), { candidate: { weight: 50 }, rollout: { paused: false } })
      t.ok((await node.view('bad')).quarantine.v2)
      for (const service of ['bad', 'gone']) t.strictSame(await node.gets(service, 8), { v1: 8 })
      await isWell(node)
    }
    const texts = all.flatMap((node) => node.journal('calm').map(({ text }) => text)).join('\n')
    t.match(texts, /Redis had lost revision \d+ and held .*: . puts it back/)
  },
)

await t.test('a document that cannot be used holds up its own service only', async (t) => {
  for (const service of ['odd', 'form', 'wrong']) await fleet.deploy(service, a)
  await fleet.redis.cli('HSET', 'vertex:{svc:odd}:doc', 'format', '9')
  const formed = JSON.parse(await fleet.redis.cli('HGET', 'vertex:{svc:form}:doc', 'body')) as Body
  const state = { ...formed.document.state, epoch: formed.document.state.epoch + 1, tombstones: {} }
  const body = JSON.stringify({ ...formed, document: { ...formed.document, state } })
  const epoch = String(state.epoch)
  await fleet.redis.cli('HSET', 'vertex:{svc:form}:doc', 'body', body, 'epoch', epoch)
  await fleet.redis.cli('DEL', 'vertex:{svc:wrong}:doc')
  await fleet.redis.cli('SET', 'vertex:{svc:wrong}:doc', 'of somebody else')
  const says = /service odd as this Vertex reads formats up to 1.* is in format 9(.|\n)*is a string/
  const isForm = /service form as its form is not ours/
  for (const node of all) {
    const probe = async (): Promise<true | null> => {
      const { degraded } = await node.node()
      const text = degraded.toSorted().join('\n')
      return degraded.length === 3 && says.test(text) && isForm.test(text) ? true : null
    }
    await until(probe, { what: `${node.name} tells of all, and of no more`, withinMs: 60_000 })
    const served = await node.gets('odd', 40)
    t.ok((served.v1 ?? 0) > 0 && (served.v2 ?? 0) > 0)
  }
  await a.weight('calm', 35)
  const isRefused = async (): Promise<true | null> => {
    const refused = await b.api('POST wrong/rollout/promote', { body: { full: true } })
    const { detail } = refused.body as Problem
    const isSo = refused.status === 503 && /document in Redis cannot be used/.test(detail)
    return isSo ? true : null
  }
  await until(isRefused, { what: 'it is refused as what it is', withinMs: WITHIN_MS })
  for (const node of all) t.match(await node.view('wrong'), { candidate: { weight: 50 } })
  for (const service of ['odd', 'form']) {
    fleet.candidate.failing.add(`${service}.test`)
    for (const node of all) {
      await node.getsUntilOut(service)
      await fleet.seen(service, ({ ended }) => ended?.ending === 'rolled-back', { nodes: [node] })
    }
  }
  t.equal(await fleet.redis.cli('HGET', 'vertex:{svc:odd}:doc', 'format'), '9')
  t.equal(await fleet.redis.cli('GET', 'vertex:{svc:wrong}:doc'), 'of somebody else')

  await fleet.redis.cli('HSET', 'vertex:{svc:odd}:doc', 'format', '1')
  for (const service of ['wrong', 'form']) {
    await fleet.redis.cli('DEL', `vertex:{svc:${service}}:doc`)
  }
  await agree(['odd', 'wrong', 'form'], performance.now())
  for (const node of all) {
    t.match(await node.view('odd'), { rollout: null, candidate: { weight: 0 } })
    t.match(await node.view('form'), { rollout: null, candidate: { weight: 0 } })
    t.match(await node.view('wrong'), { candidate: { weight: 50 } })
    await isWell(node)
  }
})

await t.test('a Redis that hangs delays no abort, and holds what it held', async (t) => {
  await fleet.deploy('hung', a)
  fleet.redis.pause()
  await b.does('POST hung/rollout/abort')
  t.strictSame(await b.gets('hung', 8), { v1: 8 })
  await stands(all, 'cut-off')
  fleet.redis.resume()
  t.comment(`one state after ${await agree(['hung', 'calm'], performance.now())} ms`)
  for (const node of all) t.match(await node.view('hung'), { rollout: null })
})

await t.test('a node that starts without Redis serves by what it knew, or stable', async (t) => {
  await fleet.deploy('kept', a)
  const { candidate: before } = await a.view('calm')
  await fleet.redis.kill()
  await stands(all, 'cut-off')
  const alone = async (): Promise<true | null> =>
    (await c.fleet()).members.some(({ isLive, isSelf }) => isLive && !isSelf) ? null : true
  await until(alone, { what: 'nobody has been heard of for a while', withinMs: WITHIN_MS })
  const { convergence } = await c.does('POST kept/rollout/abort')
  t.strictSame(convergence?.waiting.toSorted(), ['a', 'b'], 'they may serve by something else')
  await c.weight('calm', 30)
  const fresh = await fleet.add(t, 'd', {
    ...services,
    calm: { routing: { stable: 'v1 @ 50%', candidate: 'v2 @ 50%' } },
  })
  await c.end('SIGKILL')
  await Promise.all([c.vertex.start(), fresh.vertex.start()])
  t.match(await c.view('kept'), { rollout: null, candidate: { weight: 0 } })
  t.match(await c.view('calm'), { candidate: { weight: 30 }, rollout: { id: 'calm-1' } })
  t.strictSame(await c.gets('kept', 8), { v1: 8 })
  t.match(await fresh.view('calm'), { stable: { version: 'v1' }, candidate: { weight: 0 } })
  t.strictSame(await fresh.gets('calm', 8), { v1: 8 })
  t.equal((await fresh.vertex.ask('GET', '/readyz')).status, 200)

  await fleet.redis.start()
  await agree(['kept', 'calm'], performance.now())
  const { candidate: calm } = await a.view('calm')
  for (const node of fleet.some()) {
    t.match(await node.view('kept'), { rollout: null, candidate: { weight: 0 } })
    t.match(await node.view('calm'), { candidate: { weight: calm?.weight } })
    t.strictSame(await node.gets('kept', 8), { v1: 8 })
  }
  // Whoever was first has put back what he knew.
  const said = c.journal('calm').map(({ text }) => text)
  const isLost = said.some((text) => /of c does not hold \(v2 .* 30 %/.test(text))
  t.equal(calm?.weight, isLost ? before?.weight : 30)
})

await t.test('no node has failed of its own', (t) => {
  t.strictSame(fleet.faults(), [])
  t.end()
})
