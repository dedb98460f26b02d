// A candidate that looks well and is not: its /health says 200 at all times, and whoever tries to
// check out gets a 500. With a synthetic transaction as the gate it must never meet a customer,
// whatever an operator tries short of force, in every phase, and however often the node is killed.
// At the end it is mended, and goes live: so it was the gate that held it back.

import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { sleep, until } from '../../bench/lab/clock.ts'
import { Vertex } from '../../bench/lab/vertex.ts'
import type { ServiceView } from '../../src/core/command.ts'

/** An app with a health check, a shop window, and a till that may be broken. */
class Shop {
  broken = false
  /** While set, the till does not answer at all. */
  hangs = false
  readonly seen = { live: 0, health: 0, synthetic: 0 }
  readonly #server: Server

  private constructor() {
    this.#server = createServer((request, response) => {
      const isSynthetic = request.headers['x-vertex-synthetic'] !== undefined
      if (request.url === '/health') this.seen.health++
      else if (isSynthetic) this.seen.synthetic++
      else this.seen.live++
      if (isSynthetic && this.hangs) return
      const fails = this.broken && request.url === '/checkout'
      request.resume().on('end', () => response.writeHead(fails ? 500 : 200).end('{"ok":true}'))
    })
  }

  static async start(): Promise<Shop> {
    const shop = new Shop()
    await new Promise<void>((resolve) => shop.#server.listen(0, '127.0.0.1', resolve))
    return shop
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}

const SCENARIO = {
  ...{ rate: 20, duration: '200ms', timeout: '1s' },
  steps: [{ path: '/' }, { method: 'POST', path: '/checkout', expect: { json: { '$.ok': true } } }],
}

/** Customers come all the time, also while the node is away. */
class Customers {
  served = 0
  #going = true
  readonly #done: Promise<unknown>

  constructor(vertex: Vertex, count: number) {
    const come = async (): Promise<void> => {
      while (this.#going) {
        // It may be away, as it is being restarted.
        const answer = await fetch(vertex.url).catch(() => null)
        if (answer?.status === 200) this.served++
        await answer?.arrayBuffer().catch(() => undefined)
        await sleep(2)
      }
    }
    this.#done = Promise.all(Array.from({ length: count }, come))
  }

  async end(): Promise<void> {
    this.#going = false
    await this.#done
  }
}

await t.test('a candidate whose transaction fails meets nobody, until it is mended', async (t) => {
  const [stable, candidate] = [await Shop.start(), await Shop.start()]
  candidate.broken = true
  const service = {
    versions: { v1: { targets: [stable.url] }, v2: { targets: [candidate.url] } },
    health_check: { path: '/health', interval: '100ms', timeout: '100ms' },
    deploy_strategy: {
      steps: [
        { weight: '30%', observe: 0 },
        { weight: '100%', observe: 0 },
      ],
      gate: [{ synthetic: 'checkout' }],
      ...{ rollback_trigger: { mode: 'threshold', min_requests: 1 }, min_requests: 1 },
      ...{ warm_up: 0, bake: 0 },
    },
  }
  const vertex = new Vertex({
    ...{ listen: '127.0.0.1:0', admin: '127.0.0.1:0', threads: 1 },
    services: {
      shop: { ...service, routing: { stable: 'v1', candidate: 'v2 @ 20%' } },
      // Nobody is stable here, so there is nobody else to serve.
      fresh: { ...service, match: { path: '/fresh' }, routing: { stable: 'none' } },
    },
  })
  mkdirSync(path.join(vertex.folder, 'scenarios'))
  const file = path.join(vertex.folder, 'scenarios', 'checkout.yaml')
  writeFileSync(file, JSON.stringify(SCENARIO))
  await vertex.start()
  const customers = new Customers(vertex, 4)

  const view = (): Promise<ServiceView> => vertex.service('shop')
  const change = (at: string, body: unknown = {}): Promise<unknown> =>
    vertex.ask('POST', `/v1/services/shop/${at}`, { body })
  const deploy = (): Promise<unknown> => change('rollouts', { version: 'v2' })
  const ended = async (what: string): Promise<ServiceView> => {
    const probe = async (): Promise<ServiceView | null> => {
      const now = await view()
      return now.rollout === null && now.ended !== null ? now : null
    }
    const now = await until(probe, { what, withinMs: 10_000 })
    t.equal(candidate.seen.live, 0, `${what}: no customer met it`)
    return now
  }
  /** The first report of a gate that hangs is late: there is time to do something. */
  const amidGate = async (what: string): Promise<void> => {
    candidate.hangs = true
    await deploy()
    const seen = async (): Promise<true | null> =>
      (await view()).rollout?.gates == null ? null : true
    await until(seen, { what: `the gate (${what})`, withinMs: 10_000 })
  }

  const first = await ended('a weight in the file of a fresh node')
  t.match(first.ended?.reason, /gate "checkout" before 20 % was not passed: /)

  await deploy()
  await ended('a rollout')

  await amidGate('promote')
  await change('rollout/promote')
  candidate.hangs = false
  await ended('a promotion to the next step')

  await amidGate('pause')
  await change('rollout/pause')
  candidate.hangs = false
  await change('rollout/resume')
  await ended('a pause and its end')

  await vertex.ask('PUT', '/v1/services/shop/weight', { body: { candidate: 50 } })
  await ended('a weight by hand')

  await amidGate('weight in a rollout')
  const { revision } = await view()
  await vertex.ask('PUT', '/v1/services/shop/weight', {
    ...{ body: { candidate: 50 }, ifMatch: revision },
  })
  candidate.hangs = false
  const dropped = async (): Promise<true | null> =>
    (await view()).rollout?.gates == null ? true : null
  await until(dropped, { what: 'the gate of a weight by hand', withinMs: 10_000 })
  await change('rollout/abort')
  await ended('a weight by hand in a rollout, and an abort')

  for (const when of ['amid the gate', 'again amid the gate']) {
    await amidGate(when)
    await vertex.end('SIGKILL')
    candidate.hangs = when !== 'again amid the gate'
    await vertex.start()
    if (candidate.hangs) candidate.hangs = false
    await ended(`a kill -9 ${when}`)
  }

  await vertex.ask('POST', '/v1/services/fresh/rollouts', { body: { version: 'v2' } })
  const isOver = async (): Promise<true | null> =>
    (await vertex.service('fresh')).ended === null ? null : true
  await until(isOver, { what: 'the first deploy of a service', withinMs: 10_000 })
  const nobody = await fetch(`${vertex.url}/fresh`)
  t.equal(nobody.status, 503, 'where nobody is stable, nobody serves')
  t.equal(candidate.seen.live, 0, 'not even where there is no other')

  t.ok(candidate.seen.health > 20, `its health was well all the time: ${candidate.seen.health}`)
  t.ok(candidate.seen.synthetic > 20, `it was tried: ${candidate.seen.synthetic}`)
  t.ok(customers.served > 100, `customers were served: ${customers.served}`)

  candidate.broken = false
  await deploy()
  const live = async (): Promise<true | null> => (candidate.seen.live > 0 ? true : null)
  await until(live, { what: 'the mended candidate meets customers', withinMs: 10_000 })
  await customers.end()
  await vertex.end('SIGKILL')
  await Promise.all([stable.stop(), candidate.stop()])
})
