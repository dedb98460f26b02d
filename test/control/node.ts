// A control side under test: the real board in shared memory, a real state directory, a webhook
// that listens on loopback. The test plays the edge threads by counting on the board; tables are
// acknowledged when the test lets them be.

import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { currentAssignment } from '../../src/board/assignment.ts'
import { type Board, createBoard, wakeControl } from '../../src/board/board.ts'
import { TALLY } from '../../src/board/layout.ts'
import { count } from '../../src/board/tallies.ts'
import type { Config, ReceiverConfig } from '../../src/config/config.ts'
import type { Connect } from '../../src/control/check-request.ts'
import { Control } from '../../src/control/control.ts'
import type { MirrorPort, SyntheticPort } from '../../src/control/gates/ports.ts'
import type { Answer, Change, ServiceView } from '../../src/core/command.ts'
import type { HealthRules } from '../../src/core/health.ts'
import { type JournalEntry, readJournal } from '../../src/core/journal.ts'
import { outcomeIndex } from '../../src/core/outcome.ts'
import type { Strategy } from '../../src/core/strategy.ts'
import type { Table } from '../../src/core/table.ts'

/** Steps that end by time, for tests that are about something else than the verdict. */
export const BY_TIME = { mode: 'threshold', minRequests: 0 } as const

export const STRATEGY: Strategy = {
  type: 'canary',
  steps: [
    { weight: 500, observeMs: 60_000 },
    { weight: 10_000, observeMs: 0 },
  ],
  gates: [],
  onGateFailure: 'rollback',
  bakeMs: 60_000,
  warmUpMs: 0,
  warmUpRequests: 0,
  minRequests: 30,
  beta: 0.05,
  harmBudget: 10,
  maxHoldMs: 600_000,
  onInconclusive: 'pause',
  suspicion: 10,
  retainMs: 3_600_000,
  trigger: {
    mode: 'evidence',
    errorRateThreshold: 0.001,
    p99LatencyIncrease: 0.2,
    alpha: 0.01,
    maxUserErrors: null,
    minRequests: 100,
    windowMs: 60_000,
  },
}

const HEALTH: HealthRules = {
  failures: 5,
  ejectionMs: 30_000,
  longestEjectionMs: 300_000,
  ejectedShare: 0.5,
  slowStartMs: 0,
}

export interface ConfigChoices {
  readonly stateDir: string
  readonly pageUrl?: string
  readonly receivers?: readonly ReceiverConfig[]
  readonly strategy?: Partial<Strategy>
  readonly candidate?: string | null
  readonly weight?: number
  readonly services?: readonly string[]
}

/** A config as the loader would have made it. */
export function configOf(choices: ConfigChoices): Config {
  const { candidate = null, receivers = [], services = ['shop'], weight = 0 } = choices
  return {
    file: join(choices.stateDir, 'vertex.yaml'),
    listen: { host: '127.0.0.1', port: 0 },
    admin: { host: '127.0.0.1', port: 0 },
    adminToken: null,
    threads: 2,
    stateDir: choices.stateDir,
    timeouts: {
      connectMs: 1000,
      responseHeadMs: 30_000,
      responseIdleMs: 30_000,
      requestHeadMs: 10_000,
      requestIdleMs: 30_000,
      keepAliveMs: 60_000,
      upstreamIdleMs: 4000,
      tunnelIdleMs: 3_600_000,
      tunnelDrainMs: 1000,
      drainDelayMs: 0,
      drainMs: 1000,
    },
    limits: {
      headBytes: 32_768,
      targetBytes: 8192,
      headerLines: 100,
      responseHeadBytes: 65_536,
      responseHeaderLines: 200,
      connections: 1000,
      inFlightPerTarget: 100,
      connectionsPerTarget: 100,
      waitingPerTarget: 100,
      keptBodyBytes: 65_536,
      interimResponses: 16,
    },
    trustedProxies: [],
    upgradeProtocols: ['websocket'],
    scenarios: [],
    accept: { nonAsciiTarget: false, doubleQuestionMark: false },
    forwarding: { via: 'vertex', forwarded: false, proxyAuthorization: false },
    halfClose: 'gone',
    accessLog: null,
    receivers: choices.pageUrl === undefined ? receivers : [webhookAt(choices.pageUrl)],
    fleet: null,
    logLevel: 'silent',
    readinessPath: null,
    services: services.map((name) => ({
      name,
      matches: [{ host: null, path: '/' }],
      versions: [
        { name: 'v1', targets: ['http://127.0.0.1:9001'] },
        { name: 'v2', targets: ['http://127.0.0.1:9002'] },
      ],
      routing: { stable: 'v1', candidate, weight },
      strategy: { ...STRATEGY, ...choices.strategy },
      affinity: null,
      versionOverride: null,
      rescue: true,
      bodyLimitBytes: null,
      verdict: { exclude: [], clientErrors: 'ignore', slowIsErrorMs: null },
      mirror: null,
      rescueBudget: { share: 0.2, atLeast: 16 },
      replay: { putDelete: false, idempotencyKey: false },
      health: HEALTH,
      healthCheck: null,
    })),
  }
}

function webhookAt(url: string): ReceiverConfig {
  const headers = { 'x-key': 'k' }
  return { kind: 'webhook', name: 'webhook', url, headers, body: null, updates: false }
}

