// VertexClient: the whole admin API as typed calls, for programs that deploy with Vertex. Each
// call is one request; what the node refuses is a VertexError, and when no answer came it is a
// VertexUnreachable. This file knows the paths and nothing of how they are asked.
//
// It runs on every Node from 20 on and needs nothing but fetch, so of the rest of Vertex it takes
// types only: what the node sends is what core/ says.

import type { NodeView, ServiceView } from '../core/command.ts'
import type { FleetEntry, FleetView } from '../core/fleet/view.ts'
import type { JournalEntry } from '../core/journal.ts'
import type { SyntheticReport } from '../core/synthetic.ts'
import { signalsOf } from './deadline.ts'
import { VertexError, VertexUnreachable } from './errors.ts'
import { follow } from './follow.ts'
import type {
  CallOptions,
  Changed,
  ChangeOptions,
  ClientOptions,
  DeployOptions,
  EventsOptions,
  FleetJournalOptions,
  JournalOptions,
  JournalPage,
  OpenApiDocument,
  PromoteOptions,
  Readiness,
  RollbackOptions,
  ServiceOptions,
  SyntheticTransaction,
  WeightOptions,
} from './options.ts'
import { type Asked, Transport } from './transport.ts'

export type {
  EndedView,
  NodeView,
  RolloutView,
  ServiceView,
  TargetView,
  ThreadView,
  VersionStats,
  VersionTotals,
  VersionView,
} from '../core/command.ts'
export type {
  EvidenceView,
  Explanation,
  FailureView,
  ProofView,
  RiskView,
} from '../core/explanation.ts'
export type { Standing } from '../core/fleet/standing.ts'
export type { Convergence, FleetEntry, FleetView, MemberView } from '../core/fleet/view.ts'
export type { JournalEntry, JournalKind } from '../core/journal.ts'
export type {
  Assertion,
  AssertionResult,
  HealthResult,
  LatencySummary,
  Metric,
  StepReport,
  SyntheticReport,
} from '../core/synthetic.ts'
export type { ProblemDocument } from './errors.ts'
export type {
  CallOptions,
  Changed,
  ChangeOptions,
  ClientOptions,
  DeployOptions,
  EventsOptions,
  FleetJournalOptions,
  JournalOptions,
  JournalPage,
  OpenApiDocument,
  PromoteOptions,
  Readiness,
  RollbackOptions,
  ServiceOptions,
  SyntheticTransaction,
  WeightOptions,
}
export { VertexError, VertexUnreachable }

/** A run can take minutes; fetch itself waits no longer than five for an answer to begin. */
const SYNTHETIC_TIMEOUT_MS = 300_000
const RECONNECTS = 10

/** The query, with what is given of it. */
function queryOf(members: Readonly<Record<string, string | number | undefined>>): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(members)) {
    if (value !== undefined) query.set(name, String(value))
  }
  return query.size === 0 ? '' : `?${query.toString()}`
}

/**
 * A client of one node. It holds no connection of its own and need not be closed.
 *
 * Calls reject with a VertexError when the node refuses, with a VertexUnreachable when no answer
 * came, and with the reason of their signal when that aborts. None is sent a second time.
 */
export class VertexClient {
  readonly #transport: Transport
  readonly #service: string

  /** Throws a TypeError or RangeError for options with which nothing can be asked. */
  constructor(options: ClientOptions = {}) {
    this.#transport = new Transport(options)
    this.#service = options.service ?? 'default'
  }

