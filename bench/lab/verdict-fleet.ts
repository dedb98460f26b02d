// Many services in one Vertex, all rolling out at the same time under a steady load: how a verdict
// is measured fifty times in minutes. Each service has a stable of some origins and candidates of
// some others, and gets the same number of requests a second.
//
// A batch is one rollout of each service. Its version has a name of its own, as one that was
// rolled back may not be deployed again.

import type { ServiceView } from '../../src/core/command.ts'
import type { JournalEntry } from '../../src/core/journal.ts'
import { monotonicMs, monotonicOfWall, sleep, until } from './clock.ts'
import { type Load, type LoadSummary, startLoad, summarise } from './load.ts'
import type { Behaviour, OriginCounts } from './origin.ts'
import { type LabConfig, labConfig, startVertex, type Vertex } from './vertex.ts'
import { type Origins, startOrigins } from './verdict-origins.ts'

const STABLE = 'v1'
/** So long does stable serve alone: its p99 is then taken from 1,000 requests or more. */
const ALONE_REQUESTS = 1200
/** After it the window of a minute has forgotten the start, when everything is slow. */
export const SETTLED_MS = 65_000

export interface FleetOptions {
  readonly services: number
  /** Requests a second and service. */
  readonly rate: number
  readonly connections: number
  /** Origins of stable and of the candidate in each service; default 1. */
  readonly stableTargets?: number
  readonly candidateTargets?: number
  /** Of both, until they are told otherwise. */
  readonly behaviour: Behaviour
  readonly strategy: Pick<LabConfig, 'steps' | 'bakeMs' | 'warmUpMs' | 'latency'>
  readonly timeouts?: Readonly<Record<string, string>>
  /** How long stable serves alone; by default just long enough for a latency test. */
  readonly aloneMs?: number
}

/** One service and the numbers of its origins. */
export interface FleetService {
  readonly name: string
  readonly stable: readonly number[]
  readonly candidate: readonly number[]
}

/** The end of one rollout, null while it goes on. */
export type Ending = NonNullable<ServiceView['ended']>['ending']

export interface Outcome {
  readonly service: FleetService
  readonly ending: Ending | null
  readonly view: ServiceView
  /** What the candidate's origins saw since they were last reset. */
  readonly counts: OriginCounts
}

function sumOf(counts: readonly OriginCounts[]): OriginCounts {
  const sum = (of: (one: OriginCounts) => number): number =>
    counts.reduce((total, one) => total + of(one), 0)
  const firsts = counts.map(({ firstMs }) => firstMs).filter((ms) => !Number.isNaN(ms))
  return {
    requests: sum(({ requests }) => requests),
    failures: sum(({ failures }) => failures),
    hung: sum(({ hung }) => hung),
    firstMs: firsts.length === 0 ? Number.NaN : Math.min(...firsts),
  }
}

function configOf(
  options: FleetOptions,
  parts: { services: readonly FleetService[]; origins: Origins },
): unknown {
  const { admin, deploy_strategy, listen, threads, timeouts } = labConfig({
    ...options.strategy,
    versions: {},
    stable: STABLE,
  }) as Record<string, unknown>
  const services = parts.services.map(({ name, stable }) => [
    name,
    {
      match: [{ path: `/${name}` }],
      versions: { [STABLE]: { targets: stable.map((at) => parts.origins.urls[at]) } },
      routing: { stable: `${STABLE} @ 100%` },
      deploy_strategy,
    },
  ])
  return {
    ...{ admin, listen, threads },
    timeouts: { ...(timeouts as object), ...options.timeouts },
    services: Object.fromEntries(services),
  }
}

export class Fleet {
  readonly services: readonly FleetService[]
  readonly origins: Origins
  readonly vertex: Vertex
  readonly #load: Load
  #journalRead: readonly JournalEntry[] = []

  private constructor(parts: {
    services: readonly FleetService[]
    origins: Origins
    vertex: Vertex
    load: Load
  }) {
    this.services = parts.services
    this.origins = parts.origins
    this.vertex = parts.vertex
    this.#load = parts.load
  }

