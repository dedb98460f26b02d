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

const SERVICE = {
  health_check: { path: '/health', interval: '100ms', timeout: '100ms' },
  deploy_strategy: {
    steps: [
      { weight: '30%', observe: 0 },
      { weight: '100%', observe: 0 },
    ],
    gate: [{ synthetic: 'checkout' }],
    ...{ rollback_trigger: { mode: 'threshold', min_requests: 1 }, min_requests: 1, bake: 0 },
  },
}

/** The node, its customers, and what an operator tries. */
class Town {
  readonly stable: Shop
  readonly candidate: Shop
  readonly vertex: Vertex
  #customers: Customers | null = null

  private constructor(stable: Shop, candidate: Shop) {
    this.stable = stable
    this.candidate = candidate
    const versions = { v1: { targets: [stable.url] }, v2: { targets: [candidate.url] } }
    this.vertex = new Vertex({
      ...{ listen: '127.0.0.1:0', admin: '127.0.0.1:0', threads: 1 },
      services: {
        shop: { ...SERVICE, versions, routing: { stable: 'v1', candidate: 'v2 @ 20%' } },
        // Nobody is stable here, so there is nobody else to serve.
        fresh: { ...SERVICE, versions, match: { path: '/fresh' }, routing: { stable: 'none' } },
      },
    })
    mkdirSync(path.join(this.vertex.folder, 'scenarios'))
    const file = path.join(this.vertex.folder, 'scenarios', 'checkout.yaml')
    writeFileSync(file, JSON.stringify(SCENARIO))
  }

  static async open(): Promise<Town> {
    const town = new Town(await Shop.start(), await Shop.start())
    town.candidate.broken = true
    await town.vertex.start()
    town.#customers = new Customers(town.vertex, 4)
    return town
  }

  get served(): number {
    return this.#customers?.served ?? 0
  }

  change(at: string, body: unknown = {}): Promise<unknown> {
    return this.vertex.ask('POST', `/v1/services/shop/${at}`, { body })
  }

  deploy(): Promise<unknown> {
    return this.change('rollouts', { version: 'v2' })
  }

  weight(candidate: number, ifMatch?: number): Promise<unknown> {
    const match = ifMatch === undefined ? {} : { ifMatch }
    return this.vertex.ask('PUT', '/v1/services/shop/weight', { body: { candidate }, ...match })
  }

  /** Waits until a service is so. */
  seen(name: string, is: (view: ServiceView) => boolean): Promise<ServiceView> {
    const probe = async (): Promise<ServiceView | null> => {
      const view = await this.vertex.service(name)
      return is(view) ? view : null
    }
    return until(probe, { what: `${name} is so`, withinMs: 60_000 })
  }

  /** Deploys, and is back while the gate waits for an answer: there is time to do something. */
  async amidGate(): Promise<ServiceView> {
    this.candidate.hangs = true
    await this.deploy()
    return this.seen('shop', ({ rollout }) => rollout?.gates != null)
  }

  async close(): Promise<void> {
    await this.#customers?.end()
    await this.vertex.end('SIGKILL')
    await Promise.all([this.stable.stop(), this.candidate.stop()])
  }
}

/** What is tried, in words, and how; each must come to an end without a customer. */
const ATTEMPTS: Readonly<Record<string, (town: Town) => Promise<unknown>>> = {
  'a weight in the file of a fresh node': async () => undefined,
  'a rollout': (town) => town.deploy(),
  'a promotion to the next step': async (town) => {
    await town.amidGate()
    await town.change('rollout/promote')
  },
  'a pause and its end': async (town) => {
    await town.amidGate()
    await town.change('rollout/pause')
    town.candidate.hangs = false
    await town.change('rollout/resume')
  },
  'a weight by hand': (town) => town.weight(50),
  'a weight by hand in a rollout, and an abort': async (town) => {
    const { revision } = await town.amidGate()
    await town.weight(50, revision)
    town.candidate.hangs = false
    await town.seen('shop', ({ rollout }) => rollout?.gates == null)
    await town.change('rollout/abort')
  },
  'a kill -9 amid the gate': async (town) => {
    await town.amidGate()
    await town.vertex.end('SIGKILL')
    town.candidate.hangs = false
    await town.vertex.start()
  },
}

await t.test('a candidate whose transaction fails meets nobody, until it is mended', async (t) => {
  const town = await Town.open()
  const { candidate, vertex } = town
  for (const [what, attempt] of Object.entries(ATTEMPTS)) {
    await attempt(town)
    candidate.hangs = false
    await town.seen('shop', ({ ended, rollout }) => rollout === null && ended !== null)
    t.equal(candidate.seen.live, 0, `${what}: no customer met it`)
  }
  const { reason } = (await vertex.service('shop')).ended ?? {}
  t.match(reason, /gate "checkout" before 30 % was not passed: /)

  await vertex.ask('POST', '/v1/services/fresh/rollouts', { body: { version: 'v2' } })
  await town.seen('fresh', ({ ended }) => ended !== null)
  const nobody = await fetch(`${vertex.url}/fresh`)
  t.equal(nobody.status, 503, 'where nobody is stable, nobody serves')
  t.equal(candidate.seen.live, 0, 'the first deploy of a service: no customer met it')

  t.ok(candidate.seen.health > 20, `its health was well all the time: ${candidate.seen.health}`)
  t.ok(candidate.seen.synthetic > 20, `it was tried: ${candidate.seen.synthetic}`)
  t.ok(town.served > 100, `customers were served: ${town.served}`)

  candidate.broken = false
  await town.deploy()
  const isLive = (): true | null => (candidate.seen.live > 0 ? true : null)
  await until(isLive, { what: 'the mended candidate meets customers', withinMs: 60_000 })
  await town.close()
})