  #path({ service = this.#service }: ServiceOptions, below: string): string {
    return `/v1/services/${encodeURIComponent(service)}${below}`
  }

  /** A change of a service; `path` is below the service. */
  #change(
    change: Pick<Asked, 'method' | 'path' | 'body'>,
    options: ChangeOptions,
  ): Promise<Changed> {
    const { method, path, body = {} } = change
    const { ifMatch } = options
    const asked = { method, path: this.#path(options, path), body, ifMatch, changes: true }
    return this.#transport.json(asked, options)
  }

  // --- services -------------------------------------------------------------------------------

  /** All services of the node. */
  async services(options: CallOptions = {}): Promise<readonly ServiceView[]> {
    const asked: Asked = { method: 'GET', path: '/v1/services' }
    const answer = await this.#transport.json<{ services: readonly ServiceView[] }>(asked, options)
    return answer.services
  }

  /** One service: its versions, their weights in percent, and its rollout. */
  service(name = this.#service, options: CallOptions = {}): Promise<ServiceView> {
    const path = this.#path({ service: name }, '')
    return this.#transport.json({ method: 'GET', path }, options)
  }

  /**
   * Sets the split by hand, which pauses a rollout.
   *
   * @param percent the candidate's share, 0 to 100 with at most two decimals
   */
  setWeight(percent: number, options: WeightOptions = {}): Promise<Changed> {
    const body = { candidate: percent, force: options.force }
    return this.#change({ method: 'PUT', path: '/weight', body }, options)
  }

  // --- rollouts -------------------------------------------------------------------------------

  /** Registers a version as the candidate and starts its rollout. */
  deploy(version: string, options: DeployOptions = {}): Promise<Changed> {
    const { targets, replace, strategy } = options
    const body = { version, targets, replace, strategy }
    return this.#change({ method: 'POST', path: '/rollouts', body }, options)
  }

  /** To the next step now, or with `full` to 100 %; at 100 % it ends the bake. */
  promote(options: PromoteOptions = {}): Promise<Changed> {
    const body = { full: options.full }
    return this.#change({ method: 'POST', path: '/rollout/promote', body }, options)
  }

  /** The rollout stands still at its weight; the verdict stays armed. */
  pause(options: ChangeOptions = {}): Promise<Changed> {
    return this.#change({ method: 'POST', path: '/rollout/pause' }, options)
  }

  /** A paused rollout goes on. */
  resume(options: ChangeOptions = {}): Promise<Changed> {
    return this.#change({ method: 'POST', path: '/rollout/resume' }, options)
  }

  /** Ends the rollout with all traffic on stable, at once. */
  abort(options: ChangeOptions = {}): Promise<Changed> {
    return this.#change({ method: 'POST', path: '/rollout/abort' }, options)
  }

  /** Aborts a rollout; after a promotion it swaps back to the previous stable. */
  rollback(options: RollbackOptions = {}): Promise<Changed> {
    const body = { force: options.force }
    return this.#change({ method: 'POST', path: '/rollback', body }, options)
  }

  // --- versions -------------------------------------------------------------------------------

  /** Lifts the quarantine of a version, so that it can be deployed again. */
  retry(version: string, options: ChangeOptions = {}): Promise<Changed> {
    const path = `/quarantine/${encodeURIComponent(version)}`
    return this.#change({ method: 'DELETE', path }, options)
  }

  /**
   * Replaces the targets of a version: scaling one needs no rollout.
   *
   * @param targets `http://host:port`, at least one
   */
  setTargets(
    version: string,
    targets: readonly string[],
    options: ChangeOptions = {},
  ): Promise<Changed> {
    const path = `/versions/${encodeURIComponent(version)}/targets`
    return this.#change({ method: 'PUT', path, body: { targets } }, options)
  }

  /**
   * Sends synthetic transactions straight to a version, whatever its weight, and resolves with the
   * report when they have ended, whether it passed or not: `result` is the verdict. `timeoutMs` is
   * 300,000 by default, whatever that of the client; when the signal aborts nobody waits any more.
   */
  runSyntheticTransaction(transaction: SyntheticTransaction): Promise<SyntheticReport> {
    const { version, scenario, assertions, rate, duration, signal, timeoutMs } = transaction
    const asked: Asked = {
      method: 'POST',
      path: this.#path(transaction, '/synthetic'),
      body: { version, scenario, assertions, rate, duration },
    }
    const limits = { signal, timeoutMs: timeoutMs ?? SYNTHETIC_TIMEOUT_MS }
    return this.#transport.json(asked, limits)
  }

  // --- journal --------------------------------------------------------------------------------

  /** A page of the journal: decisions with their evidence. */
  journal(options: JournalOptions = {}): Promise<JournalPage> {
    const { service, after, limit, kinds } = options
    const query = queryOf({ service, after, limit, kind: kinds?.join(',') })
    return this.#transport.json({ method: 'GET', path: `/v1/journal${query}` }, options)
  }

  /**
   * Decisions as they are taken. A connection that is lost is opened again and goes on behind the
   * last entry, so that none is missed or told twice; after `reconnects` failures in a row the
   * iteration throws what the last one was. It ends by `break`, or without an error when the
   * signal aborts.
   */
  events(options: EventsOptions = {}): AsyncGenerator<JournalEntry, void, undefined> {
    const { service, after, signal, reconnects = RECONNECTS } = options
    if (!Number.isInteger(reconnects) || reconnects < 0) {
      throw new RangeError(
        `Cannot follow events as reconnects must be a whole number from 0: current value is ${reconnects}`,
      )
    }
    return follow(this.#transport, {
      path: `/v1/events${queryOf({ service, after })}`,
      after: after ?? null,
      timeoutMs: this.#transport.timeoutOf(options),
      reconnects,
      signals: [...this.#transport.signals, ...signalsOf(signal)],
    })
  }

  // --- the fleet ------------------------------------------------------------------------------

  /** The fleet as the node sees it; 404 `no-fleet` when it works alone. */
  fleet(options: CallOptions = {}): Promise<FleetView> {
    return this.#transport.json({ method: 'GET', path: '/v1/fleet' }, options)
  }

  /**
   * The newest decisions about a service of all nodes, as the fleet learned of them; `seq` is a
   * node's.
   */
  async fleetJournal(options: FleetJournalOptions = {}): Promise<readonly FleetEntry[]> {
    const { service = this.#service, limit } = options
    const path = `/v1/fleet/journal${queryOf({ service, limit })}`
    const asked: Asked = { method: 'GET', path }
    const answer = await this.#transport.json<{ entries: readonly FleetEntry[] }>(asked, options)
    return answer.entries
  }

  // --- the node -------------------------------------------------------------------------------

  /** The node: its threads, and what does not work as it should. */
  node(options: CallOptions = {}): Promise<NodeView> {
    return this.#transport.json({ method: 'GET', path: '/v1/node' }, options)
  }

  /** Resolves when the process answers. */
  async livez(options: CallOptions = {}): Promise<void> {
    await this.#transport.text({ method: 'GET', path: '/livez' }, options)
  }

  /** Whether traffic should come to this node; a node that is not ready is no error. */
  async readyz(options: CallOptions = {}): Promise<Readiness> {
    try {
      await this.#transport.text({ method: 'GET', path: '/readyz' }, options)
      return { ready: true, detail: '' }
    } catch (error) {
      if (!(error instanceof VertexError) || error.status !== 503) throw error
      return { ready: false, detail: error.detail }
    }
  }

  /** Metrics in the Prometheus text form. */
  metrics(options: CallOptions = {}): Promise<string> {
    return this.#transport.text({ method: 'GET', path: '/metrics' }, options)
  }

  /** The contract of the API, as this node has it. */
  openapi(options: CallOptions = {}): Promise<OpenApiDocument> {
    return this.#transport.json({ method: 'GET', path: '/openapi.json' }, options)
  }
}