  /** Starts all of it; resolves when stable has served long enough to be compared with. */
  static async start(options: FleetOptions): Promise<Fleet> {
    const { behaviour, candidateTargets = 1, connections, rate, stableTargets = 1 } = options
    const each = stableTargets + candidateTargets
    const services = Array.from({ length: options.services }, (_, at) => ({
      name: `s${at}`,
      stable: Array.from({ length: stableTargets }, (__, i) => at * each + i),
      candidate: Array.from({ length: candidateTargets }, (__, i) => at * each + stableTargets + i),
    }))
    const versions = services.flatMap(({ candidate, stable }) => [
      ...stable.map(() => 'stable'),
      ...candidate.map(() => 'candidate'),
    ])
    const origins = await startOrigins({ versions })
    await origins.behave([...versions.keys()], behaviour)
    const vertex = await startVertex(configOf(options, { services, origins }))
    const load = await startLoad({
      port: vertex.port,
      rate: rate * services.length,
      connections,
      paths: services.map(({ name }) => `/${name}`),
      timeoutMs: 60_000,
    })
    await sleep(options.aloneMs ?? (ALONE_REQUESTS / rate) * 1000)
    return new Fleet({ services, origins, vertex, load })
  }

  /** Deploys a version in all services. */
  async deploy(version: string): Promise<void> {
    await Promise.all(
      this.services.map(({ candidate, name }) => {
        const targets = candidate.map((at) => this.origins.urls[at])
        const body = { version, targets }
        return this.vertex.change('POST', `/v1/services/${name}/rollouts`, { body })
      }),
    )
  }

  /** The same change in all services, such as `rollout/abort`. */
  async change(what: string, body: object = {}): Promise<void> {
    await Promise.all(
      this.services.map(({ name }) =>
        this.vertex.change('POST', `/v1/services/${name}/${what}`, { body }),
      ),
    )
  }

  async views(): Promise<readonly ServiceView[]> {
    const { body } = await this.vertex.change('GET', '/v1/services')
    return (body as { services: readonly ServiceView[] }).services
  }

  /** Waits until something holds for all services; after `withinMs` says for which it does not. */
  async reach(
    holds: (view: ServiceView) => boolean,
    options: { what: string; withinMs: number },
  ): Promise<readonly string[]> {
    let left: readonly string[] = []
    const probe = async (): Promise<true | null> => {
      left = (await this.views()).filter((view) => !holds(view)).map(({ name }) => name)
      return left.length === 0 ? true : null
    }
    await until(probe, { ...options, everyMs: 100 }).catch(() => undefined)
    return left
  }

  /** Waits until all candidates have this weight in percent, or have been taken out again. */
  async atWeight(percent: number): Promise<void> {
    const holds = ({ candidate, rollout }: ServiceView): boolean =>
      rollout === null || candidate?.weight === percent
    const left = await this.reach(holds, { what: `${percent} %`, withinMs: 20_000 })
    if (left.length > 0) throw new Error(`Cannot go on as ${left.join()} do not get ${percent} %`)
  }

  /** How the rollouts of all services have ended; those that go on after `withinMs` have not. */
  async outcomes(withinMs: number): Promise<readonly Outcome[]> {
    await this.reach(({ rollout }) => rollout === null, { what: 'the ends', withinMs })
    const views = new Map((await this.views()).map((view) => [view.name, view]))
    const outcomes: Outcome[] = []
    for (const service of this.services) {
      const view = views.get(service.name)
      if (view === undefined) throw new Error(`Cannot go on as ${service.name} is gone`)
      const counts = sumOf(await this.origins.counts(service.candidate))
      const ending = view.rollout === null ? (view.ended?.ending ?? null) : null
      outcomes.push({ service, ending, view, counts })
    }
    return outcomes
  }

  /** Reads the journal once; `entries` tells of it. */
  readJournal(): void {
    this.#journalRead = this.vertex.journal()
  }

  /** What the journal says of a service's rollout of a version, from its deployment on. */
  entries(service: string, version: string): readonly JournalEntry[] {
    const mine = this.#journalRead.filter((entry) => entry.service === service)
    const from = mine.findLastIndex(
      ({ kind, text }) => kind === 'rollout' && ` ${text} `.includes(` ${version} `),
    )
    return from === -1 ? [] : mine.slice(from)
  }

  /** Ends all of it; returns what the clients saw, and their first complaints. */
  async end(): Promise<LoadSummary & { readonly messages: readonly string[] }> {
    const result = await this.#load.stop()
    await Promise.all([this.vertex.end(), this.origins.end()])
    return { ...summarise(result), messages: result.messages }
  }
}

/** The monotonic time of a journal entry, in milliseconds. */
export function timeOf(entry: JournalEntry): number {
  return monotonicOfWall(Date.parse(entry.at))
}

/** Says how far something has come, with the time it took. */
export function took(sinceMs: number): string {
  return `${((monotonicMs() - sinceMs) / 1000).toFixed(0)} s`
}