/** Waits for a condition, at most a minute. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
): Promise<void> {
  const giveUp = performance.now() + 60_000
  while (!(await condition())) {
    if (performance.now() > giveUp) throw new Error(`still waiting for: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}

export async function temporaryDirectory(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'vertex-control-'))
}

/** The targets of most tests are nowhere. */
const connectToAll: Connect = () => Promise.resolve({ good: true, reason: '' })

export class TestNode {
  readonly board: Board
  readonly config: Config
  control: Control
  readonly tables: Table[] = []
  readonly closedTunnels: number[] = []
  /** While set, tables wait for it before they count as acknowledged. */
  gate: Promise<void> = Promise.resolve()
  #clockMs = 0

  private constructor(config: Config, board: Board) {
    this.config = config
    this.board = board
    this.control = undefined as unknown as Control
  }

  static async start(
    config: Config,
    choices: {
      slots?: number
      targets?: number
      connect?: Connect
      synthetic?: SyntheticPort
      mirror?: MirrorPort
      /** What the first table waits for. */
      gate?: Promise<void>
    } = {},
  ): Promise<TestNode> {
    const { connect = connectToAll, gate, slots = 16, targets = 32, ...ports } = choices
    const board = createBoard({ threads: 2, services: 8, slots, targets, latencyStripes: 8 })
    const node = new TestNode(config, board)
    if (gate !== undefined) node.gate = gate
    const quiet = { info: () => {}, warn: () => {}, error: () => {} }
    node.control = await Control.open({
      config,
      board,
      log: quiet,
      connect,
      ...ports,
      monotonic: () => performance.now() + node.#clockMs,
      edge: {
        publish: async (table) => {
          node.tables.push(table)
          await node.gate
        },
        closeTunnels: (slot) => node.closedTunnels.push(slot),
      },
      parseStrategy: (value, base) =>
        typeof value === 'object'
          ? { strategy: { ...base, ...value } }
          : { mistakes: ['no object'] },
    })
    return node
  }

  /** Lets time pass for control without waiting. */
  advance(ms: number): void {
    this.#clockMs += ms
    wakeControl(this.board)
  }

  slot(version: string, service = 'shop'): number {
    const found = this.tables
      .at(-1)
      ?.services.find(({ name }) => name === service)
      ?.versions.find(({ name }) => name === version)
    if (found === undefined) throw new Error(`${version} is not in the table`)
    return found.slot
  }

  /** What the board sends where. */
  row(service = 'shop'): { stable: number; candidate: number; weight: number } {
    const index = this.tables.at(-1)?.services.find(({ name }) => name === service)?.index
    const row = index === undefined ? null : currentAssignment(this.board, index)
    if (row === null) throw new Error('no row')
    return { stable: row.stableSlot, candidate: row.candidateSlot, weight: row.weight }
  }

  /** Counts requests as an edge thread would. */
  /** @param counts `earlier`: failures of requests that an earlier assignment drew */
  serve(
    slot: number,
    counts: { good?: number; bad?: number; earlier?: number; thread?: number },
  ): void {
    const { bad = 0, earlier = 0, good = 0, thread = 0 } = counts
    for (let i = 0; i < good; i++) {
      count(this.board, thread, slot, outcomeIndex('ok'))
      count(this.board, thread, slot, TALLY.evidenceGood)
    }
    for (let i = 0; i < bad; i++) {
      count(this.board, thread, slot, outcomeIndex('serverError'))
      count(this.board, thread, slot, TALLY.evidenceBad)
      wakeControl(this.board)
    }
    for (let i = 0; i < earlier; i++) {
      count(this.board, thread, slot, outcomeIndex('serverError'))
      count(this.board, thread, slot, TALLY.earlierBad)
      wakeControl(this.board)
    }
  }

  async ask(change: Partial<Change> & { do: Change['do'] }): Promise<Answer> {
    const whole = { service: 'shop', ifMatch: null, ...change }
    return this.control.handle(whole as Change)
  }

  async view(service = 'shop'): Promise<ServiceView> {
    const answer = await this.control.handle({ do: 'service', service })
    if (!answer.ok || answer.answer !== 'service') throw new Error('no view')
    return answer.service
  }

  async deploy(version = 'v2'): Promise<Answer> {
    return this.ask({
      do: 'deploy',
      version,
      targets: [],
      replace: false,
      strategy: null,
    })
  }

  async journal(): Promise<readonly JournalEntry[]> {
    return readJournal(await readFile(join(this.config.stateDir, 'journal.jsonl'), 'utf8')).entries
  }

  async stop(): Promise<void> {
    await this.control.close()
  }
}

export async function removeDirectory(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true })
}

/**
 * A webhook that remembers what it was sent and answers with the statuses it is given, then 200.
 */
export class Webhook {
  readonly pages: { body: Record<string, unknown>; key: string | undefined }[] = []
  readonly #server: Server
  readonly #statuses: number[]

  private constructor(statuses: readonly number[]) {
    this.#statuses = [...statuses]
    this.#server = createServer((request, response) => {
      let text = ''
      request.on('data', (chunk: Buffer) => {
        text += chunk.toString()
      })
      request.on('end', () => {
        const key = request.headers['x-key']
        const body = JSON.parse(text) as Record<string, unknown>
        this.pages.push({ body, key: typeof key === 'string' ? key : undefined })
        response.statusCode = this.#statuses.shift() ?? 200
        response.end()
      })
    })
  }

  static async start(statuses: readonly number[] = []): Promise<Webhook> {
    const hook = new Webhook(statuses)
    await new Promise<void>((resolve) => hook.#server.listen(0, '127.0.0.1', resolve))
    return hook
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/page`
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}
